"""What a life left in each survivor, beside a fresh peer that only ever met the survivors.

The fresh peers begin with empty disks in a network of their own, without faults and without anybody else, and publish
what the survivors serve at the end: the same payload under the same generation. So whatever differs came of history.

What may differ: notices and the books about holders, which are kept on purpose; and floors, which may turn away only
what nobody serves any more (`turned_away`).
"""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

from hdus_peer.domain.combination import Combination
from hdus_peer.domain.identity import PeerId
from hdus_peer.inference.service import Service
from hdus_peer.protocol.records import FloorRow, HeldSeedRow, OwnSeedRow, Phase, SelfRow
from hdus_peer.simulation.device import Device
from hdus_peer.simulation.evidence import on_disk
from hdus_peer.simulation.judge import Judge
from hdus_peer.simulation.network import Weather
from hdus_peer.simulation.plan import Plan
from hdus_peer.simulation.run import Stage
from hdus_peer.simulation.world import WALL_START_S
from tests.history.ensembles import Answer, Following, Models

OTHER_SEED = 1_000
Seed = tuple[PeerId, int, str]
"""Owner, generation, payload."""


@dataclass(frozen=True)
class Rest:
    """One peer at rest. `told`: the last `UseSeeds`; `files`: every payload, key and partial payload on its disk."""

    held: tuple[Seed, ...]
    told: tuple[Seed, ...]
    used: tuple[Seed, ...]
    files: tuple[frozenset[str], ...]
    turned_away: frozenset[PeerId]
    answer: Answer


class Watching:
    """The simulation's judge; and after every action of a device its predictor."""

    def __init__(self, judge: Judge, predictors: dict[PeerId, Following]) -> None:
        self._judge, self._predictors = judge, predictors

    def __getattr__(self, name: str) -> Callable[..., None]:
        return getattr(self._judge, name)

    def after_action(self, device: Device) -> None:
        self._judge.after_action(device)
        self._predictors[device.peer].follow(device)


class Life(Stage):
    """A stage whose devices have real predictors."""

    def __init__(
        self,
        plan: Plan,
        numbers: tuple[int, ...] | None,
        models: Models,
        combination: Combination,
        service: type[Service],
    ) -> None:
        super().__init__(plan, numbers)
        peers = [device.peer for device in self.devices.values()]
        self._predictors = {peer: Following(peer, models, combination, service) for peer in peers}
        for device in self.devices.values():
            device.judge = Watching(self.checker, self._predictors)

    @property
    def survivors(self) -> dict[int, Device]:
        """Whoever is active."""
        return {
            number: device
            for number, device in self.devices.items()
            if [row.phase for row in on_disk(device, SelfRow)] == [Phase.ACTIVE]
        }

    def rests(self, place: Path) -> dict[int, Rest]:
        """The survivors, by number. Raises Violation where the network does not come to rest."""
        self.settle()
        return {number: self._rest(device, place) for number, device in self.survivors.items()}

    def _rest(self, device: Device, place: Path) -> Rest:
        disk = device.disk
        return Rest(
            held=tuple(sorted(_seeds(on_disk(device, HeldSeedRow)))),
            told=tuple(_seeds(device.hands.told)),
            used=tuple(_seeds(device.hands.using)),
            files=(frozenset(disk.payloads), frozenset(disk.keys), frozenset(disk.partials)),
            turned_away=frozenset(row.owner for row in on_disk(device, FloorRow) if self._turns_away(row)),
            answer=self._predictors[device.peer].answer(place),
        )

    def _turns_away(self, floor: FloorRow) -> bool:
        served = [row.manifest.statement for device in self.survivors.values() for row in on_disk(device, OwnSeedRow)]
        return any(
            seed.owner == floor.owner
            and (seed.generation, floor.payload_sha256) != (floor.generation, seed.payload_sha256)
            and seed.generation <= floor.generation
            for seed in served
        )


def _seeds(rows: Iterable[HeldSeedRow]) -> list[Seed]:
    return [(row.owner, row.generation, row.payload_sha256) for row in rows]


def differences(
    plan: Plan, template: bytes, combination: Combination, service: type[Service] = Service
) -> dict[int, set[str]]:
    """For each survivor what is not as it would be if it had only ever met the survivors: names of fields of `Rest` and
    of `Answer`. `service` may be one with a mistake; the fresh peers have the right one."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory) / "exported"
        models = Models(template, Path(directory))
        life = Life(plan, None, models, combination, service)
        life.play()
        lived = life.rests(place)
        fresh = _fresh(life, models, combination).rests(place)
    assert lived.keys() == fresh.keys()
    return {number: _unlike(lived[number], fresh[number]) for number in lived}


def _fresh(life: Life, models: Models, combination: Combination) -> Life:
    plan = replace(life.plan, seed=life.plan.seed + OTHER_SEED, weather=Weather(), acts=(), joins_s=(), horizon_s=0.0)
    fresh = Life(plan, tuple(life.survivors), models, combination, Service)
    for number, device in life.survivors.items():
        for row in on_disk(device, OwnSeedRow):
            _publish(fresh.devices[number], row, device.disk.payloads[row.manifest.statement.payload_sha256])
    return fresh


def _publish(device: Device, row: OwnSeedRow, payload: bytes) -> None:
    """The same payload, at the very second that gives it the same generation."""
    device.wall_skew_s = row.manifest.statement.generation - WALL_START_S
    number = int(payload.rstrip(b".").split()[-1])
    device.learned = dict.fromkeys(map(str, range(number)), 0)  # payloads are numbered by what was learned before
    device.attempt(lambda: device.publish(0))
    device.wall_skew_s = 0.0
    (published,) = on_disk(device, OwnSeedRow)
    assert published.manifest == row.manifest


def _unlike(lived: Rest, fresh: Rest) -> set[str]:
    pairs = ((lived, fresh), (lived.answer, fresh.answer))
    return {
        field.name
        for one, other in pairs
        for field in fields(one)
        if field.name != "answer" and getattr(one, field.name) != getattr(other, field.name)
    }
