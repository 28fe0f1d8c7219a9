"""Mutual TLS: what a transport is given to prove who it is, and how it learns who the other end is.

Rules
1. A peer is the PeerId in the certificate that the handshake verified, and nothing that a message says.
2. Whoever knows the PeerId that it wants demands `<peer id>.peer.hdus` of the certificate that answers; only
   `identify` accepts `any.peer.hdus`.
3. Both ends must present a certificate of this network's root: without one, no byte of protocol.

Absent on purpose: making certificates, and the files they come from (see `admission`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import grpc

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.tls_name import peer_of_tls_name
from hdus_peer.errors import AdmissionError


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """`network`: SHA-256 (hex) of the root's SubjectPublicKeyInfo; `root_public_key`: raw Ed25519, 32 bytes. The
    chain is that of this peer's own P-256 leaf."""

    root_certificate_pem: bytes
    certificate_chain_pem: bytes
    private_key_pem: bytes = field(repr=False)
    network: str
    root_public_key: bytes


def server_credentials(tls: TlsMaterial) -> grpc.ServerCredentials:
    pair = (tls.private_key_pem, tls.certificate_chain_pem)
    return grpc.ssl_server_credentials([pair], root_certificates=tls.root_certificate_pem, require_client_auth=True)


def channel_credentials(tls: TlsMaterial) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(tls.root_certificate_pem, tls.private_key_pem, tls.certificate_chain_pem)


def peer_of(auth_context: Mapping[str, Iterable[bytes]]) -> PeerId:
    """The PeerId that the client's verified certificate carries, in its common name and as a DNS name alike.
    Raises AdmissionError for a certificate of this root that is no member's."""
    common = [name.decode("ascii", "replace") for name in auth_context.get("x509_common_name", ())]
    names = [name.decode("ascii", "replace") for name in auth_context.get("x509_subject_alternative_name", ())]
    peers = {peer for peer in map(peer_of_tls_name, names) if peer is not None}
    if len(peers) != 1 or set(common) != peers:
        raise AdmissionError("the certificate does not name one peer; issue new credentials for it")
    return peers.pop()
