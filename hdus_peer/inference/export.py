"""The ensemble as one ONNX file that any ONNX Runtime runs without this product.

Rules
1. The file is written by this process, which holds the seeds in plaintext anyway; its parent names the place and never
   sees the bytes. Only its owner may read it (0600).
2. What is handed over was tried: its bytes were loaded again, and gave the same bits as the graph that answers.
3. The file says what is in it (`metadata_props`): the task, the rule, ρ, and whose seeds of which generation.

Absent on purpose: whether it may be written, and its final name (`daemon.exports`).
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hdus_peer.errors import StorageError, WorkerError
from hdus_peer.inference.ensemble import Blueprint, Ensemble
from hdus_peer.inference.graph import ALONE, ENSEMBLE
from hdus_peer.inference.session import BATCH, Session, stacked

MODE = 0o600
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Written:
    """How many bytes, and whose seeds are inside: (owner, generation), in the order of PeerIds."""

    size: int
    seeds: tuple[tuple[str, int], ...]


def export(ensemble: Ensemble, place: Path, facts: Mapping[str, str], *, with_seeds: bool) -> Written:
    """Write `ensemble`, or its main model alone, to `place`, durably. `facts`: what its caller has to say in the file,
    text by name. Raises WorkerError, StorageError."""
    blueprint = ensemble.blueprint if with_seeds else replace(ensemble.blueprint, seeds=())
    if with_seeds and not blueprint.seeds:
        raise WorkerError("no seeds are in use, so there is no ensemble to export: leave out --with-seeds, or wait")
    model = blueprint.graph(ensemble.weights).model
    seeds = tuple((seed.owner, seed.generation) for seed in blueprint.seeds)
    for name, value in {**facts, **_facts(blueprint, ensemble.rho)}.items():
        model.metadata_props.add(key=name, value=value)
    content: bytes = model.SerializeToString()
    _try(content, ensemble, ENSEMBLE if with_seeds else ALONE)
    _write(place, content)
    return Written(len(content), seeds)


def _facts(blueprint: Blueprint, rho: float) -> dict[str, str]:
    seeds = [{"owner": seed.owner, "generation": seed.generation} for seed in blueprint.seeds]
    facts: dict[str, Any] = {"rule": blueprint.combination.rule, "rho": rho} if seeds else {}
    facts |= {"seeds": seeds, "threads": blueprint.threads, "samples_per_run": BATCH}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in facts.items()}


def _try(content: bytes, ensemble: Ensemble, answered: str) -> None:
    """Whether the file's "alone" and "ensemble" equal the running ensemble's "alone" and `answered`, bit for bit."""
    session = Session(content, ensemble.blueprint.threads)
    shape = (BATCH, *session.sample_shape)
    samples = np.linspace(-2.0, 2.0, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    found = stacked(list(session.run(samples, (ALONE, ENSEMBLE))))
    expected = stacked(list(ensemble.run(samples, (ALONE, answered))))
    if [each.tobytes() for each in found] != [each.tobytes() for each in expected]:
        raise WorkerError("the exported graph does not compute what the ensemble does; nothing was written: report it")


def _write(place: Path, content: bytes) -> None:
    try:
        handle = os.open(place, _FLAGS, MODE)
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(handle, MODE)
            stream.write(content)
            stream.flush()
            os.fsync(handle)
    except OSError as problem:
        raise StorageError(
            f"{place.parent} takes no file from the daemon ({problem.strerror}): make room, or choose another place "
            "that the daemon's user may write to"
        ) from problem
