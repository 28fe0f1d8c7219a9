"""Entry of the predictor child: `python -m hdus_peer.inference THREADS`, spoken to in frames over stdin and stdout.

One thread, one request after another, answered in the order of arrival, but for evaluations: they give way to every
other request between two batches. Ends when its parent does, or closes the channel. Scratch memory goes back to the
system once nothing has been asked for a second, so that an idle peer is small.
"""

import ctypes
import select
import sys
from collections import deque
from typing import Any, BinaryIO

from hdus_peer.errors import HdusError
from hdus_peer.workers.frames import receive, reply
from hdus_peer.workers.lifeline import die_with_parent, take_channel

IDLE_S = 1.0


class Loop:
    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO, threads: int) -> None:
        from hdus_peer.inference.service import Service  # after the channel is safe: these imports may print

        self._incoming = incoming
        self._outgoing = outgoing
        self._service = Service(threads)
        self._patient: deque[tuple[int, Any]] = deque()
        self._trimmed = False

    def run(self) -> None:
        while True:
            if self._asked():
                frame = receive(self._incoming)
                if frame is None:
                    return
                self._begin(*frame)
                self._trimmed = False
            elif self._patient:
                self._advance()
            else:
                self._service.rest()
                _give_back_memory()
                self._trimmed = True

    def _asked(self) -> bool:
        """Whether a request is there; with nothing else to do, waits for one (for ever, once memory is trimmed)."""
        wait_s = 0.0 if self._patient else (None if self._trimmed else IDLE_S)
        return bool(select.select([self._incoming], [], [], wait_s)[0])

    def _begin(self, request: dict[str, Any], body: bytes) -> None:
        work = self._service.work(request, body)
        if request["do"] == "evaluate":
            self._patient.append((request["id"], work))
        else:
            self._step(request["id"], work)

    def _advance(self) -> None:
        number, work = self._patient[0]
        if not self._step(number, work):
            self._patient.popleft()

    def _step(self, number: int, work: Any) -> bool:
        """Whether there is more of this work to do."""
        try:
            next(work)
        except StopIteration as done:
            header, body = done.value
            reply(self._outgoing, {"id": number, "ok": header}, body)
            return False
        except HdusError as problem:
            reply(self._outgoing, {"id": number, "error": {"kind": type(problem).__name__, "message": str(problem)}})
            return False
        return True


def _give_back_memory() -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):  # glibc
        libc.malloc_trim(0)


def main() -> None:
    die_with_parent()
    incoming, outgoing = take_channel()
    Loop(incoming, outgoing, int(sys.argv[1])).run()


if __name__ == "__main__":
    main()
