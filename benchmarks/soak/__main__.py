"""`python -m benchmarks.soak [--minutes N] [--peers N] [--out DIR]`: see whether anything grows.

Exit code 0: nothing grows beyond its bound, and everybody holds everybody's seed at the end. 1: something grows, or
came not to rest; what was seen is written all the same. The machine needs about 0.2 GB of memory a peer."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.plan import HOST
from benchmarks.soak import report
from benchmarks.soak.fleet import Fleet, make_plan
from benchmarks.soak.growth import trends
from benchmarks.soak.samples import Sample, take

SAMPLE_INTERVAL_S = 5.0
TURN_S = 0.25


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Many peers, for long: what grows?")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long, after everybody has met (default: 60)")
    parser.add_argument("--peers", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--random-seed", type=int, default=0, help="of what befalls them (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("soak"), metavar="DIR", help="for soak.json, .svg and .png")
    parser.add_argument("--keep", action="store_true", help="leave the peers' files where they are")
    found = parser.parse_args(given)
    if not 0.1 <= found.minutes <= 10_080 or not 2 <= found.peers <= 200:
        parser.error("--minutes is from 0.1 to 10080, --peers from 2 to 200")
    return found


def soak(fleet: Fleet, minutes: float, console: Console) -> tuple[list[Sample], str]:
    """All samples; what went wrong, or ""."""
    samples: list[Sample] = []
    try:
        with console.status("everybody trains, and meets everybody"):
            fleet.start()
        with console.status("living on") as shown:
            while fleet.elapsed_s < minutes * 60:
                fleet.live_on()
                if not samples or fleet.elapsed_s - samples[-1].at_s >= SAMPLE_INTERVAL_S:
                    samples += take(fleet.peers, fleet.elapsed_s)
                    shown.update(f"{fleet.elapsed_s / 60:.0f} of {minutes:g} minutes; {dict(fleet.done)}")
                time.sleep(TURN_S)
        with console.status("coming to rest"):
            fleet.come_to_rest()
    except RuntimeError as problem:
        return samples, str(problem)
    return samples, ""


def main(given: Sequence[str]) -> int:
    chosen, console = arguments(given), Console()
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # processes are started here beside open channels
    chosen.out.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="hdus-soak-"))
    fleet = Fleet(make_plan(directory, chosen.peers, mdns=_has_multicast()), chosen.random_seed)
    try:
        samples, problem = soak(fleet, chosen.minutes, console)
    finally:
        fleet.stop()
        if not chosen.keep:
            shutil.rmtree(directory, ignore_errors=True)
    found = trends(samples)
    about = {"peers": chosen.peers, "minutes": chosen.minutes, "done": fleet.done, "diary": fleet.diary}
    report.write_json(chosen.out / "soak.json", {**about, "problem": problem}, found, samples)
    title = f"{chosen.peers} peers, {chosen.minutes:g} minutes"
    files = report.plot(chosen.out / "soak", title, samples) if samples else []
    console.print(report.table(found), dict(fleet.done), "Written:", *map(str, [chosen.out / "soak.json", *files]))
    if problem:
        console.print(problem, style="red", markup=False)
    return int(bool(problem) or any(trend.is_growing for trend in found))


def _has_multicast() -> bool:
    import asyncio

    from hdus_peer.discovery.multicast import is_multicast_working

    return asyncio.run(is_multicast_working((HOST,)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
