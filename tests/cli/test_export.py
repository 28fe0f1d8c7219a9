"""`hdus-peer export`: the seeds of others leave only after a yes."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdus_peer.cli.export import WARNING
from tests.cli.conftest import Typed
from tests.control.memory_daemon import ANNA, BELA, MemoryDaemon

pytestmark = pytest.mark.usefixtures("daemon")


def test_the_main_model_alone_needs_no_question(typed: Typed) -> None:
    shown = typed("export", "main.onnx")
    assert shown.exit_code == 0
    assert f"{Path(os.getcwd()) / 'main.onnx'}: the main model alone, 71,234 bytes." in shown.output
    assert "erasure" not in shown.output


def test_seeds_are_asked_for_first(typed: Typed) -> None:
    shown = typed("export", "ensemble.onnx", "--with-seeds")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "no erasure reaches a file with the seeds of others, so it is asked for first: add --yes" in shown.stderr
    assert "delete them" in WARNING


def test_with_a_yes_they_are_written(typed: Typed) -> None:
    shown = typed("export", "ensemble.onnx", "--with-seeds", "--yes")
    assert shown.exit_code == 0
    for part in ("2 seeds by prob-mean, ρ 0.5", "delete it when one of the owners inside leaves"):
        assert part in shown.output


def test_for_programs(asked: Any) -> None:
    found = asked("export", "/tmp/ensemble.onnx", "--with-seeds", "--yes", "--force")
    assert (found["file"], found["owners"], found["rho"]) == ("/tmp/ensemble.onnx", [ANNA, BELA], 0.5)


def test_status_names_files_that_an_unlearning_did_not_reach(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.statuses = [replace(daemon.statuses[0], exports_outliving=("/home/mira/ensemble.onnx",))]
    assert "delete these" in typed("status").output
    assert "/home/mira/ensemble.onnx: exported, with a seed unlearned since" in typed("status").output
