"""Keys that never leave their device: request, grant, credentials; and each way in which one of them may be wrong."""

import json
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hdus_peer.admission import authority, device
from hdus_peer.admission.credentials import Credentials, PublicFields, load, save
from hdus_peer.admission.envelope_text import envelope_to_fields
from hdus_peer.admission.grant import load_grant, save_grant
from hdus_peer.admission.kept_keys import FILE_NAME, kept
from hdus_peer.admission.request import AdmissionRequest, load_request, save_request
from hdus_peer.domain.envelope import from_text, sign, to_text
from hdus_peer.domain.identity import Identity
from hdus_peer.errors import AdmissionError, ConfigurationError, HdusError, StorageError
from tests.admission.conftest import DAY_S, NOW_S

Fields = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """An authority's directory, a device's state directory, and where files are carried."""

    network: authority.Network
    state: Path
    carried: Path

    @property
    def root(self) -> Path:
        return self.network.directory / "root.pem"

    def request(self, name: str = "anna", state: Path | None = None, out: str = "request") -> Path:
        device.request_admission(state or self.state, name, self.root, self.carried / out)
        return self.carried / out

    def sign(self, request: Path, out: str = "grant", name: str | None = None, **more: int) -> Path:
        asked = authority.read_request(self.network, request)
        wanted = authority.name_for(self.network, asked, name)
        authority.sign_request(self.network, asked, self.carried / out, wanted, **{"now_s": NOW_S, **more})
        return self.carried / out

    def accept(self, grant: Path, now_s: int = NOW_S) -> Credentials:
        return device.accept(self.state, grant, now_s)

    def member(self) -> Credentials:
        return self.accept(self.sign(self.request()))

    def renewed(self, now_s: int, out: str = "later") -> Path:
        device.request_renewal(self.state, self.carried / f"{out}.request")
        return self.sign(self.carried / f"{out}.request", out, now_s=now_s)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "carried").mkdir()
    network = authority.create_network(tmp_path / "net", "home", "digits", NOW_S)
    return Place(network, tmp_path / "anna", tmp_path / "carried")


def _other(place: Place) -> Place:
    network = authority.create_network(place.carried / "other", "home", "digits", NOW_S)
    return Place(network, place.carried / "other-device", place.carried)


def _fields(file: Path) -> Fields:
    fields: Fields = json.loads(file.read_text())
    return fields


def _rewrite(file: Path, fields: Fields) -> None:
    file.write_text(json.dumps(fields))


# --- the way itself -------------------------------------------------------------------------------------------------
def test_request_sign_and_accept_make_credentials_that_load(place: Place) -> None:
    made = place.member()
    loaded = load(place.state / "credentials", NOW_S)
    assert loaded.peer_id == made.peer_id == place.network.register.admissions()[0].peer
    assert (loaded.member, loaded.network, loaded.task) == ("anna", place.network.id, place.network.task)
    assert loaded.private_key_pem == made.private_key_pem
    assert stat.S_IMODE((place.state / "credentials").stat().st_mode) == 0o600
    assert stat.S_IMODE(place.state.stat().st_mode) == 0o700


def test_the_keys_stay_on_the_device(place: Place) -> None:
    request = place.request()
    keys = kept(place.state)
    assert keys is not None
    grant = place.sign(request)
    secrets = [to_text(keys.identity.private_bytes()), keys.tls_key_pem.decode().splitlines()[1]]
    for file in (request, grant, *place.network.directory.iterdir()):
        assert not any(secret in file.read_text() for secret in secrets), file
    assert stat.S_IMODE((place.state / FILE_NAME).stat().st_mode) == 0o600
    assert "PRIVATE" not in repr(keys)
    assert secrets[0] not in repr(keys)
    place.accept(grant)
    assert not (place.state / FILE_NAME).exists()


def test_asking_again_uses_the_same_keys(place: Place) -> None:
    first, again = place.request(), place.request("annika", out="again")
    assert load_request(first).peer == load_request(again).peer
    assert load_request(first).tls_key == load_request(again).tls_key
    place.accept(place.sign(again))


def test_the_authority_decides_the_name(place: Place) -> None:
    assert place.accept(place.sign(place.request(), name="pi-4")).member == "pi-4"


