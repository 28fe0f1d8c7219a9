import json
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from hdus_peer.admission.authority import admit, create_network, issue, issue_file, open_network
from hdus_peer.admission.credentials import load
from hdus_peer.domain.identity import Identity
from hdus_peer.domain.tls_name import ANY_TLS_NAME, tls_name
from hdus_peer.errors import AdmissionError, ConfigurationError, HdusError, StorageError
from tests.admission.conftest import DAY_S, NOW_S, Issued


def test_a_network_is_named_by_the_hash_of_its_roots_key(tmp_path: Path) -> None:
    network = create_network(tmp_path / "net", "home", "digits")
    key = x509.load_pem_x509_certificate((tmp_path / "net" / "root.pem").read_bytes()).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(spki)
    assert network.id == digest.finalize().hex()
    assert (network.name, network.task.name) == ("home", "digits")


def test_two_networks_of_one_name_have_different_ids_and_subjects(tmp_path: Path) -> None:
    one, other = (create_network(tmp_path / place, "home", "digits") for place in ("a", "b"))
    assert one.id != other.id
    assert one.certificate.subject != other.certificate.subject


def test_the_root_key_is_readable_by_its_owner_alone_and_never_shown(tmp_path: Path) -> None:
    network = create_network(tmp_path / "net", "home", "digits")
    assert stat.S_IMODE((tmp_path / "net" / "root.key").stat().st_mode) == 0o600
    assert "Identity" not in repr(network)


def test_a_network_is_never_overwritten(issued: Issued) -> None:
    before = (issued.network.directory / "root.key").read_bytes()
    with pytest.raises(AdmissionError, match=r"There is a network in .* already"):
        create_network(issued.network.directory, "other", "mnist")
    assert (issued.network.directory / "root.key").read_bytes() == before


def test_an_interrupted_creation_goes_on_with_its_key(tmp_path: Path) -> None:
    first = create_network(tmp_path / "net", "home", "digits")
    (tmp_path / "net" / "root.pem").unlink()
    assert create_network(tmp_path / "net", "home", "mnist").id == first.id


def test_a_leaf_names_its_peer_and_nothing_else(issued: Issued) -> None:
    leaf = x509.load_pem_x509_certificate(issued.credentials.certificate_chain_pem)
    peer = issued.credentials.peer_id
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    key = leaf.public_key()
    assert leaf.subject.rfc4514_string() == f"CN={peer}"
    assert set(names.get_values_for_type(x509.DNSName)) == {tls_name(peer), ANY_TLS_NAME}
    assert set(purposes) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_membership_begins_a_little_early_and_lasts_as_long_as_asked(issued: Issued) -> None:
    statement = issue(issued.network.directory, "bert", days=30, now_s=NOW_S).membership.statement
    assert statement.not_before_s == NOW_S - 300
    assert statement.not_after_s == NOW_S + 30 * DAY_S


def test_nobody_is_admitted_for_longer_than_the_root_lives(issued: Issued) -> None:
    late_s = NOW_S + 7_299 * DAY_S
    assert issue(issued.network.directory, "bert", now_s=late_s).not_after_s == NOW_S + 7_300 * DAY_S
    with pytest.raises(AdmissionError, match="has expired"):
        issue(issued.network.directory, "cleo", now_s=late_s + DAY_S)


@pytest.mark.parametrize("days", [0, -1, 3_651])
def test_days_are_bounded(issued: Issued, days: int) -> None:
    with pytest.raises(ConfigurationError, match="from 1 to 3650"):
        issue(issued.network.directory, "bert", days=days)


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 41, "ä", "a\n"])
def test_names_are_bounded(issued: Issued, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="1 to 40 letters"):
        issue(issued.network.directory, name)
    with pytest.raises(ConfigurationError, match="1 to 40 letters"):
        create_network(tmp_path / "other", name, "digits")


def test_a_name_is_given_once_until_it_expired(issued: Issued) -> None:
    with pytest.raises(AdmissionError, match="a member named anna already"):
        issue(issued.network.directory, "anna", now_s=NOW_S)
    again = issue(issued.network.directory, "anna", now_s=NOW_S + 366 * DAY_S)
    assert again.peer_id != issued.credentials.peer_id


