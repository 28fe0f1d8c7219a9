"""A study from its plan to its report, in processes, killed, resumed, and with parts that fail."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from hdus_peer.cli.root import root
from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.learning.data import Part
from hdus_peer.study.cells import cells
from hdus_peer.study.folder import Folder
from hdus_peer.study.measure import accuracy
from hdus_peer.study.plan import Plan
from hdus_peer.study.report import write_report
from hdus_peer.study.rows import EVERYBODY, Row, read_rows
from hdus_peer.study.run import Options, Told, run
from hdus_peer.study.work import reason_of
from tests.study.conftest import TINY, MakePlan

ONE_SEED = {"random_seeds": [0], "sequence": []}
FEW = {"isgd": {}, "hdus": {}}


def quiet(told: Told) -> None:
    """Nobody listens."""


def done(plan: Plan, out: Path, **options: Any) -> list[Row]:
    summary = run(plan, Options(out, out, device="cpu", **{"jobs": 1, **options}), quiet)
    assert summary.failed == ()
    return list(read_rows(Folder(out).cells))


def measured(rows: list[Row]) -> dict[tuple[Any, ...], float]:
    """Every accuracy by all that it depends on."""
    names = ("partition", "random_seed", "system", "main", "rule", "rho", "moment", "peer", "metric")
    return {tuple(getattr(row, name) for name in names): row.value for row in rows if "accuracy" in row.metric}


def test_every_row_says_what_it_depends_on(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan(random_seeds=[0])
    rows = done(plan, tmp_path)
    assert {row.plan_sha256 for row in rows} == {plan.sha256}
    assert {row.device for row in rows} == {"cpu"}
    assert {row.system for row in rows} == {"isgd", "hdus", "sisa_a", "fedunl", "dsgd"}
    hdus = [row for row in rows if row.system == "hdus" and row.peer != EVERYBODY]
    assert {(row.rule, row.rho) for row in hdus} == {
        (r, o) for r in ("logit-mean", "prob-mean") for o in ("auto", "0.0", "0.5")
    }
    assert {row.moment for row in hdus} == {"all", "2 left", "2 joined", "0 forgot"}
    assert {row.present for row in hdus if row.moment == "2 left"} == {"0 1"}
    assert all(0 <= row.value <= 1 for row in rows if "accuracy" in row.metric)
    costs = {(row.system, row.metric) for row in rows if row.peer == EVERYBODY}
    assert {
        ("dsgd", "unlearn s"),
        ("hdus", "join bytes"),
        ("fedunl", "fit s"),
        ("isgd", "cell s"),
        ("sisa_a", "forget s"),
    } <= costs
    assert any("subtracted" in row.moment for row in rows if row.system == "fedunl")


@pytest.mark.slow
def test_processes_and_one_process_measure_the_same(make_plan: MakePlan, tmp_path: Path) -> None:
    there = tmp_path / "there"
    (tmp_path / "plan.toml").write_text(_toml(TINY | ONE_SEED | {"systems": FEW}))
    typed = [sys.executable, "-m", "hdus_peer.cli", "study", "run", str(tmp_path / "plan.toml"), "--out", str(there)]
    subprocess.run([*typed, "--jobs", "2"], check=True, timeout=110, capture_output=True)
    here = done(make_plan(**ONE_SEED, systems=FEW), tmp_path / "here")
    assert measured(here) == measured(list(read_rows(Folder(there).cells)))


def test_what_is_done_is_not_done_again(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan(**ONE_SEED, systems=FEW)
    done(plan, tmp_path)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    some = next(iter(files))
    some.unlink()
    told: list[Told] = []
    summary = run(plan, Options(tmp_path, tmp_path, device="cpu", jobs=1), told.append)
    assert (summary.done, summary.found) == (1, len(files) - 1)
    assert [each.outcome.unit.name for each in told] == [
        cell.name for cell in cells(plan) if some == Folder(tmp_path).result(cell)
    ]
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    assert {path for path in files if files[path] != after[path]} == {some}


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_it_keeps_what_is_done_and_leaves_no_process(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(_toml(TINY))
    out = tmp_path / "out"
    typed = [sys.executable, "-m", "hdus_peer.cli", "study", "run", str(tmp_path / "plan.toml"), "--out", str(out)]
    with subprocess.Popen([*typed, "--jobs", "2"], stderr=subprocess.PIPE, text=True) as study:
        assert study.stderr is not None
        assert "[1/" in study.stderr.readline()
        children = psutil.Process(study.pid).children(recursive=True)
        assert children
        study.send_signal(number)
        said = study.stderr.read()
    if number is not signal.SIGKILL:
        assert study.returncode == 130
        assert "Interrupted." in said
        assert "Traceback" not in said
    psutil.wait_procs(children, timeout=30)
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert len([*out.glob("cells/*"), *out.glob("lessons/*")]) >= 1


def test_another_plan_is_refused_in_the_same_directory(make_plan: MakePlan, tmp_path: Path) -> None:
    done(make_plan(**ONE_SEED, systems={"isgd": {}}), tmp_path)
    with pytest.raises(ConfigurationError, match="holds results of another plan"):
        done(make_plan(**ONE_SEED, systems={"isgd": {}}, scale=0.5), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_and_started_again_nothing_is_lost_or_done_twice(make_plan: MakePlan, tmp_path: Path) -> None:
    """The whole group of processes is killed after the third unit, wherever the others are."""
    plan = make_plan(partitions=["drop-class", "iid"])
    (tmp_path / "plan.toml").write_text(_toml(TINY | {"partitions": ["drop-class", "iid"]}))
    out = tmp_path / "out"
    typed = [
        sys.executable,
        "-m",
        "hdus_peer.cli",
        "study",
        "run",
        str(tmp_path / "plan.toml"),
        "--out",
        str(out),
        "--device",
        "cpu",
    ]
    with subprocess.Popen([*typed, "--jobs", "2"], stderr=subprocess.PIPE, start_new_session=True, text=True) as first:
        assert first.stderr is not None
        told = [first.stderr.readline() for _ in range(3)]
        os.killpg(first.pid, signal.SIGKILL)
    assert all("failed" not in line for line in told)
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    second = subprocess.run([*typed, "--jobs", "2", "--json"], capture_output=True, text=True, check=True)
    summary = json.loads(second.stdout)
    assert summary["failed"] == {}
    assert summary["found"] == len(kept)
    assert summary["done"] + summary["found"] == len(cells(plan))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    names = {path.name for path in (out / "cells").iterdir()}
    assert names == {Folder(out).result(cell).name for cell in cells(plan)}
    undisturbed = done(plan, tmp_path / "undisturbed")
    assert measured(list(read_rows(out / "cells"))) == measured(undisturbed)


def test_a_cell_that_fails_ends_nothing_but_itself(make_plan: MakePlan, tmp_path: Path) -> None:
    """One of the partitions is so uneven that peers are left without samples."""
    plan = make_plan(**ONE_SEED, peers=12, partitions=["iid", "dirichlet:0.001"], systems={"isgd": {}})
    summary = run(plan, Options(tmp_path, tmp_path, device="cpu", jobs=1), quiet)
    failed = next(outcome for outcome in summary.failed if outcome.unit in cells(plan))
    assert "give" in failed.failure
    assert {row.partition for row in read_rows(Folder(tmp_path).cells)} == {"iid"}
    report = write_report(tmp_path)[0].read_text()
    assert "What failed" in report
    assert failed.failure in report


class Lost:
    """A system whose model is lost."""

    present = (0,)

    def predict(self, peer: int, x: np.ndarray) -> np.ndarray:
        return np.full((len(x), 10), np.nan, dtype=np.float32)


def test_answers_that_are_no_numbers_fail_the_cell() -> None:
    part = Part(np.zeros((3, 1, 8, 8), dtype=np.float32), np.zeros(3, dtype=np.int64))
    with pytest.raises(DataError, match="NaN or infinity; set a lower learning rate"):
        accuracy(Lost(), 0, part)  # type: ignore[arg-type]


def test_more_peers_than_samples_is_said(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan(**ONE_SEED, peers=600, systems={"dsgd": {"mains": ["mlp-s"]}})
    summary = run(plan, Options(tmp_path, tmp_path, device="cpu", jobs=1), quiet)
    assert "give" in summary.failed[0].failure


def test_data_that_are_missing_are_said(make_plan: MakePlan, tmp_path: Path) -> None:
    data = {"task": "mnist", "source": "npz:mnist.npz"}
    plan = make_plan(**ONE_SEED, data=data, systems={"isgd": {}})
    with pytest.raises(DataError, match=r"mnist\.npz.*--data-dir"):
        run(plan, Options(tmp_path / "out", tmp_path, device="cpu", jobs=1), quiet)


def test_data_that_are_damaged_are_said_before_anything_is_done(make_plan: MakePlan, tmp_path: Path) -> None:
    (tmp_path / "mnist.npz").write_bytes(b"no archive")
    plan = make_plan(**ONE_SEED, data={"task": "mnist", "source": "npz:mnist.npz"}, systems={"isgd": {}})
    with pytest.raises(DataError, match="cannot be read as"):
        run(plan, Options(tmp_path / "out", tmp_path, device="cpu", jobs=1), quiet)
    assert not (tmp_path / "out").exists()


def test_a_file_of_groups_that_lacks_the_array_is_said(make_plan: MakePlan, tmp_path: Path) -> None:
    np.savez(
        tmp_path / "data.npz",
        x=np.random.default_rng(0).integers(0, 17, (40, 8, 8), dtype=np.uint8),
        y=np.arange(40) % 10,
    )
    np.savez(tmp_path / "groups.npz", reader=np.arange(40))
    data = {"task": "digits", "source": "npz:data.npz", "groups": "groups.npz"}
    plan = make_plan(**ONE_SEED, partitions=["by:writer"], data=data, systems={"isgd": {}})
    with pytest.raises(DataError, match="no array 'writer'"):
        run(plan, Options(tmp_path / "out", tmp_path, device="cpu", jobs=1), quiet)
    np.savez(tmp_path / "groups.npz", writer=np.arange(40))
    with pytest.raises(DataError, match="one entry per training sample"):
        run(plan, Options(tmp_path / "out", tmp_path, device="cpu", jobs=1), quiet)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (MemoryError("Unable to allocate 9 GiB"), "out of memory .*fewer --jobs"),
        (RuntimeError("CUDA out of memory. Tried to allocate 20 GiB"), "out of memory .*smaller models"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 1 byte"), "out of memory"),
        (ValueError("odd"), "ValueError: odd"),
        (DataError("give more"), "^give more$"),
    ],
)
def test_the_reason_of_a_failure_says_what_to_do(problem: Exception, said: str) -> None:
    assert re.search(said, reason_of(problem))


def test_the_report_has_every_table_and_plot(make_plan: MakePlan, tmp_path: Path) -> None:
    done(make_plan(), tmp_path)
    markdown, page = (path.read_text() for path in write_report(tmp_path))
    for heading in (
        "Partition drop-class",
        "Leaves and joins: global accuracy",
        "What it costs",
        "Accuracy while repairing",
    ):
        assert heading in markdown
        assert heading in page
    pictures = [line.split("](")[1].rstrip(")") for line in markdown.splitlines() if line.startswith("![")]
    assert pictures
    for picture in pictures:
        assert (tmp_path / picture).is_file()
        assert (tmp_path / picture).with_name(Path(picture).name.replace(".svg", ".png")).is_file()


@pytest.mark.parametrize("name", ["hdus", "fedunl", "isgd"])
def test_a_report_of_one_system_alone_is_whole(name: str, make_plan: MakePlan, tmp_path: Path) -> None:
    done(make_plan(**ONE_SEED, systems={name: TINY["systems"][name]}), tmp_path)
    markdown = write_report(tmp_path)[0].read_text()
    assert "What it costs" in markdown
    assert not [line for line in markdown.splitlines() if line.startswith("|") and "±" in line]


def test_the_tables_say_what_the_rows_say(make_plan: MakePlan, tmp_path: Path) -> None:
    rows = done(make_plan(sequence=[]), tmp_path)
    alone = [row for row in rows if (row.system, row.main, row.metric) == ("isgd", "own", "local accuracy")]
    by_seed = [[row.value for row in alone if row.random_seed == seed] for seed in (0, 1)]
    means = [100 * sum(values) / len(values) for values in by_seed]
    mean, deviation = sum(means) / 2, abs(means[0] - means[1]) / 2**0.5
    markdown = write_report(tmp_path)[0].read_text()
    (line,) = [line for line in markdown.splitlines() if line.startswith("| ISGD | each its own") and "±" in line]
    assert f"{mean:.2f} ± {deviation:.2f}" in line


def test_the_same_rows_make_the_same_report(make_plan: MakePlan, tmp_path: Path) -> None:
    done(make_plan(**ONE_SEED), tmp_path)

    def written() -> dict[str, bytes]:
        write_report(tmp_path)
        return {path.name: path.read_bytes() for path in [*tmp_path.glob("report.*"), *tmp_path.glob("plots/*.svg")]}

    assert written() == written()


def test_a_directory_without_a_study_is_refused(tmp_path: Path) -> None:
    shown = CliRunner().invoke(root, ["study", "report", str(tmp_path)])
    assert shown.exit_code == 2
    assert "holds no study" in shown.stderr


def test_the_schema_is_that_of_the_rows(make_plan: MakePlan, tmp_path: Path) -> None:
    done(make_plan(**ONE_SEED, systems={"isgd": {}}), tmp_path)
    (path,) = (tmp_path / "cells").iterdir()
    assert pq.read_schema(path).names == list(Row.__dataclass_fields__)


def _toml(fields: dict[str, Any]) -> str:
    """Keys first, then the sections one below the other; JSON's scalars and lists are TOML's."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items() if not isinstance(value, dict)]
    for name, section in fields.items():
        if isinstance(section, dict) and name != "systems":
            lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in section.items())]
    for name, section in fields["systems"].items():
        lines += [f"[systems.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in section.items())]
    return "\n".join(lines) + "\n"
