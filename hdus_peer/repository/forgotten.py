"""Where the lists of forgotten samples lie: `forgotten/<SHA-256 of the list>`, one digest (hex) a line.

Rule: a list is durable before the row that names it. One without a row was chosen and never confirmed: it goes with the
next start.
"""

from pathlib import Path

from hdus_peer.durable import remove_durably
from hdus_peer.protocol.records import ForgottenRow
from hdus_peer.repository.port import Recovered
from hdus_peer.repository.strays import strays

FOLDER = "forgotten"


def forgotten_directory(state: Path) -> Path:
    """Of the state directory `state`."""
    return state / FOLDER


def sweep_forgotten(state: Path, rows: Recovered) -> None:
    """Remove the lists that no row names. Raises StorageError."""
    folder = forgotten_directory(state)
    kept = frozenset(row.samples_sha256 for row in rows.of(ForgottenRow))
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    for name in strays(names, kept):
        remove_durably(folder / name)
