"""How gRPC is set up on both ends: the names of the methods, the options, and one open channel.

Rule: whatever bounds memory or waiting is set before the first byte is read: message sizes, streams, handshakes,
keepalive. Requests and answers pass as bytes; `codec` and `chunks` alone take them apart.
"""

import grpc

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.tls_name import ANY_TLS_NAME, tls_name
from hdus_peer.errors import ConfigurationError
from hdus_peer.transport.chunks import CHUNK_BYTES_MAX, CHUNK_OVERHEAD_BYTES
from hdus_peer.transport.codec import FRAME_BYTES_MAX
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.tls import TlsMaterial, channel_credentials
from hdus_peer.wire.v1 import wire_pb2 as wire

SERVICE = wire.DESCRIPTOR.services_by_name["Peer"].full_name
IDENTIFY, LINK, FETCH, UPLOAD = (f"/{SERVICE}/{name}" for name in ("Identify", "Link", "Fetch", "Upload"))
ACCEPTED = ("hdus-link", "accepted")
MESSAGE_BYTES_MAX = max(FRAME_BYTES_MAX, CHUNK_BYTES_MAX) + CHUNK_OVERHEAD_BYTES
METADATA_BYTES_MAX = 8192

Options = list[tuple[str, str | int]]


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _both_ends(limits: TransportLimits) -> Options:
    return [
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_metadata_size", METADATA_BYTES_MAX),
        ("grpc.keepalive_time_ms", _ms(limits.keepalive_interval_s)),
        ("grpc.keepalive_timeout_ms", _ms(limits.keepalive_timeout_s)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.enable_retries", 0),
    ]


def server_options(limits: TransportLimits) -> Options:
    return [
        *_both_ends(limits),
        ("grpc.so_reuseport", 0),
        ("grpc.max_concurrent_streams", limits.streams_per_connection_max),
        ("grpc.max_allowed_incoming_connections", limits.connections_max),
        ("grpc.server_handshake_timeout_ms", _ms(limits.dial_s)),
        ("grpc.max_connection_age_ms", _ms(limits.connection_age_s)),
        ("grpc.max_connection_age_grace_ms", _ms(limits.bulk_idle_s)),
        ("grpc.max_connection_idle_ms", _ms(limits.connection_idle_s)),
        ("grpc.http2.min_ping_interval_without_data_ms", _ms(limits.keepalive_interval_s / 2)),
    ]


def open_channel(
    tls: TlsMaterial, peer: PeerId | None, address: str, limits: TransportLimits, *, apart: bool = False
) -> grpc.aio.Channel:
    """A channel on which only `peer` can answer, or any member where that is None. Nothing is sent yet. `apart`: on a
    connection of its own, that closes when it has been idle for `bulk_linger_s`."""
    options: Options = [
        *_both_ends(limits),
        ("grpc.ssl_target_name_override", tls_name(peer) if peer else ANY_TLS_NAME),
        ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", int(apart)),
        *([("grpc.client_idle_timeout_ms", _ms(limits.bulk_linger_s))] if apart else []),
    ]
    try:
        return grpc.aio.secure_channel(address, channel_credentials(tls), options)
    except ValueError as problem:
        raise ConfigurationError(f"{address!r} is no address; write host:port or [ipv6]:port") from problem
