"""A revocation is the root's, final, and read back only as it was signed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdus_peer.admission import certificates
from hdus_peer.admission.authority import admit, create_network, issue, open_network, revoke_member
from hdus_peer.admission.revocation import load_revocation
from hdus_peer.errors import AdmissionError

NOW_S = 1_800_000_000


@pytest.fixture
def revoked(tmp_path: Path) -> tuple[Path, Path]:
    """A network, and the file of a member's revocation."""
    directory = tmp_path / "home"
    network = create_network(directory, "home", "digits", NOW_S)
    issue(directory, "anna", now_s=NOW_S)
    _, file = revoke_member(network, "anna", NOW_S)
    return directory, file


def test_it_proves_itself_and_covers_every_generation(revoked: tuple[Path, Path]) -> None:
    directory, file = revoked
    root = open_network(directory).root.peer_id
    found = load_revocation(file, root)
    notice = found.notice.statement
    assert (found.name, notice.kind, notice.through) == ("anna", "revoke", 2**53)
    assert found.notice.signer == root


def test_who_was_revoked_is_never_admitted_again_under_its_keys(revoked: tuple[Path, Path]) -> None:
    network = open_network(revoked[0])
    (admission,) = network.register.of("anna")
    with pytest.raises(AdmissionError, match="revoked, and that is final"):
        admit(
            network,
            admission.membership.statement.public_key,
            certificates.new_tls_key().public_key(),
            "anna",
            10,
            NOW_S,
        )


def test_a_name_that_several_had_is_not_enough(tmp_path: Path) -> None:
    directory = tmp_path / "home"
    network = create_network(directory, "home", "digits", NOW_S)
    first = issue(directory, "anna", days=1, now_s=NOW_S)
    issue(directory, "anna", now_s=NOW_S + 10 * 86_400)
    with pytest.raises(AdmissionError, match=r"name of several members.*" + first.peer_id):
        revoke_member(network, "anna")
    assert revoke_member(network, first.peer_id)[0].peer == first.peer_id


def _without_membership(fields: dict[str, Any]) -> None:
    del fields["membership"]


def _altered(fields: dict[str, Any]) -> None:
    fields["notice"]["signature"] = fields["membership"]["signature"]


def _another_kind(fields: dict[str, Any]) -> None:
    fields["kind"] = "grant"


@pytest.mark.parametrize("change", [_without_membership, _altered, _another_kind])
def test_a_changed_file_is_refused(revoked: tuple[Path, Path], change: Callable[[dict[str, Any]], None]) -> None:
    directory, file = revoked
    fields = json.loads(file.read_text())
    change(fields)
    file.write_text(json.dumps(fields))
    with pytest.raises(AdmissionError):
        load_revocation(file, open_network(directory).root.peer_id)


def test_that_of_another_network_is_refused(revoked: tuple[Path, Path], tmp_path: Path) -> None:
    other = create_network(tmp_path / "other", "other", "digits", NOW_S)
    with pytest.raises(AdmissionError, match="not by the authority of this network"):
        load_revocation(revoked[1], other.root.peer_id)


def test_a_renewed_membership_begins_when_the_first_one_did(tmp_path: Path) -> None:
    directory = tmp_path / "home"
    network = create_network(directory, "home", "digits", NOW_S)
    first = issue(directory, "anna", now_s=NOW_S).membership.statement
    later, _ = admit(
        network, first.public_key, certificates.new_tls_key().public_key(), "anna", 365, NOW_S + 300 * 86_400
    )
    assert later.statement.not_before_s == first.not_before_s
    assert later.statement.not_after_s > first.not_after_s
