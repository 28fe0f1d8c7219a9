"""The data files of a plan: there, fetched, or said to be missing before anything is computed."""

from pathlib import Path

from hdus_peer.errors import DataError
from hdus_peer.study.plan import Plan
from hdus_peer.study.published_data import KNOWN, fetch


def needed_files(plan: Plan) -> tuple[str, ...]:
    """Names within the data directory."""
    sources = [source for source in (plan.data.source, plan.data.reference) if not source.startswith("module:")]
    named = [source.partition(":")[2].partition("#")[0] for source in sources if ":" in source]
    if plan.data.groups and any(partition.startswith("by:") for partition in plan.partitions):
        named.append(plan.data.groups)
    return tuple(dict.fromkeys(named))


def have_files(plan: Plan, folder: Path, download: bool) -> None:
    """Raises DataError for the first file that is missing, and cannot or shall not be fetched."""
    for name in needed_files(plan):
        path = folder / name
        if path.exists():
            continue
        if download and name in KNOWN:
            fetch(KNOWN[name], path)
            continue
        offer = ", or let it be fetched with --download" if name in KNOWN else ""
        raise DataError(
            f"{name}, which the plan {plan.name} needs, is not in {folder}: name its place with --data-dir{offer}"
        )
