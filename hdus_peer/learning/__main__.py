"""The trainer child's entry: `python -m hdus_peer.learning JOB.json`, where the file is a `workers.job.TrainingJob`;
without an argument, one errand.

With a job it writes frames (`workers.frames`, no bodies) to what was its stdout, and reads nothing:

    {"progress": {"stage": str, "fraction": float, "detail": str}}   at most four a second; stages: data main distil
                                                                     export seal; a finished job has "seal" at most
    {"result": {fields of workers.port.TrainingResult, paths as text}}     the last frame; exit code 0
    {"error": {"kind": class name in hdus_peer.errors, "message": str}}    the last frame; that class's exit code

No last frame: the child died (a bug leaves a traceback on stderr), or was told to stop. Start it again with the same
file: it goes on from its checkpoint, or at once answers with what is finished. SIGTERM: it makes its state durable and
ends with 143. To train again on the data as they are now, remove `result.json` in the job's directory first (a
checkpoint is used only over the same samples). The result's `sealed` and `key` are to be renamed away; if they were,
and the job is run again with `seal`, the same seed is sealed under a new key; without `seal` they need not exist.

An errand is a frame with "id", "do" and "job" (the job's JSON), answered by {"id", "ok": {…}} or {"id", "error": {…}}:

    {"do": "select", "samples": str, "where": str, "into": path}   ok: the fields of workers.port.Selected
    {"do": "erase"}                                                ok: {}

The child lowers its own priority. What the parent's environment should set for it: MALLOC_MMAP_THRESHOLD_ and
MALLOC_TRIM_THRESHOLD_ to 4294967296 (glibc keeps the big blocks that every step needs: up to 40 % faster), and
OMP_NUM_THREADS to the job's threads.
"""

import dataclasses
import os
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

from hdus_peer.errors import HdusError
from hdus_peer.learning.job import run
from hdus_peer.learning.progress import Interrupted, Progress
from hdus_peer.workers.frames import receive, reply
from hdus_peer.workers.job import TrainingJob
from hdus_peer.workers.lifeline import die_with_parent, take_channel
from hdus_peer.workers.port import Selection

NICENESS = 10
EXIT_INTERRUPTED = 128 + signal.SIGTERM


def main(arguments: list[str]) -> int:
    """Run the job of the file named by the only argument, or an errand; the exit code."""
    incoming, outgoing = take_channel()
    die_with_parent()
    if not arguments:
        return _run_errand(incoming, outgoing)
    os.nice(NICENESS)
    progress = Progress(lambda fields: reply(outgoing, {"progress": fields}))
    signal.signal(signal.SIGTERM, lambda *_: progress.interrupt())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the parent decides
    try:
        return _run(Path(arguments[0]), progress, outgoing)
    except BrokenPipeError:
        return EXIT_INTERRUPTED  # the parent is gone; the last checkpoint stands


def _run(path: Path, progress: Progress, outgoing: BinaryIO) -> int:
    try:
        result = run(TrainingJob.from_json(path.read_text()), progress)
    except Interrupted:
        return EXIT_INTERRUPTED
    except HdusError as problem:
        reply(outgoing, {"error": {"kind": type(problem).__name__, "message": str(problem)}})
        return problem.exit_code
    reply(outgoing, {"result": result})
    return 0


def _run_errand(incoming: BinaryIO, outgoing: BinaryIO) -> int:
    """Not at a lower priority: somebody waits for it."""
    frame = receive(incoming)
    if frame is None:
        return EXIT_INTERRUPTED
    request, _ = frame
    try:
        reply(outgoing, {"id": request["id"], "ok": _done(request)})
    except HdusError as problem:
        reply(outgoing, {"id": request["id"], "error": {"kind": type(problem).__name__, "message": str(problem)}})
        return problem.exit_code
    return 0


def _done(request: dict[str, Any]) -> dict[str, Any]:
    job = TrainingJob.from_json(request["job"])
    if request["do"] == "select":
        from hdus_peer.learning.selection import select  # each errand needs little, and is waited for

        chosen = select(job, Selection(request["samples"], request["where"]), Path(request["into"]))
        return dataclasses.asdict(chosen)
    from hdus_peer.learning.erasure import erase

    erase(job, everything=request["everything"])
    return {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
