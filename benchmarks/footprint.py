"""(f) What an idle peer costs with five neighbours: resident memory, and the share of one core.

Of the daemon its resident size counts. Of the whole peer (daemon, answering predictor, warm spare) every page counts
once, as on a device of its own: what is anonymous is summed over its processes, of each mapped file the largest
resident part counts. (The proportional set size, told beside it, is smaller by what other programs here share.)
"""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from benchmarks.peers import Peer, running, until_complete, until_quiet
from benchmarks.place import Place
from benchmarks.rows import Row

DAEMON_GOAL_MB, PEER_GOAL_MB, CPU_GOAL = 80.0, 160.0, 0.4
MEASURED = "mobilenet-l"
MB = 1e6

Mapping = dict[str, Any]


def measure(place: Place) -> list[Row]:
    peers = [Peer(plan) for plan in place.copy("idle", place.trained).peers]
    peer = next(each for each in peers if each.plan.main == MEASURED)
    with running(peers):
        until_complete(peers)
        until_quiet(peers)
        time.sleep(place.effort.idle_s)  # discovery announces more often at first
        daemon_share, children_share = _idle_shares(peer, place.effort.idle_s)
        maps = [_mappings(process.pid) for process in peer.processes()]
    rss, pss = ([sum(each[kind] for each in found) for found in maps] for kind in ("Rss", "Pss"))
    return [
        Row("f", "daemon, idle", rss[0], "MB", DAEMON_GOAL_MB, "resident size", {"proportional_MB": pss[0]}),
        Row(
            "f",
            f"whole idle peer, {MEASURED} and 5 seeds",
            _once(maps),
            "MB",
            PEER_GOAL_MB,
            f"memory of its {len(maps)} processes, every page once",
            {"resident_sum_MB": sum(rss), "proportional_MB": sum(pss)},
        ),
        Row(
            "f",
            "CPU of the idle daemon at 5 neighbours",
            daemon_share,
            "%",
            CPU_GOAL,
            f"of one core over {place.effort.idle_s:.0f} s",
            {"children_percent": children_share},
        ),
    ]


def _idle_shares(peer: Peer, seconds: float) -> tuple[float, float]:
    """Percent of one core: of the daemon, of its children."""
    processes = peer.processes()
    before, began_s = [cpu_s(process) for process in processes], time.perf_counter()
    time.sleep(seconds)
    took_s = time.perf_counter() - began_s
    used = [100 * (cpu_s(process) - earlier) / took_s for process, earlier in zip(processes, before, strict=True)]
    return used[0], sum(used[1:])


def cpu_s(process: psutil.Process) -> float:
    """From schedstat where there is one (nanoseconds; ticks of 10 ms would be too coarse), summed over threads."""
    total = 0
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


def _mappings(pid: int) -> list[Mapping]:
    """Every mapping of a process: what is mapped (name, offset), and its sizes in MB."""
    found: list[Mapping] = []
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        first, *rest = line.split()
        if not first.endswith(":"):
            found.append({"file": f"{rest[-1]} {rest[1]}" if rest[3] != "0" else ""})
        elif rest[-1] == "kB":
            found[-1][first[:-1]] = int(rest[0]) * 1024 / MB
    return found


def _once(processes: Sequence[Sequence[Mapping]]) -> float:
    """What all processes together take, a page of a file that several of them map counted once."""
    anonymous: float = sum(each["Anonymous"] for found in processes for each in found)
    largest: dict[str, float] = {}
    for found in processes:
        for each in found:
            clean = each["Rss"] - each["Anonymous"]
            largest[each["file"]] = max(largest.get(each["file"], 0.0), clean) if each["file"] else clean
    return anonymous + sum(largest.values())
