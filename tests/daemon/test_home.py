"""A state directory belongs to one identity from its first start on."""

import pytest

from hdus_peer.admission.authority import create_network, issue_file
from hdus_peer.config import load_config
from hdus_peer.daemon.home import open_home
from hdus_peer.errors import AdmissionError, StateError


@pytest.fixture
def files(tmp_path):
    create_network(tmp_path / "home", "home", "digits")
    files = {name: tmp_path / f"{name}.credentials" for name in ("mira", "noor")}
    for name, file in files.items():
        issue_file(tmp_path / "home", name, file)
    return files


def _config(state, credentials=None):
    return load_config(None, {"state_directory": state, "credentials": credentials})


def test_the_first_start_keeps_the_credentials_and_later_ones_need_no_file(files, tmp_path):
    first = open_home(_config(tmp_path / "state", files["mira"]))
    again = open_home(_config(tmp_path / "state"))
    assert first.credentials.peer_id == again.credentials.peer_id
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "credentials").stat().st_mode & 0o777 == 0o600


def test_without_credentials_the_sentence_says_what_to_type(tmp_path):
    with pytest.raises(AdmissionError, match="--credentials FILE"):
        open_home(_config(tmp_path / "state"))


def test_another_members_credentials_are_refused_and_nothing_is_replaced(files, tmp_path):
    mira = open_home(_config(tmp_path / "state", files["mira"]))
    with pytest.raises(AdmissionError, match="belongs to mira"):
        open_home(_config(tmp_path / "state", files["noor"]))
    assert open_home(_config(tmp_path / "state")).credentials.peer_id == mira.credentials.peer_id


def test_a_place_where_no_directory_can_be_is_a_state_error(files, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="choose another with --state"):
        open_home(_config(tmp_path / "file" / "state", files["mira"]))
