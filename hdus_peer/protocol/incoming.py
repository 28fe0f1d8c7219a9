"""One seed on its way in, and its stages.

Rule: the stages are data (`STAGES`); any other pair is a late or repeated message and is ignored.
"""

import enum
from dataclasses import dataclass

from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.seed import KeyGrant, LeaseRenewal, SeedManifest
from hdus_peer.protocol.messages import Key
from hdus_peer.protocol.step import Fetched, FetchFailed


class Stage(enum.StrEnum):
    WAITING = "waiting"  # to be fetched when it is due
    FETCHING = "fetching"  # ciphertext on its way
    ASKING = "asking"  # complete here; the key was asked for
    ADMITTING = "admitting"  # being decrypted and checked


TIMED = frozenset({Stage.WAITING, Stage.ASKING})
"""Stages that go on when `Incoming.due_s` has come."""

STAGES: dict[tuple[Stage, type], Stage] = {
    (Stage.FETCHING, Fetched): Stage.ASKING,
    (Stage.FETCHING, FetchFailed): Stage.WAITING,
    (Stage.ASKING, Key): Stage.ADMITTING,
}


@dataclass(slots=True)
class Incoming:
    """One seed on its way in."""

    manifest: Signed[SeedManifest]
    stage: Stage
    due_s: float
    attempts: int = 0
    asks: int = 0
    asked_sequence: int = 0
    grant: Signed[KeyGrant] | None = None
    lease: Signed[LeaseRenewal] | None = None
    leased_s: float = 0.0

    @property
    def payload(self) -> str:
        return self.manifest.statement.payload_sha256
