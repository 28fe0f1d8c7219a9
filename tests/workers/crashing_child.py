"""A predictor child for tests: dies when it is told to check a seed, answers everything else."""

import os
import struct

from hdus_peer.workers.frames import receive, reply
from hdus_peer.workers.lifeline import die_with_parent, take_channel


def main() -> None:
    die_with_parent()
    incoming, outgoing = take_channel()
    while (frame := receive(incoming)) is not None:
        request = frame[0]
        if request["do"] == "check":
            os.abort()
        answer, body = (
            ({"classes": 1}, struct.pack("<ff", 1.0, 1.0)) if request["do"] == "predict" else ({"rho": 0.3}, b"")
        )
        reply(outgoing, {"id": request["id"], "ok": answer}, body)


if __name__ == "__main__":
    main()
