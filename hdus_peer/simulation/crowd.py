"""Many devices in a quiet world, in four phases: all join and exchange, one leaves, the others settle what that
changed for them, and rest for a minute.

Rules
1. Every checker is on, and each wait has an end in virtual time: what does not happen until then is a violation of L1,
   which tells how far it came.
2. Discovery shows everybody to everybody, as on one local network: to each peer those whom it would remember if it
   were told of all, since the others change nothing (`overlay.kept`).
3. The limits are the product's, so that the times are those of real peers on a fast network.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol import overlay
from hdus_peer.protocol.limits import Limits
from hdus_peer.protocol.messages import Heartbeat
from hdus_peer.protocol.records import HeldSeedRow
from hdus_peer.protocol.step import Leave
from hdus_peer.simulation import cast
from hdus_peer.simulation.cast import Signatures
from hdus_peer.simulation.checker import Checker
from hdus_peer.simulation.device import Settings
from hdus_peer.simulation.evidence import Violation
from hdus_peer.simulation.hands import PAYLOAD_BYTES
from hdus_peer.simulation.network import Network, Weather
from hdus_peer.simulation.watching import Watch, WatchedDevice
from hdus_peer.simulation.world import World

TASK = "scale"
JOIN_SPREAD_S = 10.0
QUIET_S = 10.0  # without a seed that moves: longer than what is owed waits for its next try
WAIT_MAX_S = 600.0
MINUTE_S = 60.0
LOOK_INTERVAL_S = 0.5


@dataclass(slots=True)
class Figures:
    """What the protocol did; None where the run ended before. Times are virtual seconds.

    `full_s`: from the first start until everybody held all that it wants. `links_mean`, `links_max`: of a peer, then.
    `holders`: of the leaver's seed. `eviction_s`, `certificate_s`: from the leave to the last eviction, and to the
    complete certificate. `eviction_hops`, `notice_hops`: how far from the leaver the furthest holder and the furthest
    peer were. `leave_messages`: per peer, of all kinds but heartbeats, above what so long a quiet time has.
    `minute_messages`, `minute_bytes`: per peer that is still there, in a quiet minute. `messages`: per peer, in all."""

    peers: int
    full_s: float | None = None
    links_mean: float | None = None
    links_max: int | None = None
    holders: int | None = None
    eviction_s: float | None = None
    certificate_s: float | None = None
    eviction_hops: int | None = None
    notice_hops: int | None = None
    leave_messages: float | None = None
    minute_messages: float | None = None
    minute_bytes: float | None = None
    messages: float | None = None
    events: int = 0
    virtual_s: float = 0.0
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the run of so many peers has come: `share` of `phase`, from 0 to 1."""

    peers: int
    phase: str
    share: float


Tell = Callable[[Progress], None]


