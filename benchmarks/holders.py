"""(j) A leave with many holders: until the last one has erased, and until the certificate is complete, beside an empty
call to the same holders and one commit, and beside training one peer anew.

The clock starts when the leave is commanded at the leaver's control socket. It stops with the latest `SeedErased` in
the holders' logs (milliseconds; the receipt is durable then), and when the command was told that everybody's answer is
in the certificate's file. All peers are linked to one another, and heartbeats run. The holders hold nothing else, and
so rebuild nothing afterwards.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import psutil  # type: ignore[import-untyped]

from benchmarks.empty_calls import EmptyCalls
from benchmarks.figures import interval, quantile, ratios
from benchmarks.footprint import cpu_s
from benchmarks.lean_fleet import PEER_BYTES, SEED, Fleet, running_fleet
from benchmarks.leave import CONFIRM_S, GOAL, addresses, erasures
from benchmarks.peers import Peer, running, until
from benchmarks.place import TRAIN_TIMEOUT_S, Place, until_trained
from benchmarks.plan import WHOLE, write_config
from benchmarks.rows import Row
from benchmarks.spending import Spending, spent
from hdus_peer.admission.credentials import load
from hdus_peer.domain.certificate import verify_file

ERASED_GOAL_MS, CERTIFICATE_GOAL_KIB, VERIFY_GOAL_MS, CPU_GOAL = 150.0, 64.0, 50.0, 1.0
REST_S = 5.0
"""Before anything is measured: with heartbeats on all links there is no quiet that could be waited for."""
SETTLED_S = 0.3
"""What is still under way at the holders once the leave is complete counts as well."""


@dataclass(frozen=True, slots=True)
class Round:
    """One leave. `spending`: of all daemons together meanwhile, heartbeats included."""

    erased_s: float
    complete_s: float
    bare_s: float
    spending: Spending


def measure(place: Place) -> list[Row]:
    retraining_s = _retraining_s(place)
    return [row for count in place.effort.holders for row in _measure(place, count, retraining_s)]


def _measure(place: Place, count: int, retraining_s: float) -> list[Row]:
    if psutil.virtual_memory().available < (count + 1) * PEER_BYTES:
        how = f"left out: {(count + 1) * PEER_BYTES >> 20} MiB of free memory are needed"
        return [Row("j", f"leave with {count} holders", float("nan"), "", None, how)]
    with running_fleet(place, count) as fleet:
        time.sleep(REST_S)
        idle, idle_row = _idle(fleet, place.effort.idle_s)
        whom = addresses(fleet.holders)
        with EmptyCalls(fleet.leaver.plan.credentials, whom, place.new_directory("ledger")) as baseline:
            rounds = [_round(place, fleet, baseline) for _ in range(place.effort.leaves)]
    return [*leave_rows(count, rounds, idle, retraining_s), *_certificate_rows(place, count, fleet.leaver), idle_row]


# --- one leave ----------------------------------------------------------------------------------------------------
def _round(place: Place, fleet: Fleet, baseline: EmptyCalls) -> Round:
    """Everybody is back at its beginning, not at its end."""
    if not fleet.leaver.is_up():
        fleet.leaver.start("--rejoin")
        fleet.until_held()
    time.sleep(REST_S)
    bare_s = median(baseline.seconds() for _ in range(place.effort.baselines))
    found = _leave(fleet, bare_s)
    fleet.leaver.wait()
    return found


def _leave(fleet: Fleet, bare_s: float) -> Round:
    before = {holder.plan.name: len(erasures(holder)) for holder in fleet.holders}
    with fleet.leaver.client() as client:
        client.status()  # the channel is open
        spent_before = spent(fleet.peers)
        began_s = time.time()
        finished = next(step for step in client.leave(CONFIRM_S) if step.finished)
        complete_s = time.time() - began_s
        psutil.Process(fleet.leaver.pid).suspend()  # it would end, and with it what is counted of it
        time.sleep(SETTLED_S)
        spending = spent(fleet.peers).since(spent_before)
        psutil.Process(fleet.leaver.pid).resume()
    until(lambda: all(len(erasures(each)) > before[each.plan.name] for each in fleet.holders), CONFIRM_S)
    if finished.pending or len(finished.holders) != len(fleet.holders):
        raise RuntimeError(f"{len(finished.holders)} holders were asked, {len(finished.pending)} of them are pending")
    last_s = max(float(erasures(holder)[-1]["time"]) for holder in fleet.holders)
    return Round(last_s - began_s, complete_s, bare_s, spending)


# --- what it is compared with -------------------------------------------------------------------------------------
def _retraining_s(place: Place) -> float:
    """One peer trains a main model as small as the seeds on all of the digits, and publishes its next seed; in s."""
    plan = place.network("retrain", (SEED,), SEED, WHOLE).with_addresses()
    write_config(plan, plan.peers[0])
    with running([Peer(plan.peers[0])]) as (peer,):
        until_trained(peer)
        published = len(peer.events("SeedPublished"))
        began_s = time.time()
        with peer.client() as client:
            client.train()
        until(lambda: len(peer.events("SeedPublished")) > published, TRAIN_TIMEOUT_S, peer)
        return float(peer.events("SeedPublished")[-1]["time"]) - began_s


# --- rows ---------------------------------------------------------------------------------------------------------
def leave_rows(count: int, rounds: Sequence[Round], idle: Spending, retraining_s: float) -> list[Row]:
    erased, complete = [each.erased_s for each in rounds], [each.complete_s for each in rounds]
    bare, sent = [each.bare_s for each in rounds], median(each.spending.beyond(idle).sent_bytes for each in rounds)
    computed, seconds = (median(getattr(each.spending, what) for each in rounds) for what in ("computed_s", "seconds"))
    last, whole = f"last of {count} holders erased", f"complete certificate of {count} holders"
    calls = f"(empty call to the same {count} holders + one commit)"
    slowest = {"p90_ms": 1000 * quantile(erased, 0.9), "rounds": len(rounds)}
    return [
        Row("j", last, median(ratios(erased, bare)), "", GOAL, f"command to the last SeedErased / {calls}",
            _spread(ratios(erased, bare)) | {"bare_ms": 1000 * median(bare)}),
        Row("j", last, 1000 * median(erased), "ms", ERASED_GOAL_MS, "median, heartbeats running", slowest),
        Row("j", whole, median(ratios(complete, bare)), "", None, f"command to the saved certificate / {calls}",
            _spread(ratios(complete, bare)) | {"complete_ms": 1000 * median(complete)}),
        Row("j", f"leave with {count} holders", median(complete) / retraining_s, "", None,
            "command to the saved certificate / training one small peer anew", {"retraining_s": retraining_s}),
        Row("j", f"leave with {count} holders, computing", 1000 * computed, "ms", None,
            "processor time of all daemons together meanwhile, heartbeats included",
            {"ms_per_holder": 1000 * computed / count,
             "ms_of_idle_ones": 1000 * seconds * idle.computed_s / idle.seconds}),
        Row("j", f"leave with {count} holders, bytes", sent / 1024, "KiB", None,
            "sent by all peers over all links, TLS included, beyond those of idle ones",
            {"KiB_per_holder": sent / 1024 / count}),
    ]  # fmt: skip


def _spread(found: Sequence[float]) -> dict[str, float]:
    low, high = interval(found)
    return {"low": low, "high": high}


def _certificate_rows(place: Place, count: int, leaver: Peer) -> list[Row]:
    """Of the first leave: later ones name every grant of the earlier ones as well."""
    files = sorted((leaver.plan.state / "certificates").iterdir(), key=lambda file: int(file.stem))
    content, root = files[0].read_bytes(), load(leaver.plan.credentials).root_public_key
    if not verify_file(content, root).is_complete:
        raise RuntimeError("the certificate is not complete")
    took = [_seconds_to_verify(content, root) for _ in range(place.effort.verifications)]
    what = f"certificate of {count} holders"
    return [
        Row("j", f"{what}, its size", len(content) / 1024, "KiB", CERTIFICATE_GOAL_KIB, "the file of the first leave",
            {"bytes_per_holder": len(content) / count, "KiB_of_the_last_leave": files[-1].stat().st_size / 1024}),
        Row("j", f"{what}, verified", 1000 * median(took), "ms", VERIFY_GOAL_MS, "in one process, median",
            {"p90_ms": 1000 * quantile(took, 0.9)}),
    ]  # fmt: skip


def _seconds_to_verify(content: bytes, root: bytes) -> float:
    began_s = time.perf_counter()
    verify_file(content, root)
    return time.perf_counter() - began_s


def _idle(fleet: Fleet, seconds: float) -> tuple[Spending, Row]:
    """Of all daemons, the predictors left out: they wait for a request."""
    processes = [psutil.Process(peer.pid) for peer in fleet.peers]
    earlier, before = [cpu_s(each) for each in processes], spent(fleet.peers)
    time.sleep(seconds)
    idle = spent(fleet.peers).since(before)
    used = [100 * (cpu_s(each) - was) / idle.seconds for each, was in zip(processes, earlier, strict=True)]
    name, how = f"CPU of an idle daemon at {len(fleet.holders)} neighbours", "of one core, median of all daemons"
    details = {"highest_percent": max(used), "leaver_percent": used[0], "seconds": idle.seconds}
    return idle, Row("j", name, median(used), "%", CPU_GOAL, how, details)
