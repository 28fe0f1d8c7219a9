"""Who takes part: real Ed25519 identities, the same in every run (their making is the slow part), and one network.

The keys are hashes of small numbers: they protect nothing.
"""

import functools
import hashlib
from dataclasses import dataclass
from typing import Any, TypeVar

from hdus_peer.admission.revocation import revoke
from hdus_peer.domain.envelope import Signed, SignedEnvelope, Statement, sign
from hdus_peer.domain.identity import Identity, PeerId
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.seed import Parameter
from hdus_peer.protocol.messages import NoticeItem
from hdus_peer.protocol.state import Me, Signer
from hdus_peer.simulation.world import WALL_START_S
from hdus_peer.transport.codec import Codec

S = TypeVar("S", bound=Statement)

NETWORK = hashlib.sha256(b"a simulated network").hexdigest()
ARCHITECTURES = ("mlp", "cnn")
PEER_ID_CHARACTERS = 52
PARAMETERS = (Parameter("classes", 10),)


@dataclass(frozen=True, slots=True)
class Person:
    """A member: its key, and the root's statement about it."""

    number: int
    identity: Identity
    membership: Signed[Membership]

    @property
    def peer(self) -> PeerId:
        return self.identity.peer_id


class Signatures:
    """Every envelope that an identity really made in this run, by its hash: what the checker compares ledgers with.
    `statements`: what they say, for who repeats them, where they are kept."""

    def __init__(self, *, keeps_statements: bool) -> None:
        self._made: set[int] = set()
        self._keeps_statements = keeps_statements
        self.statements: list[Signed[Any]] = []

    def has_made(self, envelope: SignedEnvelope) -> bool:
        return hash(envelope) in self._made

    def signer_of(self, identity: Identity) -> Signer:
        def make(statement: S) -> Signed[S]:
            signed = sign(identity, statement)
            self._made.add(hash(signed.envelope))
            if self._keeps_statements:
                self.statements.append(signed)
            return signed

        return make


def identity_at(place: PeerId) -> PeerId:
    """Who is at that place of a network (see `clones`)."""
    return PeerId(place[:PEER_ID_CHARACTERS])


@functools.cache
def root() -> Identity:
    return Identity(hashlib.sha256(b"simulated root").digest())


@functools.cache
def person(number: int) -> Person:
    identity = Identity(hashlib.sha256(f"simulated peer {number}".encode()).digest())
    statement = Membership(NETWORK, identity.public_key, f"peer-{number}", 0, 2**40)
    return Person(number, identity, sign(root(), statement))


@functools.cache
def revocation(number: int) -> NoticeItem:
    """What the authority says when it puts that peer out."""
    made = revoke(root(), person(number).membership, int(WALL_START_S))
    return NoticeItem(made.notice, made.membership, None, ())


def codec() -> Codec:
    """The real edge: what a member gone bad sends goes through it."""
    return Codec(NETWORK, root().public_key)


def me(who: Person, task: str, run_nonce: str, signatures: Signatures) -> Me:
    return Me(
        peer=who.peer,
        root=root().peer_id,
        network=NETWORK,
        membership=who.membership,
        task=task,
        parameters=PARAMETERS,
        architectures=ARCHITECTURES,
        tls_spki_sha256="",
        run_nonce=run_nonce,
        sign=signatures.signer_of(who.identity),
    )
