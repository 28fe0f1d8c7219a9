"""Crowds of peers of which one leaves: what is measured is so, is the same every time, and an end is always reached."""

import itertools
import math
from functools import cache

import pytest

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.limits import Limits
from hdus_peer.protocol.messages import Heartbeat
from hdus_peer.protocol.records import HeldSeedRow
from hdus_peer.protocol.spreading import Spreading
from hdus_peer.protocol.step import AddressFound, Dial, DialFailed
from hdus_peer.protocol.unlearning import Unlearning
from hdus_peer.simulation import crowd as crowd_module
from hdus_peer.simulation import scale
from hdus_peer.simulation.crowd import Crowd, Progress
from hdus_peer.simulation.scale import Report
from hdus_peer.simulation.watching import bytes_of
from tests.protocol.table import Seat, Table
from tests.simulation.scale import PAGE, put_into, reports


def measured(peers: int, seed: int = 0) -> Report:
    return scale.measure(peers, seed, lambda progress: None)


@cache
def ten() -> Report:
    return measured(10)


def notice_kept_to_oneself(patch: pytest.MonkeyPatch) -> None:
    """Nobody passes a notice on, and comparing roots repairs nothing."""
    patch.setattr(Spreading, "spread", lambda self, row, sender, now, draft: None)
    patch.setattr(Unlearning, "on_heartbeat", lambda self, link, beat, draft: None)


def receipts_not_taken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Unlearning, "on_receipt", lambda self, link, message, draft: None)


def assert_whole(report: Report) -> None:
    figures = report.figures
    assert report.violation is None
    assert None not in (figures.full_s, figures.links_max, figures.minute_bytes, figures.leave_messages)
    assert 1 <= (figures.eviction_hops or 0) <= (figures.notice_hops or 0)
    assert 1 <= (figures.holders or 0) <= figures.peers - 1
    assert 0.0 < (figures.eviction_s or 0.0) < (figures.certificate_s or 0.0) < figures.virtual_s
    assert (figures.leave_messages or 0.0) > 1.0


@pytest.mark.parametrize("seed", range(3))
def test_two_are_a_crowd(seed: int) -> None:
    report = measured(2, seed)
    assert_whole(report)
    assert report.figures.minute_messages == 0.0  # nobody is left to talk to


def test_everybody_hears_of_the_leave_and_its_certificate_is_complete() -> None:
    assert_whole(ten())


def test_one_seed_is_one_run_and_another_is_another() -> None:
    assert measured(10).figures == ten().figures
    assert measured(10, seed=1).figures.trace != ten().figures.trace


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_thirty_peers_are_one_run_too() -> None:
    first, second = measured(30), measured(30)
    assert_whole(first)
    assert first.figures == second.figures


def test_a_quiet_minute_is_the_heartbeats_of_those_who_stayed() -> None:
    figures, limits = ten().figures, Limits()
    beats = (figures.links_mean or 0.0) - 1  # the leaver's is gone
    assert figures.minute_messages == pytest.approx(beats * 60 / limits.heartbeat_interval_s, rel=0.05)
    size = bytes_of(Heartbeat("0" * 64, 1_800_000_000, 40, keeps=True, next_ms=2000))
    assert figures.minute_bytes == pytest.approx((figures.minute_messages or 0.0) * size, rel=0.05)


def test_a_quiet_minute_with_many_links_is_no_more_than_one_peer_may_send_in_it() -> None:
    """The links' turns come together, so that one now and then comes before its time."""
    figures, limits = measured(24).figures, Limits()
    assert (figures.links_mean or 0.0) - 1 > limits.heartbeats_per_s_max * limits.heartbeat_interval_s
    assert figures.minute_messages == pytest.approx(limits.heartbeats_per_s_max * 60, rel=0.1)


def test_what_it_costs_is_told_by_phase() -> None:
    cost = ten().cost
    assert set(cost.wall_s) == {"making", "join", "leave", "settle", "rest"}
    assert cost.total_s > cost.until_left_s > 0.0
    assert cost.memory_bytes > 2**20
    assert ten().events_per_s == ten().figures.events / cost.total_s


class Line(Crowd):
    """Nobody reaches anybody but the two beside it."""

    def _introduce(self, peers: list[PeerId]) -> None:
        super()._introduce(peers)
        apart = ((one, other) for one, other in itertools.permutations(range(len(peers)), 2) if abs(one - other) > 1)
        self._devices[0].network.blocked |= {(peers[one], peers[other]) for one, other in apart}

    def _not_holding(self) -> int:
        held = [len(device.disk.rows[HeldSeedRow]) for device in self._devices[1:-1]]
        return sum(seeds < 2 for seeds in held) if self._watch.leaver is None else 0


