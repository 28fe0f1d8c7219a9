"""Live progress of every peer: a table that is drawn again for a terminal, a line at every new stage otherwise."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.box import ROUNDED
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from hdus_peer.control.port import PeerStatus
from hdus_peer.demo.fleet import Statuses
from hdus_peer.demo.plan import PeerPlan
from hdus_peer.demo.report import titled

BAR_WIDTH = 24


class Screen:
    """Shows statuses as they come. Made by `watching`."""

    def __init__(self, console: Console, peers: Sequence[PeerPlan], title: str, live: Live | None) -> None:
        self._console = console
        self._peers = peers
        self._title = title
        self._live = live
        self._said: dict[str, str] = {}

    def show(self, found: Statuses) -> None:
        if self._live is not None:
            self._live.update(progress_table(self._peers, found, self._title))
            return
        for name, status in found.items():
            said = stage_of(status)
            if self._said.get(name) != said:
                self._said[name] = said
                self._console.print(f"  {name}: {said}", highlight=False)


@contextmanager
def watching(console: Console, peers: Sequence[PeerPlan], title: str) -> Iterator[Screen]:
    """A screen for `peers`; what a terminal showed last is wiped at the end."""
    if not console.is_interactive:
        console.print(title, highlight=False)
        yield Screen(console, peers, title, None)
        return
    with Live(console=console, transient=True, refresh_per_second=8) as live:
        live.update(progress_table(peers, {}, title))
        yield Screen(console, peers, title, live)


def progress_table(peers: Sequence[PeerPlan], found: Statuses, title: str) -> Group:
    table = Table(box=ROUNDED)
    for heading in ("peer", "main model", "doing", "", "seeds held", "in use"):
        table.add_column(heading)
    others = len(peers) - 1
    for peer in peers:
        status = found.get(peer.name)
        if status is None:
            table.add_row(peer.name, peer.main, "starts", ProgressBar(1.0, 0.0, BAR_WIDTH), "", "")
            continue
        bar = ProgressBar(1.0, fraction_of(status), BAR_WIDTH)
        held, used = f"{status.seeds_held}/{others}", f"{len(status.ensemble.owners)}/{others}"
        table.add_row(peer.name, peer.main, stage_of(status), bar, held, used)
    return titled(title, table)


def stage_of(status: PeerStatus) -> str:
    """What a peer is at, in one or two words."""
    words = {"data": "reads data", "main": "trains", "distil": "distils", "export": "exports", "seal": "seals"}
    if status.training.state == "running":
        return words.get(status.training.stage, status.training.stage or "starts")
    return "ready" if status.training.state == "done" else str(status.training.state)


def fraction_of(status: PeerStatus) -> float:
    return 1.0 if status.training.state == "done" else status.training.fraction
