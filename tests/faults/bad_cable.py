"""A cable that loses, delays and repeats what goes through it: two TAP interfaces, and this program between them.

It stands in for `tc netem`, which many kernels are built without, and does what it does from a seed: every Ethernet
frame is lost, or comes late by a drawn time (so that a later one may overtake it), or comes twice.
"""

import fcntl
import heapq
import itertools
import os
import random
import selectors
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from tests.integration.lan import Device, Lan

_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
_FRAME_BYTES_MAX = 65_536
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Weather:
    """Chances for each frame in each direction; a frame takes between `delay_min_s` and `delay_max_s`."""

    loss: float = 0.0
    twice: float = 0.0
    delay_min_s: float = 0.0
    delay_max_s: float = 0.0


@dataclass(slots=True)
class Carried:
    """Frames, both ways together."""

    passed: int = 0
    lost: int = 0
    twice: int = 0
    overtaken: int = 0


@dataclass(order=True, slots=True)
class _Late:
    at_s: float
    number: int
    frame: bytes = field(compare=False)
    to: int = field(compare=False)


class BadCable:
    """From `device` to the switch. `weather` may be changed while it is in use."""

    def __init__(self, lan: Lan, device: Device, address: str, weather: Weather, seed: int) -> None:
        self.carried, self.weather = Carried(), weather
        self._rng, self._arrived = random.Random(seed), itertools.count()
        self._late: list[_Late] = []
        self._last_to: dict[int, int] = {}
        number = next(_numbers)
        names = [f"hdt{os.getpid() % 100_000}{end}{number}" for end in "ab"]
        self._ends = [_tap(name) for name in names]
        for name, end in zip(names, (device, lan.switch), strict=True):
            lan.take(name, end)
        lan.connect(device, *names, address)
        self._closing = os.eventfd(0)
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.eventfd_write(self._closing, 1)
        self._thread.join()
        for each in (*self._ends, self._closing):
            os.close(each)

    def _carry(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in (*self._ends, self._closing):
                selector.register(each, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(self._wait_s()):
                    if key.fd == self._closing:
                        return
                    self._take(key.fd)
                self._give()

    def _wait_s(self) -> float | None:
        return max(0.0, self._late[0].at_s - time.monotonic()) if self._late else None

    def _take(self, end: int) -> None:
        frame = os.read(end, _FRAME_BYTES_MAX)
        other = self._ends[0] if end == self._ends[1] else self._ends[1]
        if self._rng.random() < self.weather.loss:
            self.carried.lost += 1
            return
        copies = 2 if self._rng.random() < self.weather.twice else 1
        self.carried.twice += copies - 1
        for _ in range(copies):
            late_s = self._rng.uniform(self.weather.delay_min_s, self.weather.delay_max_s)
            heapq.heappush(self._late, _Late(time.monotonic() + late_s, next(self._arrived), frame, other))

    def _give(self) -> None:
        while self._late and self._late[0].at_s <= time.monotonic():
            late = heapq.heappop(self._late)
            self.carried.overtaken += late.number < self._last_to.get(late.to, -1)
            self._last_to[late.to] = late.number
            with suppress(OSError):  # an end that is not up (any more) swallows it
                os.write(late.to, late.frame)
                self.carried.passed += 1


@contextmanager
def bad_cables(lan: Lan, subnet: str, weather: Weather, seed: int) -> Iterator[list[BadCable]]:
    """One for every device, instead of good ones; skips the test where nobody may make TAP interfaces."""
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("TAP interfaces cannot be made here: there is no /dev/net/tun for this user")
    cables: list[BadCable] = []
    try:
        for number, device in enumerate(lan.devices, 1):
            cables.append(BadCable(lan, device, f"{subnet}{number}", weather, seed + number))
        yield cables
    finally:
        for cable in cables:
            cable.close()


def _tap(name: str) -> int:
    """A new TAP interface of this name, in this process's namespace; its descriptor, which keeps it alive."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    return end
