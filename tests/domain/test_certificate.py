"""A certificate says what was signed, by whom, and nothing after a change of any byte of it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hdus_peer.domain.certificate import (
    ErasureCertificate,
    GrantEntry,
    HolderAnswers,
    Proof,
    Standing,
    Verdict,
    proof_of,
    to_file,
    verify_file,
)
from hdus_peer.domain.envelope import Signed, Statement, sign
from hdus_peer.domain.identity import Identity, PeerId
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.seed import LAPSE_SLACK_S
from hdus_peer.domain.unlearning import (
    Departure,
    ErasureReceipt,
    LedgerEntry,
    SeedRelease,
    UnlearnNotice,
    ledger_digest,
)
from hdus_peer.errors import ForgedError, MalformedError, RemoteError

ROOT, OWNER, ANNA, BELA, STRANGER = (Identity(bytes([number]) * 32) for number in range(1, 6))
NETWORK = "ab" * 32
THROUGH = 100


def membership(who: Identity, name: str = "somebody", until_s: int = 2**40, by: Identity = ROOT) -> Signed[Membership]:
    return sign(by, Membership(NETWORK, who.public_key, name, 10, until_s))


def receipt(by: Identity = ANNA, through: int = THROUGH, **changes: object) -> ErasureReceipt:
    base = ErasureReceipt(by.peer_id, OWNER.peer_id, through, (), 1, 5, "", 1000)
    return replace(base, **changes)  # type: ignore[arg-type]


def answered(who: Identity, *said: Statement, cloned: bool = False, until_s: int = 2**40) -> HolderAnswers:
    proofs = tuple(proof_of(sign(who, statement)) for statement in said)
    return HolderAnswers(who.peer_id, cloned, proof_of(membership(who, "anna", until_s)), proofs)


LEASED_S = 1_700_050_000
LEDGER = (GrantEntry(ANNA.peer_id, 90, 1, 7, LEASED_S),)


def notice(ledger: Sequence[GrantEntry], kind: str = "leave") -> UnlearnNotice:
    entries = tuple(LedgerEntry(row.holder, row.generation, row.grant) for row in ledger)
    return UnlearnNotice(OWNER.peer_id, THROUGH, kind, ledger_digest(entries), len(entries), 1_700_000_000)


def certificate(
    *answers: HolderAnswers, ledger: Sequence[GrantEntry] = LEDGER, **changes: object
) -> ErasureCertificate:
    base = ErasureCertificate(
        network=NETWORK,
        owner=OWNER.peer_id,
        membership=proof_of(membership(OWNER, "mira")),
        notice=proof_of(sign(OWNER, notice(ledger))),
        ledger=tuple(ledger),
        answers=answers,
        broken_at_s=0,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


AT_S = 1_700_000_100


def judged(made: ErasureCertificate, by: Identity = OWNER, root: Identity = ROOT, at_s: int = AT_S) -> Verdict:
    return verify_file(to_file(sign(by, made)), root.public_key, at_s)


def standing(*answers: HolderAnswers) -> Standing:
    return judged(certificate(*answers)).holders[0].standing


def test_a_receipt_of_every_holder_makes_it_complete() -> None:
    found = judged(certificate(answered(ANNA, receipt())))
    assert (found.is_complete, found.confirmed, found.name, found.kind, found.through) == (
        True,
        1,
        "mira",
        "leave",
        THROUGH,
    )
    (holder,) = found.holders
    assert (holder.name, holder.standing, holder.grants, holder.answered_at_s) == ("anna", Standing.RECEIPT, 1, 1000)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (receipt(through=90), Standing.RECEIPT),
        (receipt(through=89), Standing.PENDING),
        (SeedRelease(ANNA.peer_id, OWNER.peer_id, 1, "superseded", 5, 1000), Standing.RELEASE),
        (SeedRelease(ANNA.peer_id, OWNER.peer_id, 0, "superseded", 5, 1000), Standing.PENDING),
        (Departure(ANNA.peer_id, 8, 1000), Standing.DEPARTURE),
        (Departure(ANNA.peer_id, 7, 1000), Standing.PENDING),
        (receipt(issued_at_s=9), Standing.PENDING),
    ],
    ids=["receipt", "of an older generation", "release", "of an older grant", "departure", "before", "no member then"],
)
def test_what_closes_an_entry(said: Statement, expected: Standing) -> None:
    assert standing(answered(ANNA, said)) == expected


def test_a_member_whose_membership_had_ended_does_not_count() -> None:
    assert standing(answered(ANNA, receipt(issued_at_s=501), until_s=500)) == Standing.PENDING


def test_who_has_not_answered_is_pending_and_listed() -> None:
    for found in (judged(certificate()), judged(certificate(answered(ANNA)))):
        assert [each.holder for each in found.pending] == [ANNA.peer_id]
        assert not found.is_complete


def test_a_cloned_identity_never_counts() -> None:
    assert standing(answered(ANNA, receipt(), cloned=True)) == Standing.CLONED


def test_every_entry_of_a_holder_must_be_closed() -> None:
    ledger = (*LEDGER, GrantEntry(ANNA.peer_id, 95, 2, 7, LEASED_S + 1000))
    release = SeedRelease(ANNA.peer_id, OWNER.peer_id, 1, "superseded", 5, 1000)
    (holder,) = judged(certificate(answered(ANNA, release), ledger=ledger)).holders
    assert (holder.standing, holder.grants, holder.hold_until_s) == (Standing.PENDING, 2, LEASED_S + 1000)


def test_nobody_held_anything() -> None:
    assert judged(certificate(ledger=())).is_complete


def test_any_changed_byte_is_noticed() -> None:
    content = to_file(sign(OWNER, certificate(answered(ANNA, receipt()))))
    for place in range(len(content)):
        for changed in (content[place] ^ 1, content[place] ^ 0x20):
            altered = content[:place] + bytes([changed]) + content[place + 1 :]
            with pytest.raises(RemoteError):
                verify_file(altered, ROOT.public_key, AT_S)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + b"\n",
        lambda text: b"",
        lambda text: text * 2,
        lambda text: b"x" * 99,
    ],
    ids=["cut", "longer", "empty", "twice", "something else"],
)
def test_what_is_no_certificate_is_refused(change: object) -> None:
    content = to_file(sign(OWNER, certificate(answered(ANNA, receipt()))))
    with pytest.raises(MalformedError):
        verify_file(change(content), ROOT.public_key, AT_S)  # type: ignore[operator]


def unfit(name: str) -> tuple[ErasureCertificate, Identity]:
    """A certificate that its issuer signed well, with something in it that is not its issuer's to say."""
    good = certificate(answered(ANNA, receipt()))
    of_bela = Proof(ErasureReceipt.TYPE, *_parts(sign(BELA, receipt())))
    about_bela = proof_of(sign(ANNA, receipt(owner=BELA.peer_id)))
    holder = good.answers[0]
    swapped = {
        "another issuer": (good, STRANGER),
        "a receipt signed by another": (_with(good, replace(holder, proofs=(of_bela,))), OWNER),
        "a receipt about another": (_with(good, replace(holder, proofs=(about_bela,))), OWNER),
        "a homemade membership": (
            _with(good, replace(holder, membership=proof_of(membership(ANNA, by=STRANGER)))),
            OWNER,
        ),
        "another's membership": (_with(good, replace(holder, membership=proof_of(membership(BELA)))), OWNER),
        "a shorter ledger": (replace(good, ledger=(), answers=()), OWNER),
        "another ledger": (replace(good, ledger=(replace(LEDGER[0], generation=80),)), OWNER),
        "an owner that is no member": (replace(good, membership=proof_of(membership(OWNER, by=STRANGER))), OWNER),
        "a revocation by the owner": (
            replace(good, notice=proof_of(sign(OWNER, notice(LEDGER, "revoke")))),
            OWNER,
        ),
    }
    return swapped[name]


