"""A backup is put in the place of a leaver's state: its notice is said again, above all that it forgot."""

from hdus_peer.protocol.records import GrantRow, HeldSeedRow, TombstoneRow
from hdus_peer.protocol.step import Leave, Rejoin
from tests.protocol.table import Seat, Table, sharing

Rows = dict[type, dict[tuple[str | int, ...], object]]


def copy_of(seat: Seat) -> Rows:
    return {kind: dict(rows) for kind, rows in seat.disk.rows.items()}


def put_back(table: Table, seat: Seat, rows: Rows) -> None:
    table.restart(seat)
    seat.disk.rows = rows  # type: ignore[assignment]
    seat.restart()


def through(seat: Seat, owner: Seat) -> int:
    return max((row.through for row in seat.rows(TombstoneRow) if row.owner == owner.peer), default=0)


def test_a_leave_that_is_begun_before_the_backup_is_noticed_covers_whom_it_then_presumes() -> None:
    table = Table(2)
    owner, holder = table.seats
    table.link(owner, holder)
    backup = copy_of(owner)
    owner.publish("first")
    table.settle()
    owner.restart()
    table.link(owner, holder)
    assert [row.owner for row in holder.rows(HeldSeedRow)] == [owner.peer]

    table.unlink(owner, holder)
    put_back(table, owner, backup)
    table.wait(1.0)
    owner.command(Leave())
    table.settle()
    assert not owner.rows(GrantRow), "it has forgotten that anybody holds its seed"
    first = through(owner, owner)
    table.wait(5.0)
    table.link(owner, holder)
    assert owner.told("RolledBack")
    table.wait(5.0)
    assert owner.phase == "left"
    assert through(holder, owner) == through(owner, owner) > first
    assert [(row.holder, row.closed_by) for row in owner.rows(GrantRow)] == [(holder.peer, "receipt")]
    assert not holder.rows(HeldSeedRow)


def test_what_was_published_after_a_forgotten_return_is_unlearned_with_the_leave_that_is_obeyed() -> None:
    table = sharing(2)
    owner, holder = table.seats
    backup = copy_of(owner)
    owner.command(Leave())
    table.settle()
    owner.command(Rejoin())
    owner.publish("after")
    table.settle()
    table.wait(2.0)
    assert holder.rows(HeldSeedRow)[0].generation > through(holder, owner)

    put_back(table, owner, backup)
    table.link(owner, holder)
    table.wait(10.0)
    assert owner.told("OwnNoticeObeyed")
    assert owner.phase == "left"
    assert not holder.rows(HeldSeedRow)
    assert not owner.core.unlearning.open_grants()


def test_who_is_put_back_to_after_a_leave_that_it_came_back_from_leaves_again() -> None:
    table = sharing(2)
    owner, holder = table.seats
    owner.command(Leave())
    table.settle()
    table.wait(5.0)
    assert owner.phase == "left"
    backup = copy_of(owner)
    owner.command(Rejoin())
    owner.publish("after")
    table.settle()
    table.wait(2.0)
    assert holder.rows(HeldSeedRow)[0].generation > through(holder, owner)

    put_back(table, owner, backup)
    assert owner.phase == "left"
    table.link(owner, holder)
    table.wait(10.0)
    assert owner.told("RolledBack")
    assert owner.phase == "left"
    assert not holder.rows(HeldSeedRow)
    assert not owner.core.unlearning.open_grants()
