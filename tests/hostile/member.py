"""A member of the network that a test plays itself: valid credentials, the real transport, and any behaviour.

It greets, merges and answers key requests like a peer, without a ledger and without a conscience: what it says, what it
serves and under which key is the test's to choose.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hdus_peer.admission.credentials import Credentials
from hdus_peer.domain.envelope import Signed, sign
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.membership import Hello
from hdus_peer.domain.sealed import KEY_BYTES, seal
from hdus_peer.domain.seed import KeyGrant, SeedManifest
from hdus_peer.domain.unlearning import UnlearnKind, UnlearnNotice, ledger_digest
from hdus_peer.protocol.messages import (
    Announce,
    Greeting,
    Key,
    KeyRequest,
    Merged,
    Message,
    NoticeItem,
    Notices,
)
from hdus_peer.transport.grpc import GrpcTransport
from hdus_peer.transport.tls import TlsMaterial

PATIENCE_S = 40.0


@dataclass(slots=True)
class Payload:
    """Bytes as the transport reads them."""

    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def read(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]

    def close(self) -> None:
        """Nothing is open."""


@dataclass(slots=True)
class OwnSeed:
    """What a member says of its seed (`manifest`), what it serves under that name, and the key it gives."""

    manifest: SeedManifest
    served: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(eq=False, slots=True)
class Member:
    """One member; `start` before anything else, `stop` at the end. `messages`: what came, oldest first."""

    credentials: Credentials
    messages: list[Message] = field(default_factory=list)
    linked: set[PeerId] = field(default_factory=set)
    seed: OwnSeed | None = None
    _transport: GrpcTransport | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _grants: int = 0

    @property
    def me(self) -> PeerId:
        return self.credentials.peer_id

    @property
    def name(self) -> str:
        return self.credentials.member

    @property
    def transport(self) -> GrpcTransport:
        assert self._transport is not None, "not started"
        return self._transport

    async def start(self) -> "Member":
        mine = self.credentials
        tls = TlsMaterial(
            mine.root_certificate_pem,
            mine.certificate_chain_pem,
            mine.private_key_pem,
            mine.network,
            mine.root_public_key,
        )
        self._transport = GrpcTransport(self.me, tls, "127.0.0.1:0")
        await self._transport.start(self)
        return self

    async def stop(self) -> None:
        await self.transport.stop()

    # --- what the transport tells -----------------------------------------------------------------------------------
    def on_link_up(self, peer: PeerId, dialled: bool) -> None:
        self.linked.add(peer)
        self.transport.send(peer, Greeting(self.hello(), self.credentials.membership, None))
        self._changed.set()

    def on_link_down(self, peer: PeerId, reason: str) -> None:
        self.linked.discard(peer)
        self._changed.set()

    def on_refused(self, peer: PeerId | None, reason: str) -> None:
        """A member does not count."""

    def on_message(self, peer: PeerId, message: Message) -> None:
        self.messages.append(message)
        match message:
            case Greeting():
                self.transport.send(peer, Notices((), last=True))
            case Notices(last=True):
                self.transport.send(peer, Merged())
            case KeyRequest() if self.seed is not None:
                self.transport.send(peer, self.key_for(peer, message, self.seed))
        self._changed.set()

    def open_payload(self, peer: PeerId, payload_sha256: str) -> Payload | None:
        is_mine = self.seed is not None and self.seed.manifest.payload_sha256 == payload_sha256
        return Payload(self.seed.served) if is_mine and self.seed is not None else None

    # --- what it says -----------------------------------------------------------------------------------------------
    def hello(self) -> Signed[Hello]:
        mine = self.credentials
        hello = Hello(
            protocol_min=1,
            protocol_max=1,
            network=mine.network,
            peer=self.me,
            tls_spki_sha256=mine.tls_spki_sha256,
            state_sequence=1,
            run_nonce=secrets.token_hex(16),
            task=mine.task.fingerprint,
            architectures=mine.task.seed_architectures,
            message_bytes_max=1 << 20,
            chunk_bytes_max=1 << 20,
            seed_bytes_max=1 << 26,
            tombstone_root="",
            membership_root="",
            wall_ms=int(time.time() * 1000),
        )
        return sign(mine.identity, hello)

    def key_for(self, holder: PeerId, request: KeyRequest, seed: OwnSeed) -> Key:
        """A grant for `request`, with the key of `seed`."""
        self._grants += 1
        grant = KeyGrant(
            owner=self.me,
            generation=request.generation,
            payload_sha256=request.payload_sha256,
            holder=holder,
            grant=self._grants,
            run_nonce=request.run_nonce,
            holder_sequence=request.state_sequence,
            issued_at_s=int(time.time()),
        )
        return Key(sign(self.credentials.identity, grant), None, seed.key)

    async def meet(self, peer: PeerId, address: str) -> None:
        """Link with `peer`, and wait until seeds may be spoken of."""
        if peer not in self.linked:
            await self.transport.dial(peer, address)
        await self.until(lambda: any(isinstance(message, Merged) for message in self.messages))

    def say(self, peer: PeerId, message: Message) -> None:
        self.transport.send(peer, message)

    def announce(self, peer: PeerId, seed: OwnSeed) -> None:
        """Serve `seed` from now on, and tell `peer`."""
        self.seed = seed
        self.say(peer, Announce(sign(self.credentials.identity, seed.manifest)))

    def make_seed(self, plaintext: bytes, schema_sha256: str, generation: int = 0) -> OwnSeed:
        """A seed with every claim true; `generation`: by default that of this second."""
        task, key = self.credentials.task, secrets.token_bytes(KEY_BYTES)
        sealed = seal(plaintext, key, self.me, task.fingerprint)
        manifest = SeedManifest(
            owner=self.me,
            generation=generation or int(time.time()),
            task=task.fingerprint,
            architecture="mlp",
            parameters=task.parameters,
            schema_sha256=schema_sha256,
            payload_sha256=hashlib.sha256(sealed).hexdigest(),
            payload_bytes=len(sealed),
            reference="0" * 64,
        )
        return OwnSeed(manifest, sealed, key)

    def leave_notice(self, through: int) -> NoticeItem:
        """Its own, true notice through that generation."""
        return self.notice(self.credentials, through)

    def notice(self, about: Credentials, through: int) -> NoticeItem:
        """A notice about `about`, signed by this member."""
        notice = UnlearnNotice(about.peer_id, through, UnlearnKind.LEAVE, ledger_digest(()), 0, int(time.time()))
        return NoticeItem(sign(self.credentials.identity, notice), about.membership, None, ())

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


def claiming(seed: OwnSeed, **claims: object) -> OwnSeed:
    """The same bytes under a manifest that claims otherwise."""
    return replace(seed, manifest=replace(seed.manifest, **claims))  # type: ignore[arg-type]


def serving(seed: OwnSeed, content: bytes) -> OwnSeed:
    """The same claims, and other bytes."""
    return replace(seed, served=content)
