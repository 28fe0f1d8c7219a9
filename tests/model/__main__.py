"""`python -m tests.model`: every state of every setting, then every planted fault, as a table. Exit code 1 where a
property is violated without a fault, or a fault is not found."""

import sys
import tempfile
from pathlib import Path

from tests.model.spin import FAULTS, LIVENESS, MAILED, SAFETY, SETTINGS, SMALL, Search, missing, search


def _row(name: str, what: str, found: Search) -> None:
    verdict = "violated" if found.is_violated else "holds"
    figures = f"{found.states:,} states | {found.took_s:.0f} s | {found.memory_mib:.0f} MiB"
    print(f"| {name} | {what} | {verdict} | {figures} |", flush=True)


def _everything(folder: Path) -> bool:
    is_right = True
    for setting, properties in [*((each, SAFETY) for each in SETTINGS), (MAILED, (LIVENESS,))]:
        found = search(setting, properties, folder)
        _row(setting.name, ", ".join(properties), found)
        is_right = is_right and not found.is_violated
    return is_right


def _faults(folder: Path) -> bool:
    is_right = True
    for fault, (violates, what) in FAULTS.items():
        found = search(SMALL, [violates], folder, fault)
        _row(f"`{fault}`: {what}", violates, found)
        is_right = is_right and found.is_violated
    return is_right


def main() -> int:
    if tool := missing():
        print(f"Skipped: {tool} is not installed (Debian: apt-get install spin gcc).")
        return 0
    with tempfile.TemporaryDirectory(prefix="hdus-model-") as folder:
        results = [_everything(Path(folder)), _faults(Path(folder))]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
