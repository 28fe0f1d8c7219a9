"""The demo from its first to its last act: learn and share, one leaves, and everything again without that one."""

import asyncio
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from hdus_peer.admission.authority import create_network, issue_file
from hdus_peer.demo import leaving, report
from hdus_peer.demo.checks import check_all
from hdus_peer.demo.fleet import Fleet, running
from hdus_peer.demo.leaving import Marks
from hdus_peer.demo.measure import is_complete, measure
from hdus_peer.demo.plan import HOST, DemoOptions, NetworkPlan, plan_network, with_addresses, without_leaver
from hdus_peer.demo.results import DemoResult, Departed, Results
from hdus_peer.demo.task import is_picture, write_task
from hdus_peer.demo.watch import watching
from hdus_peer.discovery.multicast import is_multicast_working


class Story:
    """`tell` runs everything under `directory`, and shows it on `console`."""

    def __init__(self, console: Console, directory: Path, options: DemoOptions) -> None:
        self._console = console
        self._directory = directory
        self._options = options
        self._began = time.monotonic()
        self._seconds: dict[str, float] = {}

    def tell(self) -> DemoResult:
        """Raises HdusError where it cannot be told to its end; every process is stopped then."""
        plan = self._prepare()
        with ExitStack() as stack:
            fleet = stack.enter_context(running(plan))
            before = self._learn(fleet, f"{len(plan.peers)} peers learn, share their seeds and predict together")
            self._show_results("Before the leave", before, "table")
            departed, marks = self._leave(fleet, before)
            # The counterfactual begins once the leave is measured, so that it costs the leave nothing.
            again = stack.enter_context(running(without_leaver(plan, self._directory / "again")))
            after = self._learn(fleet, f"The others without {departed.name}")
            traces = leaving.traces(fleet.present, marks)
            self._show_results("After the leave", after, "after")
            counterfactual = self._learn(again, f"Everything again, as if {departed.name} had never joined")
            found = DemoResult(before, departed, after, traces, counterfactual)
            return self._end(fleet, replace(found, checks=check_all(found)))

    def _prepare(self) -> NetworkPlan:
        """A network, credentials for everybody, and the plan."""
        place, task_file = self._directory / "network", self._directory / "task.toml"
        network = create_network(place, "demo", write_task(self._options.data, task_file))
        plan = plan_network(self._directory, self._options, is_picture(network.task.shape))
        for peer in plan.peers:
            issue_file(place, peer.name, peer.credentials)
        if asyncio.run(is_multicast_working((HOST,))):
            return plan
        self._console.print("This host's loopback has no multicast: the peers get fixed addresses instead of mDNS.")
        return with_addresses(plan)

    def _learn(self, fleet: Fleet, title: str) -> Results:
        """Wait until every ensemble is complete, and measure."""
        with watching(self._console, fleet.present, title) as screen:
            fleet.wait_until(is_complete, "every peer uses the seed of every other one", screen.show)
            return measure(fleet)

    def _leave(self, fleet: Fleet, before: Results) -> tuple[Departed, Marks]:
        """The last peer leaves, by the command that a user types."""
        leaver = fleet.plan.leaver
        mine = next(each for each in before if each.name == leaver.name)
        payload = next(each.held[mine.peer] for each in before if mine.peer in each.held)
        marks = leaving.marks_of(leaver, payload)
        fleet.without(leaver.name)
        self._console.print(f"\n$ hdus-peer leave --yes --state {leaver.state}", soft_wrap=True)
        root = self._directory / "network" / "root.pem"
        departed = leaving.leave(fleet.processes[leaver.name], mine.peer, payload, root)
        self._console.print(report.erasure_table(departed))
        self._note("left")
        return departed, marks

    def _end(self, fleet: Fleet, found: DemoResult) -> DemoResult:
        self._note("checked")
        self._console.print(report.checks_table(found.checks))
        self._console.print(report.verdict(found.checks), report.timing(self._seconds))
        if self._options.keep:
            fleet.release()
            report.how_to_talk(self._console, fleet.plan, self._directory)
        return replace(found, seconds=dict(self._seconds))

    def _show_results(self, title: str, results: Results, milestone: str) -> None:
        self._note(milestone)
        self._console.print(report.results_table(title, results))

    def _note(self, milestone: str) -> None:
        self._seconds[milestone] = round(time.monotonic() - self._began, 2)
