"""PeerIds are hashes of keys; a key never shows itself."""

import base64
import hashlib

from hypothesis import given
from hypothesis import strategies as some

from hdus_peer.domain.identity import PEER_ID_LENGTH, Identity, is_peer_id, is_signed_by, peer_id_of, short

KEY = bytes(range(32))


def test_a_peer_id_is_the_base32_of_the_hash_of_the_public_key() -> None:
    me = Identity(KEY)
    expected = base64.b32encode(hashlib.sha256(me.public_key).digest()).decode().rstrip("=").lower()
    assert me.peer_id == expected == peer_id_of(me.public_key)
    assert len(me.peer_id) == PEER_ID_LENGTH
    assert is_peer_id(me.peer_id)
    assert me.peer_id.startswith(short(me.peer_id))


def test_what_has_another_form_is_no_peer_id() -> None:
    peer = Identity(KEY).peer_id
    assert not any(map(is_peer_id, ("", peer.upper(), peer[:-1], peer + "a", "1" + peer[1:], "é" + peer[1:])))


def test_a_signature_fits_its_message_and_key_alone() -> None:
    me, other = Identity(KEY), Identity(bytes(32))
    signature = me.sign(b"message")
    assert is_signed_by(me.public_key, signature, b"message")
    assert not is_signed_by(me.public_key, signature, b"massage")
    assert not is_signed_by(other.public_key, signature, b"message")


@given(some.binary(max_size=70), some.binary(max_size=70))
def test_no_bytes_are_a_key_and_a_signature_by_chance(public_key: bytes, signature: bytes) -> None:
    assert not is_signed_by(public_key, signature, b"message")


def test_the_key_comes_back_and_is_never_shown() -> None:
    me = Identity(KEY)
    assert Identity(me.private_bytes()).peer_id == me.peer_id
    assert KEY.hex() not in repr(me)
    assert str(KEY) not in repr(me)
    assert repr(me) == f"Identity({short(me.peer_id)})"
    assert Identity.generate().peer_id != Identity.generate().peer_id
