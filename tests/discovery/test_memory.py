from dataclasses import dataclass, field

import pytest

from hdus_peer.discovery.cadence import Intervals
from hdus_peer.discovery.memory import MemoryDiscovery, Neighbourhood
from hdus_peer.discovery.port import Discovery
from hdus_peer.domain.identity import PeerId
from tests.contracts.discovery import SELDOM, DiscoveryContract


@dataclass
class MemoryAir:
    network: str = "a" * 64
    neighbourhood: Neighbourhood = field(default_factory=Neighbourhood)

    def make(self, peer: PeerId, port: int, network: str | None = None, intervals: Intervals = SELDOM) -> Discovery:
        address = f"127.0.0.1:{port}"
        return MemoryDiscovery(self.neighbourhood, peer, network or self.network, address, intervals)


class TestMemoryDiscovery(DiscoveryContract):
    @pytest.fixture
    def air(self) -> MemoryAir:
        return MemoryAir()
