"""What the place that output goes to can show: colours, boxes, motion.

Rules, the first that applies decides
1. `NO_COLOR` (not empty): no colours at all, not even bold (no-color.org).
2. `FORCE_COLOR` or `CLICOLOR_FORCE` (not empty, not 0): colours and boxes, also in a pipe or a file.
3. `TERM=dumb`, `CLICOLOR=0` or `FORCE_COLOR=0`: no colours.
4. Colours at a terminal, none elsewhere.
Boxes stand at a terminal or where colours are forced; what moves (bars, live views) only at a terminal that can.
"""

import os
import sys
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

_OFF = ("", "0")


def has_boxes() -> bool:
    return _is_terminal() or _is_forced()


def has_motion() -> bool:
    return _is_terminal() and not _is_dumb()


def has_colours() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if _is_forced():
        return True
    is_switched_off = os.environ.get("CLICOLOR") == "0" or os.environ.get("FORCE_COLOR") == "0"
    return _is_terminal() and not _is_dumb() and not is_switched_off


def console() -> "Console":
    """Draws on stdout, within these rules."""
    from rich.console import Console

    colours: Literal["auto", "standard"] | None = None
    if has_colours():
        colours = "standard" if _is_dumb() else "auto"
    boxes, motion = has_boxes(), has_motion()
    return Console(highlight=False, force_terminal=boxes, force_interactive=motion, color_system=colours)


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _is_forced() -> bool:
    return any(os.environ.get(name, "") not in _OFF for name in ("FORCE_COLOR", "CLICOLOR_FORCE"))


def _is_dumb() -> bool:
    return os.environ.get("TERM", "dumb") in ("dumb", "unknown")