def test_a_name_that_is_taken_is_refused_and_another_may_be_given(place: Place) -> None:
    authority.issue(place.network.directory, "anna", now_s=NOW_S)
    request = place.request()
    with pytest.raises(AdmissionError, match="a member named anna already"):
        place.sign(request)
    assert not (place.carried / "grant").exists()
    assert place.accept(place.sign(request, name="anna-2")).member == "anna-2"


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 41, "ä"])
def test_a_wish_that_is_no_name_is_refused_on_the_device(place: Place, name: str) -> None:
    with pytest.raises(ConfigurationError, match="1 to 40 letters"):
        place.request(name)
    assert not place.state.exists()


def test_a_wish_that_is_no_name_is_refused_by_the_authority(place: Place) -> None:
    file = place.carried / "bad"
    save_request(file, place.network.id, "../x", Identity.generate(), ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(ConfigurationError, match="1 to 40 letters"):
        place.sign(file)


@pytest.mark.parametrize("days", [0, 3_651])
def test_days_are_bounded(place: Place, days: int) -> None:
    with pytest.raises(ConfigurationError, match="from 1 to 3650"):
        place.sign(place.request(), days=days)
    assert place.network.register.admissions() == ()


def test_a_crash_between_register_and_grant_is_mended_by_signing_again(place: Place) -> None:
    request = place.request()
    place.sign(request, "lost")
    place.accept(place.sign(request, "again"))
    assert {entry.name for entry in place.network.register.admissions()} == {"anna"}


# --- files in the way -----------------------------------------------------------------------------------------------
def test_no_file_is_ever_overwritten(place: Place) -> None:
    (place.carried / "request").write_text("mine")
    with pytest.raises(AdmissionError, match="exists already"):
        place.request()
    assert not (place.state / FILE_NAME).exists()
    request = place.request(out="other")
    with pytest.raises(AdmissionError, match="exists already"):
        place.sign(request, "request")
    assert place.network.register.admissions() == ()
    assert (place.carried / "request").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_a_storage_error(place: Place) -> None:
    (place.carried / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        place.request(state=place.carried / "file" / "state")


def test_a_member_asks_for_a_renewal_and_not_anew(place: Place) -> None:
    place.member()
    with pytest.raises(AdmissionError, match="network request --renew"):
        place.request(out="again")


# --- requests -------------------------------------------------------------------------------------------------------
def _statement(fields: Fields) -> Fields:
    statement: Fields = json.loads(from_text(fields["request"]["payload"]))
    return statement


def _restate(**changes: object) -> Callable[[Fields, Fields], None]:
    def spoil(fields: Fields, _other: Fields) -> None:
        text = json.dumps({**_statement(fields), **changes}, sort_keys=True, separators=(",", ":"))
        fields["request"]["payload"] = to_text(text.encode())

    return spoil


def _put(*path: str) -> Callable[[Fields, Fields], None]:
    """Put in what stands at `path` in somebody else's file."""

    def spoil(fields: Fields, other: Fields) -> None:
        for part in path[:-1]:
            fields, other = fields[part], other[part]
        fields[path[-1]] = other[path[-1]]

    return spoil


def _set(value: object, *path: str) -> Callable[[Fields, Fields], None]:
    def spoil(fields: Fields, _other: Fields) -> None:
        for part in path[:-1]:
            fields = fields[part]
        fields[path[-1]] = value

    return spoil


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_restate(name="mallory"), "was changed, or made by somebody without these keys"),
        (_restate(network="f" * 64), "was changed, or made by somebody without these keys"),
        (_restate(tls_key=to_text(b"nonsense")), "was changed"),
        (_restate(surprise=1), "was changed"),
        (_put("request", "payload"), "was changed"),
        (_put("request", "public_key"), "was changed"),
        (_put("request", "signature"), "was changed"),
        (_put("request"), "signature of the TLS key does not fit"),
        (_put("tls_signature"), "signature of the TLS key does not fit"),
        (_set("hdus/hello/v1", "request", "payload_type"), "damaged"),
        (_set("é", "request", "payload_type"), "damaged"),
        (_set("!", "request", "public_key"), "damaged"),
        (_set("!", "tls_signature"), "damaged: a TLS signature"),
        (_set("", "tls_signature"), "signature of the TLS key does not fit"),
        (_set(7, "tls_signature"), "is no request: tls_signature"),
        (_set({}, "request"), "damaged"),
        (_set(1, "surprise"), "is no request: surprise"),
        (_set(2, "version"), "a later hdus-peer"),
        (_set(0, "version"), "is no request: version"),
        (_set("grant", "kind"), "is a grant, not a request"),
        (_set("poem", "kind"), "is no request: kind"),
    ],
)
def test_a_request_that_was_changed_is_refused(
    place: Place, spoil: Callable[[Fields, Fields], None], sentence: str
) -> None:
    file, other = place.request(), place.request("bert", place.carried / "bert", "bert.request")
    fields = _fields(file)
    spoil(fields, _fields(other))
    _rewrite(file, fields)
    with pytest.raises(AdmissionError, match=sentence):
        authority.read_request(place.network, file)
    assert place.network.register.admissions() == ()


