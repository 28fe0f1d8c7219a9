"""How often an owner may announce a seed that is new.

Rule: each adds an interval to the instant until which its owner has said enough, and that instant is never far ahead:
so many at once after a silence, and one an interval from then on.
"""

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.limits import Limits

TOO_OFTEN = "too-often"


class News:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._enough_s: dict[PeerId, float] = {}

    def problem(self, owner: PeerId, now: Instant) -> str:
        """Counts one more; why it is not heard, in one word, or ""."""
        limits = self._limits
        enough_s = max(now.boot_s, self._enough_s.get(owner, now.boot_s)) + limits.announced_interval_s
        if enough_s > now.boot_s + limits.announced_at_once_max * limits.announced_interval_s:
            return TOO_OFTEN
        self._enough_s[owner] = enough_s
        return ""
