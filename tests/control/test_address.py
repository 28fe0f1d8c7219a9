"""Where the socket lies: in the state directory, or, where that is too deep, in a private runtime directory."""

import os
from pathlib import Path

import pytest

from hdus_peer.control.address import SOCKET_PATH_BYTES_MAX, choose_socket, find_socket
from hdus_peer.errors import StateError


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    directory = tmp_path / ("d" * SOCKET_PATH_BYTES_MAX)
    directory.mkdir()
    return directory


def test_it_lies_in_the_state_directory(state: Path) -> None:
    assert choose_socket(state) == find_socket(state) == state / "control.sock"


def test_a_relative_state_directory_is_found_from_anywhere(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(state.parent)
    assert find_socket(Path(state.name)) == state / "control.sock"


def test_a_deep_state_directory_names_its_socket(deep: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(state))
    chosen = choose_socket(deep)
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert find_socket(deep) == chosen
    assert chosen.parent.parent == state
    assert len(os.fsencode(chosen)) <= SOCKET_PATH_BYTES_MAX
    assert chosen.parent.stat().st_mode & 0o777 == 0o700


def test_two_deep_directories_have_two_sockets(deep: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(state))
    other = deep / "other"
    other.mkdir()
    assert choose_socket(deep) != choose_socket(other)


def test_a_runtime_directory_of_others_is_refused(deep: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(state))
    (state / f"hdus-peer-{os.getuid()}").mkdir(mode=0o755)
    with pytest.raises(StateError, match="private"):
        choose_socket(deep)


def test_a_runtime_directory_that_is_a_link_is_refused(
    deep: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(state))
    (state / "elsewhere").mkdir(mode=0o700)
    (state / f"hdus-peer-{os.getuid()}").symlink_to(state / "elsewhere")
    with pytest.raises(StateError, match="private"):
        choose_socket(deep)


def test_no_place_is_short_enough(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    with pytest.raises(StateError, match="choose a shorter --state"):
        choose_socket(deep)


def test_a_runtime_directory_that_cannot_be_made(deep: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(state / "missing"))
    with pytest.raises(StateError, match="XDG_RUNTIME_DIR"):
        choose_socket(deep)
