"""The watch over this host's own network: with a host that is played, and with the kernel's own news."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from hdus_peer.discovery import watch as watch_module
from hdus_peer.discovery.interfaces import Interface
from hdus_peer.discovery.watch import NetworkWatch, difference

WIRE = Interface("eth0", 2, ("192.0.2.7",))
RADIO = Interface("wlan0", 3, ("198.51.100.7", "2001:db8::7"))


class Host:
    """Interfaces that the test changes, and a kernel that says so: a pair of sockets in place of rtnetlink."""

    def __init__(self) -> None:
        self.interfaces = (WIRE,)
        self.looked = asyncio.Queue[None]()
        self.reports: asyncio.Queue[str] = asyncio.Queue()
        self.ours, self.kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ours.setblocking(False)

    def look(self) -> tuple[Interface, ...]:
        self.looked.put_nowait(None)
        return self.interfaces

    def become(self, *interfaces: Interface) -> None:
        self.interfaces = interfaces
        self.kernel.send(b"news")

    async def report(self) -> str:
        async with asyncio.timeout(10):
            return await self.reports.get()


@pytest.fixture
async def host(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    monkeypatch.setattr(watch_module, "CALM_S", 0.05)
    host = Host()
    with contextlib.closing(host.kernel), contextlib.closing(host.ours):
        yield host


@contextlib.asynccontextmanager
async def watching(host: Host) -> AsyncIterator[NetworkWatch]:
    watch = NetworkWatch(host.reports.put_nowait, host.look, poll_interval_s=0.05)
    await watch.start()
    try:
        yield watch
    finally:
        await watch.stop()
        await watch.stop()


async def test_what_came_and_went_is_told_once(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "_subscribed", lambda: host.ours)
    async with watching(host):
        host.become()
        host.become(RADIO)
        assert await host.report() == "eth0 without 192.0.2.7, wlan0 with 198.51.100.7 2001:db8::7"
        host.become(WIRE, RADIO)
        assert await host.report() == "eth0 with 192.0.2.7"
        assert host.reports.empty()


async def test_news_that_change_nothing_are_not_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "_subscribed", lambda: host.ours)
    async with watching(host):
        host.become(WIRE)
        async with asyncio.timeout(10):
            for _ in ("at the start", "for the news"):
                await host.looked.get()
        host.become(RADIO)
        assert "wlan0" in await host.report()
        assert host.reports.empty()


async def test_without_the_kernels_news_the_interfaces_are_looked_at(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_subscribed", lambda: None)
    async with watching(host):
        host.interfaces = (RADIO,)
        assert "eth0 without 192.0.2.7" in await host.report()


async def test_the_real_host_is_watched_and_left_in_order() -> None:
    watch = NetworkWatch(lambda words: None)
    await watch.start()
    await watch.stop()
    assert difference((WIRE,), (WIRE,)) == ""
