"""Mistakes that one kind of fault alone brings to light: without it, nobody notices them.

Rule: see `plants`. The plans are those of `plans` that are named after the kind of fault.
"""

import contextlib
from collections.abc import Sequence

import pytest

from hdus_peer.domain.clock import Instant
from hdus_peer.driver import Driver
from hdus_peer.errors import StorageError
from hdus_peer.protocol import awaited
from hdus_peer.protocol.alarms import NEVER_S
from hdus_peer.protocol.links import Link
from hdus_peer.protocol.messages import Merged
from hdus_peer.protocol.peer import PeerCore
from hdus_peer.protocol.records import ErasureRow, Phase
from hdus_peer.protocol.state import Draft
from hdus_peer.protocol.step import Step
from hdus_peer.protocol.unlearning import Unlearning

PATIENCE_S = 5.0
GRAIN_S = 1e-3


def refused_commit_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What the disk refused is done nevertheless."""
    commit = Driver.commit

    def careless(self: Driver, steps: Sequence[Step]) -> None:
        with contextlib.suppress(StorageError):
            commit(self, steps)

    patch.setattr(Driver, "commit", careless)


def erasure_given_up_after_a_while(patch: pytest.MonkeyPatch) -> None:
    """Whatever is not erased after `PATIENCE_S` is taken for erased."""
    on_timer, due_s = Unlearning.on_timer, Unlearning.due_s

    def due(self: Unlearning) -> float:
        begun_s: dict[int, float] = self.__dict__.setdefault("begun_s", {})
        waiting = [begun_s.get(row.erasure, -PATIENCE_S) for row in self._state.all(ErasureRow)]
        return min(due_s(self), *(since_s + PATIENCE_S + GRAIN_S for since_s in waiting), NEVER_S)

    def impatient(self: Unlearning, now: Instant, draft: Draft) -> None:
        on_timer(self, now, draft)
        begun_s: dict[int, float] = self.__dict__.setdefault("begun_s", {})
        for row in self._state.all(ErasureRow):
            if begun_s.setdefault(row.erasure, now.boot_s) + PATIENCE_S < now.boot_s:
                self.on_erased(row, now, draft)

    patch.setattr(Unlearning, "on_timer", impatient)
    patch.setattr(Unlearning, "due_s", due)


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
