"""Everything in a credentials file is proved to belong together: each way in which it may not has its sentence."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdus_peer.admission import authority
from hdus_peer.admission.credentials import load, save
from hdus_peer.admission.envelope_text import envelope_to_fields
from hdus_peer.domain.envelope import sign, to_text
from hdus_peer.domain.identity import Identity
from hdus_peer.errors import AdmissionError
from tests.admission.conftest import DAY_S, NOW_S, Issued

Fields = dict[str, Any]
Spoil = Callable[[Fields, Fields], None]


@pytest.fixture
def stranger(tmp_path: Path) -> Fields:
    """The fields of a file of another network, with the same names."""
    network = authority.create_network(tmp_path / "strange", "home", "digits", NOW_S)
    save(authority.issue(network.directory, "anna", now_s=NOW_S), tmp_path / "stranger")
    fields: Fields = json.loads((tmp_path / "stranger").read_text())
    return fields


@pytest.fixture
def colleague(issued: Issued, tmp_path: Path) -> Fields:
    """The fields of another member's file of the same network."""
    save(authority.issue(issued.network.directory, "bert", now_s=NOW_S), tmp_path / "bert")
    fields: Fields = json.loads((tmp_path / "bert").read_text())
    return fields


def _rewrite(file: Path, fields: Fields) -> None:
    file.write_text(json.dumps(fields))


def _taken(*keys: str) -> Spoil:
    def spoil(fields: Fields, other: Fields) -> None:
        fields.update({key: other[key] for key in keys})

    return spoil


def _set(key: str, value: object) -> Spoil:
    def spoil(fields: Fields, _other: Fields) -> None:
        fields[key] = value

    return spoil


def _edit_membership(part: str, old: str, new: str) -> Spoil:
    def spoil(fields: Fields, _other: Fields) -> None:
        assert old in fields["membership"][part]
        fields["membership"][part] = fields["membership"][part].replace(old, new, 1)

    return spoil


def test_what_was_saved_is_loaded(issued: Issued) -> None:
    loaded = load(issued.file, NOW_S)
    for name in ("network", "network_name", "member", "membership", "task", "peer_id", "root_public_key",
                 "root_certificate_pem", "certificate_chain_pem", "private_key_pem", "tls_spki_sha256"):  # fmt: skip
        assert getattr(loaded, name) == getattr(issued.credentials, name), name
    assert loaded.identity.private_bytes() == issued.credentials.identity.private_bytes()
    assert loaded.root_public_key == issued.network.root.public_key
    assert len(loaded.tls_spki_sha256) == 64


def test_the_file_is_secret_and_never_overwritten(issued: Issued) -> None:
    assert stat.S_IMODE(issued.file.stat().st_mode) == 0o600
    with pytest.raises(AdmissionError, match="exists already"):
        save(issued.credentials, issued.file)


def test_keys_are_never_shown(issued: Issued) -> None:
    text = repr(issued.credentials) + str(issued.credentials)
    assert "PRIVATE" not in text
    assert to_text(issued.credentials.identity.private_bytes()) not in text
    assert repr(issued.credentials.identity.private_bytes()) not in text


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_taken("root_certificate"), "root certificate is that of another network"),
        (_taken("network"), "root certificate is that of another network"),
        (_taken("network", "root_certificate"), "membership was not signed by this network's root"),
        (_taken("membership"), "membership was not signed by this network's root"),
        (_taken("tls_chain"), "TLS certificate was not signed by this network's root"),
        (_taken("identity_key"), "membership is another member's"),
        (_taken("tls_key"), "TLS key is not that of the TLS certificate"),
        (_set("network", {"name": "x", "id": ""}), "root certificate is that of another network"),
        (_set("member", "bert"), "membership is another member's"),
        (_set("root_certificate", "nonsense"), "root certificate is no PEM certificate"),
        (_set("tls_chain", "nonsense"), "TLS certificate is no PEM certificate"),
        (_set("tls_key", "nonsense"), "TLS key is damaged"),
        (_set("identity_key", "nonsense"), "signing key is damaged"),
        (_set("identity_key", "!"), "signing key is damaged"),
        (_set("membership", {}), "membership is damaged"),
        (_set("task", "nonsense"), "is no TOML"),
        (_set("task", "name = 'x'"), "classes is missing"),
        (_edit_membership("payload", "ey", "ez"), "membership is damaged"),
        (_edit_membership("payload_type", "membership", "hello"), "membership is damaged"),
        (_set("version", 2), "a later hdus-peer"),
        (_set("version", 0), "no credentials file: version"),
        (_set("version", "1"), "no credentials file: version"),
        (_set("tls_key", 7), "no credentials file: tls_key"),
        (_set("surprise", 1), "no credentials file: surprise"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    issued: Issued, stranger: Fields, spoil: Spoil, sentence: str
) -> None:
    fields = json.loads(issued.file.read_text())
    spoil(fields, stranger)
    _rewrite(issued.file, fields)
    with pytest.raises(AdmissionError, match=sentence):
        load(issued.file, NOW_S)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_taken("membership"), "membership is another member's"),
        (_taken("identity_key"), "membership is another member's"),
        (_taken("tls_chain"), "TLS certificate names another peer"),
        (_taken("tls_chain", "tls_key"), "TLS certificate names another peer"),
        (_taken("membership", "member", "identity_key"), "TLS certificate names another peer"),
    ],
)
def test_parts_of_another_member_are_refused(issued: Issued, colleague: Fields, spoil: Spoil, sentence: str) -> None:
    fields = json.loads(issued.file.read_text())
    spoil(fields, colleague)
    _rewrite(issued.file, fields)
    with pytest.raises(AdmissionError, match=sentence):
        load(issued.file, NOW_S)