def _parts(signed: Signed[Statement]) -> tuple[str, bytes]:
    return signed.envelope.payload.decode(), signed.envelope.signature


def _with(good: ErasureCertificate, answers: HolderAnswers) -> ErasureCertificate:
    return replace(good, answers=(answers,))


@pytest.mark.parametrize(
    "name",
    [
        "another issuer",
        "a receipt signed by another",
        "a receipt about another",
        "a homemade membership",
        "another's membership",
        "a shorter ledger",
        "another ledger",
        "an owner that is no member",
        "a revocation by the owner",
    ],
)
def test_an_issuer_speaks_for_nobody_else(name: str) -> None:
    made, by = unfit(name)
    with pytest.raises(ForgedError):
        judged(made, by)


def test_another_networks_root_verifies_nothing() -> None:
    with pytest.raises(ForgedError):
        judged(certificate(answered(ANNA, receipt())), root=STRANGER)


def test_answers_said_twice_and_answers_of_another_kind_are_refused() -> None:
    twice = certificate(answered(ANNA, receipt()), answered(ANNA))
    other = certificate(answered(ANNA, membership(ANNA).statement))
    for made in (twice, other):
        with pytest.raises(MalformedError):
            judged(made)


def test_the_authority_may_certify_a_revocation() -> None:
    made = certificate(answered(ANNA, receipt()), notice=proof_of(sign(ROOT, notice(LEDGER, "revoke"))))
    assert judged(made, by=ROOT).kind == "revoke"


