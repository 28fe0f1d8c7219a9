"""How an HdusError crosses the control socket: its sentence as the status's message, its class in the trailers.

Rule: the class that comes out is the class that went in, so that exit codes and "try again" hold on both sides.
"""

from hdus_peer import errors
from hdus_peer.errors import HdusError

MESSAGE_BYTES_MAX = 64 * 1024 * 1024
ERROR_KEY = "hdus-error"

Trailers = tuple[tuple[str, str | bytes], ...]


def trailers(problem: HdusError) -> Trailers:
    """The trailing metadata that names the class of `problem`."""
    return ((ERROR_KEY, type(problem).__name__),)


def error_from(trailing: Trailers, sentence: str) -> HdusError | None:
    """The error that the service answered with, or None where the status is gRPC's own."""
    name = dict(trailing).get(ERROR_KEY)
    if name is None:
        return None
    kind = getattr(errors, str(name), HdusError)
    return kind(sentence) if isinstance(kind, type) and issubclass(kind, HdusError) else HdusError(sentence)
