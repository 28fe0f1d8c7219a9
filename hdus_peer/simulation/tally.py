"""What happened in a run, counted: what a summary says.

Rule: counting changes nothing, and takes no part in the trace.
"""

from collections import Counter
from dataclasses import dataclass, field

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.step import Event


@dataclass(slots=True)
class Tally:
    """`faults`: those that struck, by name. `happened`: events of the core, by name. `refusals`: by their word.
    `slowest_certificate_s`: the longest virtual time from a leave to its last answer."""

    steps: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    slowest_certificate_s: float = 0.0
    _leaves_s: dict[PeerId, float] = field(default_factory=dict)

    def see(self, peer: PeerId, event: Event, now_s: float) -> None:
        """The core of `peer` published `event`."""
        self.happened[event.name] += 1
        if event.name == "Refused":
            self.refusals[str(dict(event.details)["reason"])] += 1
        elif event.name == "LeaveBegun":
            self._leaves_s.setdefault(peer, now_s)
        elif event.name == "Left" and peer in self._leaves_s and not dict(event.details)["unanswered"]:
            self.slowest_certificate_s = max(self.slowest_certificate_s, now_s - self._leaves_s.pop(peer))
        elif event.name == "Rejoined":
            self._leaves_s.pop(peer, None)

    def add(self, other: "Tally") -> None:
        """Count what `other` counted, too."""
        self.steps += other.steps
        self.faults += other.faults
        self.happened += other.happened
        self.refusals += other.refusals
        self.slowest_certificate_s = max(self.slowest_certificate_s, other.slowest_certificate_s)
