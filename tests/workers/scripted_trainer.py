"""A trainer child for tests: does what the `data` field of its job says, and counts its starts beside the job."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from hdus_peer.workers.frames import reply
from hdus_peer.workers.job import TrainingJob
from hdus_peer.workers.lifeline import die_with_parent, take_channel


def main() -> None:
    die_with_parent()
    _, outgoing = take_channel()
    print("a library prints what it likes")
    job = TrainingJob.from_json(Path(sys.argv[1]).read_text())
    starts = _count_start(job.directory / "starts")
    PLAYS[job.data](job, starts, outgoing)


def finishes(job: TrainingJob, starts: int, outgoing: BinaryIO) -> None:
    _progress(outgoing, "main", 0.5)
    _progress(outgoing, "seal", 1.0)
    reply(outgoing, {"result": _result(job, starts)})


def dies_twice(job: TrainingJob, starts: int, outgoing: BinaryIO) -> None:
    """Each time a little further on."""
    _progress(outgoing, "main", starts / 10)
    if starts <= 2:
        os.kill(os.getpid(), signal.SIGKILL)
    finishes(job, starts, outgoing)


def dies_further_on(job: TrainingJob, starts: int, outgoing: BinaryIO) -> None:
    """More often than is allowed without progress, but with progress."""
    _progress(outgoing, "main", starts / 10)
    if starts <= 7:
        os.abort()
    finishes(job, starts, outgoing)


def dies_always(job: TrainingJob, starts: int, outgoing: BinaryIO) -> None:
    _progress(outgoing, "main", 0.1)
    sys.exit("the disk of this test is on fire")


def lacks_labels(job: TrainingJob, starts: int, outgoing: BinaryIO) -> None:
    reply(outgoing, {"error": {"kind": "DataError", "message": "a sample has no label; label it"}})


def talks_nonsense(job: TrainingJob, starts: int, outgoing: BinaryIO) -> None:
    reply(outgoing, {"progress": {"stage": "lunch", "fraction": 1.0, "detail": ""}})


def works_for_ever(job: TrainingJob, starts: int, outgoing: BinaryIO) -> None:
    _progress(outgoing, "main", 0.1)
    threading.Event().wait()


def ignores_sigterm(job: TrainingJob, starts: int, outgoing: BinaryIO) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    works_for_ever(job, starts, outgoing)


PLAYS = {
    play.__name__: play
    for play in (
        finishes,
        dies_twice,
        dies_further_on,
        dies_always,
        lacks_labels,
        talks_nonsense,
        works_for_ever,
        ignores_sigterm,
    )
}


def _count_start(path: Path) -> int:
    with path.open("a") as file:
        file.write("x")
    return path.stat().st_size


def _progress(outgoing: BinaryIO, stage: str, fraction: float) -> None:
    reply(outgoing, {"progress": {"stage": stage, "fraction": fraction, "detail": str(os.getpid())}})


def _result(job: TrainingJob, starts: int) -> dict[str, Any]:
    folder = job.directory
    return {
        "architecture": job.seed,
        "schema_sha256": "1" * 64,
        "reference": "2" * 64,
        "sealed": str(folder / "sealed"),
        "key": str(folder / "key"),
        "main": str(folder / "main.onnx"),
        "templates": {job.seed: str(folder / "template.onnx")},
        "evaluation": str(folder / "evaluation.npz"),
        "summary": {"starts": starts, "epoch": job.job_epoch, "malloc": os.environ["MALLOC_TRIM_THRESHOLD_"]},
    }


if __name__ == "__main__":
    main()
