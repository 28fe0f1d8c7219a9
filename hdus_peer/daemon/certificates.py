"""The certificate of this peer's latest notice (a leave, samples forgotten), kept as a file that says what the ledger
says.

Rules
1. It is written again whenever an answer has come, and once more before the daemon ends; and at every start, because
   the last run may have been killed in between.
2. A disk that refuses delays the file, never the leave: it is tried again, and told.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from hdus_peer.domain.certificate import to_file
from hdus_peer.durable import write_durably
from hdus_peer.errors import StorageError
from hdus_peer.protocol.certificate import certificate_of
from hdus_peer.protocol.records import TombstoneRow
from hdus_peer.protocol.state import State
from hdus_peer.protocol.step import Event
from hdus_peer.repository.certificates import certificate_path

NEWS = frozenset({"LeaveBegun", "ForgetBegun", "Forgotten", "GrantClosed", "Left"})
RETRY_S = 1.0


class Certificates:
    """`directory`: the state directory; `publish` takes what is to be told."""

    def __init__(self, directory: Path, state: State, publish: Callable[[Event], None]) -> None:
        self._directory, self._state, self._publish = directory, state, publish
        self._written = b""
        self._one_at_a_time = asyncio.Lock()
        self._news = asyncio.Event()
        self._news.set()

    def on_event(self, event: Event) -> None:
        if event.name in NEWS:
            self._news.set()

    async def run(self) -> None:
        """Until it is cancelled: write what is new."""
        while True:
            await self._news.wait()
            self._news.clear()
            if not await self.settle():
                await asyncio.sleep(RETRY_S)
                self._news.set()

    async def settle(self) -> bool:
        """Write the certificate if there is one that says more than the file; whether the file now says it all."""
        async with self._one_at_a_time:
            certificate = certificate_of(self._state)
            content = to_file(self._state.me.sign(certificate)) if certificate else self._written
            if content == self._written:
                return True
            try:
                await asyncio.to_thread(write_durably, self.file, content)
            except StorageError as problem:
                self._publish(Event("CertificateDelayed", None, (("problem", str(problem)),)))
                return False
            self._written = content
            return True

    @property
    def file(self) -> Path:
        """Where the certificate of the latest leave lies, or will."""
        tombstone = self._state.get(TombstoneRow, self._state.me.peer)
        return certificate_path(self._directory, tombstone.through if tombstone else 0)
