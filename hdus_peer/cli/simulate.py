"""`hdus-peer simulate`: the protocol in virtual time, under faults. No logic: it calls `simulation` and shows."""

import contextlib
from typing import TYPE_CHECKING, Any

import click

from hdus_peer.cli.options import json_option
from hdus_peer.terminal import console, has_motion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hdus_peer.simulation.campaign import Failure, Options, Summary

LINES_MAX = 200
ROUTINE = ("< Heartbeat", "< Renewal")
VIOLATED = 1
HOUR_S = 3600.0


@click.command(short_help="Try to break the protocol: many peers, virtual time, faults.")
@click.option("--peers", type=click.IntRange(2, 32), default=6, show_default=True, help="How many peers a plan has.")
@click.option(
    "--hours",
    type=click.FloatRange(0, 100_000, min_open=True),
    default=1.0,
    show_default=True,
    metavar="H",
    help="Virtual hours, all plans together.",
)
@click.option("--plans", type=click.IntRange(1, 10**7), metavar="N", help="Exactly N plans, instead of hours.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Of the first plan.")
@click.option(
    "--faults", default="all", show_default=True, metavar="NAMES", help="all, none, or names with commas between them."
)
@json_option
@click.pass_context
def simulate(
    ctx: click.Context, peers: int, hours: float, plans: int | None, seed: int, faults: str, as_json: bool
) -> None:
    """Carry out plan after plan, drawn from seeds: the real protocol, in one thread and virtual time, while devices
    crash, messages are lost and a member goes bad. What must always hold is judged after every action.

    An hour is about 180 plans. The same options do the same thing everywhere: the trace at the end is its hash. Where
    something does not hold, the plan is made as small as it can be and told from its beginning; ends with 1.

    \b
    Examples
      hdus-peer simulate --plans 3
      hdus-peer simulate --plans 2 --peers 4 --faults crash,loss,duplication --json
      hdus-peer simulate --hours 500 --seed 7
    """
    from hdus_peer.simulation import campaign
    from hdus_peer.simulation.faults import named

    options = campaign.Options(seed, peers, hours * HOUR_S, plans or 0, named(faults))
    with _bar(options, as_json) as (tell, tell_try):
        summary = campaign.run(options, tell, tell_try)
    _show(options, summary, as_json)
    ctx.exit(VIOLATED if summary.failure else 0)


@contextlib.contextmanager
def _bar(options: "Options", quiet: bool) -> "Iterator[tuple[Callable[[Summary], None], Callable[[int], None]]]":
    if quiet or not has_motion():
        yield (lambda summary: None), (lambda tries: None)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console(), transient=True) as bar:
        task = bar.add_task("simulating", total=options.plans or options.virtual_s, done="")

        def tell(summary: "Summary") -> None:
            done = f"{summary.plans} plans, {summary.virtual_s / HOUR_S:.1f} h"
            bar.update(task, completed=summary.plans if options.plans else summary.virtual_s, done=done)

        yield tell, lambda tries: bar.update(task, description="making it smaller", done=f"{tries} tries")


# --- at the end -----------------------------------------------------------------------------------------------------
def _show(options: "Options", summary: "Summary", as_json: bool) -> None:
    from hdus_peer.cli.output import show_facts, show_json

    if as_json:
        show_json(_for_programs(options, summary))
        return
    show_facts("Simulation", _facts(summary))
    if summary.failure is not None:
        _show_failure(summary.failure)


def _facts(summary: "Summary") -> list[tuple[str, str]]:
    from hdus_peer.cli.output import duration

    tally, happened = summary.tally, summary.tally.happened
    return [
        ("plans", f"{summary.plans}"),
        ("virtual time", duration(summary.virtual_s)),
        ("Steps", f"{tally.steps}"),
        ("events", f"{summary.events}"),
        ("faults", _listed(tally.faults)),
        ("seeds published, adopted", f"{happened['SeedPublished']}, {happened['SeedAdopted']}"),
        ("evictions", f"{happened['SeedErased']}"),
        ("leaves, forgets", f"{happened['LeaveBegun']}, {happened['ForgetBegun']}"),
        ("slowest certificate", f"{tally.slowest_certificate_s:.3f} s"),
        ("refusals", _listed(tally.refusals)),
        ("trace", summary.trace),
        ("violations", "none" if summary.failure is None else f"1, by seed {summary.failure.seed}"),
    ]


def _listed(counts: "dict[str, int]") -> str:
    found = sorted((name, count) for name, count in counts.items() if count)
    return ", ".join(f"{name} {count}" for name, count in found) or "none"


def _show_failure(failure: "Failure") -> None:
    plan = failure.plan
    click.echo(f"\nSeed {failure.seed} violates {failure.violation}")
    click.echo(f"What is left of its plan after {failure.repeated} tries: {plan.peers} peers, {plan.weather}, and")
    for act in plan.acts:
        click.echo(f"  {act}")
    shown = [line for line in failure.lines if not line.endswith(ROUTINE)][-LINES_MAX:]
    left_out = len(failure.lines) - len(shown)
    click.echo(f"\nWhat happens in it ({left_out} lines more with --json: heartbeats, renewals, what is long before):")
    for line in shown:
        click.echo(line)


def _for_programs(options: "Options", summary: "Summary") -> dict[str, Any]:
    tally, failure = summary.tally, summary.failure
    return {
        "seed": options.seed,
        "peers": options.peers,
        "allowed_faults": sorted(options.faults),
        "plans": summary.plans,
        "virtual_s": summary.virtual_s,
        "steps": tally.steps,
        "events": summary.events,
        "faults": dict(sorted(tally.faults.items())),
        "evictions": tally.happened["SeedErased"],
        "happened": dict(sorted(tally.happened.items())),
        "slowest_certificate_s": tally.slowest_certificate_s,
        "refusals": dict(sorted(tally.refusals.items())),
        "trace": summary.trace,
        "violation": None if failure is None else _failure_for_programs(failure),
    }


def _failure_for_programs(failure: "Failure") -> dict[str, Any]:
    return {
        "seed": failure.seed,
        "invariant": failure.violation.invariant,
        "what": str(failure.violation),
        "plan": failure.plan,
        "transcript": failure.lines,
        "tries": failure.repeated,
    }
