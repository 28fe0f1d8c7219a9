"""The product once, on one machine, for everybody to see: peers learn, share, predict, one leaves, and all is checked.

Rules
1. Every peer is a separate `hdus-peer start`; whatever is asked of it is asked as a user would.
2. The verdict is computed (`checks`), never claimed: the exit code is 0 only if every check held.
3. Nothing stays behind: processes end with the demo, and the directory goes, unless --keep or a failure needs it.

The story is in `story`; this module prepares the place and ends it.
"""

import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from hdus_peer import terminal
from hdus_peer.demo import report
from hdus_peer.demo.plan import DemoOptions
from hdus_peer.demo.story import Story
from hdus_peer.demo.task import absolute_source
from hdus_peer.errors import HdusError
from hdus_peer.interruption import interruptible

__all__ = ["DemoOptions", "run"]


def run(options: DemoOptions) -> int:
    """Tell the whole story; the exit code. Raises HdusError where it could not be told to its end."""
    console = terminal.console()
    data = absolute_source(options.data)
    with interruptible(), _workplace(console) as place:
        story = Story(console, place.directory, dataclasses.replace(options, data=data))
        found = story.tell()
        if options.json is not None:
            report.write_json(options.json, found, dataclasses.asdict(options))
        place.is_kept = options.keep
    return 0 if all(check.held for check in found.checks) else 1


@dataclass(slots=True)
class _Workplace:
    directory: Path
    is_kept: bool = False


@contextmanager
def _workplace(console: Console) -> Iterator[_Workplace]:
    place = _Workplace(Path(tempfile.mkdtemp(prefix="hdus-demo-")))
    try:
        yield place
    except HdusError:
        console.print(f"Everything is left in {place.directory} to be looked at.", soft_wrap=True)
        place.is_kept = True
        raise
    finally:
        if not place.is_kept:
            shutil.rmtree(place.directory, ignore_errors=True)
