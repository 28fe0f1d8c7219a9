"""A state directory belongs to one identity from its first start on."""

import shutil
import time

import pytest

from hdus_peer.admission import device
from hdus_peer.admission.authority import create_network, issue, open_network, read_request, sign_request
from hdus_peer.admission.credentials import save
from hdus_peer.config import load_config
from hdus_peer.daemon.home import open_home
from hdus_peer.errors import AdmissionError, StateError

DAY_S = 86_400


@pytest.fixture
def files(tmp_path):
    """Credentials that were issued long ago and last for long."""
    then_s = int(time.time()) - 450 * DAY_S
    create_network(tmp_path / "home", "home", "digits", then_s)
    files = {name: tmp_path / f"{name}.credentials" for name in ("mira", "noor")}
    for name, file in files.items():
        save(issue(tmp_path / "home", name, 800, then_s), file)
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


def _renewed(files, tmp_path, now_s, days=900):
    """A later credentials file of mira, made on her device."""
    network = open_network(tmp_path / "home")
    device_state = tmp_path / f"device-{now_s}"
    device_state.mkdir()
    shutil.copy(files["mira"], device_state / "credentials")
    device.request_renewal(device_state, device_state / "request")
    asked = read_request(network, device_state / "request")
    sign_request(network, asked, device_state / "grant", "mira", days, now_s=now_s)
    device.accept(device_state, device_state / "grant", now_s)
    return device_state / "credentials"


def test_a_renewed_file_takes_the_place_of_the_one_that_is_kept(files, tmp_path):
    first = open_home(_config(tmp_path / "state", files["mira"])).credentials
    file = _renewed(files, tmp_path, first.issued_s + 300 + 5)
    later = open_home(_config(tmp_path / "state", file)).credentials
    assert (later.peer_id, later.network) == (first.peer_id, first.network)
    assert later.not_after_s > first.not_after_s
    assert open_home(_config(tmp_path / "state")).credentials.not_after_s == later.not_after_s
    assert open_home(_config(tmp_path / "state", file)).credentials.not_after_s == later.not_after_s


def test_a_file_that_is_older_than_the_kept_one_is_refused(files, tmp_path):
    first = open_home(_config(tmp_path / "state", files["mira"])).credentials
    file = _renewed(files, tmp_path, first.issued_s + 300 + 5)
    later = open_home(_config(tmp_path / "state", file)).credentials
    with pytest.raises(AdmissionError, match="is older than the credentials that"):
        open_home(_config(tmp_path / "state", files["mira"]))
    assert open_home(_config(tmp_path / "state")).credentials.not_after_s == later.not_after_s


def test_kept_credentials_that_expired_are_replaced_by_a_renewed_file(files, tmp_path):
    now_s = int(time.time())
    old, new = (
        _renewed(files, tmp_path, instant_s, days) for instant_s, days in ((now_s - 400 * DAY_S, 30), (now_s, 900))
    )
    (tmp_path / "state").mkdir()
    shutil.copy(old, tmp_path / "state" / "credentials")
    with pytest.raises(AdmissionError, match=r"expired on .*network request --renew"):
        open_home(_config(tmp_path / "state"))
    assert open_home(_config(tmp_path / "state", new)).credentials.member == "mira"


def test_an_expired_file_is_refused_and_the_kept_one_stays(files, tmp_path):
    first = open_home(_config(tmp_path / "state", files["mira"])).credentials
    old = _renewed(files, tmp_path, int(time.time()) - 400 * DAY_S, days=30)
    with pytest.raises(AdmissionError, match="expired on"):
        open_home(_config(tmp_path / "state", old))
    assert open_home(_config(tmp_path / "state")).credentials.not_after_s == first.not_after_s


def test_a_grant_in_place_of_credentials_says_which_command_takes_it(files, tmp_path):
    _renewed(files, tmp_path, 1_900_000_000)
    with pytest.raises(AdmissionError, match=r"is a grant, not a credentials file.*network accept"):
        open_home(_config(tmp_path / "state", tmp_path / "device-1900000000" / "grant"))


def test_a_place_where_no_directory_can_be_is_a_state_error(files, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="choose another with --state"):
        open_home(_config(tmp_path / "file" / "state", files["mira"]))