def test_the_register_lists_everybody_in_order(issued: Issued) -> None:
    bert = issue(issued.network.directory, "bert", now_s=NOW_S + 5)
    admissions = open_network(issued.network.directory).register.admissions()
    assert [(entry.name, entry.peer, entry.issued_at_s) for entry in admissions] == [
        ("anna", issued.credentials.peer_id, NOW_S),
        ("bert", bert.peer_id, NOW_S + 5),
    ]
    line = json.loads((issued.network.directory / "members.jsonl").read_text().splitlines()[1])
    assert (line["name"], line["peer"]) == ("bert", bert.peer_id)


def test_a_torn_last_line_of_the_register_was_never_acknowledged(issued: Issued) -> None:
    register = issued.network.directory / "members.jsonl"
    whole = register.read_bytes()
    register.write_bytes(whole + whole[: len(whole) // 2])
    issue(issued.network.directory, "bert", now_s=NOW_S)
    assert [entry.name for entry in issued.network.register.admissions()] == ["anna", "bert"]
    assert register.read_bytes().startswith(whole + b"{")


def test_a_damaged_register_is_named_with_its_line(issued: Issued) -> None:
    register = issued.network.directory / "members.jsonl"
    register.write_bytes(register.read_bytes().replace(b'"issued_at_s"', b'"issued"', 1))
    with pytest.raises(AdmissionError, match=r"Line 1 of .* is damaged"):
        issue(issued.network.directory, "bert")


def test_two_who_ask_for_one_name_at_once_are_not_both_admitted(issued: Issued) -> None:
    outcomes: list[object] = []

    def ask() -> None:
        try:
            outcomes.append(issue(issued.network.directory, "twin"))
        except HdusError as problem:
            outcomes.append(problem)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(outcome, AdmissionError) for outcome in outcomes) == [False, True, True, True]
    assert [entry.name for entry in issued.network.register.admissions()] == ["anna", "twin"]


def test_a_device_that_keeps_its_keys_is_admitted_by_its_public_ones(issued: Issued) -> None:
    device, tls_key = Identity.generate(), ec.generate_private_key(ec.SECP256R1())
    membership, leaf = admit(issued.network, device.public_key, tls_key.public_key(), "pi", 30, NOW_S)
    assert membership.statement.peer == device.peer_id
    leaf.verify_directly_issued_by(issued.network.certificate)


def test_where_a_file_is_in_the_way_nobody_is_admitted(issued: Issued) -> None:
    with pytest.raises(AdmissionError, match="exists already"):
        issue_file(issued.network.directory, "bert", issued.file)
    assert [entry.name for entry in issued.network.register.admissions()] == ["anna"]


def test_an_issued_file_can_be_loaded(tmp_path: Path) -> None:
    create_network(tmp_path / "today", "today", "digits")
    made = issue_file(tmp_path / "today", "bert", tmp_path / "new" / "bert.credentials")
    assert load(tmp_path / "new" / "bert.credentials").peer_id == made.peer_id


def test_no_network_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(AdmissionError, match="hdus-peer network create"):
        open_network(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("root.key", b"nonsense", "root.key is damaged"),
        ("root.key", None, "root.key is missing"),
        ("root.pem", b"nonsense", "no PEM certificate"),
        ("task.toml", b"nonsense", "task.toml is no TOML"),
        ("task.toml", b"\xff\xfe", "task.toml is no TOML"),
    ],
)
def test_a_damaged_network_is_named(issued: Issued, name: str, content: bytes | None, sentence: str) -> None:
    (issued.network.directory / name).unlink()
    if content is not None:
        (issued.network.directory / name).write_bytes(content)
    with pytest.raises((AdmissionError, ConfigurationError), match=sentence):
        open_network(issued.network.directory)


def test_a_root_key_of_another_network_or_kind_is_refused(issued: Issued, tmp_path: Path) -> None:
    other = create_network(tmp_path / "other", "other", "digits")
    key = issued.network.directory / "root.key"
    key.write_bytes((other.directory / "root.key").read_bytes())
    with pytest.raises(AdmissionError, match="is not the key of"):
        open_network(issued.network.directory)
    key.write_bytes(issued.credentials.private_key_pem)
    with pytest.raises(AdmissionError, match="no Ed25519 key"):
        open_network(issued.network.directory)


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        create_network(tmp_path / "file" / "net", "home", "digits")
