"""A simulated device on a real state directory, whose power can be cut at any boundary of a Step and before any
operation of the disk.

The core, the driver, the network and the judge are the simulation's; the repository is the durable one, on a disk that
knows what is synced (`tests.repository.crash`). After a cut the device goes on from what such a disk leaves behind.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from hdus_peer.protocol.records import OwnSeedRow, key_of
from hdus_peer.protocol.step import Put, Write
from hdus_peer.repository.durable import DurableRepository
from hdus_peer.repository.payloads import PARTIAL_SUFFIX
from hdus_peer.simulation import device
from hdus_peer.simulation.cast import Person
from hdus_peer.simulation.device import Device, Settings
from hdus_peer.simulation.evidence import on_disk
from hdus_peer.simulation.plan import Plan
from hdus_peer.simulation.run import Stage
from tests.repository.crash import Crash, CrashingDisk

NEVER = 10**9
BALLAST_BYTES = 512


class KnownRepository(DurableRepository):
    """Keeps at hand what is committed, for the judge, who looks after every action."""

    def __init__(self, directory: Path, disk: CrashingDisk) -> None:
        super().__init__(directory, disk, BALLAST_BYTES)
        self.rows = self.load().rows

    def commit(self, writes: Sequence[Write]) -> None:
        super().commit(writes)
        for write in writes:
            if isinstance(write, Put):
                self.rows[type(write.row)][key_of(write.row)] = write.row
            else:
                self.rows[write.table].pop(write.key, None)


class Files(Mapping[str, bytes]):
    """The files of a directory whose names are a payload's hash and then `suffix`, by the hash."""

    def __init__(self, directory: Path, suffix: str = "") -> None:
        self._directory, self._suffix = directory, suffix

    def __getitem__(self, payload_sha256: str) -> bytes:
        try:
            return (self._directory / (payload_sha256 + self._suffix)).read_bytes()
        except FileNotFoundError as problem:
            raise KeyError(payload_sha256) from problem

    def __iter__(self) -> Iterator[str]:
        names = (name.partition(".") for name in os.listdir(self._directory))
        return (stem for stem, dot, rest in names if len(stem) == 64 and dot + rest == self._suffix)

    def __len__(self) -> int:
        return len(list(iter(self)))


class Directory:
    """What the judge takes for the disk: the rows that were committed, and the files that are there."""

    def __init__(self, owner: "PoweredDevice") -> None:
        self._owner = owner

    @property
    def rows(self) -> object:
        return self._owner.repository.rows

    @property
    def payloads(self) -> Files:
        return Files(self._owner.directory / "seeds")

    @property
    def partials(self) -> Files:
        return Files(self._owner.directory / "seeds", PARTIAL_SUFFIX)

    @property
    def keys(self) -> Files:
        return Files(self._owner.directory / "keys")


class PoweredDevice(Device):
    """`directory`: where its state lies now; a cut makes another one of what is left. `lost`: whether names, and
    contents, that were not synced go with the power; `cuts`: before what it failed; `freed`: what lies in blocks that
    were given back."""

    def __init__(self, home: Path, *common: object) -> None:
        super().__init__(*common)
        self.cuts: list[str] = []
        self.freed: list[bytes] = []
        self.lost = (True, True)
        self._home, self._waiting = home, []
        self.disk = Directory(self)
        self._turn_on(home / "0")

    def cut(self, *after: int) -> None:
        """Let the power fail after so many operations, and again after so many of the run that follows."""
        now, *self._waiting = after
        self.fuse = NEVER  # the judge compares what was on disk before
        self.power.die_after(now)

    def stay_on(self) -> None:
        self._waiting = []
        self.power.die_after(NEVER)

    def _turn_on(self, directory: Path) -> None:
        self.directory, self.power = directory, CrashingDisk(NEVER)
        self.repository = KnownRepository(directory, self.power)
        if self._waiting:
            self.power.die_after(self._waiting.pop(0))

    def _lose_power(self) -> None:
        self.cuts.append(self.power.operations[-1])
        left = self._home / f"{len(self.cuts)}"
        self.power.left_behind(self.directory, left, *self.lost)
        self.freed += self.power.freed
        self.repository.close()
        self._turn_on(left)

    def start(self) -> None:
        try:
            super().start()
        except Crash:
            self.die()

    def open_repository(self) -> KnownRepository:
        return self.repository

    def tick(self) -> None:
        super().tick()
        self.power.step("boundary")

    def attempt(self, action: Callable[[], None]) -> None:
        super().attempt(lambda: self._under_power(action))

    def _under_power(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Crash:
            raise device.Crash from None

    def die(self) -> None:
        self._lose_power()
        super().die()

    def own_seeds(self) -> list[tuple[bytes, bytes]]:
        """Payload and key of what it serves."""
        served = [row.manifest.statement.payload_sha256 for row in on_disk(self, OwnSeedRow)]
        return [(self.disk.payloads[payload_sha256], self.disk.keys[payload_sha256]) for payload_sha256 in served]

    def store(self, payload_sha256: str, payload: bytes, key: bytes) -> None:
        partial = self.repository.begin(payload_sha256, len(payload))
        partial.write(payload)
        partial.finish()
        self.repository.put_key(payload_sha256, key)


class PoweredStage(Stage):
    def __init__(self, plan: Plan, home: Path) -> None:
        self._home = home
        super().__init__(plan)

    def device_of(self, who: Person, settings: Settings) -> Device:
        return PoweredDevice(self._home / f"{who.number}", who, self.network, self.checker, settings)

    def close(self) -> None:
        for each in self.devices.values():
            each.repository.close()
