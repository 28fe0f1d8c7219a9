"""Small networks of the test's own: a network namespace for each device, and one for the switch that joins them.

A cable (a veth pair) goes from a device to the switch; it can be pulled, and plugged in again under a new name. The
switch has a bridge for each part of the network, so that it can be parted without any device's noticing, and healed.

Everything is named after this process, and gone when the test ends. Linux, and root: `devices_on_a_lan` skips
elsewhere.
"""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

_numbers = itertools.count(1)


@dataclass(eq=False, slots=True)
class Device:
    """A network namespace. `run` is what stands before a command that runs in it; `port`: the other end of its cable,
    at the switch."""

    name: str
    interfaces: list[str] = field(default_factory=list)
    port: str = ""

    @property
    def run(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def ip(self, *arguments: str) -> None:
        _ip("-n", self.name, *arguments)


@dataclass(eq=False, slots=True)
class Lan:
    """Devices with at most one cable each."""

    devices: Sequence[Device]
    switch: Device

    def plug(self, device: Device, *addresses: str) -> None:
        """A new cable, under interface names never used before."""
        number = next(_numbers)
        near, far = (f"hd{os.getpid() % 100_000}{end}{number}" for end in "ab")
        _ip("link", "add", near, "netns", device.name, "type", "veth", "peer", "name", far, "netns", self.switch.name)
        self.connect(device, near, far, *addresses)

    def take(self, interface: str, device: Device) -> None:
        """An interface that this process made, in its own namespace, is the device's now."""
        _ip("link", "set", interface, "netns", device.name)

    def connect(self, device: Device, near: str, far: str, *addresses: str) -> None:
        """Interfaces that are there already, `near` at the device and `far` at the switch, become its cable."""
        self.switch.ip("link", "set", far, "master", _bridge(0), "up")
        for address in addresses:
            more = ["/64", "nodad"] if ":" in address else ["/24"]
            device.ip("address", "add", address + more[0], "dev", near, *more[1:])
        device.interfaces, device.port = [near], far
        device.ip("link", "set", near, "up")

    def plug_all(self, subnet: str) -> None:
        """A cable for everybody, with the addresses `subnet` + 1, 2, 3 … in the order of the devices."""
        for number, device in enumerate(self.devices, 1):
            self.plug(device, f"{subnet}{number}")

    def pull(self, *devices: Device) -> None:
        """Both ends of their cables are gone."""
        for device in devices:
            device.ip("link", "delete", device.interfaces.pop())
            device.port = ""

    def part(self, *groups: Sequence[Device]) -> None:
        """From now on only devices of one group reach each other. Nobody's interface goes down."""
        for number, group in enumerate(groups):
            for device in group:
                self.switch.ip("link", "set", device.port, "master", _bridge(number))

    def heal(self) -> None:
        self.part([device for device in self.devices if device.port])


@contextmanager
def devices_on_a_lan(count: int = 2, *, loopback: bool = True) -> Iterator[Lan]:
    """Devices without cables, and a switch that can be parted in two."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("network namespaces can be made by root only, with the command ip")
    switch, *devices = (Device(f"hdus-{os.getpid()}-{number}") for number in range(count + 1))
    made: list[Device] = []
    try:
        for device in (switch, *devices):
            _need("no network namespace", "netns", "add", device.name)
            made.append(device)
            if loopback:
                device.ip("link", "set", "lo", "up")
        for number in range(2):
            name = _bridge(number)
            _need("no bridge", "-n", switch.name, "link", "add", name, "type", "bridge", "mcast_snooping", "0")
            switch.ip("link", "set", name, "up")
        yield Lan(devices, switch)
    finally:
        for device in made:
            _ip("netns", "delete", device.name)


def _bridge(number: int) -> str:
    return f"part{number}"


def _need(what: str, *arguments: str) -> None:
    try:
        _ip(*arguments)
    except subprocess.CalledProcessError as problem:
        pytest.skip(f"{what} can be made here: {problem.stderr.strip()}")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
