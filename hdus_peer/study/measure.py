"""One cell from beginning to end: the system learns, is measured, and goes through the sequence of leaves and joins."""

import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from hdus_peer import __version__
from hdus_peer.domain.combination import Combination
from hdus_peer.errors import DataError
from hdus_peer.learning.data import Part
from hdus_peer.study.cells import Cell
from hdus_peer.study.lessons import School
from hdus_peer.study.plan import Plan
from hdus_peer.study.rows import EVERYBODY, Row
from hdus_peer.study.setting import Place, Setting
from hdus_peer.study.stopwatch import Stopwatch
from hdus_peer.study.systems.dsgd import Dsgd
from hdus_peer.study.systems.fedunl import FedUnl
from hdus_peer.study.systems.hdus import Hdus, Peers
from hdus_peer.study.systems.isgd import Isgd
from hdus_peer.study.systems.port import Cost, Forgetful, System
from hdus_peer.study.systems.sisa import SisaA

ALL = "all"
FORGOTTEN_EVERY = 10  # one training sample in so many, when a peer forgets


@dataclass(frozen=True, slots=True)
class View:
    """A system as it answers under one combination of rule, ρ and objective; "" where it knows of none."""

    system: System
    rule: str = ""
    rho: str = ""
    objective: str = ""


def measure(cell: Cell, plan: Plan, place: Place) -> list[Row]:
    """All rows of a cell. Raises LocalError."""
    clock, start_cpu_s = Stopwatch(), time.process_time()
    session = _Session(cell, School(Setting(plan, cell.partition, cell.random_seed), place))
    session.run()
    session.note(ALL, EVERYBODY, "cell s", clock.seconds)
    session.note(ALL, EVERYBODY, "cell CPU s", time.process_time() - start_cpu_s)
    return session.rows


class _Session:
    """A system under way, and what was measured so far."""

    def __init__(self, cell: Cell, school: School) -> None:
        self._cell, self._school = cell, school
        self._views = views(cell, school)
        self._system = self._views[0].system
        self._blank = _blank(cell, school)
        self.rows: list[Row] = []

    def run(self) -> None:
        self._after(ALL, "fit", self._system.fit())
        for action, peer in self._school.setting.plan.steps:
            if action == "leave":
                self._leave(peer)
            elif action == "join":
                self._after(f"{peer} joined", "join", self._system.join(peer))
            elif isinstance(self._system, Forgetful):
                some = range(0, len(self._school.data[peer].train), FORGOTTEN_EVERY)
                self._after(f"{peer} forgot", "forget", self._system.forget(peer, some))

    def _leave(self, peer: int) -> None:
        moment = f"{peer} left"
        cost = self._system.unlearn(peer, lambda stage: self._look(f"{moment}: {stage}"))
        self._after(moment, "unlearn", cost)

    def note(
        self, moment: str, peer: int, metric: str, value: float, view: View | None = None, samples: int = 0
    ) -> None:
        mains = self._cell.mains(self._school.setting.plan)
        row = replace(
            self._blank,
            architecture=mains[peer] if peer != EVERYBODY else "",
            moment=moment,
            present=" ".join(map(str, self._system.present)),
            peer=peer,
            metric=metric,
            value=value,
            samples=samples,
        )
        self.rows.append(row if view is None else _of_view(row, view))

    def _after(self, moment: str, action: str, cost: Cost) -> None:
        self.note(moment, EVERYBODY, f"{action} s", cost.seconds)
        self.note(moment, EVERYBODY, f"{action} bytes", float(cost.moved_bytes))
        self._look(moment)

    def _look(self, moment: str) -> None:
        for view in self._views:
            for peer in self._system.present:
                data = self._school.data[peer]
                for metric, part in (("local accuracy", data.local_test), ("global accuracy", data.global_test)):
                    self.note(moment, peer, metric, accuracy(view.system, peer, part), view, len(part))


def views(cell: Cell, school: School) -> Sequence[View]:
    """The cell's system; HDUS in every combination that the plan wants, over the same models. The first of them is
    the one that learns, unlearns and joins."""
    plan, mains = school.setting.plan, cell.mains(school.setting.plan)
    systems = plan.systems
    if cell.system == "isgd":
        return [View(Isgd(school, mains))]
    if cell.system == "sisa_a" and systems.sisa_a:
        return [View(SisaA(school, mains, systems.sisa_a.slices))]
    if cell.system == "fedunl" and systems.fedunl:
        return [View(FedUnl(school, cell.main, systems.fedunl))]
    if cell.system == "dsgd" and systems.dsgd:
        return [View(Dsgd(school, cell.main, systems.dsgd))]
    peers = Peers(school, mains, cell.temperature)
    return [
        View(Hdus(peers, each), each.rule, f"{each.rho}", each.objective if each.is_auto else "")
        for each in combinations(plan)
    ]


def combinations(plan: Plan) -> Iterator[Combination]:
    """Every rule with every ρ; "auto" with every objective."""
    section = plan.systems.hdus
    for rule in section.rules if section else ():
        for rho in section.rho if section else ():
            for objective in section.objectives if section and rho == "auto" else ("local",):
                yield Combination(rule, rho, objective)


def accuracy(system: System, peer: int, part: Part) -> float:
    """The share of `part` that `peer` gets right. Raises DataError where it answers no numbers."""
    answers = system.predict(peer, part.x)
    if not np.isfinite(answers).all():
        raise DataError(f"peer {peer} answers NaN or infinity; set a lower learning rate in the plan")
    return float((answers.argmax(axis=1) == part.y).mean())


def _of_view(row: Row, view: View) -> Row:
    used = view.system.weighing(row.peer).rho if isinstance(view.system, Hdus) else float("nan")
    return replace(row, rule=view.rule, rho=view.rho, objective=view.objective, rho_used=used)


def _blank(cell: Cell, school: School) -> Row:
    """What is the same in all rows of a cell."""
    plan = school.setting.plan
    return Row(
        plan=plan.name,
        plan_sha256=plan.sha256,
        scale=plan.scale,
        task=plan.data.task,
        partition=cell.partition,
        peers=plan.peers,
        random_seed=cell.random_seed,
        system=cell.system,
        main=cell.main,
        architecture="",
        seed_model=plan.seed_model if cell.temperature else "",
        temperature=cell.temperature,
        rule="",
        rho="",
        rho_used=float("nan"),
        objective="",
        moment="",
        present="",
        peer=EVERYBODY,
        metric="",
        value=0.0,
        samples=0,
        device=_device_name(school.device),
        threads=plan.threads,
        hdus_peer=__version__,
        torch=torch.__version__,
        python=platform.python_version(),
    )


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
