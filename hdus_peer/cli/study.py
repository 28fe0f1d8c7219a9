"""`hdus-peer study`: the paper's experiments. No logic: it calls `study` and shows what was done."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import json_option, key_values

if TYPE_CHECKING:
    from hdus_peer.study.run import Summary, Told

DATA_VARIABLE = "HDUS_DATA_DIR"


@click.group(short_help="Compare HDUS with its rivals on real data.")
def study() -> None:
    """Run the experiments of the paper, and others like them: five systems side by side, from a plan to a report."""


@study.command(short_help="Do what a plan says, or what is left of it.")
@click.argument("plan")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The directory of its results."
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar=DATA_VARIABLE,
    default=Path(),
    help=f"Where the plan's data files lie [env: {DATA_VARIABLE}].",
)
@click.option("--download", is_flag=True, help="Fetch published data sets that are missing there, and check them.")
@click.option(
    "--scale", type=click.FloatRange(0, 1, min_open=True), help="Shorten schedules and samples to this share."
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", callback=key_values,
    help="Any key of the plan, for example data.samples=2000; may be repeated.",
)  # fmt: skip
@click.option(
    "--device",
    type=click.Choice(("auto", "cpu", "cuda", "mps")),
    default="auto",
    show_default=True,
    help="What computes.",
)
@click.option("--jobs", type=click.IntRange(1, 1024), help="Processes at one time; by default one for each core.")
@click.option(
    "--backend",
    type=click.Choice(("joblib", "ray")),
    default="joblib",
    show_default=True,
    help="This machine, or a Ray cluster.",
)
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    plan: str,
    out: Path,
    data_dir: Path,
    download: bool,
    scale: float | None,
    settings: dict[str, str],
    device: str,
    jobs: int | None,
    backend: str,
    as_json: bool,
) -> None:
    """Do everything that PLAN says: the name of a plan that comes with the product, or a file.

    What is done already is not done again: after an interruption, start it again with the same command. Ends with 1 if
    some cells failed; the others are done, and the report names those that are not.

    \b
    Examples
      hdus-peer study run smoke --out smoke
      hdus-peer study run paper-mnist --out mnist --data-dir data --scale 0.02
      hdus-peer study run mine.toml --out mine --backend ray
    """
    from hdus_peer.study.extra import need

    need("study")
    from hdus_peer.interruption import interruptible
    from hdus_peer.study.cautions import cautions
    from hdus_peer.study.plan_file import read_plan
    from hdus_peer.study.run import Options
    from hdus_peer.study.run import run as run_plan

    command = shlex.join(["hdus-peer", *sys.argv[1:]])
    options = Options(out, data_dir, device, jobs or 0, backend, command, download)
    chosen = read_plan(plan, settings if scale is None else {**settings, "scale": str(scale)})
    for sentence in cautions(chosen):
        click.echo(f"hdus-peer: {sentence}", err=True)
    with interruptible():
        summary = run_plan(chosen, options, _tell)
    _show(summary, out, as_json)
    ctx.exit(1 if summary.failed else 0)


@study.command(short_help="Tables and plots of what was done.")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@json_option
def report(directory: Path, as_json: bool) -> None:
    """Write report.md, report.html and plots into the DIRECTORY of a study, from its results so far.

    \b
    Examples
      hdus-peer study report smoke
    """
    from hdus_peer.study.extra import need

    need("study")
    from hdus_peer.cli.output import show_json
    from hdus_peer.study.report import write_report

    written = write_report(directory)
    if as_json:
        show_json({"files": [str(path) for path in written]})
    else:
        click.echo(f"{written[0]}\n{written[1]}")


@study.command(short_help="The plans that come with the product.")
@json_option
def plans(as_json: bool) -> None:
    """List the plans that come with the product.

    \b
    Examples
      hdus-peer study plans
    """
    from hdus_peer.cli.output import Column, show_json, show_table
    from hdus_peer.study.plan_file import read_plan, ready_names

    found = [read_plan(name) for name in ready_names()]
    if as_json:
        show_json([each.model_dump(mode="json") for each in found])
        return
    columns = [Column("plan"), Column("task"), Column("partitions"), Column("peers", True), Column("main models")]
    rows = [
        (each.name, each.data.task, ", ".join(each.partitions), str(each.peers), ", ".join(dict.fromkeys(each.mains)))
        for each in found
    ]
    show_table("Plans", columns, rows, "There are no plans.")


def _tell(told: "Told") -> None:
    from hdus_peer.cli.output import duration

    outcome = told.outcome
    how = f"failed: {outcome.failure}" if outcome.failure else duration(outcome.seconds)
    left = f"; about {duration(told.left_s)} left" if told.done < told.all else ""
    click.echo(f"[{told.done}/{told.all}] {outcome.unit.name}: {how}{left}", err=True)


def _show(summary: "Summary", out: Path, as_json: bool) -> None:
    from hdus_peer.cli.output import show_json

    failed = {outcome.unit.name: outcome.failure for outcome in summary.failed}
    if as_json:
        show_json({"done": summary.done, "found": summary.found, "failed": failed})
        return
    before = f" ({summary.found} were done before)" if summary.found else ""
    wrong = f", {len(failed)} units failed" if failed else ""
    click.echo(f"{summary.done} cells done{before}{wrong}. Next: hdus-peer study report {shlex.quote(str(out))}")
