"""Every command against a daemon in memory: what it prints for people and for programs, and how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hdus_peer.cli.evaluate import DATASETS
from hdus_peer.cli.options import default_state
from hdus_peer.cli.root import root
from hdus_peer.cli.status import valid_until
from hdus_peer.cli.stop import has_ended
from hdus_peer.config import Config
from hdus_peer.control import port
from hdus_peer.control.port import TrainingState, TrainingStatus
from hdus_peer.domain.combination import RULES
from hdus_peer.errors import ConfigurationError, HdusError, NotRunningError, StorageError
from tests.cli.conftest import Typed
from tests.control.memory_daemon import ANNA, BELA, LEAVE, ME, NOTICE, OWED, STATUS, MemoryDaemon

Asked = Callable[..., Any]
RUNNING = TrainingStatus(TrainingState.RUNNING, "main", 0.5, "epoch 3 of 20")
FAILED = TrainingStatus(TrainingState.FAILED, "data", 0.0, "there is no file data.npz")


def test_status(daemon: MemoryDaemon, typed: Typed) -> None:
    shown = typed("status")
    assert shown.exit_code == 0
    for part in ("mira", "network home", "mobilenet-s, 5,050 parameters", "2 alive, 0 suspect, 1 gone", "1 forged",
                 "2030-03-17"):  # fmt: skip
        assert part in shown.output


def test_status_of_a_peer_that_trains(daemon: MemoryDaemon, typed: Typed) -> None:
    ensemble = replace(STATUS.ensemble, pending=True)
    daemon.statuses = [replace(STATUS, training=RUNNING, ensemble=ensemble, generation=0)]
    shown = typed("status").output
    for part in ("main 50% epoch 3 of 20", "the main model answers alone", "none served yet"):
        assert part in shown
    assert "notice" not in shown
    assert "to pass on" not in shown


def test_status_shows_the_notice_that_not_everybody_answered(daemon: MemoryDaemon, typed: Typed, asked: Asked) -> None:
    daemon.statuses = [replace(STATUS, phase="leaving", notices=(NOTICE,))]
    assert (
        "leave of 2023-11-14 22:13 UTC: 1 of 2 holders erased; bela is off line: it erases when it returns, and by "
        "2027-01-15 08:00 UTC at the latest" in typed("status").output
    )
    (notice,) = asked("status")["notices"]
    assert [(holder["name"], holder["confirmed"]) for holder in notice["holders"]] == [("anna", True), ("bela", False)]


def test_a_notice_that_all_answered_is_shown_until_this_peer_has_left(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.statuses = [replace(STATUS, phase="leaving", notices=(replace(NOTICE, holders=LEAVE[2].holders),))]
    assert "2 of 2 holders erased in 20 ms; until somebody who stays knows of it" in typed("status").output


def test_status_says_that_there_is_no_model_yet(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.statuses = [replace(STATUS, main=port.ModelView("mlp", 0))]
    shown = typed("status").stdout
    assert "mlp, not trained yet" in shown
    assert "there is no model yet" in shown


def test_status_shows_what_is_still_to_be_passed_on(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.statuses = [replace(STATUS, owed=OWED)]
    shown = typed("status").output
    assert "my receipt for anna (in reach, not acknowledged yet), since 2023-11-14 22:13 UTC" in shown
    assert "3 receipts of other holders for bela (off line), since 2023-11-14 23:13 UTC" in shown


@pytest.mark.parametrize(
    ("days", "text"),
    [(400, "400 days left"), (0.5, "valid until 2030-03-17, 0 days left"), (-1, "expired on 2030-03-17: hdus-peer")],
)
def test_the_days_that_credentials_last_are_shown(days: float, text: str) -> None:
    assert text in valid_until(STATUS.not_after_s, STATUS.not_after_s - int(days * 86_400))


def test_status_for_programs(daemon: MemoryDaemon, asked: Asked) -> None:
    found = asked("status")
    assert (found["peer"], found["ensemble"]["owners"]) == (ME, [ANNA, BELA])
    assert found["training"]["state"] == "done"
    assert found["refusals"] == {"forged": 1}


def test_status_watch_shows_every_change_until_the_daemon_ends(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.training(RUNNING, TrainingStatus(TrainingState.DONE, "seal", 1.0, ""))
    shown = typed("status", "--watch").output
    assert shown.index("main 50%") < shown.index("done")
    assert shown.endswith("The daemon ended.\n")


def test_status_watch_for_programs_is_an_object_a_line(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.training(RUNNING, FAILED)
    lines = typed("status", "--watch", "--json").stdout.splitlines()
    assert [json.loads(line)["training"]["state"] for line in lines] == ["running", "failed"]


def test_peers(daemon: MemoryDaemon, typed: Typed, asked: Asked) -> None:
    shown = typed("peers").output
    assert "gone, cloned" in shown
    assert "never" in shown
    assert [peer["name"] for peer in asked("peers")["peers"]] == ["anna", "bela"]


def test_seeds(daemon: MemoryDaemon, typed: Typed, asked: Asked) -> None:
    shown = typed("seeds").output
    assert "10,240" in shown
    assert "waits for its owner" in shown
    assert asked("seeds")["seeds"][0]["payload_sha256"] == "a1" * 32


def test_evaluate(daemon: MemoryDaemon, typed: Typed, asked: Asked) -> None:
    shown = typed("evaluate").output
    assert "81.25 %" in shown
    assert "global" in shown
    rules = ["--rule", "logit-mean", "--rule", "prob-mean"]
    found = asked("evaluate", "--dataset", "global", *rules)["evaluations"]
    assert [each["rule"] for each in found] == ["logit-mean", "prob-mean"]


def test_evaluate_under_every_rule(daemon: MemoryDaemon, asked: Asked) -> None:
    found = asked("evaluate", "--dataset", "local", "--rule", "all")["evaluations"]
    assert [(each["rule"], each["rho"]) for each in found] == [(rule, 0.5) for rule in RULES]


def test_a_chosen_rho_is_shown_as_one(daemon: MemoryDaemon, typed: Typed) -> None:
    ensemble = replace(STATUS.ensemble, rho=0.3, rho_auto=True, objective="global")
    daemon.statuses = [replace(STATUS, ensemble=ensemble)]
    assert "2 seeds by prob-mean, ρ 0.3 (auto, global)" in typed("status").output


def test_evaluate_with_an_unknown_rule(daemon: MemoryDaemon, typed: Typed) -> None:
    shown = typed("evaluate", "--rule", "guess")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "choose logit-mean or prob-mean" in shown.stderr


def test_the_datasets_are_those_of_the_service() -> None:
    assert DATASETS == port.DATASETS


def test_the_state_directory_is_that_of_the_configuration() -> None:
    assert default_state() == Config().state_directory


def test_train_waits_for_the_published_seed(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.training(RUNNING, TrainingStatus(TrainingState.DONE, "seal", 1.0, ""))
    shown = typed("train")
    assert "generation 1700000000 is published" in shown.output
    assert daemon.trainings == 1


def test_train_without_waiting(daemon: MemoryDaemon, typed: Typed, asked: Asked) -> None:
    daemon.training(RUNNING)
    assert "status --watch" in typed("train", "--no-wait").output
    assert asked("train", "--no-wait")["job_epoch"] == 2


def test_train_that_fails(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.training(RUNNING, FAILED)
    shown = typed("train")
    assert shown.exit_code == 7
    assert "there is no file data.npz" in shown.stderr


def test_train_and_the_daemon_ends(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.training(RUNNING)
    shown = typed("train")
    assert shown.exit_code == 8
    assert "resumes it" in shown.stderr


def test_leave_ends_with_zero_once_all_confirmed(daemon: MemoryDaemon, typed: Typed) -> None:
    shown = typed("leave", "--yes")
    assert shown.exit_code == 0, shown.output
    for part in ("reachable", "2 seeds (anna, bela)", "2 of 2 holders erased in 20 ms", "departure", "nothing of this"):
        assert part in shown.output


def test_leave_names_those_not_reached_and_ends_with_three(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.leaves = LEAVE[:2]
    shown = typed("leave", "--yes", "--wait", "0.2")
    assert shown.exit_code == 3
    assert (
        "1 of 2 holders erased; bela is off line: it erases when it returns, and by 2027-01-15 08:00 UTC at the latest;"
        " certificate saved to /state/certificates/99" in shown.output
    )
    assert "daemon stays" in shown.output


def test_a_leave_that_ended_with_somebody_pending_ends_with_three(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.leaves = [replace(LEAVE[1], phase="left", finished=True)]
    shown = typed("leave", "--yes")
    assert shown.exit_code == 3
    assert "stays in the certificate" in shown.output
    assert "nothing of this peer remains" not in shown.output


def test_leave_for_programs(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.leaves = LEAVE[:2]
    shown = typed("leave", "--yes", "--wait", "0.2", "--json")
    found = json.loads(shown.stdout)
    assert shown.exit_code == 3
    assert (found["finished"], found["total"], found["confirmed"], found["pending"]) == (False, 2, 1, ["bela"])
    assert found["holders"][0]["erased"] == ["c3" * 32]
    assert found["erased_ms"] == 12
    assert found["outcome"].startswith("1 of 2 holders erased; bela is off line")


def test_leave_asks_first(daemon: MemoryDaemon, typed: Typed) -> None:
    shown = typed("leave", stdin="")
    assert shown.exit_code == 2
    assert "add --yes" in shown.stderr
    assert not daemon.abandoned.is_set()


def test_leave_joins_a_leave_under_way_without_asking(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.statuses = [replace(STATUS, phase="leaving")]
    shown = typed("leave")
    assert shown.exit_code == 0
    assert "erased here" not in shown.output


def test_a_leave_that_the_daemon_did_not_take(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.leaves = []
    shown = typed("leave", "--yes")
    assert shown.exit_code == 8
    assert "then leave again" in shown.stderr


def test_stop_waits_for_the_process(daemon: MemoryDaemon, typed: Typed) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as sleeper:
        daemon.statuses = [replace(STATUS, pid=sleeper.pid)]
        assert not has_ended(sleeper.pid, 0.01)
        shown = typed("stop", "--wait", "0.05")
        assert shown.exit_code == 7
        assert f"kill {sleeper.pid}" in shown.stderr
        assert daemon.stopped.is_set()
        sleeper.communicate()
        assert has_ended(sleeper.pid, 5)


def test_stop(daemon: MemoryDaemon, typed: Typed) -> None:
    assert "Stopped" in typed("stop").output


def test_stop_for_programs(daemon: MemoryDaemon, asked: Asked) -> None:
    assert asked("stop") == {"stopped": True, "pid": STATUS.pid}


@pytest.mark.parametrize(
    "command",
    [["status"], ["peers"], ["seeds"], ["train"], ["evaluate"], ["leave", "--yes"], ["stop"], ["predict", "x.png"]],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("kind", [ConfigurationError, StorageError], ids=lambda kind: kind.__name__)
def test_an_error_of_the_daemon_is_a_sentence_and_a_code(
    command: list[str], kind: type[HdusError], daemon: MemoryDaemon, typed: Typed
) -> None:
    daemon.failure = kind("something is wrong: do this")
    shown = typed(*command)
    assert (shown.exit_code, shown.stdout, shown.stderr) == (
        kind.exit_code,
        "",
        "hdus-peer: something is wrong: do this\n",
    )
    told = typed(*command, "--json")
    assert told.exit_code == kind.exit_code
    assert json.loads(told.stdout) == {
        "error": "something is wrong: do this",
        "kind": kind.__name__,
        "exit_code": kind.exit_code,
    }


@pytest.mark.parametrize("command", ["status", "peers", "seeds", "train", "evaluate", "leave", "stop"])
def test_no_daemon(command: str, typed: Typed, state: Path) -> None:
    shown = typed(command)
    assert shown.exit_code == NotRunningError.exit_code
    assert f"type `hdus-peer start --state {state}`" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["start", "--set", "nonsense"], "no KEY=VALUE"),
        (["frobnicate"], "No such command"),
        (["predict"], "Missing argument 'FILE'"),
        (["leave", "--wait", "0"], "is not in the range"),
    ],
)
def test_wrong_usage_ends_with_two(arguments: list[str], said: str, typed: Typed) -> None:
    shown = typed(*arguments)
    assert shown.exit_code == 2
    assert said in shown.stderr


def test_start_with_a_wrong_value_names_key_and_range(typed: Typed) -> None:
    shown = typed("start", "--set", "predict.rho=7", "--json")
    assert shown.exit_code == 2
    assert "predict.rho" in json.loads(shown.stdout)["error"]


def test_interrupted_ends_with_130(daemon: MemoryDaemon, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hdus_peer.control.client.ControlClient.peers", interrupt)
    shown = typed("peers")
    assert shown.exit_code == 130
    assert "Interrupted" in shown.stderr


def test_the_version() -> None:
    from hdus_peer import __version__

    assert CliRunner().invoke(root, ["--version"]).output == f"{__version__}\n"


@pytest.mark.parametrize("command", [["status"], ["status", "--watch"], ["peers"], ["train"], ["leave", "--yes"]])
def test_on_a_terminal_there_are_boxes(command: list[str], daemon: MemoryDaemon, state: Path) -> None:
    shown = _on_a_terminal([*command, "--state", str(state)])
    assert ("╭" in shown) or command == ["train"]
    assert "Traceback" not in shown


def _on_a_terminal(arguments: list[str]) -> str:
    """What `hdus-peer ARGUMENTS` writes to a terminal of 120 columns."""
    main, other = os.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm-256color"}
    words = [sys.executable, "-m", "hdus_peer.cli", *arguments]
    with subprocess.Popen(words, stdin=other, stdout=other, stderr=other, env=environment):
        os.close(other)
        written = bytearray()
        while part := _read(main):
            written += part
    os.close(main)
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the kernel's word for "the other end is closed"
        return b""
