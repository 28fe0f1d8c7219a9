"""The demo itself, with three peers: real processes, real learning, every check; and that nothing outlives it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from hdus_peer.domain.combination import RULES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where the demo makes its directory; no process may name it afterwards."""
    yield tmp_path
    assert _processes_of(tmp_path) == []


def _processes_of(place: Path) -> list[str]:
    lines = [" ".join(each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(place) in line]


def _begin(place: Path, *arguments: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "hdus_peer.cli", "demo", "--peers", "3", *arguments]
    environment = {**os.environ, "TMPDIR": str(place), "COLUMNS": "80"}
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def test_every_check_holds(place: Path) -> None:
    with _begin(place, "--json", str(place / "demo.json")) as demo:
        shown, _ = demo.communicate()
    assert demo.returncode == 0, shown
    found = json.loads((place / "demo.json").read_text())
    assert {check["name"]: check["held"] for check in found["checks"]} == dict.fromkeys(
        (check["name"] for check in found["checks"]), True
    )
    assert len(found["checks"]) == 8 + 2 * len(RULES)
    assert [each["name"] for each in found["after"]] == ["anna", "bela"]
    assert f"All {len(found['checks'])} checks held." in shown
    assert list(place.glob("hdus-demo-*")) == []


def test_interrupted_it_takes_everything_along(place: Path) -> None:
    with _begin(place) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "trains" in line:
                break
        demo.send_signal(signal.SIGINT)
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
    assert demo.returncode == 130, rest
    assert "Traceback" not in rest
    assert list(place.glob("hdus-demo-*")) == []


def test_a_peer_that_dies_is_shown_with_its_log(place: Path) -> None:
    with _begin(place) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "trains" in line:
                break
        victim = next(each for each in psutil.Process(demo.pid).children() if "bela" in " ".join(each.cmdline()))
        victim.kill()
        rest = demo.stdout.read()
    assert demo.returncode == 7, rest
    assert "bela ended with exit code -9" in rest
    assert "bela/log.txt" in rest
    assert len(list(place.glob("hdus-demo-*"))) == 1


def test_data_that_cannot_be_used_is_said_before_anything_starts(place: Path) -> None:
    np.savez(place / "one.npz", x=np.zeros((9, 8, 8)), y=np.zeros(9))
    for data, said in [("npz:missing.npz", "there is no file"), (f"npz:{place}/one.npz", "classes")]:
        with _begin(place, "--data", data) as demo:
            shown, _ = demo.communicate()
        assert demo.returncode == 2, shown
        assert said in shown
