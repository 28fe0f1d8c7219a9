"""The hands of one run: effects that take time, in stages between which the device may crash.

Rules
1. An erasure first stops what could bring the seed back (fetch, check, predictor), then destroys key and payload, and
   only then answers `Erased`. What it cancelled never answers later than that.
2. The predictor computes with what the last `UseSeeds` named (`told`), some time after it; never with what was erased
   since (`using`).
"""

import hashlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.seed import KeyGrant
from hdus_peer.errors import RefusedError, StorageError
from hdus_peer.protocol.messages import Key
from hdus_peer.protocol.records import HeldSeedRow
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
    Fetched,
    FetchFailed,
    HangUp,
    Identified,
    Identify,
    LinkDown,
    SendKey,
    StartFetch,
    UseSeeds,
)
from hdus_peer.repository.port import Partial
from hdus_peer.simulation.cast import identity_at
from hdus_peer.simulation.storage import RETRY_S, SLOW_WORK, WORK_MAX_S

if TYPE_CHECKING:
    from hdus_peer.simulation.device import Device

PAYLOAD_BYTES = 192


def key_of_payload(payload: bytes) -> bytes:
    """The only key that opens this payload: what authenticated encryption amounts to here."""
    return hashlib.sha256(b"key of " + payload).digest()


def sealed(owner: PeerId, number: int) -> tuple[bytes, str, bytes]:
    """A payload of `owner`, its SHA-256 (hex) and its key."""
    payload = f"seed {owner} {number}".encode().ljust(PAYLOAD_BYTES, b".")
    return payload, hashlib.sha256(payload).hexdigest(), key_of_payload(payload)


@dataclass(eq=False, slots=True)
class Fetch:
    owner: PeerId
    payload_sha256: str
    partial: Partial
    is_cancelled: bool = False


