"""`hdus-peer status`: one look at the daemon, or a live one."""

import contextlib
import json
import time
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import asks_daemon
from hdus_peer.cli.output import date, duration, facts_panel, rho_of, show_facts, show_json
from hdus_peer.cli.unlearning_view import outcome
from hdus_peer.terminal import console, has_motion

DAY_S = 86_400

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hdus_peer.control.client import ControlClient
    from hdus_peer.control.port import Offender, OwedAnswers, PeerStatus, PendingNotice, TrainingStatus
    from hdus_peer.workers.port import EnsembleState


@click.command(short_help="Show what this peer is doing; --watch keeps showing it.")
@click.option("--watch", is_flag=True, help="Keep showing it until Ctrl-C or the daemon's end.")
@asks_daemon
def status(daemon: "ControlClient", as_json: bool, watch: bool) -> None:
    """Show what this peer is doing.

    \b
    Examples
      hdus-peer status
      hdus-peer status --watch
      hdus-peer status --json | jq .ensemble.owners
      hdus-peer status --watch --json      one object a line, at every change
    """
    if watch:
        _watch(daemon, as_json)
    elif as_json:
        show_json(daemon.status())
    else:
        now = daemon.status()
        show_facts(title_of(now), facts_of(now))


def title_of(status: "PeerStatus") -> str:
    return f"{status.name} · {status.peer[:8]} · network {status.network} · task {status.task}"


def facts_of(status: "PeerStatus") -> list[tuple[str, str]]:
    """What people want to know, most important first."""
    ensemble, links = status.ensemble, status.links
    members = f"{links.alive} alive, {links.suspect} suspect, {links.gone} gone"
    facts = [
        ("phase", f"{status.phase}, up {duration(status.uptime_s)}, process {status.pid}"),
        ("address", status.address),
        ("main model", _model(status.main.architecture, status.main.parameters)),
        ("seed", _model(status.seed.architecture, status.seed.parameters)),
        ("generation", str(status.generation) if status.generation else "none served yet"),
        ("training", training_of(status.training)),
        ("ensemble", ensemble_of(ensemble) if status.main.parameters else "there is no model yet"),
        ("seeds held", str(status.seeds_held)),
        ("holders of mine", str(status.holders)),
        ("other members", members),
        ("credentials", valid_until(status.not_after_s, int(time.time()))),
    ]
    facts += [("my notice", notice_of(notice, int(time.time()))) for notice in status.notices]
    facts += [("to pass on", owed_of(owed)) for owed in status.owed]
    if status.exports_outliving:
        facts.append(("delete these", f"{', '.join(status.exports_outliving)}: exported, with a seed unlearned since"))
    if status.refusals:
        facts.append(("refused", _counted(status.refusals)))
    facts += [("refused from", offender_of(offender)) for offender in status.offenders]
    return facts


def valid_until(not_after_s: int, now_s: int) -> str:
    """Until when the credentials are valid, with the days that are left."""
    day = time.strftime("%Y-%m-%d", time.gmtime(not_after_s))
    if now_s > not_after_s:
        return f"expired on {day}: hdus-peer network request --renew"
    return f"valid until {day}, {(not_after_s - now_s) // DAY_S} days left"


def notice_of(notice: "PendingNotice", now_s: int) -> str:
    """One line: what and when, who has erased, and what is to be expected of the others."""
    rest = "" if notice.pending else "; until somebody who stays knows of it, this peer tells the others"
    return f"{notice.kind} of {date(notice.issued_at_s)}: {outcome(notice.holders, now_s)}{rest}"


def offender_of(offender: "Offender") -> str:
    """One line: who, and what of it was refused; the id is what `network revoke` takes."""
    return f"{offender.name} ({offender.peer[:8]}): {_counted(offender.refusals)}"


def _counted(refusals: dict[str, int]) -> str:
    return ", ".join(f"{count} {why}" for why, count in sorted(refusals.items()))


def owed_of(owed: "OwedAnswers") -> str:
    """One line: what lies here for whom, why, and since when."""
    mail = "a receipt of another holder" if owed.count == 1 else f"{owed.count} receipts of other holders"
    what = mail if owed.kind == "mail" else f"my {owed.kind}"
    why = "in reach, not acknowledged yet" if owed.state == "alive" else "off line"
    return f"{what} for {owed.name} ({why}), since {date(owed.oldest_s)}"


def ensemble_of(ensemble: "EnsembleState") -> str:
    """One line: how many seeds, combined how, and whether they answer now."""
    rebuilding = ", being rebuilt: the main model answers alone" if ensemble.pending else ""
    return f"main model and {len(ensemble.owners)} seeds by {ensemble.rule}, {rho_of(ensemble)}{rebuilding}"


def training_of(training: "TrainingStatus") -> str:
    """One line: state, and the stage where one is running."""
    if training.state == "running":
        return f"{training.stage} {training.fraction:.0%} {training.detail}".rstrip()
    return f"{training.state} {training.detail}".rstrip()


def _model(architecture: str, parameters: int) -> str:
    return f"{architecture}, {parameters:,} parameters" if parameters else f"{architecture}, not trained yet"


def _watch(daemon: "ControlClient", as_json: bool) -> None:
    with contextlib.closing(daemon.watch()) as changes:
        if as_json:
            for now in changes:
                click.echo(_line(now))
        elif has_motion():
            _draw(changes)
        else:
            for now in changes:
                show_facts(title_of(now), facts_of(now))
    if not as_json:
        click.echo("The daemon ended.")


def _line(status: "PeerStatus") -> str:
    import dataclasses

    return json.dumps(dataclasses.asdict(status))


def _draw(changes: "Iterator[PeerStatus]") -> None:
    from rich.live import Live

    with Live(console=console(), refresh_per_second=10) as live:
        for now in changes:
            live.update(facts_panel(title_of(now), facts_of(now)))
