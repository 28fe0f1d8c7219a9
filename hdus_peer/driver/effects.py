"""Effects: what takes time, each as a task whose result returns to the core as an input.

Rules
1. Work on one payload happens one piece at a time: an `Erase` cancels and awaits a fetch or a check of the same payload
   before it destroys anything, so that nothing can reappear behind it.
2. An erasure that was asked for is tried again until it is done; nobody is told that it is before.
3. Blocking file work runs in threads; a chunk is written while the next one arrives.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from hdus_peer.domain.seed import SeedManifest
from hdus_peer.driver.ensemble import EnsembleTarget
from hdus_peer.driver.tasks import Tasks
from hdus_peer.errors import AdmissionError, HdusError, RefusedError, RemoteError, StorageError, WorkerError
from hdus_peer.protocol.messages import Key
from hdus_peer.protocol.step import (
    Admit,
    AdmitRefused,
    Admitted,
    Dial,
    DialFailed,
    Done,
    Effect,
    Erase,
    Erased,
    Event,
    Fetched,
    FetchFailed,
    HangUp,
    Identified,
    Identify,
    SendKey,
    StartFetch,
    UseSeeds,
)
from hdus_peer.repository.port import Repository
from hdus_peer.transport.port import Transport
from hdus_peer.workers.port import Predictor, SealedSeed

RETRY_S = 1.0
CHECKS_MAX = 3


class Effects:
    """Carries out effects; `done` takes what came of them.

    `erase_learned` returns only when nothing here was learned from an own sample that is forgotten, and nothing is
    being learned from one; idempotent; it raises HdusError where that cannot be had yet."""

    def __init__(
        self,
        repository: Repository,
        transport: Transport,
        predictor: Predictor,
        erase_learned: Callable[[], Awaitable[None]],
        done: Callable[[Done], None],
        publish: Callable[[Event], None],
    ) -> None:
        self._repository, self._transport, self._predictor = repository, transport, predictor
        self._erase_all_learned = erase_learned
        self._done, self._publish = done, publish
        self._tasks = Tasks(publish)
        self.ensemble = EnsembleTarget(repository, predictor, self._tasks, publish)

    def act(self, effect: Effect) -> None:
        match effect:
            case Identify():
                self._tasks.spawn(self._identify(effect))
            case Dial():
                self._tasks.spawn(self._dial(effect))
            case HangUp():
                self._transport.hang_up(effect.peer)
            case StartFetch():
                self._tasks.spawn_for((effect.payload_sha256,), lambda: self._fetch(effect), erases=False)
            case SendKey():
                self._send_key(effect)
            case Admit():
                payloads = (effect.manifest.statement.payload_sha256,)
                self._tasks.spawn_for(payloads, lambda: self._admit(effect), erases=False)
            case Erase():
                self._erase(effect)
            case UseSeeds():
                self.ensemble.want(effect.seeds)

    async def stop(self) -> None:
        """Cancel and await everything that is under way."""
        await self._tasks.stop()

    # --- links ------------------------------------------------------------------------------------------------------
    async def _identify(self, effect: Identify) -> None:
        try:
            self._done(Identified(effect.address, await self._transport.identify(effect.address)))
        except (RemoteError, AdmissionError) as problem:
            self._refused("identify", problem)
            self._done(DialFailed(None, effect.address))

    async def _dial(self, effect: Dial) -> None:
        try:
            await self._transport.dial(effect.peer, effect.address)
        except (RemoteError, AdmissionError) as problem:
            self._refused("dial", problem)
            self._done(DialFailed(effect.peer, effect.address))

    def _refused(self, what: str, problem: HdusError) -> None:
        """Told as it is; somebody of another network, or one who is expired, is counted besides."""
        self._publish(Event("Unreached", None, (("what", what), ("problem", str(problem)))))
        if isinstance(problem, AdmissionError):
            self._publish(Event("Refused", None, (("reason", "not-of-this-network"),)))

    # --- seeds coming in --------------------------------------------------------------------------------------------
    async def _fetch(self, effect: StartFetch) -> None:
        try:
            await self._receive(effect)
            self._done(Fetched(effect.owner, effect.payload_sha256))
        except RefusedError as problem:
            self._done(FetchFailed(effect.owner, effect.payload_sha256, str(problem) == "gone", str(problem)))
        except RemoteError:
            self._done(FetchFailed(effect.owner, effect.payload_sha256, False, "unreachable"))
        except StorageError as problem:
            self._publish(Event("FetchStopped", effect.owner, (("problem", str(problem)),)))
            self._done(FetchFailed(effect.owner, effect.payload_sha256, False, "no-room"))

    async def _receive(self, effect: StartFetch) -> None:
        size = effect.payload_bytes
        partial = await self._tasks.in_thread(self._repository.begin, effect.payload_sha256, size)
        writing: asyncio.Future[None] | None = None
        try:
            if partial.offset < size:
                chunks = self._transport.fetch(effect.owner, effect.payload_sha256, partial.offset, size)
                async with aclosing(chunks):
                    async for chunk in chunks:
                        if writing is not None:
                            await writing
                        writing = self._tasks.in_thread(partial.write, chunk)
            if writing is not None:
                await writing
            await self._tasks.in_thread(partial.finish)
        finally:
            if writing is not None:
                await asyncio.wait([writing])
            await self._tasks.in_thread(partial.close)

    async def _admit(self, effect: Admit) -> None:
        seed = effect.manifest.statement
        await self._put_key(seed.payload_sha256, effect.key)
        reason = await self._check(seed)
        if reason:
            await self._destroy((seed.payload_sha256,))
            self._done(AdmitRefused(seed.owner, seed.payload_sha256, reason))
        else:
            self._done(Admitted(seed.owner, seed.payload_sha256))

    async def _put_key(self, payload_sha256: str, key: bytes) -> None:
        while True:
            try:
                await self._tasks.in_thread(self._repository.put_key, payload_sha256, key)
                return
            except StorageError as problem:
                self._publish(Event("KeyNotStored", None, (("problem", str(problem)),)))
                await asyncio.sleep(RETRY_S)

    async def _check(self, seed: SeedManifest) -> str:
        """Why the payload is no seed of its manifest, in one word; "" where it is one."""
        where = self._repository.location(seed.payload_sha256)
        for attempt in range(1, CHECKS_MAX + 1):
            await self.ensemble.ready.wait()
            try:
                await self._predictor.check(SealedSeed(seed, where.payload, where.key))
                return ""
            except RefusedError as problem:
                return str(problem)
            except WorkerError as problem:
                self._publish(Event("CheckFailed", seed.owner, (("problem", str(problem)), ("attempt", attempt))))
        return "unchecked"

    def _send_key(self, effect: SendKey) -> None:
        key = self._repository.key(effect.payload_sha256)
        if key is not None:
            self._transport.send(effect.to, Key(effect.grant, effect.lease, key))

    # --- erasure ----------------------------------------------------------------------------------------------------
    def _erase(self, effect: Erase) -> None:
        for payload in effect.payloads:
            self._transport.cancel_serve(payload)
        if effect.at_once and effect.payloads and not effect.learned:
            self.ensemble.begin_eviction()
        self._tasks.spawn_for(effect.payloads, lambda: self._do_erase(effect), erases=True)

    async def _do_erase(self, effect: Erase) -> None:
        if effect.learned:
            await self._erase_learned(effect)
        elif not effect.payloads:
            self._done(Erased(effect.erasure))
        elif effect.at_once:
            await self._erase_at_once(effect)
        else:
            await self.ensemble.evict_unnoticed(frozenset(effect.payloads))
            await self._destroy(effect.payloads)
            self._done(Erased(effect.erasure))

    async def _erase_at_once(self, effect: Erase) -> None:
        """Processes and files go side by side: the disk does not wait for the death of a process."""
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self.ensemble.evict(frozenset(effect.payloads)))
                both.create_task(self._destroy(effect.payloads))
            self._done(Erased(effect.erasure))
        finally:
            self.ensemble.end_eviction()

    async def _erase_learned(self, effect: Erase) -> None:
        """Every process that holds the main model, every file that was learned, and the own sealed seed."""
        await self.ensemble.retire()
        async with asyncio.TaskGroup() as both:
            both.create_task(self._destroy(effect.payloads))
            both.create_task(self._unlearn())
        self._done(Erased(effect.erasure))

    async def _unlearn(self) -> None:
        while True:
            try:
                await self._erase_all_learned()
                return
            except HdusError as problem:
                self._publish(Event("ErasureDelayed", None, (("problem", str(problem)),)))
                await asyncio.sleep(RETRY_S)

    async def _destroy(self, payloads: tuple[str, ...]) -> None:
        while True:
            try:
                await self._tasks.in_thread(self._repository.destroy, payloads)
                return
            except StorageError as problem:
                self._publish(Event("ErasureDelayed", None, (("problem", str(problem)),)))
                await asyncio.sleep(RETRY_S)
