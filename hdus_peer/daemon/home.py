"""A peer's home: its state directory, and the credentials that made it that of one identity.

Rule: the first start copies the credentials into the state directory; from then on the directory belongs to that
identity, and credentials of another one are refused.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from hdus_peer.admission.credentials import Credentials, load, save
from hdus_peer.config import Config
from hdus_peer.errors import AdmissionError, StateError

DIRECTORY_MODE = 0o700


@dataclass(frozen=True, slots=True)
class Home:
    """`directory` exists; `credentials` are verified and are those kept in it."""

    directory: Path
    credentials: Credentials

    @property
    def models(self) -> Path:
        return self.directory / "models"

    @property
    def published(self) -> Path:
        """Names the job whose seed was published, so that a restart does not publish it again."""
        return self.models / "published"


def open_home(config: Config) -> Home:
    """Make or open the state directory. Raises StateError, AdmissionError."""
    directory = config.state_directory.absolute()
    try:
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    except OSError as problem:
        sentence = f"The state directory {directory} cannot be made ({problem.strerror}): choose another with --state."
        raise StateError(sentence) from problem
    return Home(directory, _credentials(directory / "credentials", config.credentials))


def _credentials(kept: Path, given: Path | None) -> Credentials:
    if not os.path.lexists(kept):
        if given is None:
            raise AdmissionError(
                f"{kept.parent} has no credentials yet: give this peer's file with --credentials FILE "
                "(made by hdus-peer network issue NAME)."
            )
        save(load(given), kept)
        return load(kept)
    credentials = load(kept)
    if given is not None and load(given).peer_id != credentials.peer_id:
        raise AdmissionError(
            f"{kept.parent} belongs to {credentials.member}, and {given} is another member's: choose another --state."
        )
    return credentials
