"""`hdus-peer simulate`: the protocol in virtual time, under faults. No logic: it calls `simulation` and shows."""

import contextlib
import functools
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from hdus_peer.cli.options import json_option
from hdus_peer.terminal import console, has_motion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hdus_peer.simulation.campaign import Failure, Options, Summary
    from hdus_peer.simulation.crowd import Progress

LINES_MAX = 200
ROUTINE = ("< Heartbeat", "< Renewal")
VIOLATED = 1
HOUR_S = 3600.0
PEERS_MIN, PEERS_MAX = 2, 10_000
OF_PLANS = ("peers", "hours", "plans", "faults")


def _sizes(ctx: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, ...]:
    """The numbers of peers of `--scale`; none where it was not given."""
    return tuple(_size(part.strip()) for part in text.split(",")) if text is not None else ()


def _size(text: str) -> int:
    if not text.isdecimal() or len(text) > 5 or not PEERS_MIN <= int(text) <= PEERS_MAX:
        reason = f"{text!r} is no number of peers from {PEERS_MIN} to {PEERS_MAX}; name some, such as 10,100,1000"
        raise click.BadParameter(reason, param_hint="--scale")
    return int(text)


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
@click.option(
    "--scale",
    "sizes",
    callback=_sizes,
    metavar="N,N,N",
    help=f"Instead of plans: how hops and traffic grow with the number of peers ({PEERS_MIN} to {PEERS_MAX} each).",
)
@json_option
@click.pass_context
def simulate(
    ctx: click.Context,
    peers: int,
    hours: float,
    plans: int | None,
    seed: int,
    faults: str,
    sizes: tuple[int, ...],
    as_json: bool,
) -> None:
    """Carry out plan after plan, drawn from seeds: the real protocol, in one thread and virtual time, while devices
    crash, messages are lost and a member goes bad. What must always hold is judged after every action.

    An hour is about 180 plans. The same options do the same thing everywhere: the trace at the end is its hash. Where
    something does not hold, the plan is made as small as it can be and told from its beginning; ends with 1.

    \b
    Faults
      crash        at any moment of a Step; the device starts again
      loss, duplication, reorder   of single messages within a link, which no honest transport does
      delay        of messages, up to 0.4 s
      corruption   of bulk transfers
      cut, partition, one-way      of links, of the network, of one direction
      clock        a wall clock jumps by up to 20 hours
      malice       a member gone bad: lies, forges, repeats
      restore      a backup is put back
      clone        one identity runs at two places, from a copy of its disk
      vanish       a device never comes back
      slow-disk, full-disk         commits, fetches and erasures are late, or refused for a while
      revoke       the authority puts a member out

    With --scale, so many peers join and exchange in a quiet world, one of them leaves, and the others rest for a
    minute, once for each number. Shown are the hops of the notice, messages and bytes of a peer, virtual times, and
    what the run cost this machine.

    \b
    Examples
      hdus-peer simulate --plans 3
      hdus-peer simulate --plans 2 --peers 4 --faults crash,loss,duplication --json
      hdus-peer simulate --hours 500 --seed 7
      hdus-peer simulate --scale 6,10
    """
    if sizes:
        _refuse_plans(ctx)
        ctx.exit(_scale(sizes, seed, as_json))
    from hdus_peer.simulation import campaign
    from hdus_peer.simulation.faults import named

    options = campaign.Options(seed, peers, hours * HOUR_S, plans or 0, named(faults))
    with _bar(options.plans or options.virtual_s, as_json) as update:

        def tell(summary: "Summary") -> None:
            done = f"{summary.plans} plans, {summary.virtual_s / HOUR_S:.1f} h"
            update(completed=summary.plans if options.plans else summary.virtual_s, done=done)

        summary = campaign.run(
            options, tell, lambda tries: update(description="making it smaller", done=f"{tries} tries")
        )
    _show(options, summary, as_json)
    ctx.exit(VIOLATED if summary.failure else 0)


def _refuse_plans(ctx: click.Context) -> None:
    given = [name for name in OF_PLANS if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE]
    if given:
        raise click.UsageError(f"--scale carries out no plans: leave out --{given[0]}", ctx)


def _scale(sizes: tuple[int, ...], seed: int, as_json: bool) -> int:
    """Measure, show, and answer the exit code."""
    from hdus_peer.cli import scale_view
    from hdus_peer.simulation import scale

    with _bar(1.0, as_json) as update:

        def tell(progress: "Progress") -> None:
            update(description=f"{progress.peers} peers", completed=progress.share, done=progress.phase)

        reports = scale.run(sizes, seed, tell)
    scale_view.show(seed, reports, as_json)
    return VIOLATED if reports[-1].violation else 0


@contextlib.contextmanager
def _bar(total: float, quiet: bool) -> "Iterator[Callable[..., None]]":
    """Yields what changes the bar, with `description`, `completed` and `done`."""
    if quiet or not has_motion():
        yield lambda **changes: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console(), transient=True) as bar:
        yield functools.partial(bar.update, bar.add_task("simulating", total=total, done=""))


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
