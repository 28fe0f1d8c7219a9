"""The owner sees what lies at its peer for others, and how far in reach they are."""

from hdus_peer.daemon.views import Views
from hdus_peer.protocol.step import Leave
from tests.protocol.table import WALL_S, Seat, sharing


def _owed(seat: Seat) -> list[tuple[str, str, str, int]]:
    views = Views(seat.core).owed()
    assert all(WALL_S <= view.oldest_s <= seat.now.wall_s for view in views)
    return [(view.kind, view.owner, view.state, view.count) for view in views]


def test_what_is_owed_and_what_is_kept_for_another_is_shown_until_its_owner_has_it():
    table = sharing(4)
    leaver, near, *away = table.seats
    for seat in away:
        for other in (leaver, near):
            table.unlink(other, seat)
    leaver.command(Leave())
    table.settle()
    table.unlink(leaver, near)
    assert _owed(near) == []
    for seat in away:
        table.link(near, seat)
    table.wait(15.0)
    assert _owed(near) == [("mail", leaver.peer, "gone", len(away))]
    assert {kind for kind, *_ in _owed(away[0])} == {"receipt", "mail"}
    table.link(near, leaver)
    assert _owed(near) == []
    (owed,) = [view for view in Views(away[0].core).owed() if view.kind == "receipt"]
    assert (owed.owner, owed.name) == (leaver.peer, Views(near.core).name_of(leaver.peer))
