"""A child for tests: echoes, answers late, shouts, and talks nonsense."""

import os
import sys
from collections import deque

from hdus_peer.workers.frames import receive, reply
from hdus_peer.workers.lifeline import die_with_parent, take_channel


def main() -> None:
    die_with_parent()
    incoming, outgoing = take_channel()
    held: deque[int] = deque()
    while (frame := receive(incoming)) is not None:
        request, body = frame
        match request["do"]:
            case "hold":
                held.append(request["id"])
            case "echo":
                reply(outgoing, {"id": request["id"], "ok": {"held": len(held)}}, body)
                while held:
                    reply(outgoing, {"id": held.popleft(), "ok": {"held": len(held)}})
            case "environment":
                reply(outgoing, {"id": request["id"], "ok": {"names": sorted(os.environ)}})
            case "shout":
                print("x" * 100_000, file=sys.stderr)
                print("last words", file=sys.stderr)
                sys.exit(3)
            case "garbage":
                outgoing.write(b"\0\0\0\5" + bytes(8) + b"hello")
            case "unasked":
                reply(outgoing, {"news": 1})
            case "huge":
                outgoing.write(b"\xff" * 12)


if __name__ == "__main__":
    main()
