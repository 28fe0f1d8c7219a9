"""What goes by at the devices of a run, counted: messages that arrive, their bytes, and how a leave travels.

Rules
1. Watching changes nothing and takes no part in the trace.
2. A peer is one hop further from the leaver than whoever sent the message that made the notice durable here first: its
   own holders that hear it from the leaver are one hop away. No message carries a count.
3. A message's bytes are those of its frame, without what TLS and HTTP/2 put around it. They are counted only while
   `is_weighing`, and encoded once for equal messages that follow each other.
"""

import functools
from collections import Counter
from collections.abc import Iterable

from hdus_peer.domain.certificate import Verdict, to_file, verify_file
from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.certificate import certificate_of
from hdus_peer.protocol.messages import Message
from hdus_peer.protocol.records import TombstoneRow
from hdus_peer.protocol.step import Event
from hdus_peer.simulation import cast
from hdus_peer.simulation.cast import Person
from hdus_peer.simulation.device import Device, Settings
from hdus_peer.simulation.judge import Judge
from hdus_peer.simulation.network import Network
from hdus_peer.transport.codec import encode_frame

SIZES_KEPT = 4096


@functools.lru_cache(SIZES_KEPT)
def bytes_of(message: Message) -> int:
    return len(encode_frame(message))


class Watch:
    """`arrived`: messages by kind. `hops`: how far from the leaver everybody is that knows of the leave. `evicted_s`:
    when (virtual s) each of the `holders` had destroyed the leaver's seed. `certificate`: the leaver's, as it was when
    the leaver went, and `left_s` when that was. `moved_s`: when an adoption or an erasure was last done anywhere."""

    def __init__(self) -> None:
        self.arrived: Counter[type] = Counter()
        self.bytes = 0
        self.is_weighing = False
        self.leaver: PeerId | None = None
        self.holders: frozenset[PeerId] = frozenset()
        self.hops: dict[PeerId, int] = {}
        self.evicted_s: dict[PeerId, float] = {}
        self.certificate: Verdict | None = None
        self.left_s = self.moved_s = 0.0

    def follow(self, leaver: PeerId, holders: frozenset[PeerId]) -> None:
        """From now on, look how the leave of `leaver` travels, whose seed `holders` hold."""
        self.leaver, self.holders, self.hops = leaver, holders, {leaver: 0}

    @property
    def is_certified(self) -> bool:
        return self.certificate is not None and self.certificate.is_complete

    def on_arrival(self, message: Message | bytes) -> None:
        self.arrived[type(message)] += 1
        if self.is_weighing:
            self.bytes += len(message) if isinstance(message, bytes) else bytes_of(message)

    def after_arrival(self, device: Device, sender: PeerId) -> None:
        """Whether what came from `sender` has told `device` of the leave."""
        if self.leaver is None or device.peer in self.hops:
            return
        if (self.leaver,) in device.disk.rows[TombstoneRow]:
            self.hops[device.peer] = self.hops[sender] + 1

    def on_event(self, device: Device, event: Event) -> None:
        if event.name in ("SeedAdopted", "SeedErased"):
            self.moved_s = device.world.now_s
        if event.name == "SeedErased" and event.peer == self.leaver and device.peer in self.holders:
            self.evicted_s.setdefault(device.peer, device.world.now_s)
        elif event.name == "Left":
            self.left_s, self.certificate = device.world.now_s, _verified(device)


def _verified(device: Device) -> Verdict | None:
    """What anybody may read out of the certificate of `device`, with the root's key."""
    state = device.core.state if device.core is not None else None
    certificate = certificate_of(state) if state is not None else None
    if state is None or certificate is None:
        return None
    return verify_file(to_file(state.me.sign(certificate)), cast.root().public_key)


class WatchedDevice(Device):
    """A device whose doings `watch` counts, to whom discovery shows those of `known` that are there, and that is
    switched off once it has left. `known_to`: to whom discovery shows it. `links`: to whom its links are open."""

    named_share = 0.0  # nobody names an address

    def __init__(self, who: Person, network: Network, judge: Judge, settings: Settings, watch: Watch) -> None:
        super().__init__(who, network, judge, settings)
        self.watch = watch
        self.known: tuple[PeerId, ...] = ()
        self.known_to: list[WatchedDevice] = []
        self.links: set[PeerId] = set()

    def in_reach(self) -> Iterable[PeerId]:
        return (peer for peer in self.known if self.network.devices[peer].is_open)

    def open_when_erased(self) -> None:
        """Whoever is there already finds it, too."""
        was_open = self.is_open
        super().open_when_erased()
        for other in self.known_to if self.is_open and not was_open else ():
            if other.is_open:
                other.find(self.peer)

    def join(self) -> None:
        """Start for the first time, and learn."""
        self.start()
        self.train()

    def on_message(self, peer: PeerId, message: Message | bytes) -> None:
        self.watch.on_arrival(message)
        super().on_message(peer, message)
        self.watch.after_arrival(self, peer)

    def publish_event(self, event: Event) -> None:
        super().publish_event(event)
        self.watch.on_event(self, event)
        if event.name == "LinkOpened" and event.peer is not None:
            self.links.add(event.peer)
        elif event.name == "LinkClosed" and event.peer is not None:
            self.links.discard(event.peer)
        elif event.name == "Left":
            self.later(0.0, self.switch_off)

    def switch_off(self) -> None:
        """In order: what was sent still arrives."""
        self.stop()
        self.network.vanish(self.peer, is_noticed=True)
