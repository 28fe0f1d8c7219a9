"""A cable that can be cut: a TCP proxy that lets so many bytes pass towards the caller, and then holds its breath."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hdus_peer.domain.address import split_address
from tests.integration.peers import loopback_address

BLOCK = 4096


class Proxy:
    """Listens at `address` and forwards to `target`. Connections share the `allowance` (bytes towards the caller; None:
    without end); `held` is set once something was held back. A held connection ends with its target's end, unless
    `swallows_end`: then nobody is told, as with a cable that was pulled."""

    def __init__(self, target: str, allowance: int | None, *, swallows_end: bool = False) -> None:
        self._target = split_address(target)
        self._swallows_end = swallows_end
        self._lock = threading.Lock()
        self._allowance = allowance
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._server = socket.create_server((loopback_address(), 0))
        self.address = "{}:{}".format(*self._server.getsockname())
        self.held = threading.Event()
        self._run(self._accept)

    def open(self) -> None:
        """From now on everything passes, on new connections; those that were held are cut."""
        with self._lock:
            self._allowance = None
        self._cut()

    def close(self) -> None:
        _end(self._server)
        self._cut()
        for thread in self._threads:
            thread.join()

    def _cut(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for each in sockets:
            _end(each)

    def _run(self, work: "object", *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._server.accept()
                self._connect(caller)

    def _connect(self, caller: socket.socket) -> None:
        try:
            target = socket.create_connection(self._target)
        except OSError:
            _end(caller)
            return
        with self._lock:
            self._sockets += [caller, target]
        self._run(self._forward, caller, target)
        self._run(self._forward_within_allowance, target, caller)

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while block := source.recv(BLOCK):
                sink.sendall(block)
        _end(sink)

    def _forward_within_allowance(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while block := source.recv(BLOCK):
                if self._may_pass(len(block)):
                    sink.sendall(block)
        if not (self.held.is_set() and self._swallows_end):
            _end(sink)

    def _may_pass(self, count: int) -> bool:
        with self._lock:
            if self._allowance is None:
                return True
            if self._allowance < count:
                self._allowance = 0
                self.held.set()
                return False
            self._allowance -= count
            return True


@contextmanager
def proxy(target: str, allowance: int | None, *, swallows_end: bool = False) -> Iterator[Proxy]:
    made = Proxy(target, allowance, swallows_end=swallows_end)
    try:
        yield made
    finally:
        made.close()


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