class Hands:
    def __init__(self, device: "Device") -> None:
        self._device = device
        self._world = device.world
        self.erasing: set[int] = set()
        self.using: tuple[HeldSeedRow, ...] = ()
        self.told: tuple[HeldSeedRow, ...] = ()
        self._fetches: dict[str, Fetch] = {}
        self._checks: dict[str, Admit] = {}
        self._results: deque[Done] = deque()

    def act(self, effect: Effect) -> None:
        match effect:
            case Identify(address=address):
                self._identify(address)
            case Dial(peer=peer, address=address):
                self._dial(peer, address)
            case HangUp(peer=peer):
                self._hang_up(peer)
            case StartFetch():
                self._start_fetch(effect)
            case SendKey():
                self._send_key(effect)
            case Admit():
                self._admit(effect)
            case Erase():
                self._erase(effect)
            case UseSeeds(seeds=seeds):
                self._device.judge.on_use(self._device, seeds)
                self.told = seeds
                self._device.later(self._pause_s(), self._rebuild)

    def _work_s(self) -> float:
        """How long a piece of work takes that reads or writes files."""
        is_slow = self._device.health.is_slow and self._world.chance(SLOW_WORK)
        return self._world.between(0.0, WORK_MAX_S) if is_slow else self._pause_s()

    def _pause_s(self) -> float:
        return self._world.between(0.2, 1.5) if self._world.chance(0.1) else self._world.between(0.0, 0.02)

    def _done(self, done: Done) -> None:
        """Results wait in line, as in the shell: one that is already in it still comes after an `Erase`."""
        self._results.append(done)
        self._device.later(self._world.between(0.0, 0.01), self._report, is_input=True)

    def _report(self) -> None:
        done = self._results.popleft()
        self._device.take(lambda core: core.done(done, self._device.now))
        if isinstance(done, Erased):
            self._device.attempt(lambda: self._erased(done.erasure))

    def _erased(self, erasure: int) -> None:
        self.erasing.discard(erasure)
        self._device.open_when_erased()

    # --- links ------------------------------------------------------------------------------------------------------
    def _identify(self, address: str) -> None:
        is_there = self._device.network.reaches(self._device.place, PeerId(address))
        done = Identified(address, identity_at(PeerId(address))) if is_there else DialFailed(None, address)
        self._device.later(self._pause_s(), lambda: self._done(done))

    def _dial(self, peer: PeerId, address: str) -> None:
        device, run = self._device, self._device.run

        def failed() -> None:
            if device.run == run:
                self._done(DialFailed(peer, address))

        device.network.dial(device.place, PeerId(address), failed)

    def _hang_up(self, peer: PeerId) -> None:
        device = self._device
        if device.network.hang_up(device.place, device.network.at(device.place, peer)):
            down = LinkDown(peer, "hung-up")
            device.later(0.0, lambda: device.take(lambda core: core.neighbour(down, device.now)), is_input=True)

    # --- keys and payloads ------------------------------------------------------------------------------------------
    def _send_key(self, effect: SendKey) -> None:
        key = self._device.repository.key(effect.payload_sha256)
        if key is not None:
            self._device.send(effect.to, Key(effect.grant, effect.lease, key))

    def _start_fetch(self, effect: StartFetch) -> None:
        self._cancel(effect.payload_sha256)
        try:
            partial = self._device.repository.begin(effect.payload_sha256, effect.payload_bytes)
        except StorageError:
            self._world.tally.faults["full-disk"] += 1
            self._done(FetchFailed(effect.owner, effect.payload_sha256, False, "no-room"))
            return
        fetch = Fetch(effect.owner, effect.payload_sha256, partial)
        self._fetches[effect.payload_sha256] = fetch
        self._device.later(self._work_s(), lambda: self._next_chunk(fetch))

    def _next_chunk(self, fetch: Fetch) -> None:
        device, network = self._device, self._device.network
        if fetch.is_cancelled:
            return
        owner = network.at(device.place, fetch.owner)
        if not network.is_linked(device.place, owner) or not network.reaches(owner, device.place):
            self._fetch_failed(fetch, False, "unreachable")
            return
        payload = network.devices[owner].payload_for(device.place, fetch.payload_sha256)
        if payload is None:
            self._fetch_failed(fetch, True, "gone")
        else:
            self._receive(fetch, payload[fetch.partial.offset :][: device.settings.chunk_bytes])

    def _receive(self, fetch: Fetch, chunk: bytes) -> None:
        spoilt = self._world.chance(self._device.network.weather.corruption)
        self._world.tally.faults["corruption"] += spoilt
        if spoilt and self._world.chance(0.5):
            chunk = b""  # the stream ends early
        elif spoilt and chunk:
            chunk = bytes((chunk[0] ^ 1, *chunk[1:]))
        try:
            fetch.partial.write(chunk)
            if not chunk:
                fetch.partial.finish()
        except RefusedError as problem:
            self._fetch_failed(fetch, False, str(problem))
            return
        if chunk:
            self._device.later(self._work_s(), lambda: self._next_chunk(fetch))
            return
        self._device.tick()
        self._end(fetch)
        self._device.judge.on_fetched(self._device, fetch.payload_sha256)
        self._done(Fetched(fetch.owner, fetch.payload_sha256))

    def _fetch_failed(self, fetch: Fetch, gone: bool, reason: str) -> None:
        self._end(fetch)
        self._done(FetchFailed(fetch.owner, fetch.payload_sha256, gone, reason))

    def _end(self, fetch: Fetch) -> None:
        fetch.is_cancelled = True
        fetch.partial.close()
        self._fetches.pop(fetch.payload_sha256, None)

    def _cancel(self, payload_sha256: str) -> None:
        if payload_sha256 in self._fetches:
            self._end(self._fetches[payload_sha256])
        self._checks.pop(payload_sha256, None)

    def _admit(self, effect: Admit) -> None:
        message = self._device.message
        self._checks[effect.manifest.statement.payload_sha256] = effect
        self._put_key(effect, message.grant.statement if isinstance(message, Key) else None)

    def _put_key(self, effect: Admit, grant: KeyGrant | None) -> None:
        """Until the disk takes it, or an erasure comes before."""
        payload_sha256, device = effect.manifest.statement.payload_sha256, self._device
        if self._checks.get(payload_sha256) is not effect:
            return
        try:
            device.repository.put_key(payload_sha256, effect.key)
        except StorageError:
            device.later(RETRY_S, lambda: self._put_key(effect, grant))
            return
        if grant is not None:
            device.judge.on_admit(device, grant)
        device.tick()
        device.later(self._work_s(), lambda: self._check(effect))

    def _check(self, effect: Admit) -> None:
        """What the predictor child does: open, and look whether it is a seed of this owner."""
        seed = effect.manifest.statement
        if self._checks.get(seed.payload_sha256) is not effect:
            return
        payload = self._device.disk.payloads[seed.payload_sha256]
        is_good = key_of_payload(payload) == effect.key and payload.startswith(f"seed {seed.owner} ".encode())
        if not is_good and not self._is_destroyed(seed.payload_sha256):
            self._device.later(RETRY_S, lambda: self._check(effect))
            return
        del self._checks[seed.payload_sha256]
        refused = AdmitRefused(seed.owner, seed.payload_sha256, "wrong-key")
        self._done(Admitted(seed.owner, seed.payload_sha256) if is_good else refused)

    # --- predictor and erasure --------------------------------------------------------------------------------------
    def _rebuild(self) -> None:
        self.using = self.told
        self._world.note(f"{self._device.who.number} uses {[row.payload_sha256[:8] for row in self.using]}")

    def _erase(self, effect: Erase) -> None:
        if effect.erasure in self.erasing:  # under way: it answers once
            return
        self.erasing.add(effect.erasure)
        for payload_sha256 in effect.payloads:
            self._cancel(payload_sha256)
        if effect.at_once:
            self.using = ()
            self._device.later(self._pause_s(), self._rebuild)
        self._device.later(self._work_s(), lambda: self._destroy(effect, effect.payloads))

    def _destroy(self, effect: Erase, payloads: tuple[str, ...]) -> None:
        self._device.tick()
        if payloads:
            self.using = tuple(row for row in self.using if row.payload_sha256 != payloads[0])
            left = payloads[1:] if self._is_destroyed(payloads[0]) else payloads
            pause_s = RETRY_S if left is payloads else self._work_s()
            self._device.later(pause_s, lambda: self._destroy(effect, left))
            return
        self._done(Erased(effect.erasure))

    def _is_destroyed(self, payload_sha256: str) -> bool:
        """Destroy it; whether the disk let it be done."""
        try:
            self._device.repository.destroy([payload_sha256])
        except StorageError:
            self._world.tally.faults["full-disk"] += 1
            return False
        return True
