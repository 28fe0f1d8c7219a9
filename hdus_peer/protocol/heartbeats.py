"""Heartbeats: how often a peer says that it is here, and how long a silence it waits for.

Rules
1. A peer sends no more than `heartbeats_per_s_max`: the more links it has, the more seldom it beats on each.
2. Every heartbeat says when the next one comes at the latest. That is kept: however many links there are by then, only
   an earlier heartbeat takes its place, and says it anew.
3. Whoever hears it counts silence in what the sender said, never in less than its own interval: as many heartbeats have
   to be missing as on a link of a small network.
4. Nobody is believed to come later than `NEXT_MAX_S`, and so nobody says it. No silence is waited for longer than
   `SILENCE_MAX_S`, whatever was said and whatever is configured: a lease's slack is longer than that.

Deliberately absent: on which links to beat (`links`), and what is in a heartbeat (`messages`).
"""

import math
from dataclasses import dataclass

from hdus_peer.protocol.limits import Limits

NEXT_MAX_S = 60.0
SILENCE_MAX_S = 900.0


@dataclass(frozen=True, slots=True)
class Silence:
    """How long (s) after it was last heard a neighbour is suspect, and gone."""

    suspect_s: float
    gone_s: float


def interval_s(limits: Limits, links: int) -> float:
    """How long a peer with so many links waits from one heartbeat to the next, in seconds."""
    return min(max(limits.heartbeat_interval_s, links / limits.heartbeats_per_s_max), NEXT_MAX_S)


def next_ms(interval_s: float) -> int:
    """`interval_s` as a heartbeat says it: never less."""
    return math.ceil(interval_s * 1000)


def silence(limits: Limits, next_ms: int) -> Silence:
    """How long to wait for who said that its next heartbeat comes within `next_ms`; 0 where it does not say."""
    stretch = max(1.0, min(next_ms / 1000, NEXT_MAX_S) / limits.heartbeat_interval_s)
    suspect_s, gone_s = limits.suspect_after_s * stretch, limits.gone_after_s * stretch
    return Silence(min(suspect_s, SILENCE_MAX_S), min(gone_s, SILENCE_MAX_S))
