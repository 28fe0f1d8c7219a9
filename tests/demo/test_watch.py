"""Progress as a table for a terminal, as lines for a pipe."""

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from hdus_peer.control.port import TrainingState, TrainingStatus
from hdus_peer.demo.plan import DemoOptions, PeerPlan, plan_network
from hdus_peer.demo.watch import progress_table, stage_of, watching
from tests.control.memory_daemon import STATUS

RUNNING = replace(STATUS, training=TrainingStatus(TrainingState.RUNNING, "distil", 0.25, ""))


def _peers(place: Path) -> list[PeerPlan]:
    return list(plan_network(place, DemoOptions("digits", 3, None, 0, None, False), is_picture=True).peers)


def test_a_line_at_every_new_stage(tmp_path: Path) -> None:
    written = io.StringIO()
    with watching(Console(file=written, width=80), _peers(tmp_path), "They learn") as screen:
        for status in (RUNNING, RUNNING, STATUS):
            screen.show({"anna": status})
    assert written.getvalue() == "They learn\n  anna: distils\n  anna: ready\n"


def test_a_table_on_a_terminal(tmp_path: Path) -> None:
    written = io.StringIO()
    with watching(Console(file=written, width=100, force_terminal=True), _peers(tmp_path), "They learn") as screen:
        screen.show({"anna": RUNNING})
    assert "distils" in written.getvalue()


def test_every_peer_has_a_row(tmp_path: Path) -> None:
    written = io.StringIO()
    console = Console(file=written, width=100)
    console.print(progress_table(_peers(tmp_path), {"anna": RUNNING, "bela": STATUS}, "They learn"))
    lines = written.getvalue()
    assert [word for word in ("distils", "ready", "starts") if word in lines] == ["distils", "ready", "starts"]
    assert "2/2" in lines


def test_words_for_stages() -> None:
    failed = replace(STATUS, training=TrainingStatus(TrainingState.FAILED, "data", 0.0, "no file"))
    begun = replace(STATUS, training=TrainingStatus(TrainingState.RUNNING, "", 0.0, ""))
    assert [stage_of(failed), stage_of(begun)] == ["failed", "starts"]
