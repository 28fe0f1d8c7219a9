"""Names instead of ids: who a PeerId is, which payload a hash is, how a generation is said."""

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.unlearning import UnlearnKind
from tests.protocol.table import WALL_S, payload_of

START_S = 1000
EVERYTHING = 2**53


class Names:
    def __init__(self) -> None:
        self.people: dict[str, str] = {}
        self.payloads: dict[str, str] = {}

    def call(self, peer: PeerId, name: str) -> None:
        self.people[peer] = name

    def of(self, peer: str) -> str:
        return self.people[peer]

    def all(self, peers: "list[PeerId] | tuple[PeerId, ...]") -> str:
        return ", ".join(self.of(peer) for peer in peers) or "nobody"

    def learn(self, owner: PeerId, seed: str) -> str:
        """From now on the payload that `owner` calls `seed` has a name; its hash."""
        payload_sha256 = payload_of(owner, seed)
        self.payloads[payload_sha256] = f"{self.of(owner)}/{seed}"
        return payload_sha256

    def payload(self, payload_sha256: str) -> str:
        return self.payloads[payload_sha256]

    def listed(self, payloads: tuple[str, ...]) -> str:
        return ", ".join(sorted(self.payload(payload) for payload in payloads)) or "nothing"

    @staticmethod
    def generation(number: int) -> str:
        """Generations are Unix seconds: they are said from the beginning of the scenario. Other numbers stay."""
        if number < WALL_S / 2:
            return str(number)
        return "everything" if number >= EVERYTHING - 1 else f"g{number - int(WALL_S) - START_S}"

    def tombstone(self, owner: str, kind: str, through: int) -> str:
        verb = {UnlearnKind.LEAVE: "leaves", UnlearnKind.FORGET: "forgets", UnlearnKind.REVOKE: "is revoked"}
        return f"{self.of(owner)} {verb.get(UnlearnKind(kind), kind)} through {self.generation(through)}"
