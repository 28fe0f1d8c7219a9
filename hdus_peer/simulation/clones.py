"""An identity at two places: a copy of a device's disk, started beside the device itself.

Rules
1. A place is named as an address is: the PeerId, or `SECOND` behind it. Devices speak of peers, the network of places;
   everybody finds both.
2. To anybody else there is one link with an identity: the newer one, from whichever place, replaces the older, unless
   the tie of two dials keeps that. So the two push each other out, in turns.
3. Two devices of one identity never speak with each other: a transport turns away whoever says that it is itself.
"""

from hdus_peer.domain.identity import PeerId
from hdus_peer.simulation.network import Network

SECOND = "~2"


def second_place(peer: PeerId) -> PeerId:
    """Where the copy of `peer` is."""
    return PeerId(peer + SECOND)


class DoubledNetwork(Network):
    """A network in which an identity may be at two places."""

    def places(self, place: PeerId) -> list[PeerId]:
        """Where the identity is that is at `place`, too."""
        peer = PeerId(place.removesuffix(SECOND))
        return [there for there in (peer, second_place(peer)) if there in self.devices]

    def at(self, me: PeerId, peer: PeerId) -> PeerId:
        return next((place for place in self.places(peer) if self._wire(me, place) is not None), peer)

    def _keeps_old(self, me: PeerId, peer: PeerId) -> bool:
        keeps_old = super()._keeps_old
        return any(keeps_old(place, peer) for place in self.places(me))

    def _connect(self, me: PeerId, peer: PeerId) -> None:
        for one in self.places(me):
            for other in self.places(peer):
                if (one, other) != (me, peer):
                    self._lose(one, other, "replaced")
                    self._lose(other, one, "replaced")
        super()._connect(me, peer)
