"""Each check: how it looks where all is well, and what it says, with what to do, where it is not."""

import fcntl
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hdus_peer.admission import device
from hdus_peer.admission.authority import create_network, issue, name_for, open_network, read_request, sign_request
from hdus_peer.admission.credentials import save
from hdus_peer.config import Config, load_config
from hdus_peer.doctor import credentials, multicast, ports, software, sources, state
from hdus_peer.doctor.findings import Finding, Mark
from hdus_peer.repository.lock import DirectoryLock, is_locked

DAY_S, HOUR_S = 86_400, 3_600


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.upper().startswith("HDUS_")]:
        monkeypatch.delenv(name)
    return tmp_path / "state"


@pytest.fixture
def config(home: Path) -> Callable[..., Config]:
    def made(**given: Any) -> Config:
        return load_config(None, {"state_directory": home, **{key.replace("__", "."): v for key, v in given.items()}})

    return made


@pytest.fixture
def network(tmp_path: Path) -> Path:
    create_network(tmp_path / "net", "home", "digits", int(time.time()) - 400 * DAY_S)
    return tmp_path / "net"


def _member(network: Path, file: Path, days: int, ago_days: int = 0) -> Path:
    save(issue(network, file.parent.name, days, int(time.time()) - ago_days * DAY_S - HOUR_S), file)
    return file


def of(findings: Iterable[Finding], check: str) -> Finding:
    """The one finding of a check; it tells what to do wherever it is not good."""
    (finding,) = [finding for finding in findings if finding.check == check]
    assert finding.mark == Mark.GOOD or ":" in finding.sentence or ". " in finding.sentence, finding.sentence
    return finding


# --- software -------------------------------------------------------------------------------------------------------
def test_libraries_are_imported_in_a_child() -> None:
    found = list(software.findings(("numpy", "no_such_library")))
    assert of(found, "python").mark == Mark.GOOD
    assert of(found, "numpy").sentence.startswith("numpy ")
    assert of(found, "no_such_library").mark == Mark.BAD
    assert "constraints.txt" in of(found, "no_such_library").sentence


