"""A peer's home: its state directory, and the credentials that made it that of one identity.

Rules
1. The first start copies the credentials into the state directory; from then on the directory belongs to that identity,
   and credentials of another one are refused.
2. Later credentials of the same identity and network take the place of those that are kept: a renewal changes neither
   the PeerId nor anything else in the directory. Earlier ones are refused.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from hdus_peer.admission.credentials import Credentials, load, load_undated, replace, save
from hdus_peer.admission.device import CREDENTIALS_NAME, renews
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
    return Home(directory, _credentials(directory / CREDENTIALS_NAME, config.credentials))


def _credentials(kept: Path, given: Path | None) -> Credentials:
    if not os.path.lexists(kept):
        if given is None:
            raise AdmissionError(
                f"{kept.parent} has no credentials yet: give this peer's file with --credentials FILE "
                "(made by hdus-peer network issue NAME), or take a grant with hdus-peer network accept."
            )
        save(load(given), kept)
        return load(kept)
    if given is not None:
        new = load(given)
        if renews(load_undated(kept), new, kept, given):
            replace(new, kept)
    return load(kept)
