"""kill -9 of owner and holders at drawn instants of a leave: it goes on to its complete certificate, every time.

`make test-faults KILLS=200 FAULTS_SEED=2` kills more, and others. A round is one leave with one to four victims; each
is drawn from the seed and the round's number, and named in the test's id: `-k round-17` repeats one (the instants are
those of the clock, so what they hit differs a little).
"""

import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from hdus_peer.errors import NotRunningError
from hdus_peer.protocol.records import Phase
from tests.faults import tally
from tests.faults.six import LEFT, Six
from tests.integration.peers import Peer, outliving

pytestmark = pytest.mark.slow

VICTIMS_MAX = 4
OWNERS_SHARE = 0.4
EARLY_S, LATE_S = 0.1, 0.5
"""An undisturbed leave of six takes little more than the first: half of the instants are in it, the others in both."""
STARTING_S = 2.5
"""Of a victim that is killed again while it starts and catches up."""
LEFT_BY_A_CRASH = {"orphan", "half-written"}
"""What a check may find where a process was killed a moment ago; the next start sweeps it."""


@dataclass(frozen=True, slots=True)
class Kill:
    """`at_s`: after the leave was asked for; where `again`, after this victim was started again."""

    victim: str
    at_s: float
    again: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    number: int
    owner: str
    kills: tuple[Kill, ...]

    def __str__(self) -> str:
        victims = "-".join(f"{kill.victim}{'2' if kill.again else ''}@{kill.at_s * 1000:.0f}ms" for kill in self.kills)
        return f"round-{self.number}-{self.owner}-leaves-{victims}"


def rounds(kills: int, seed: int) -> Iterator[Round]:
    """So many that `kills` processes are killed in them."""
    number = 0
    while kills > 0:
        number += 1
        drawn = _round(number, random.Random(f"{seed}:{number}"), kills)
        kills -= len(drawn.kills)
        yield drawn


def _round(number: int, rng: random.Random, kills_max: int) -> Round:
    owner = rng.choice(Six.NAMES)
    kills: dict[str, Kill] = {}
    for _ in range(min(rng.randint(1, VICTIMS_MAX), kills_max)):
        holders = [name for name in Six.NAMES if name != owner]
        victim = owner if rng.random() < OWNERS_SHARE else rng.choice(holders)
        at_s = rng.uniform(0, rng.choice((EARLY_S, LATE_S)))
        again = Kill(victim, rng.uniform(0, STARTING_S), again=True)
        key = f"{victim} again" if victim in kills else victim
        kills.setdefault(key, again if victim in kills else Kill(victim, at_s))
    return Round(number, owner, tuple(sorted(kills.values(), key=lambda kill: (kill.again, kill.at_s))))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    options = metafunc.config.getoption
    drawn = list(rounds(options("--kills"), options("--faults-seed")))
    metafunc.parametrize("drawn", drawn, ids=map(str, drawn))


def test_a_leave_survives_kill_9(six: Six, drawn: Round) -> None:
    six.meet()
    leaver = six.leaver(drawn.owner)
    victims = {kill.victim: six.peers[kill.victim] for kill in drawn.kills}
    marks = {name: peer.mark for name, peer in victims.items()}
    began_s = time.monotonic()
    with asked_to_leave(leaver.peer):
        for kill in (kill for kill in drawn.kills if not kill.again):
            strike(victims[kill.victim], began_s + kill.at_s)
    for victim in victims.values():
        judge_crash(victim)
        start(victim)
    for kill in (kill for kill in drawn.kills if kill.again):
        strike(victims[kill.victim], time.monotonic() + kill.at_s)
        judge_crash(victims[kill.victim])
        start(victims[kill.victim])
    see_it_leave(leaver.peer)
    tally.took("leaves with kills, until the owner ended", time.monotonic() - began_s)
    for victim in (victim for victim in victims.values() if victim is not leaver.peer):
        assert not victim.saw("SeedAdopted", marks[victim.name], peer=drawn.owner)
    six.judge(leaver)


@contextmanager
def asked_to_leave(owner: Peer) -> Iterator[None]:
    """Somebody asks for it, follows how it goes, and turns away at the end of the context."""
    with owner.client() as client:
        follower = threading.Thread(target=lambda: list(client.leave()))
        follower.start()
        yield
    follower.join()


def strike(victim: Peer, at_s: float) -> None:
    """Kill it at that instant of the monotonic clock. An owner may have left before."""
    if victim.is_running:
        outliving([victim.process], at_s - time.monotonic())
    victim.send_signal(signal.SIGKILL)
    code = victim.ended()
    assert code in (-signal.SIGKILL, *LEFT), victim.report(f"it ended with {code}")
    tally.count("kills that came after the owner had left" if code in LEFT else "kills")


def judge_crash(victim: Peer) -> None:
    found = victim.typed("check").answer["findings"]
    assert {each["kind"] for each in found} <= LEFT_BY_A_CRASH, victim.report(str(found))
    tally.count("directories checked after a kill")
    if found:
        tally.count("directories with something to sweep after a kill")


def start(peer: Peer) -> None:
    """Again, where it had not left, and its log's `Started` or its end."""
    mark = peer.mark
    peer.start().wait_event_or_end("Started", mark)


def see_it_leave(owner: Peer) -> None:
    """It goes on leaving by itself; where it was killed before it knew, it is told again."""
    with suppress(NotRunningError):
        if owner.status().phase == Phase.ACTIVE:
            tally.count("owners killed before the leave was durable")
            owner.typed("leave", "--yes", "--wait=0.2")
    code = owner.end()
    assert code in LEFT, owner.report("it neither went on leaving nor had left")
