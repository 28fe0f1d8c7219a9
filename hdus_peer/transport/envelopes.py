"""Opens the envelopes inside frames: who signed, with what right, and whether this was checked a moment ago.

Rules
1. No statement leaves this module before its signature was verified over the bytes that came.
2. A statement that only its subject can make was signed by that subject; a membership was signed by the root of this
   network and names it. (Who may *unlearn* whom is the protocol's to decide: the codec passes every signed notice.)
3. Verified envelopes that come again from every neighbour (memberships, notices, departures) are remembered, bounded in
   number and size. What failed is never remembered, nor what comes once: at every retraining that would be dozens.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from hdus_peer.domain.envelope import Signed, SignedEnvelope, Statement, open_envelope
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.membership import Hello, Membership
from hdus_peer.domain.seed import KeyGrant, LeaseRenewal, SeedManifest
from hdus_peer.domain.unlearning import Departure, ErasureReceipt, SeedRelease, UnlearnNotice
from hdus_peer.errors import ForgedError

REMEMBERED_MAX = 1024
REMEMBERED_PAYLOAD_BYTES_MAX = 4096

S = TypeVar("S", bound=Statement)

_COME_AGAIN = (Membership, UnlearnNotice, Departure)
_AUTHORS: dict[type[Statement], Callable[[Any], PeerId]] = {
    Hello: lambda hello: hello.peer,
    SeedManifest: lambda manifest: manifest.owner,
    KeyGrant: lambda grant: grant.owner,
    LeaseRenewal: lambda renewal: renewal.owner,
    ErasureReceipt: lambda receipt: receipt.holder,
    SeedRelease: lambda release: release.holder,
    Departure: lambda departure: departure.holder,
}


class EnvelopeOpener:
    """Opens envelopes as a member of the network whose root has the raw Ed25519 `root_public_key`."""

    def __init__(self, network: str, root_public_key: bytes) -> None:
        self._network = network
        self._root_public_key = root_public_key
        self._opened: OrderedDict[SignedEnvelope, Signed[Any]] = OrderedDict()

    def open(self, envelope: SignedEnvelope, kind: type[S]) -> Signed[S]:
        """The verified statement. Raises MalformedError or ForgedError."""
        signed: Signed[S]
        if envelope.payload_type == kind.TYPE and envelope in self._opened:
            self._opened.move_to_end(envelope)
            signed = self._opened[envelope]
            return signed
        signed = open_envelope(envelope, kind)
        self._check_author(signed)
        self._remember(signed)
        return signed

    def _check_author(self, signed: Signed[Any]) -> None:
        statement = signed.statement
        if isinstance(statement, Membership):
            if signed.envelope.public_key != self._root_public_key or statement.network != self._network:
                raise ForgedError("a membership that the root of this network did not sign")
        elif (author := _AUTHORS.get(type(statement))) and author(statement) != signed.signer:
            raise ForgedError(f"a {statement.TYPE} signed by somebody else than its author")

    def _remember(self, signed: Signed[Any]) -> None:
        is_small = len(signed.envelope.payload) <= REMEMBERED_PAYLOAD_BYTES_MAX
        if not (is_small and isinstance(signed.statement, _COME_AGAIN)):
            return
        self._opened[signed.envelope] = signed
        if len(self._opened) > REMEMBERED_MAX:
            self._opened.popitem(last=False)
