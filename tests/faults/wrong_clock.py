"""A wall clock of one process's own, which can be set while it runs: libfaketime, preloaded into the real daemon.

What it reaches: every reading of CLOCK_REALTIME in the daemon and its children, that of the TLS library as well. Left
alone: CLOCK_MONOTONIC and CLOCK_BOOTTIME, which on a real device nobody can set, and a time namespace could not shift
the wall clock. (Debian: `apt install libfaketime`; where it is missing, the tests that need it are skipped.)
"""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.integration.peers import Peer

_LIBRARY = "faketime/libfaketimeMT.so.1"
_PLACES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/lib", "/usr/lib")
DAY_S = 86_400


class WrongClock:
    """The clock of `peer`, from its next start on; right until it is set."""

    def __init__(self, peer: Peer) -> None:
        library = _found(Path(place, _LIBRARY) for place in _PLACES)
        self._file = peer.state.with_name(f"{peer.name}.clock")
        self.set(0)
        variables = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        peer.before += ("env", *(f"{name}={value}" for name, value in variables.items()))

    def set(self, ahead_s: int) -> None:
        """So far from now on, or behind where negative."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{ahead_s:+d}\n")
        beside.rename(self._file)


def _found(places: Iterable[Path]) -> Path:
    for place in places:
        if place.exists():
            return place
    pytest.skip(f"{_LIBRARY} is not installed: no process can have a wall clock of its own here")