def test_an_import_that_ends_the_process_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "crashing.py").write_text("import os; os._exit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = list(software.findings(("numpy", "crashing")))
    assert of(found, "numpy").mark == Mark.GOOD
    assert "exit status 9" in of(found, "crashing").sentence


def test_a_python_that_cannot_be_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert "/no/such/python cannot be run: No such file" in of(software.findings(("numpy",)), "numpy").sentence


# --- state directory ------------------------------------------------------------------------------------------------
def test_a_directory_that_is_not_there_yet_will_be_made(config: Callable[..., Config]) -> None:
    found = list(state.findings(config()))
    assert (of(found, "state").mark, of(found, "space").mark) == (Mark.GOOD, Mark.GOOD)
    assert "will be made" in of(found, "state").sentence
    assert not config().state_directory.exists()


def test_a_directory_that_others_may_read_is_worth_a_look(config: Callable[..., Config], home: Path) -> None:
    home.mkdir(mode=0o700)
    assert of(state.findings(config()), "state").mark == Mark.GOOD
    home.chmod(0o755)
    assert of(state.findings(config()), "state").sentence.endswith(f"chmod 700 {home}")


def test_a_file_in_the_way_is_bad(config: Callable[..., Config], home: Path) -> None:
    home.write_text("")
    assert "is no directory" in of(state.findings(config()), "state").sentence
    below = config(state_directory=home / "below")
    assert of(state.findings(below), "state").mark == Mark.BAD


def test_a_directory_without_permission_is_bad(
    config: Callable[..., Config], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "cannot be written" in of(state.findings(config()), "state").sentence


@pytest.mark.parametrize(("free", "mark"), [(1 << 40, Mark.GOOD), (100 << 20, Mark.WARNING), (1 << 20, Mark.BAD)])
def test_room_is_measured(
    config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, free: int, mark: Mark
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(free, 0, free))  # type: ignore[attr-defined]
    assert of(state.findings(config()), "space").mark == mark


def test_a_lock_is_seen_and_not_taken(config: Callable[..., Config], home: Path) -> None:
    home.mkdir(mode=0o700)
    assert "No daemon" in of(state.findings(config()), "lock").sentence
    assert list(home.iterdir()) == []
    held = DirectoryLock(home)
    assert "A daemon is using" in of(state.findings(config()), "lock").sentence
    held.release()
    assert not is_locked(home)
    with (home / "lock").open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


# --- credentials and clock ------------------------------------------------------------------------------------------
def test_good_credentials_say_whose_they_are_and_for_how_long(
    config: Callable[..., Config], home: Path, network: Path
) -> None:
    _member(network, home / "credentials", 90)
    found = list(credentials.findings(config()))
    assert {finding.mark for finding in found} == {Mark.GOOD}
    assert of(found, "credentials").sentence.endswith("of home, for 89 days.")


@pytest.mark.parametrize(
    ("days", "ago_days", "mark", "words"),
    [(14, 0, Mark.WARNING, "in 13 days"), (30, 31, Mark.BAD, "expired on"), (15, 0, Mark.GOOD, "for 14 days")],
)
def test_days_left(
    config: Callable[..., Config], home: Path, network: Path, days: int, ago_days: int, mark: Mark, words: str
) -> None:
    _member(network, home / "credentials", days, ago_days)
    finding = of(credentials.findings(config()), "credentials")
    assert (finding.mark, words in finding.sentence) == (mark, True)
    assert mark == Mark.GOOD or "network request --renew" in finding.sentence


def test_none_at_all_and_a_request_that_waits(config: Callable[..., Config], home: Path, network: Path) -> None:
    found = list(credentials.findings(config()))
    assert "--credentials" in of(found, "credentials").sentence
    assert of(found, "clock").mark == Mark.GOOD
    device.request_admission(home, "anna", network / "root.pem", home / "request")
    assert "network accept GRANT" in of(credentials.findings(config()), "credentials").sentence


def test_a_given_file_is_looked_at_as_a_start_would(
    config: Callable[..., Config], home: Path, network: Path, tmp_path: Path
) -> None:
    given = _member(network, tmp_path / "anna" / "credentials", 90)
    assert "(given)" not in of(credentials.findings(config(credentials=given)), "credentials").sentence
    _member(network, home / "credentials", 90)
    finding = of(credentials.findings(config(credentials=given)), "credentials")
    assert (finding.mark, "another member's" in finding.sentence) == (Mark.BAD, True)


def test_a_renewed_file_is_the_one_that_counts(
    config: Callable[..., Config], home: Path, network: Path, tmp_path: Path
) -> None:
    _member(network, home / "credentials", 10, ago_days=5)
    other = tmp_path / "device"
    other.mkdir()
    shutil.copy(home / "credentials", other / "credentials")
    device.request_renewal(other, other / "request")
    opened = open_network(network)
    asked = read_request(opened, other / "request")
    sign_request(opened, asked, other / "grant", name_for(opened, asked), 100, int(time.time()) - HOUR_S)
    device.accept(other, other / "grant")
    assert of(credentials.findings(config()), "credentials").mark == Mark.WARNING
    finding = of(credentials.findings(config(credentials=other / "credentials")), "credentials")
    assert finding.sentence.endswith("for 99 days.")


@pytest.mark.parametrize(
    ("mode", "check", "mark"), [(0o640, "key file", Mark.WARNING), (0o644, "credentials", Mark.BAD)]
)
def test_permissions_of_the_keys(
    config: Callable[..., Config], home: Path, network: Path, mode: int, check: str, mark: Mark
) -> None:
    _member(network, home / "credentials", 90).chmod(mode)
    finding = of(credentials.findings(config()), check)
    assert (finding.mark, "chmod 600" in finding.sentence) == (mark, True)


def test_a_damaged_file_is_bad(config: Callable[..., Config], home: Path) -> None:
    home.mkdir()
    (home / "credentials").write_text("{}")
    (home / "credentials").chmod(0o600)
    assert "is no credentials file" in of(credentials.findings(config()), "credentials").sentence


def test_a_clock_before_the_credentials_is_wrong(config: Callable[..., Config], home: Path, network: Path) -> None:
    _member(network, home / "credentials", 90)
    early = of(credentials.findings(config(), int(time.time()) - DAY_S), "clock")
    assert (early.mark, "the credentials begin on" in early.sentence) == (Mark.BAD, True)
    lost = of(credentials.findings(config(), 5), "clock")
    assert (lost.mark, "1970-01-01" in lost.sentence) == (Mark.BAD, True)


# --- port -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_free_port_is_good(config: Callable[..., Config], taken: int) -> None:
    assert of(ports.findings(config(network__listen="127.0.0.1:0")), "port").mark == Mark.GOOD
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    assert of(ports.findings(config(network__listen=f"127.0.0.1:{free}")), "port").mark == Mark.GOOD


def test_a_taken_port_names_who_has_it(config: Callable[..., Config], taken: int) -> None:
    for host in ("127.0.0.1", "0.0.0.0", "[::]"):
        finding = of(ports.findings(config(network__listen=f"{host}:{taken}")), "port")
        assert (finding.mark, f"(process {os.getpid()})" in finding.sentence) == (Mark.BAD, True)


def test_every_address_is_tried_where_there_is_no_ipv6(
    config: Callable[..., Config], taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.has_dualstack_ipv6", lambda: False)
    finding = of(ports.findings(config(network__listen=f"[::]:{taken}")), "port")
    assert (finding.mark, "is taken" in finding.sentence) == (Mark.BAD, True)


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_an_address_that_is_not_of_this_device_is_bad(config: Callable[..., Config], host: str) -> None:
    finding = of(ports.findings(config(network__listen=f"{host}:7433")), "port")
    assert (finding.mark, "address of this device" in finding.sentence) == (Mark.BAD, True)


# --- multicast ------------------------------------------------------------------------------------------------------
def _played(monkeypatch: pytest.MonkeyPatch, works: bool) -> None:
    async def heard(wanted: tuple[str, ...], within_s: float = 1.5) -> bool:
        return works

    monkeypatch.setattr(multicast, "is_multicast_working", heard)


@pytest.mark.parametrize(("works", "mark"), [(True, Mark.GOOD), (False, Mark.WARNING)])
def test_every_wanted_interface_is_tried(
    config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, works: bool, mark: Mark
) -> None:
    _played(monkeypatch, works)
    finding = of(multicast.findings(config(network__mdns_interfaces="127.0.0.1")), "multicast")
    assert finding.mark == mark
    assert works or "network.static_peers" in finding.sentence


def test_an_interface_that_is_not_there_is_named(config: Callable[..., Config]) -> None:
    found = list(multicast.findings(config(network__mdns_interfaces="nowhere0")))
    assert [finding.mark for finding in found] == [Mark.WARNING] * 2
    assert "no interface nowhere0" in found[0].sentence


def test_without_mdns_somebody_must_be_named(config: Callable[..., Config]) -> None:
    assert of(multicast.findings(config(network__mdns=False)), "multicast").mark == Mark.WARNING
    named = config(network__mdns=False, network__static_peers="192.0.2.7:7433")
    assert of(multicast.findings(named), "multicast").mark == Mark.GOOD


# --- data -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("source", "mark"),
    [
        ("digits", Mark.GOOD),
        ("module:my.code:load", Mark.GOOD),
        ("npz:there.npz", Mark.GOOD),
        ("csv:there.npz#label=class", Mark.GOOD),
        ("images:folder", Mark.GOOD),
        ("npz:none.npz", Mark.BAD),
        ("npz:folder", Mark.BAD),
        ("images:there.npz", Mark.BAD),
        ("npz:", Mark.BAD),
        ("parquet:", Mark.BAD),
    ],
)
def test_sources_are_looked_for_by_name(
    config: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, mark: Mark
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.npz").write_text("")
    (tmp_path / "folder").mkdir()
    finding = of(sources.findings(config(data__source=source)), "data")
    assert (finding.mark, "data.source" in finding.sentence) == (mark, True)
    assert len(list(sources.findings(config(data__reference=source, data__test=source)))) == 3


def test_a_source_that_may_not_be_read_is_bad(
    config: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.npz").write_text("")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "may not read" in of(sources.findings(config(data__source=f"npz:{tmp_path}/mine.npz")), "data").sentence