@pytest.mark.parametrize("seed", range(3))
def test_hops_are_counted_along_the_way_that_the_notice_took(seed: int) -> None:
    line = Line(6, seed, lambda progress: None)
    line.join()
    peers = [device.peer for device in line._devices]
    line.leave()
    assert line._watch.leaver is not None
    leaver = peers.index(line._watch.leaver)
    assert line._watch.hops == {peer: abs(place - leaver) for place, peer in enumerate(peers)}
    assert line.figures.notice_hops == max(leaver, 5 - leaver)
    assert line.figures.eviction_hops == 1
    assert line.figures.holders == len(line._watch.holders) == len({leaver - 1, leaver + 1} & set(range(6)))


def test_a_notice_that_is_not_passed_on_ends_with_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    notice_kept_to_oneself(monkeypatch)
    monkeypatch.setattr(crowd_module, "WAIT_MAX_S", 40.0)
    report = measured(6)
    assert report.violation is not None
    assert report.violation.invariant == "L1"
    assert "5 of 6 peers do not know of the leave, 5 of 5 holders hold the seed" in str(report.violation)
    assert report.figures.full_s is not None
    assert report.figures.notice_hops is None
    assert report.figures.trace


def test_a_certificate_that_is_never_complete_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    receipts_not_taken(monkeypatch)
    monkeypatch.setattr(crowd_module, "WAIT_MAX_S", 40.0)
    said = str(measured(6).violation)
    assert "0 of 6 peers do not know of the leave, 0 of 5 holders hold the seed" in said
    assert "the certificate is not complete" in said


def test_a_join_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd_module, "WAIT_MAX_S", 5.0)
    assert "6 of 6 peers want more seeds than they hold" in str(measured(6).violation)


def test_sizes_are_measured_from_the_smallest_up_to_the_first_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    receipts_not_taken(monkeypatch)
    monkeypatch.setattr(crowd_module, "WAIT_MAX_S", 40.0)
    assert [report.figures.peers for report in scale.run((6, 3, 4), 0, lambda progress: None)] == [3]


def test_progress_is_told_of_every_phase() -> None:
    told: list[Progress] = []
    scale.run((3, 2), 0, told.append)
    assert [peers for peers, _ in itertools.groupby(told, lambda progress: progress.peers)] == [2, 3]
    phases = [phase for phase, _ in itertools.groupby(told, lambda progress: progress.phase)]
    assert phases == ["joining", "leaving", "coming to rest", "resting"] * 2
    assert all(0.0 <= progress.share < 1.0 for progress in told)


def test_discovery_shows_to_each_peer_whom_it_would_remember_of_all() -> None:
    crowd = Crowd(400, 0, lambda progress: None)
    shown = crowd._devices[0]
    alone = Seat(Table(0), shown.who.number, Limits(), shown.settings.task)
    for other in crowd._devices[1:]:
        alone.hear(AddressFound(other.peer, other.peer))
        for dial in alone.asked(Dial):
            alone.done(DialFailed(dial.peer, dial.address))
        alone.forget()
    assert alone.core.contacts.known.keys() == set(shown.known)
    assert len(shown.known) < 300


# --- what docs/protocol.md says of it ---------------------------------------------------------------------------------
def test_the_page_has_the_figures_that_are_kept() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == put_into(page), "python -m tests.simulation.scale --rewrite, and read the difference"
    assert f"| peers | {' | '.join(f'{run.figures.peers:,}' for run in reports())} |" in page


def test_the_kept_figures_show_what_the_page_says() -> None:
    """Hops like the logarithm of the number of peers; traffic in peace as the links, and bounded as they are."""
    limits = Limits()
    beats = 60 / limits.heartbeat_interval_s
    for kept in (run.figures for run in reports()):
        assert 1 <= (kept.notice_hops or 0) <= 1.2 * math.log2(kept.peers) + 2
        assert (kept.links_max or 0) <= limits.links_max
        most = min(beats * (kept.links_mean or 0.0), limits.heartbeats_per_s_max * 60)
        assert 0.0 < (kept.minute_messages or 0.0) <= 1.2 * most
    *_, large, larger = sorted((run.figures for run in reports()), key=lambda kept: kept.peers)
    assert larger.peers > 3 * large.peers > 3 * limits.members_max
    assert (larger.minute_messages or 0.0) < 1.1 * (large.minute_messages or 0.0), "it grows with the network"