def test_somebody_elses_request_under_another_tls_key_is_refused(place: Place) -> None:
    """The thief of a request signs as the TLS key, and has no identity key to sign with."""
    file, own = place.request(), ec.generate_private_key(ec.SECP256R1())
    encoded = own.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    thief = place.carried / "thief"
    save_request(thief, place.network.id, "anna", Identity.generate(), own)
    fields = _fields(file)
    _restate(tls_key=to_text(encoded))(fields, fields)
    fields["tls_signature"] = _fields(thief)["tls_signature"]
    _rewrite(file, fields)
    with pytest.raises(AdmissionError, match="without these keys"):
        authority.read_request(place.network, file)


def test_a_request_signed_by_an_identity_that_lacks_the_tls_key_is_refused(place: Place) -> None:
    """It takes somebody's TLS key into its own request, and cannot sign with it."""
    fields, thief = _fields(place.request()), Identity.generate()
    statement = _statement(fields)
    mine = AdmissionRequest(statement["network"], "anna", from_text(statement["tls_key"]))
    fields["request"] = envelope_to_fields(sign(thief, mine).envelope)
    _rewrite(place.carried / "request", fields)
    with pytest.raises(AdmissionError, match="signature of the TLS key does not fit"):
        authority.read_request(place.network, place.carried / "request")


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP256K1()])
def test_a_tls_key_of_another_curve_is_refused(place: Place, curve: ec.EllipticCurve) -> None:
    file = place.carried / "curve"
    save_request(file, place.network.id, "anna", Identity.generate(), ec.generate_private_key(curve))
    with pytest.raises(AdmissionError, match="not of the curve P-256"):
        authority.read_request(place.network, file)


def test_a_request_for_another_network_is_refused(place: Place) -> None:
    elsewhere = _other(place).request(out="elsewhere")
    with pytest.raises(AdmissionError, match=r"is for another network .* than home .*root\.pem of"):
        authority.read_request(place.network, elsewhere)


CONTENTS = [b"", b"nonsense", b"[]", b"7", b"\xff\xfe", b"key = 1\n", b"[" * 100_000]


@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_no_request_and_no_grant_is_refused(place: Place, content: bytes) -> None:
    file = place.carried / "file"
    file.write_bytes(content)
    with pytest.raises(AdmissionError, match="is no request"):
        authority.read_request(place.network, file)
    place.request()
    with pytest.raises(AdmissionError, match="is no grant"):
        place.accept(file)
    assert kept(place.state) is not None


def test_huge_missing_and_unreadable_files_are_named(place: Place) -> None:
    place.request()
    huge = place.carried / "huge"
    huge.write_bytes(b" " * (3 << 20))
    reads = (lambda file: authority.read_request(place.network, file), place.accept)
    for read, what in zip(reads, ("request", "grant"), strict=True):
        with pytest.raises(AdmissionError, match=f"too big to be a {what}"):
            read(huge)
        with pytest.raises(AdmissionError, match=f"There is no {what} at"):
            read(place.carried / "none")
        with pytest.raises(AdmissionError, match=f"The {what} .* cannot be read"):
            read(place.carried)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "There is no root certificate"), (b"", "no PEM certificate"), (b"x" * (3 << 20), "too big")],
)
def test_a_root_that_is_none_is_named(place: Place, content: bytes | None, sentence: str) -> None:
    root = place.carried / "root.pem"
    if content is not None:
        root.write_bytes(content)
    with pytest.raises(AdmissionError, match=sentence):
        device.request_admission(place.state, "anna", root, place.carried / "request")
    assert not place.state.exists()


