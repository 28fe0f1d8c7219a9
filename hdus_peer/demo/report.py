"""What the demo tells: boxed tables on one screen for people, and everything as JSON."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from rich.box import ROUNDED
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from hdus_peer.demo.plan import NetworkPlan
from hdus_peer.demo.results import Check, DemoResult, Departed, PeerResult, Results
from hdus_peer.errors import StorageError


def titled(title: str, table: Table) -> Group:
    """A table under a title that is not squeezed into its width."""
    return Group(Text(title, style="bold"), table)


def results_table(title: str, results: Results) -> Group:
    """Who, with what, and how well: accuracy in % on the local and the global test set under the configured rule."""
    table = Table(box=ROUNDED)
    table.add_column("peer")
    table.add_column("main model")
    for heading in ("para-\nmeters", "seeds\nheld", "local\nalone", "ensem-\nble", "global\nalone", "ensem-\nble"):
        table.add_column(heading, justify="right")
    for each in results:
        table.add_row(each.name, each.main, f"{each.parameters:,}", str(len(each.held)), *_mean_accuracies([each]))
    table.add_section()
    table.add_row("mean", "", "", "", *_mean_accuracies(results), style="bold")
    return titled(f"{title} (accuracy in %)", table)


def _mean_accuracies(results: Sequence[PeerResult]) -> list[str]:
    columns = zip(*(_accuracies(each) for each in results), strict=True)
    return [f"{100 * sum(column) / len(results):.1f}" for column in columns]


def _accuracies(each: PeerResult) -> tuple[float, float, float, float]:
    local, everywhere = each.local, each.everywhere[each.local.rule]
    return local.accuracy_alone, local.accuracy_ensemble, everywhere.accuracy_alone, everywhere.accuracy_ensemble


def erasure_table(departed: Departed) -> Group:
    title = f"{departed.name} left: who erased its seed {departed.payload_sha256[:8]}, and signed for it"
    table = Table(box=ROUNDED)
    for heading in ("holder", "erased", "proof"):
        table.add_column(heading)
    table.add_column("after", justify="right")
    for each in sorted(departed.erasures, key=lambda erasure: erasure.after_ms):
        after = f"{each.after_ms} ms" if each.after_ms >= 0 else "–"
        table.add_row(each.name, "yes" if each.confirmed else "pending", each.proof or "–", after)
    return titled(title, table)


def checks_table(checks: Sequence[Check]) -> Group:
    table = Table(box=ROUNDED, show_header=False)
    table.add_column("")
    table.add_column("check")
    table.add_column("found", style="dim")
    for check in checks:
        mark = "[green]✓[/]" if check.held else "[bold red]✗[/]"
        table.add_row(mark, check.name, check.detail)
    return titled("Checks", table)


def verdict(checks: Sequence[Check]) -> str:
    wrong = [check.name for check in checks if not check.held]
    if not wrong:
        return f"All {len(checks)} checks held."
    return f"{len(wrong)} of {len(checks)} checks did not hold: {'; '.join(wrong)}."


def timing(seconds: dict[str, float]) -> str:
    """When what was there, since the start."""
    return f"First table after {seconds['table']:.0f} s, everything after {seconds['checked']:.0f} s."


def how_to_talk(console: Console, plan: NetworkPlan, directory: Path) -> None:
    """The commands for peers that run on."""
    survivors = [peer for peer in plan.peers if peer is not plan.leaver]
    console.print("The peers run on. Talk to them:", highlight=False)
    for verb in ("status --watch", "peers", "evaluate"):
        console.print(f"  hdus-peer {verb} --state {survivors[0].state}", highlight=False, soft_wrap=True)
    names = ",".join(peer.name for peer in survivors)
    stop = f"  for peer in {{{names}}}; do hdus-peer stop --state {directory}/$peer/state; done"
    console.print("and stop them (bash):", stop, sep="\n", highlight=False, soft_wrap=True)


def to_json(found: DemoResult, options: dict[str, object]) -> str:
    """The whole result with its options."""
    return json.dumps({"options": options, **dataclasses.asdict(found)}, indent=1, ensure_ascii=False, default=str)


def write_json(file: Path, found: DemoResult, options: dict[str, object]) -> None:
    try:
        file.write_text(to_json(found, options) + "\n", encoding="utf-8")
    except OSError as problem:
        raise StorageError(f"{file} cannot be written ({problem.strerror}): choose another --json file") from problem
