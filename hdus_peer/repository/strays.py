"""Strays: files of `seeds/` and `keys/` that no row refers to, and that are destroyed.

Rule: one answer for all who ask. The daemon sweeps them at its start, `check` names them, `repair` sweeps them as the
daemon does. A name that is none of ours is nobody's stray: it is left alone.
"""

import re
from collections.abc import Iterable

_STORED_NAME = re.compile(r"([0-9a-f]{64})(\.[a-z]+)?")


def strays(names: Iterable[str], kept: frozenset[str]) -> dict[str, str]:
    """The hash that each of our own file names stands for, where no row refers to that file. `kept`: the payload
    hashes that rows refer to."""
    found = {name: _STORED_NAME.fullmatch(name) for name in names}
    return {name: match[1] for name, match in found.items() if match is not None and name not in kept}
