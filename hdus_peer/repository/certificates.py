"""Where the certificates of this peer's own leaves lie: `certificates/<through>.certificate`, one a leave, none ever
removed by the product. They hold no secret; their directory is the peer's own all the same."""

from pathlib import Path

_FOLDER = "certificates"
_SUFFIX = ".certificate"


def certificate_path(state: Path, through: int) -> Path:
    """The file for the notice through generation `through`, under the state directory `state`."""
    return state / _FOLDER / f"{through}{_SUFFIX}"


def newest_certificate(state: Path) -> Path | None:
    """That of the latest leave; None where this peer never left."""
    folder = state / _FOLDER
    found = [path for path in folder.glob(f"*{_SUFFIX}") if path.stem.isdecimal()] if folder.is_dir() else []
    return max(found, key=lambda path: int(path.stem), default=None)
