"""`hdus-peer certificate`: shown from the state directory, exported, verified with the root alone."""

import json
from pathlib import Path

import pytest

from hdus_peer.admission.authority import create_network, issue, issue_file
from hdus_peer.domain.certificate import ErasureCertificate, GrantEntry, HolderAnswers, proof_of, to_file
from hdus_peer.domain.envelope import sign
from hdus_peer.domain.unlearning import ErasureReceipt, LedgerEntry, UnlearnNotice, ledger_digest
from hdus_peer.durable import write_durably
from hdus_peer.repository.certificates import certificate_path
from tests.cli.conftest import Typed


@pytest.fixture
def left(state: Path) -> Path:
    """`state` is that of mira, who left; anna confirmed, bela did not. The network's directory."""
    directory = state / "network"
    create_network(directory, "home", "digits")
    mira = issue_file(directory, "mira", state / "credentials", 365)
    anna, bela = (issue(directory, name, 365) for name in ("anna", "bela"))
    for through, holders in ((5, (anna,)), (50, (anna, bela))):
        entries = tuple(LedgerEntry(holder.peer_id, 4, number) for number, holder in enumerate(holders, 1))
        notice = UnlearnNotice(mira.peer_id, through, "leave", ledger_digest(entries), len(entries), 1_700_000_000)
        dated_s = anna.membership.statement.not_before_s
        receipt = ErasureReceipt(anna.peer_id, mira.peer_id, through, (), 1, 1, "", dated_s)
        certificate = ErasureCertificate(
            network=mira.network,
            owner=mira.peer_id,
            membership=proof_of(mira.membership),
            notice=proof_of(sign(mira.identity, notice)),
            ledger=tuple(GrantEntry(entry.holder, 4, entry.grant, 0, 1_800_000_000) for entry in entries),
            answers=(
                HolderAnswers(
                    anna.peer_id, False, proof_of(anna.membership), (proof_of(sign(anna.identity, receipt)),)
                ),
            ),
            broken_at_s=0,
        )
        write_durably(certificate_path(state, through), to_file(sign(mira.identity, certificate)))
    return directory


def test_the_latest_is_shown_with_who_is_pending(left: Path, typed: Typed) -> None:
    shown = typed("certificate", "show")
    assert shown.exit_code == 3
    for part in (
        "mira",
        "generation 50",
        "1 of 2 have not answered",
        "anna",
        "receipt",
        "pending",
        "2027-01-15 08:00 UTC",
    ):
        assert part in shown.output
    answer = json.loads(typed("certificate", "show", "--json").stdout)
    assert (answer["complete"], answer["name"], answer["through"]) == (False, "mira", 50)
    assert sorted(holder["standing"] for holder in answer["holders"]) == ["pending", "receipt"]


def test_an_exported_one_is_verified_with_the_root_alone(left: Path, typed: Typed, tmp_path: Path) -> None:
    file, root = tmp_path / "mira.certificate", str(left / "root.pem")
    assert typed("certificate", "export", str(file)).exit_code == 0
    verified = typed("certificate", "verify", str(file), "--root", root)
    assert verified.exit_code == 3
    assert verified.output == typed("certificate", "show").output
    again = typed("certificate", "export", str(file))
    assert (again.exit_code, "is there already" in again.output) == (2, True)
    complete = certificate_path(left.parent, 5)
    assert typed("certificate", "verify", str(complete), "--root", root).exit_code == 0


def test_a_changed_one_and_one_of_another_network_are_refused(left: Path, typed: Typed, tmp_path: Path) -> None:
    file = certificate_path(left.parent, 5)
    altered = tmp_path / "altered"
    altered.write_bytes(file.read_bytes().replace(b'"leave', b'"Leave', 1))
    create_network(tmp_path / "other", "other", "digits")
    for certificate, network in ((altered, left), (file, tmp_path / "other")):
        refused = typed("certificate", "verify", str(certificate), "--root", str(network / "root.pem"), "--json")
        assert refused.exit_code == 9, refused.output
        assert json.loads(refused.stdout)["error"]


@pytest.mark.parametrize("name", ["missing", "credentials"])
def test_what_is_no_certificate_says_so(left: Path, typed: Typed, name: str) -> None:
    refused = typed("certificate", "verify", str(left.parent / name), "--root", str(left / "root.pem"))
    assert refused.exit_code == (2 if name == "missing" else 9)
    assert "certificate" in refused.output.lower()


def test_what_is_no_root_says_so(left: Path, typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "root.pem"
    file.write_text("nothing")
    refused = typed("certificate", "verify", str(certificate_path(left.parent, 5)), "--root", str(file))
    assert refused.exit_code == 4, refused.output


def test_who_never_left_has_none(state: Path, typed: Typed) -> None:
    for command in (("show",), ("export", str(state / "file"))):
        refused = typed("certificate", *command)
        assert (refused.exit_code, "has not left" in refused.output) == (5, True)


def test_who_is_silent_past_its_lease_is_shown_as_lapsed_and_never_as_confirmed(left: Path, typed: Typed) -> None:
    shown = typed("certificate", "show", "--at", "2027-01-15 10:00")
    assert (shown.exit_code, "1 of 2 have not answered (1 pending)" in shown.output) == (3, True)
    shown = typed("certificate", "show", "--at", "2027-01-16")
    assert shown.exit_code == 3
    for part in (
        "1 of 2 have not answered (1 lapsed)",
        "Lapsed: its lease is over and it did not sign",
        "the others have",
    ):
        assert part in shown.output
    answer = json.loads(typed("certificate", "show", "--at", "2027-01-16", "--json").stdout)
    assert sorted(holder["standing"] for holder in answer["holders"]) == ["lapsed", "receipt"]


def test_a_date_that_is_none_is_refused(left: Path, typed: Typed) -> None:
    shown = typed("certificate", "show", "--at", "soon")
    assert shown.exit_code == 2
    assert "soon" in shown.output
