"""How long this peer's credentials last: said in the log while there is time to renew them.

Rule: it is said at the start, and again whenever a day has gone by; not more often, so that nobody learns to overlook
it. Renewed credentials are used from the next start on, so nothing is read again here.
"""

import asyncio
from collections.abc import Callable

from hdus_peer.admission.certificates import RENEW_DAYS, Validity
from hdus_peer.domain.clock import Instant
from hdus_peer.protocol.step import Event

LOOK_INTERVAL_S = 3_600.0
_ADVICE = "hdus-peer network request --renew"


class Expiry:
    def __init__(self, validity: Validity, read_clock: Callable[[], Instant], publish: Callable[[Event], None]) -> None:
        self._validity, self._read_clock, self._publish = validity, read_clock, publish
        self._said_days: int | None = None

    async def run(self) -> None:
        """Look every hour, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_INTERVAL_S)

    def look(self) -> None:
        """Say how many days are left, where they are few and this was not said yet."""
        now_s = self._read_clock().unix_s
        days = self._validity.days_left(now_s)
        if days >= RENEW_DAYS or days == self._said_days:
            return
        self._said_days = days
        if now_s > self._validity.not_after_s:
            self._publish(Event("CredentialsExpired", None, (("renew", _ADVICE),)))
        else:
            self._publish(Event("CredentialsExpireSoon", None, (("days_left", days), ("renew", _ADVICE))))
