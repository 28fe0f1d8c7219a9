"""The data files of a plan: there, or said to be missing before anything is computed."""

from pathlib import Path

from hdus_peer.errors import DataError
from hdus_peer.study.plan import Plan


def needed_files(plan: Plan) -> tuple[str, ...]:
    """Names within the data directory."""
    named = [source.partition(":")[2].partition("#")[0] for source in (plan.data.source, plan.data.reference)
             if ":" in source and not source.startswith("module:")]  # fmt: skip
    has_groups = any(partition.startswith("by:") for partition in plan.partitions)
    return tuple(dict.fromkeys([*named, *([plan.data.groups] if plan.data.groups and has_groups else [])]))


def check_files(plan: Plan, folder: Path) -> None:
    """Raises DataError for the first file that is missing."""
    for name in needed_files(plan):
        if not (folder / name).exists():
            raise DataError(
                f"{name}, which the plan {plan.name} needs, is not in {folder}: name its place with --data-dir"
            )
