"""Writes the report of a study: tables and plots of its rows, as markdown and as HTML.

Rule: no number is typed by hand, none is left out for being bad; what failed is listed, and a shortened schedule is
said above every table.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from hdus_peer.durable import write_durably
from hdus_peer.errors import DataError
from hdus_peer.study import tables
from hdus_peer.study.document import Block, Code, Heading, Paragraph, Picture, Table, markdown, page
from hdus_peer.study.folder import Folder
from hdus_peer.study.plan import Plan
from hdus_peer.study.plots import write_plots
from hdus_peer.study.published import beside_published
from hdus_peer.study.results import Results
from hdus_peer.study.rows import read_rows

READING = (
    "Mean ± standard deviation over {seeds} random seeds of the mean over the peers that are present. Δ: paired "
    "differences to ISGD with the same main models (each its own, where there is no such run), in points, ± half the "
    "95 % interval (Student's t over the random seeds); worst peer: the smallest mean difference of one peer. Local: a "
    "test set of each peer's own distribution; global: all classes, disjoint from the reference set."
)
DIFFERENT = (
    "What differs from the published set-up: samples are shared out by their hashes, not in contiguous chunks; a tenth "
    "of what is left to each peer after its local test is held out, to choose weights and ρ on; half of the test "
    "pictures are the reference set, the other half the global test (published: all of them the reference set); the "
    "learning rate follows a cosine. Systems that share parameters need one architecture for all of their peers, which "
    "the column of main models says; the same system with a bigger one stands beside it where it was run."
)
COSTS = (
    "Seconds of one machine doing every peer's part one after the other; MB: models moved between peers, without the "
    "hundreds of bytes of notices and receipts. For HDUS and SISA-A an unlearning drops one model everywhere (and HDUS "
    "chooses ρ anew); DSGD trains again without the leaver; FedUnl subtracts and repairs, with a teacher that knew the "
    "leaver. ISGD has nothing to unlearn. To forget is to remove a tenth of one peer's training samples: its main "
    "model (and, of HDUS, its seed) is learned again; systems that share parameters cannot."
)


def write_report(directory: Path) -> tuple[Path, Path]:
    """report.md and report.html in a study's directory. Raises ConfigurationError, DataError, StorageError."""
    folder = Folder(directory.absolute())
    plan = folder.plan()
    results = Results(read_rows(folder.cells), plan.partitions)
    if not results.rows:
        raise DataError(f"{directory} has no finished cell yet: run the study first")
    pictures = write_plots(results, folder.plots)
    blocks = [*_head(folder, plan, results), *_body(folder, plan, results, pictures), *_tail(folder, results)]
    paths = directory / "report.md", directory / "report.html"
    write_durably(paths[0].absolute(), markdown(blocks).encode(), mode=0o644)
    write_durably(paths[1].absolute(), page(f"Study {plan.name}", blocks).encode(), mode=0o644)
    return paths


def _head(folder: Folder, plan: Plan, results: Results) -> Iterator[Block]:
    started, first = folder.started(), results.rows[0]
    yield Heading(f"Study {plan.name}", 1)
    yield Code(started["command"])
    yield Table(
        ["what", "value"],
        [
            ["plan", f"{plan.name}, {started['plan_sha256'][:16]}"],
            ["scale", _scale(plan)],
            ["data", f"{plan.data.task}, {plan.peers} peers, partitions {', '.join(plan.partitions)}"],
            ["main models", ", ".join(plan.main_of(peer) for peer in range(plan.peers))],
            ["seed models", plan.seed_model],
            ["random seeds", ", ".join(map(str, plan.random_seeds))],
            ["schedule", _schedule(plan)],
            ["distillation", _distillation(plan)],
            ["device", f"{first.device}, {plan.threads} thread(s) a process; {started['machine']}"],
            ["versions", f"hdus-peer {first.hdus_peer}, torch {first.torch}, Python {first.python}"],
        ],
    )
    failures = folder.failures()
    if failures:
        yield Heading("What failed")
        yield Table(["part", "reason"], [[each["unit"], each["reason"]] for each in failures])


def _body(folder: Folder, plan: Plan, results: Results, pictures: Sequence[tuple[str, str, str]]) -> Iterator[Block]:
    for partition in results.partitions:
        yield Heading(f"Partition {partition}")
        yield Paragraph(READING.format(seeds=len(plan.random_seeds)) + _shortened(plan))
        yield tables.accuracy(results, partition)
        for metric in tables.METRICS if plan.sequence else ():
            yield Heading(f"Leaves and joins: {metric} in %", 3)
            yield Paragraph(f"The sequence: {', '.join(plan.sequence)}.{_shortened(plan)}")
            yield tables.sequence(results, partition, metric)
        yield Heading("What it costs", 3)
        yield Paragraph(COSTS + _shortened(plan))
        yield tables.costs(results, partition)
        repairs = tables.repairs(results, partition)
        if repairs:
            yield Heading("Accuracy while repairing", 3)
            yield repairs
        for _, stem, title in (each for each in pictures if each[0] == partition):
            yield Picture(f"{folder.plots.name}/{stem}.svg", f"{title}, {partition}")
    published = beside_published(results, plan)
    if published:
        yield Heading("Beside the published figures")
        yield Paragraph(f"Local accuracy, drop-class. {DIFFERENT}{_shortened(plan)}")
        yield published


def _tail(folder: Folder, results: Results) -> Iterator[Block]:
    yield Heading("How long the parts took")
    yield Paragraph("Where the CPU seconds are far below the others, the machine had other work at the same time.")
    yield tables.seconds_per_cell(results, _lessons(folder))


def _lessons(folder: Folder) -> dict[str, list[tuple[float, float]]]:
    """Wall and CPU seconds of the lessons that are done, by kind."""
    found: dict[str, list[tuple[float, float]]] = {}
    for path in sorted(folder.root.glob("lessons/*.json")):
        said = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(said["kind"], []).append((said["wall_s"], said["cpu_s"]))
    return found


def _schedule(plan: Plan) -> str:
    found = plan.schedule_of_main()
    return f"{found.epochs_max} epochs at most, batches of {found.batch}, Adam at {found.learning_rate:g}"


def _distillation(plan: Plan) -> str:
    found = plan.distillation_at(1.0)
    moved = f", pictures moved by up to {found.shift} pixel(s)" if found.shift else ""
    return f"{found.steps} steps, batches of {found.batch}, Adam at {found.learning_rate:g}{moved}"


def _scale(plan: Plan) -> str:
    return "full" if plan.scale == 1.0 else f"{plan.scale:g} of the plan's epochs, steps and samples"


def _shortened(plan: Plan) -> str:
    return "" if plan.scale == 1.0 else f" Shortened: {_scale(plan)}."