# --- grants ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_set("7" * 64, "network", "id"), "is of the network 7777"),
        (_set("elsewhere", "network", "name"), "seal is that of another grant"),
        (_set("x", "root_certificate"), "seal is that of another grant"),
        (_set("name = 'evil'", "task"), "seal is that of another grant"),
        (_set("bert", "member"), "seal is that of another grant"),
        (_put("tls_chain"), "seal is that of another grant"),
        (_put("membership"), "seal is that of another grant"),
        (_put("seal"), "seal is that of another grant"),
        (_put("membership", "signature"), "was changed after it was signed"),
        (_put("seal", "signature"), "was changed after it was signed"),
        (_put("seal", "payload"), "was changed after it was signed"),
        (_set("!", "seal", "payload"), "damaged"),
        (_set("é", "membership", "payload_type"), "damaged"),
        (_set({}, "seal"), "damaged"),
        (_set({}, "membership"), "damaged"),
        (_set(1, "surprise"), "is no grant: surprise"),
        (_set(2, "version"), "a later hdus-peer"),
        (_set("request", "kind"), "is a request, not a grant"),
    ],
)
def test_a_grant_that_was_changed_is_refused_and_the_keys_go_on_waiting(
    place: Place, spoil: Callable[[Fields, Fields], None], sentence: str
) -> None:
    grant = place.sign(place.request())
    other = place.sign(place.request("bert", place.carried / "bert", "bert.request"), "bert.grant")
    whole, fields = grant.read_bytes(), _fields(grant)
    spoil(fields, _fields(other))
    _rewrite(grant, fields)
    with pytest.raises(AdmissionError, match=sentence):
        place.accept(grant)
    assert not (place.state / "credentials").exists()
    grant.write_bytes(whole)
    place.accept(grant)


def test_a_grant_for_other_keys_is_refused(place: Place) -> None:
    place.request()
    other = place.sign(place.request("bert", place.carried / "bert", "bert.request"))
    with pytest.raises(AdmissionError, match=r"does not answer the request of this device.*another member's"):
        place.accept(other)


def test_a_grant_for_another_tls_key_of_this_identity_is_refused(place: Place) -> None:
    place.request()
    keys = kept(place.state)
    assert keys is not None
    elsewhere = place.carried / "elsewhere"
    save_request(elsewhere, place.network.id, "anna", keys.identity, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(AdmissionError, match="TLS key is not that of the TLS certificate"):
        place.accept(place.sign(elsewhere))


def test_a_grant_of_another_network_is_refused(place: Place) -> None:
    place.request()
    other = _other(place)
    with pytest.raises(AdmissionError, match="Take the one that answers this device's request"):
        place.accept(other.sign(other.request(out="elsewhere")))


def test_a_grant_that_a_member_sealed_itself_is_refused(place: Place) -> None:
    grant = place.sign(place.request())
    fields = load_grant(grant, place.network.id, place.network.root.public_key)
    public = PublicFields(**{name: getattr(fields, name) for name in PublicFields.model_fields})
    save_grant(place.carried / "forged", Identity.generate(), public)
    with pytest.raises(AdmissionError, match="not by the network's root"):
        place.accept(place.carried / "forged")


def test_an_expired_grant_and_one_of_the_future_are_refused(place: Place) -> None:
    grant = place.sign(place.request(), days=30)
    with pytest.raises(AdmissionError, match=r"cannot be used: they expired on"):
        place.accept(grant, NOW_S + 31 * DAY_S)
    with pytest.raises(AdmissionError, match="clock right"):
        place.accept(grant, NOW_S - DAY_S)
    assert place.accept(grant).member == "anna"


def test_an_expired_root_and_one_of_the_future_admit_nobody(place: Place) -> None:
    with pytest.raises(AdmissionError, match="root of the network home has expired"):
        place.sign(place.request(), now_s=NOW_S + 7_301 * DAY_S)
    with pytest.raises(AdmissionError, match="clock right"):
        place.sign(place.carried / "request", now_s=NOW_S - 366 * DAY_S)


def test_without_keys_there_is_nothing_to_accept(place: Place) -> None:
    grant = place.sign(place.request())
    place.accept(grant)
    with pytest.raises(AdmissionError, match="No keys wait in"):
        place.accept(grant)


# --- key files ------------------------------------------------------------------------------------------------------
def test_kept_keys_that_anybody_may_read_are_refused(place: Place) -> None:
    grant = place.sign(place.request())
    (place.state / FILE_NAME).chmod(0o644)
    with pytest.raises(AdmissionError, match="chmod 600"):
        place.accept(grant)


def test_a_root_key_that_anybody_may_read_admits_nobody(place: Place) -> None:
    (place.network.directory / "root.key").chmod(0o604)
    with pytest.raises(AdmissionError, match=r"root key .*Run: chmod 600"):
        authority.open_network(place.network.directory)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("identity_key", "!", "signing key is damaged"),
        ("tls_key", "x", "TLS key is damaged"),
        ("root_certificate", "x", "no PEM certificate"),
        ("tls_key", 1, "is no file of kept keys: tls_key"),
    ],
)
def test_kept_keys_that_are_damaged_are_named_and_never_shown(
    place: Place, key: str, value: object, sentence: str
) -> None:
    place.request()
    file = place.state / FILE_NAME
    fields = _fields(file)
    secret = fields["identity_key"]
    _rewrite(file, {**fields, key: value})
    with pytest.raises(AdmissionError, match=sentence) as caught:
        place.accept(place.carried / "whatever")
    assert secret not in str(caught.value)


