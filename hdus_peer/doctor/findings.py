"""What the doctor found: which check, how it went, and one sentence."""

import enum
from dataclasses import dataclass


class Mark(enum.StrEnum):
    """GOOD; WARNING: it works, or may work, and is worth a look; BAD: the peer will not start or not do its work."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """`sentence`: what is so; for a mark that is not GOOD it ends with what to do."""

    check: str
    mark: Mark
    sentence: str


def good(check: str, sentence: str) -> Finding:
    return Finding(check, Mark.GOOD, sentence)


def warning(check: str, sentence: str) -> Finding:
    return Finding(check, Mark.WARNING, sentence)


def bad(check: str, sentence: str) -> Finding:
    return Finding(check, Mark.BAD, sentence)
