"""The statements of seeds, membership and unlearning: their types are frozen, their derived values are defined."""

import hashlib

from hypothesis import given
from hypothesis import strategies as some

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Statement
from hdus_peer.domain.identity import Identity
from hdus_peer.domain.membership import Hello, Membership
from hdus_peer.domain.seed import KeyGrant, LeaseRenewal, SeedManifest
from hdus_peer.domain.unlearning import (
    Departure,
    ErasureReceipt,
    LedgerEntry,
    SeedRelease,
    UnlearnNotice,
    ledger_digest,
)

ME = Identity(bytes(32))


def test_every_statement_is_named_once_and_its_name_never_changes() -> None:
    kinds: list[type[Statement]] = [
        Membership,
        Hello,
        SeedManifest,
        KeyGrant,
        LeaseRenewal,
        UnlearnNotice,
        ErasureReceipt,
        SeedRelease,
        Departure,
    ]
    assert [kind.TYPE.removeprefix("hdus/").removesuffix("/v1") for kind in kinds] == [
        "membership",
        "hello",
        "seed-manifest",
        "key-grant",
        "lease-renewal",
        "unlearn-notice",
        "erasure-receipt",
        "seed-release",
        "departure",
    ]


entries = some.lists(
    some.builds(LedgerEntry, some.just(ME.peer_id), some.integers(0, 9), some.integers(0, 9)), max_size=5
)


@given(entries.flatmap(lambda rows: some.tuples(some.just(rows), some.permutations(rows))))
def test_the_ledger_digest_does_not_depend_on_the_order(orders: tuple[list[LedgerEntry], list[LedgerEntry]]) -> None:
    assert ledger_digest(tuple(orders[0])) == ledger_digest(tuple(orders[1]))


def test_the_ledger_digest_is_that_of_its_sorted_lines() -> None:
    lines = f"{ME.peer_id} 1 2\n{ME.peer_id} 3 4\n"
    rows = (LedgerEntry(ME.peer_id, 3, 4), LedgerEntry(ME.peer_id, 1, 2))
    assert ledger_digest(rows) == hashlib.sha256(lines.encode()).hexdigest()
    assert ledger_digest(rows) != ledger_digest(rows[:1])


def test_a_membership_covers_its_own_dates() -> None:
    membership = Membership("network", ME.public_key, "name", 10, 20)
    assert membership.peer == ME.peer_id
    assert [membership.covers(instant_s) for instant_s in (9, 10, 20, 21)] == [False, True, True, False]


def test_a_clock_before_1970_is_1970() -> None:
    assert Instant(0.0, -5.0).unix_s == 0
    assert Instant(0.0, 1.9).unix_s == 1
