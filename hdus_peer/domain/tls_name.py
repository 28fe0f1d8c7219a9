"""The names that a member's certificate carries, so that a dialler can demand one before it says a word.

`<peer id>.peer.hdus` is demanded by whoever knows whom it wants; `any.peer.hdus` by whoever has only an address: it
learns the PeerId from the certificate that answers, hangs up, and dials again under the first name.
Nothing is ever looked up under these names.
"""

from hdus_peer.domain.identity import PeerId, is_peer_id

_SUFFIX = ".peer.hdus"
ANY_TLS_NAME = "any" + _SUFFIX


def tls_name(peer: PeerId) -> str:
    """The DNS name that the certificate of `peer`, and no other, carries."""
    return peer + _SUFFIX


def peer_of_tls_name(name: str) -> PeerId | None:
    """The PeerId in a name of the first form; None for every other name."""
    peer = name.removesuffix(_SUFFIX)
    return PeerId(peer) if peer != name and is_peer_id(peer) else None
