"""A foreign seed from sealed bytes to tensors, or refused.

Rule: nothing in a seed is believed. It is decrypted in this process, read by a parser that knows data only, compared
with its architecture's template and its manifest, and every number is looked at; the plaintext is written nowhere.
A refusal is a `RefusedError` whose message is one word (see `workers.port.Predictor.check`).

Absent on purpose: whose seed it is and whether it may be used (the core's), and what it predicts (the rules').
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.sealed import KEY_BYTES, OVERHEAD_BYTES, schema_digest, unseal
from hdus_peer.errors import ForgedError, MalformedError, RefusedError, WorkerError
from hdus_peer.inference.graph import LOGITS, SAFETENSORS_F32, Schema, Template, Tensors
from hdus_peer.inference.session import Session

HEADER_BYTES_MAX = 1 << 20
MAGNITUDE_MAX = 1e6
"""A tensor value beyond this counts as not finite: no trained weight comes near, and sums of such may overflow."""
PROBE_SAMPLES = 2


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the daemon tells of one seed: the manifest's claims that matter here, and its two files."""

    owner: PeerId
    generation: int
    task: str
    architecture: str
    schema_sha256: str
    payload_bytes: int
    payload: Path
    key: Path


def open_seed(seed: Sealed, templates: Mapping[str, Template]) -> Tensors:
    """The seed's tensors, checked but for what they compute (`probe`). Raises RefusedError or WorkerError."""
    template = templates.get(seed.architecture)
    if template is None:
        raise RefusedError("unknown-architecture")
    tensors, schema = _parsed(_decrypted(seed))
    if schema != template.schema or schema_digest(schema) != seed.schema_sha256:
        raise RefusedError("wrong-schema")
    for data in tensors.values():
        values = np.frombuffer(data, dtype="<f4")
        # a NaN fails the comparison as well
        if values.size and not np.abs(values).max() <= MAGNITUDE_MAX:
            raise RefusedError("not-finite")
    return tensors


def probe(template: Template, tensors: Tensors, threads: int) -> None:
    """Run the seed by itself on two fixed samples: finite weights may still give answers that are not (a negative
    variance). Raises RefusedError."""
    session = Session(template.filled(tensors).SerializeToString(), threads)
    shape = (PROBE_SAMPLES, *template.sample_shape)
    samples = np.linspace(-1.0, 1.0, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    for (logits,) in session.run(samples, (LOGITS,)):
        if not np.isfinite(logits).all():
            raise RefusedError("not-finite")


def _decrypted(seed: Sealed) -> bytes:
    key, sealed = _read(seed.key, KEY_BYTES), _read(seed.payload, seed.payload_bytes)
    if len(key) != KEY_BYTES:
        raise RefusedError("wrong-key")
    if len(sealed) != seed.payload_bytes or len(sealed) < OVERHEAD_BYTES:
        raise RefusedError("not-safetensors")
    try:
        return unseal(sealed, key, seed.owner, seed.task)
    except ForgedError as problem:
        raise RefusedError("wrong-key") from problem
    except MalformedError as problem:
        raise RefusedError("not-safetensors") from problem


def _read(path: Path, size: int) -> bytes:
    """At most one byte more than `size`, so that a wrong length is seen and never read."""
    try:
        with path.open("rb") as file:
            return file.read(size + 1)
    except OSError as problem:
        raise WorkerError("a stored seed cannot be read; run `hdus-peer check --repair`") from problem


def _parsed(plaintext: bytes) -> tuple[Tensors, Schema]:
    """Tensors and schema of safetensors bytes. The library checks that the tensors' ranges fill the file exactly."""
    if len(plaintext) < 8 or int.from_bytes(plaintext[:8], "little") > HEADER_BYTES_MAX:
        raise RefusedError("not-safetensors")
    try:
        entries = safetensors.deserialize(plaintext)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as problem:
        raise RefusedError("not-safetensors") from problem
    if any(entry["dtype"] != SAFETENSORS_F32 for _, entry in entries):
        raise RefusedError("wrong-schema")
    tensors = {name: bytes(entry["data"]) for name, entry in entries}
    schema = tuple(sorted((name, SAFETENSORS_F32, tuple(entry["shape"])) for name, entry in entries))
    return tensors, schema