def test_a_network_name_that_the_root_does_not_carry_is_refused(issued: Issued) -> None:
    fields = json.loads(issued.file.read_text())
    fields["network"]["name"] = "elsewhere"
    _rewrite(issued.file, fields)
    with pytest.raises(AdmissionError, match="name is not the one in its root certificate"):
        load(issued.file, NOW_S)


def test_a_membership_that_the_member_signed_itself_is_refused(issued: Issued) -> None:
    fields = json.loads(issued.file.read_text())
    statement = issued.credentials.membership.statement
    fields["membership"] = envelope_to_fields(sign(issued.credentials.identity, statement).envelope)
    _rewrite(issued.file, fields)
    with pytest.raises(AdmissionError, match="not signed by this network's root"):
        load(issued.file, NOW_S)


def test_a_membership_changed_after_signing_is_refused(issued: Issued) -> None:
    fields = json.loads(issued.file.read_text())
    other = sign(Identity.generate(), issued.credentials.membership.statement).envelope
    fields["membership"]["signature"] = to_text(other.signature)
    _rewrite(issued.file, fields)
    with pytest.raises(AdmissionError, match="changed after it was signed"):
        load(issued.file, NOW_S)


def test_a_leaf_is_no_root(issued: Issued) -> None:
    fields = json.loads(issued.file.read_text())
    fields["root_certificate"] = fields["tls_chain"]
    _rewrite(issued.file, fields)
    with pytest.raises(AdmissionError, match="Ed25519, self-signed"):
        load(issued.file, NOW_S)


def test_expired_credentials_say_when_and_what_to_do(issued: Issued) -> None:
    end_s = NOW_S + 365 * DAY_S
    load(issued.file, end_s)
    with pytest.raises(AdmissionError, match=r"expired on 2028-01-15 08:00 UTC.*network issue NAME"):
        load(issued.file, end_s + 1)


def test_credentials_of_the_future_ask_for_the_clock(issued: Issued) -> None:
    load(issued.file, NOW_S - 299)
    with pytest.raises(AdmissionError, match="clock right"):
        load(issued.file, NOW_S - 301)


def test_a_missing_file_says_where_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(AdmissionError, match=r"There is no credentials file at .*network issue NAME"):
        load(tmp_path / "nothing")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(AdmissionError, match="cannot be read"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"[]", b"\xff\xfe", b"7", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(issued: Issued, content: bytes) -> None:
    issued.file.write_bytes(content)
    with pytest.raises(AdmissionError, match="is no credentials file"):
        load(issued.file)


def test_an_oversized_file_is_not_read(issued: Issued) -> None:
    issued.file.write_bytes(b" " * (3 << 20))
    with pytest.raises(AdmissionError, match="too big"):
        load(issued.file)


def test_a_file_that_anybody_may_read_is_refused(issued: Issued) -> None:
    issued.file.chmod(0o644)
    with pytest.raises(AdmissionError, match="chmod 600"):
        load(issued.file, NOW_S)


def test_no_secret_is_in_an_error(issued: Issued) -> None:
    fields = json.loads(issued.file.read_text())
    secret = fields["identity_key"]
    fields["identity_key"] = [secret]
    _rewrite(issued.file, fields)
    with pytest.raises(AdmissionError) as caught:
        load(issued.file)
    assert secret not in repr(caught.value)
    assert caught.value.__cause__ is None
