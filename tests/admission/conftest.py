"""One network in a temporary directory, and a member of it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from hdus_peer.admission import authority
from hdus_peer.admission.credentials import Credentials, save

NOW_S = 1_800_000_000
DAY_S = 86_400


@dataclass(frozen=True)
class Issued:
    """A network, a member's credentials and their file, all made at NOW_S."""

    network: authority.Network
    credentials: Credentials
    file: Path


@pytest.fixture
def issued(tmp_path: Path) -> Issued:
    network = authority.create_network(tmp_path / "net", "home", "digits", NOW_S)
    file = tmp_path / "anna.credentials"
    credentials = authority.issue(network.directory, "anna", now_s=NOW_S)
    save(credentials, file)
    return Issued(network, credentials, file)
