"""The data sources, by their names alone: is what they name there, and may we read it."""

import os
from collections.abc import Iterator
from pathlib import Path

from hdus_peer.config import Config
from hdus_peer.doctor.findings import Finding, bad, good

FILES, DIRECTORIES = ("npz", "csv", "parquet"), ("images",)


def findings(config: Config) -> Iterator[Finding]:
    for key in ("source", "reference", "test"):
        text = getattr(config.data, key)
        if text:
            yield _source(f"data.{key}", text)


def _source(key: str, text: str) -> Finding:
    kind, _, rest = text.partition("#")[0].partition(":")
    if kind not in (*FILES, *DIRECTORIES):
        return good("data", f"{key} = {text} names no file; it is read when training begins.")
    if not rest:
        return bad("data", f"{key} = {text} names no file: write {kind}:PATH.")
    path = Path(rest).expanduser().absolute()
    wanted = "directory" if kind in DIRECTORIES else "file"
    if not (os.path.isdir(path) if kind in DIRECTORIES else os.path.isfile(path)):
        return bad("data", f"{key}: there is no {wanted} {path}: bring it, or correct {key}.")
    if not os.access(path, os.R_OK | (os.X_OK if kind in DIRECTORIES else 0)):
        return bad("data", f"{key}: this user may not read {path}: change its permissions, or run as another user.")
    return good("data", f"{key}: {path} is there.")
