"""The child's half of being somebody's child: it speaks frames on what was its stdout, and never outlives its parent.

Rules
1. The channel is taken away from stdin and stdout before anything else runs: whatever a library prints goes to stderr,
   and cannot end up between two frames.
2. When the parent dies, even of SIGKILL in the middle of a computation, the kernel ends the child (Linux); elsewhere
   the end of the channel does, at the next read.
"""

import ctypes
import os
import signal
import sys
from typing import BinaryIO

_PR_SET_PDEATHSIG = 1


def take_channel() -> tuple[BinaryIO, BinaryIO]:
    """(from the parent, to the parent), unbuffered; stdin is empty and stdout is stderr from now on."""
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(incoming, "rb", buffering=0), os.fdopen(outgoing, "wb", buffering=0)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends, where it can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