def test_keys_that_wait_for_another_network_are_not_taken_for_this_one(place: Place) -> None:
    place.request()
    with pytest.raises(AdmissionError, match="Keys for another network or member wait in"):
        device.request_admission(place.state, "anna", _other(place).root, place.carried / "second")


# --- renewal --------------------------------------------------------------------------------------------------------
def test_a_renewal_keeps_identity_and_name_and_changes_the_tls_key(place: Place) -> None:
    first = place.member()
    later = place.accept(place.renewed(NOW_S + 300 * DAY_S), NOW_S + 300 * DAY_S)
    assert (later.peer_id, later.member, later.network) == (first.peer_id, "anna", first.network)
    assert later.private_key_pem != first.private_key_pem
    assert later.not_after_s == first.not_after_s + 300 * DAY_S
    assert load(place.state / "credentials", NOW_S + 400 * DAY_S).peer_id == first.peer_id
    assert [entry.peer for entry in place.network.register.admissions()] == [first.peer_id] * 2


def test_expired_credentials_can_be_renewed(place: Place) -> None:
    first, late_s = place.member(), NOW_S + 400 * DAY_S
    with pytest.raises(AdmissionError, match="network request --renew"):
        load(place.state / "credentials", late_s)
    assert place.accept(place.renewed(late_s), late_s).peer_id == first.peer_id


def test_credentials_made_at_the_authority_are_renewed_in_the_same_way(place: Place) -> None:
    issued = authority.issue(place.network.directory, "anna", now_s=NOW_S)
    save(issued, place.state / "credentials")
    later = place.accept(place.renewed(NOW_S + DAY_S), NOW_S + DAY_S)
    assert later.peer_id == issued.peer_id
    assert later.private_key_pem != issued.private_key_pem


def test_a_name_that_somebody_has_meanwhile_is_not_taken_back(place: Place) -> None:
    place.member()
    late_s = NOW_S + 400 * DAY_S
    authority.issue(place.network.directory, "anna", now_s=late_s)
    with pytest.raises(AdmissionError, match="a member named anna already"):
        place.renewed(late_s)


def test_an_older_renewal_is_refused(place: Place) -> None:
    place.member()
    device.request_renewal(place.state, place.carried / "r")
    older = place.sign(place.carried / "r", "older", now_s=NOW_S + DAY_S)
    later = place.sign(place.carried / "r", "later", now_s=NOW_S + 2 * DAY_S)
    keys = (place.state / FILE_NAME).read_bytes()
    accepted = place.accept(later, NOW_S + 3 * DAY_S)
    (place.state / FILE_NAME).write_bytes(keys)
    (place.state / FILE_NAME).chmod(0o600)
    with pytest.raises(AdmissionError, match="is older than the credentials that"):
        place.accept(older, NOW_S + 3 * DAY_S)
    assert load(place.state / "credentials", NOW_S + 3 * DAY_S).not_after_s == accepted.not_after_s


def test_without_credentials_there_is_nothing_to_renew(place: Place) -> None:
    with pytest.raises(HdusError, match="There is no credentials file"):
        device.request_renewal(place.state, place.carried / "r")
