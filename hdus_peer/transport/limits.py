"""Every bound and deadline of a transport, in one value. Sizes that both ends must agree on are constants of
`codec` and `chunks` instead, because they belong to the protocol."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """`crossing_pause_s`: how long a dial that yielded to one from the other side waits for that one before it tries
    again. `bulk_rate_min_bytes_s` bounds a fetch as a whole, so that nobody feeds it byte by byte. `connection_age_s`
    makes every certificate prove itself anew; a connection on which nobody asks anything for `connection_idle_s` is
    closed. What one peer may say (`allowance`): `frames_per_s`, and `frames_at_once_max` after a silence,
    where a frame counts once more for every `frame_bytes` of it, and a call as `call_frames`."""

    dial_s: float = 5.0
    crossing_pause_s: float = 0.25
    flush_s: float = 1.0
    keepalive_interval_s: float = 10.0
    keepalive_timeout_s: float = 5.0
    connection_age_s: float = 4 * 3600.0
    connection_idle_s: float = 60.0
    connections_max: int = 1024
    streams_per_connection_max: int = 16
    calls_per_peer_max: int = 32
    call_frames: int = 2
    frames_per_s: int = 64
    frames_at_once_max: int = 512
    frame_bytes: int = 16 * 1024
    links_max: int = 512
    outgoing_frames_max: int = 1024
    outgoing_bytes_max: int = 16 * 1024 * 1024
    bulk_idle_s: float = 10.0
    bulk_linger_s: float = 30.0
    bulk_rate_min_bytes_s: int = 4096
    served_per_peer_max: int = 4
    served_max: int = 32
