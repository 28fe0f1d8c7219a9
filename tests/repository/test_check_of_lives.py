"""No false alarm: whatever a peer lives through (faults, leaves, rejoins, restored backups), a check of its rows finds
nothing at any of its starts."""

import pytest

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.records import MemberRow, SelfRow
from hdus_peer.repository.findings import Owner
from hdus_peer.repository.memory import MemoryRepository
from hdus_peer.repository.port import Recovered
from hdus_peer.repository.row_check import problem_of
from hdus_peer.repository.state_check import check_state
from hdus_peer.simulation import simulate


def problems(rows: Recovered, root: PeerId) -> list[str]:
    me = rows.of(SelfRow)
    if not me:
        return []
    owner = Owner(me[0].peer, root)
    damaged = [f"{type(row).__name__}: {problem}" for row in rows.all() if (problem := problem_of(row, owner))]
    return damaged + [finding.problem for finding in check_state(rows, owner)]


@pytest.mark.parametrize("seed", range(12))
def test_the_rows_of_a_peer_that_starts_are_sound(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[Recovered] = []
    load = MemoryRepository.load

    def remembered(repository: MemoryRepository) -> Recovered:
        starts.append(load(repository))
        return starts[-1]

    monkeypatch.setattr(MemoryRepository, "load", remembered)
    assert simulate(seed).violation is None
    (root,) = {row.membership.signer for rows in starts for row in rows.of(MemberRow)}
    assert [problem for rows in starts for problem in problems(rows, root)] == []
