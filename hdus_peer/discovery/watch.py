"""Notices that this host's own network is another one: an interface came, went, or has other addresses.

Rules
1. The kernel says so (rtnetlink(7)); where it may not be asked, the interfaces are looked at every `POLL_INTERVAL_S`.
2. What the kernel says is only a reason to look. Reported is a difference between the interfaces that can be used now
   and those before, so that the many changes that mean nothing here (other containers', renewed lifetimes) stay silent.
3. Changes that come together are reported once: after `CALM_S` without another one, at the latest after `PATIENCE_S`.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from hdus_peer.discovery.interfaces import Interface, interfaces

POLL_INTERVAL_S = 5.0
CALM_S, PATIENCE_S = 0.2, 1.0
_RTMGRP_LINK, _RTMGRP_IPV4_IFADDR, _RTMGRP_IPV6_IFADDR = 0x1, 0x10, 0x100
_GROUPS = _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR
_NEWS_BYTES_MAX = 1 << 16


class NetworkWatch:
    """Calls `changed`, with words for the log, on the event loop, between `start` and `stop`."""

    def __init__(
        self,
        changed: Callable[[str], None],
        look: Callable[[], tuple[Interface, ...]] = lambda: interfaces(()),
        poll_interval_s: float = POLL_INTERVAL_S,
    ) -> None:
        self._changed, self._look, self._poll_interval_s = changed, look, poll_interval_s
        self._before: tuple[Interface, ...] = ()
        self._news = asyncio.Event()
        self._kernel: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._kernel = _subscribed()
        if self._kernel is not None:
            asyncio.get_running_loop().add_reader(self._kernel, self._hear, self._kernel)
        self._before = self._look()
        self._task = asyncio.create_task(self._run(), name="network-watch")

    async def stop(self) -> None:
        """May be called again, and without a start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._kernel is not None:
            asyncio.get_running_loop().remove_reader(self._kernel)
            self._kernel.close()
            self._kernel = None

    def _hear(self, kernel: socket.socket) -> None:
        with contextlib.suppress(OSError):  # also ENOBUFS: some news were lost, which is news too
            kernel.recv(_NEWS_BYTES_MAX)
        self._news.set()

    async def _run(self) -> None:
        while True:
            if self._kernel is not None:
                await self._news.wait()
                await self._until_calm()
            else:
                await asyncio.sleep(self._poll_interval_s)
            self._compare()

    async def _until_calm(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while self._news.is_set():
                    self._news.clear()
                    await asyncio.sleep(CALM_S)
        self._news.clear()

    def _compare(self) -> None:
        before, self._before = self._before, self._look()
        if self._before != before:
            self._changed(difference(before, self._before))


def difference(before: tuple[Interface, ...], now: tuple[Interface, ...]) -> str:
    """What is new and what is gone, in words."""
    gone = [f"{interface.name} without {_listed(interface)}" for interface in before if interface not in now]
    new = [f"{interface.name} with {_listed(interface)}" for interface in now if interface not in before]
    return ", ".join([*gone, *new])


def _listed(interface: Interface) -> str:
    return " ".join(interface.addresses)


def _subscribed() -> socket.socket | None:
    """A socket that the kernel's news of interfaces and addresses come to; None where there is no such thing."""
    if not hasattr(socket, "AF_NETLINK"):
        return None
    try:
        kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
    except OSError:
        return None
    try:
        kernel.bind((0, _GROUPS))
    except OSError:
        kernel.close()
        return None
    return kernel
