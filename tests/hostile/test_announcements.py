"""A hundred thousand announcements of one owner, past the transport's allowance and straight into the core: what is
kept and what is done do not grow with how many there were. (10,000 in the suite; `make hostile` plays all of them.)"""

from typing import get_args

import pytest

from hdus_peer.protocol.messages import Announce
from hdus_peer.protocol.records import Row
from hdus_peer.protocol.step import StartFetch
from tests.hostile.attacks import SCALE
from tests.protocol.table import Seat, payload_of
from tests.protocol.test_exchange import manifest, pair

ANNOUNCEMENTS = 100_000 if SCALE > 1 else 10_000
CHUNK = 1_000


def kept(seat: Seat) -> int:
    """How many rows the ledger of `seat` has."""
    return sum(len(seat.rows(kind)) for kind in get_args(Row))


@pytest.mark.slow
def test_a_hundred_thousand_announcements_leave_nothing_behind() -> None:
    table, owner, holder = pair()
    before, limits, fetches = kept(holder), holder.core.state.limits, 0
    for number in range(1, ANNOUNCEMENTS + 1):
        if number % CHUNK == 0:
            fetches += len(holder.asked(StartFetch))
            table.settle()
            holder.forget()
            table.now_s += limits.announced_interval_s
        payload = payload_of(owner.peer, str(number))
        holder.receive(owner, Announce(manifest(owner, generation=100 + number, payload_sha256=payload)))
    table.settle()
    assert 0 < fetches <= limits.announced_at_once_max + ANNOUNCEMENTS // CHUNK
    assert kept(holder) <= before + 2, "the seed that was announced last among those taken, and its floor"