def test_fifty_holders_fit_into_64_kib() -> None:
    holders = sorted((Identity(bytes([number]) * 32) for number in range(100, 150)), key=lambda each: each.peer_id)
    ledger = [GrantEntry(PeerId(each.peer_id), 90, number, 7, 1_800_000_000) for number, each in enumerate(holders, 1)]
    answers = [answered(each, receipt(each, erased=("ab" * 32,), run_nonce="cd" * 16)) for each in holders]
    content = to_file(sign(OWNER, certificate(*answers, ledger=ledger)))
    assert verify_file(content, ROOT.public_key, AT_S).confirmed == 50
    assert len(content) <= 64 * 1024


# --- who does not answer ----------------------------------------------------------------------------------------------
def revoked(who: Identity, by: Identity = ROOT, kind: str = "revoke") -> Proof:
    return proof_of(sign(by, UnlearnNotice(who.peer_id, 2**53, kind, ledger_digest(()), 0, 1_700_000_050)))


def with_revocation(proof: Proof, *said: Statement) -> HolderAnswers:
    answers = answered(ANNA, *said)
    return replace(answers, proofs=(*answers.proofs, proof))


@pytest.mark.parametrize("answers", [(), (answered(ANNA),)], ids=["never met", "silent"])
def test_who_is_silent_past_its_lease_is_lapsed_and_never_confirmed(answers: tuple[HolderAnswers, ...]) -> None:
    over_s = LEASED_S + LAPSE_SLACK_S
    for at_s, expected in ((0, Standing.PENDING), (over_s, Standing.PENDING), (over_s + 1, Standing.LAPSED)):
        found = judged(certificate(*answers), at_s=at_s)
        assert (found.holders[0].standing, found.is_complete, found.confirmed) == (expected, False, 0)
        assert [each.holder for each in found.pending] == [ANNA.peer_id]


def test_it_lapses_with_the_last_of_its_open_leases_and_never_without_one() -> None:
    later = GrantEntry(ANNA.peer_id, 95, 2, 7, LEASED_S + 10**6)
    unknown = replace(later, hold_until_s=0)
    at_s = LEASED_S + LAPSE_SLACK_S + 1
    for entry, expected in ((later, Standing.PENDING), (unknown, Standing.PENDING)):
        assert judged(certificate(ledger=(*LEDGER, entry)), at_s=at_s).holders[0].standing == expected
    (holder,) = judged(certificate(ledger=(*LEDGER, later)), at_s=at_s + 10**6).holders
    assert holder.standing == Standing.LAPSED
    release = SeedRelease(ANNA.peer_id, OWNER.peer_id, 1, "superseded", 5, 1000)
    (holder,) = judged(certificate(answered(ANNA, release), ledger=(*LEDGER, later)), at_s=at_s).holders
    assert holder.standing == Standing.PENDING, "what is released does not count, what is open does"


def test_an_answer_stays_one_however_late_it_is_looked_at() -> None:
    assert judged(certificate(answered(ANNA, receipt())), at_s=2**40).is_complete
    (holder,) = judged(certificate(answered(ANNA, receipt(), cloned=True)), at_s=2**40).holders
    assert holder.standing == Standing.CLONED


def test_who_was_revoked_is_shown_as_that_until_its_lease_is_over_unless_it_answered() -> None:
    made = certificate(with_revocation(revoked(ANNA)))
    (holder,) = judged(made).holders
    assert (holder.standing, holder.revoked_at_s, holder.is_confirmed) == (Standing.REVOKED, 1_700_000_050, False)
    assert judged(made, at_s=2**40).holders[0].standing == Standing.LAPSED
    assert standing(with_revocation(revoked(ANNA), receipt())) == Standing.RECEIPT


@pytest.mark.parametrize(
    "proof",
    [revoked(BELA), revoked(ANNA, by=OWNER), revoked(ANNA, by=ANNA), revoked(ANNA, kind="leave")],
    ids=["of another", "by the issuer", "by the holder", "of another kind"],
)
def test_only_the_authority_says_who_was_revoked(proof: Proof) -> None:
    with pytest.raises(ForgedError):
        judged(certificate(with_revocation(proof)))