class Crowd:
    """The devices of one run, and its phases, which fill `figures`; each raises Violation."""

    def __init__(self, peers: int, seed: int, tell: Tell) -> None:
        self.figures = Figures(peers)
        self._tell = tell
        self._before_leave: Counter[type] = Counter()
        self._around_leave: Counter[type] = Counter()
        self._left_at_s = self._leave_minutes = 0.0
        self._world, self._watch, signatures = World(seed), Watch(), Signatures(keeps_statements=False)
        network, checker = Network(self._world, Weather()), Checker(signatures, None)
        settings = Settings(TASK, Limits(), signatures, PAYLOAD_BYTES)
        people = [cast.person(number) for number in range(peers)]
        self._devices = [WatchedDevice(who, network, checker, settings, self._watch) for who in people]
        checker.devices = list(self._devices)
        network.devices = {device.peer: device for device in self._devices}
        self._introduce([device.peer for device in self._devices])

    def _introduce(self, peers: list[PeerId]) -> None:
        """Say whom discovery will show to each device."""
        for device in self._devices:
            scores = {peer: overlay.score(TASK, device.peer, peer) for peer in peers if peer != device.peer}
            device.known = tuple(sorted(overlay.kept(device.peer, scores, Limits().members_max)))
        by_peer = {device.peer: device for device in self._devices}
        for device in self._devices:
            for peer in device.known:
                by_peer[peer].known_to.append(device)

    # --- phases -----------------------------------------------------------------------------------------------------
    def join(self) -> None:
        """All start within `JOIN_SPREAD_S`, publish, and exchange until everybody holds what it wants."""
        for device in self._devices:
            self._world.after(self._world.between(0.0, JOIN_SPREAD_S), device.join)
        self._wait("joining", self._full_share, self._not_full)
        self.figures.full_s = self._watch.moved_s
        links = [len(device.links) for device in self._devices]
        self.figures.links_mean, self.figures.links_max = self._per_peer(sum(links)), max(links)

    def leave(self) -> None:
        """One leaves, drawn by chance; until its certificate is complete, and everybody knows."""
        leaver = self._world.rng.choice(self._devices)
        self._left_at_s, self._before_leave = self._world.now_s, self._watch.arrived.copy()
        holders = (device.peer for device in self._devices if (leaver.peer,) in device.disk.rows[HeldSeedRow])
        self._watch.follow(leaver.peer, frozenset(holders))
        leaver.attempt(lambda: leaver.take(lambda core: core.command(Leave(), leaver.now)))
        self._wait("leaving", self._told_share, self._not_told)
        self._tell_of_leave(self._left_at_s)

    def settle(self) -> None:
        """Whoever lost a seed takes another, until all is quiet again."""
        self._wait("coming to rest", self._full_share, self._not_full)
        self._around_leave = self._watch.arrived - self._before_leave
        self._leave_minutes = (self._world.now_s - self._left_at_s) / MINUTE_S

    def rest(self) -> None:
        """A minute in which nothing happens; what more there was around the leave, the leave has caused."""
        start_s, before, self._watch.is_weighing = self._world.now_s, self._watch.arrived.copy(), True
        self._wait("resting", lambda: (self._world.now_s - start_s) / MINUTE_S, lambda: "no minute is over")
        self._watch.is_weighing = False
        minute, around = self._watch.arrived - before, self._around_leave
        present = len(self._present())
        self.figures.minute_messages, self.figures.minute_bytes = minute.total() / present, self._watch.bytes / present
        kinds = (minute.keys() | around.keys()) - {Heartbeat}
        caused = sum(around[kind] - minute[kind] * self._leave_minutes for kind in kinds)
        self.figures.leave_messages = self._per_peer(caused)

    def close(self) -> None:
        """Whatever the end was: what can be said of all of it."""
        figures = self.figures
        figures.messages = self._per_peer(self._watch.arrived.total())
        figures.events, figures.virtual_s, figures.trace = self._world.events, self._world.now_s, self._world.trace

    def _tell_of_leave(self, start_s: float) -> None:
        figures, watch = self.figures, self._watch
        figures.holders = len(watch.holders)
        figures.eviction_s = max(watch.evicted_s.values(), default=start_s) - start_s
        figures.certificate_s = watch.left_s - start_s
        figures.eviction_hops = max((watch.hops[peer] for peer in watch.holders), default=0)
        figures.notice_hops = max(watch.hops.values())

    def _per_peer(self, count: float) -> float:
        return count / self.figures.peers

    # --- waiting ----------------------------------------------------------------------------------------------------
    def _wait(self, phase: str, share: Callable[[], float], missing: Callable[[], str]) -> None:
        """Let time pass until `share` is 1."""
        until_s = self._world.now_s + WAIT_MAX_S
        while (done := share()) < 1.0:
            if self._world.now_s >= until_s:
                raise Violation("L1", f"{WAIT_MAX_S:.0f} virtual seconds of {phase}, and {missing()}")
            self._tell(Progress(self.figures.peers, phase, done))
            self._world.run_until(self._world.now_s + LOOK_INTERVAL_S)

    def _present(self) -> list[WatchedDevice]:
        return [device for device in self._devices if device.core is not None]

    def _not_holding(self) -> int:
        """How many have fewer seeds than they want, of all that there are."""
        present = self._present()
        wanted = min(Limits().neighbours_max, len(present) - 1)
        to_come = len(self._devices) - len(present) if self._watch.leaver is None else 0
        return to_come + sum(len(device.disk.rows[HeldSeedRow]) < wanted for device in present)

    def _full_share(self) -> float:
        is_quiet = self._world.now_s - self._watch.moved_s >= QUIET_S
        share = 1.0 - self._not_holding() / self.figures.peers
        return share if is_quiet else min(share, 0.99)

    def _not_full(self) -> str:
        missing = self._not_holding()
        return f"{missing} of {self.figures.peers} peers want more seeds than they hold" if missing else "seeds move"

    def _told_share(self) -> float:
        watch = self._watch
        told = len(watch.hops) + len(watch.evicted_s) + watch.is_certified
        return told / (self.figures.peers + len(watch.holders) + 1)

    def _not_told(self) -> str:
        watch = self._watch
        unaware, holding = self.figures.peers - len(watch.hops), len(watch.holders) - len(watch.evicted_s)
        certificate = "complete" if watch.is_certified else "not complete"
        return (
            f"{unaware} of {self.figures.peers} peers do not know of the leave, {holding} of {len(watch.holders)} "
            f"holders hold the seed, and the certificate is {certificate}"
        )
