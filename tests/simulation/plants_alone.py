"""Mistakes that one kind of fault alone brings to light: without it, nobody notices them.

Rule: see `plants`. The plans are those of `plans` that are named after the kind of fault.
"""

import contextlib
from collections.abc import Sequence

import pytest

from hdus_peer.domain.certificate import HolderAnswers, Proof
from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId
from hdus_peer.driver import Driver
from hdus_peer.errors import StorageError
from hdus_peer.protocol import awaited, certificate
from hdus_peer.protocol.granting import Granting
from hdus_peer.protocol.links import Link, Links
from hdus_peer.protocol.messages import KeyRequest, Merged
from hdus_peer.protocol.peer import PeerCore
from hdus_peer.protocol.records import ErasureRow, Phase
from hdus_peer.protocol.state import Draft
from hdus_peer.protocol.step import Step
from hdus_peer.protocol.unlearning import Unlearning

PATIENCE_S = 4.0


def refused_commit_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What the disk refused is done nevertheless."""
    commit = Driver.commit

    def careless(self: Driver, steps: Sequence[Step]) -> None:
        with contextlib.suppress(StorageError):
            commit(self, steps)

    patch.setattr(Driver, "commit", careless)


def erasure_given_up_after_a_while(patch: pytest.MonkeyPatch) -> None:
    """Whatever is not erased after `PATIENCE_S` is taken for erased."""
    timer = PeerCore.timer

    def impatient(self: PeerCore, now: Instant) -> Step:
        step, draft = timer(self, now), Draft(self.state)
        begun_s: dict[int, float] = self.__dict__.setdefault("begun_s", {})
        for row in self.state.all(ErasureRow):
            if begun_s.setdefault(row.erasure, now.boot_s) + PATIENCE_S < now.boot_s:
                self.unlearning.on_erased(row, now, draft)
        late = draft.step()
        return Step(step.writes + late.writes, step.sends + late.sends, step.effects, step.events + late.events)

    patch.setattr(PeerCore, "timer", impatient)


def merged_before_it_has_merged(patch: pytest.MonkeyPatch) -> None:
    """Its `Merged` comes after its notices, so there is no need to wait for them."""

    def hasty(self: PeerCore, link: Link, message: Merged, now: Instant, draft: Draft) -> None:
        link.merged_mine = link.merged_theirs = True
        self._try_open(link, now, draft)

    patch.setattr(PeerCore, "_on_merged", hasty)


def revoked_holder_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(awaited, "is_revoked", lambda state, peer: False)


def revoked_comes_back(patch: pytest.MonkeyPatch) -> None:
    def rejoin(self: Unlearning, draft: Draft) -> None:
        if not self._state.is_active:
            self._state.change_self(draft, phase=Phase.ACTIVE, job_epoch=self._state.row.job_epoch + 1)

    patch.setattr(Unlearning, "rejoin", rejoin)


def clone_accepted(patch: pytest.MonkeyPatch) -> None:
    """Another run is another run, and nothing else."""
    patch.setattr(Links, "_is_clone", lambda self, peer, hello, old: False)


def clone_counted(patch: pytest.MonkeyPatch) -> None:
    """The answer of one device closes what both of them hold."""

    def counting(holder: PeerId, cloned: bool, membership: Proof, proofs: tuple[Proof, ...]) -> HolderAnswers:
        return HolderAnswers(holder, False, membership, proofs)

    patch.setattr(certificate, "HolderAnswers", counting)


def key_for_a_clone(patch: pytest.MonkeyPatch) -> None:
    grant_problem = Granting._grant_problem

    def generous(self: Granting, link: Link, request: KeyRequest) -> str:
        problem = grant_problem(self, link, request)
        return "" if problem == "cloned" else problem

    patch.setattr(Granting, "_grant_problem", generous)
