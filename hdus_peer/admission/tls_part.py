"""The TLS part of a credentials file, as it stands there: for whoever asks its own daemon how it is.

Rule: nothing is proved here. The daemon proved the whole file when it started, and the handshake proves these parts
again; `credentials.load` is for everybody who relies on what is in the file. It costs ten times as much, which counts
for a probe that is run every few seconds.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from hdus_peer.errors import AdmissionError


@dataclass(frozen=True, slots=True)
class TlsPart:
    """PEM, as bytes."""

    root_pem: bytes
    chain_pem: bytes
    key_pem: bytes = field(repr=False)


def read_tls_part(path: Path) -> TlsPart:
    """Raises AdmissionError where there is no such file, or it has no TLS part."""
    try:
        fields = json.loads(path.read_bytes())
        root, chain, key = (fields[name].encode() for name in ("root_certificate", "tls_chain", "tls_key"))
    except OSError as problem:
        raise AdmissionError(f"The credentials {path} cannot be read: {problem.strerror}.") from problem
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise AdmissionError(f"{path} is no credentials file: restart the daemon, it says what is wrong.") from problem
    return TlsPart(root, chain, key)
