"""Small networks of the test's own: a network namespace for each device, and a cable (a veth pair) between two of them.

Everything is named after this process, and gone when the test ends. Linux, and root: `two_devices` skips elsewhere.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

import pytest


@dataclass(eq=False, slots=True)
class Device:
    """A network namespace. `run` is what stands before a command that runs in it."""

    name: str
    interfaces: list[str] = field(default_factory=list)

    @property
    def run(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def ip(self, *arguments: str) -> None:
        _ip("-n", self.name, *arguments)


@dataclass(eq=False, slots=True)
class Lan:
    """Two devices with at most one cable between them."""

    one: Device
    other: Device
    _cables: int = 0
    PREFIXES: ClassVar[dict[bool, int]] = {False: 24, True: 64}

    def plug(self, *addresses: tuple[str, str]) -> None:
        """A new cable, under interface names never used before; `addresses`: pairs, for one and for the other."""
        self._cables += 1
        names = [f"hd{os.getpid() % 100_000}{end}{self._cables}" for end in "ab"]
        devices = (self.one, self.other)
        _ip("link", "add", names[0], "netns", self.one.name, "type", "veth",
            "peer", "name", names[1], "netns", self.other.name)  # fmt: skip
        for end, (device, name) in enumerate(zip(devices, names, strict=True)):
            for pair in addresses:
                is_ipv6 = ":" in pair[end]
                nodad = ["nodad"] if is_ipv6 else []
                device.ip("address", "add", f"{pair[end]}/{self.PREFIXES[is_ipv6]}", "dev", name, *nodad)
            device.interfaces = [name]
        for device, name in zip(devices, names, strict=True):
            device.ip("link", "set", name, "up")

    def pull(self) -> None:
        """Both ends of the cable are gone."""
        self.one.ip("link", "delete", self.one.interfaces.pop())


@contextmanager
def two_devices(*, loopback: bool = True) -> Iterator[Lan]:
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("network namespaces can be made by root only, with the command ip")
    devices = [Device(f"hdus-{os.getpid()}-{end}") for end in ("one", "other")]
    made: list[Device] = []
    try:
        for device in devices:
            try:
                _ip("netns", "add", device.name)
            except subprocess.CalledProcessError as problem:
                pytest.skip(f"no network namespace can be made here: {problem.stderr.strip()}")
            made.append(device)
            if loopback:
                device.ip("link", "set", "lo", "up")
        yield Lan(*devices)
    finally:
        for device in made:
            _ip("netns", "delete", device.name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
