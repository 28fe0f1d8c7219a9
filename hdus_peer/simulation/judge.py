"""Who judges a run: what every device tells of itself, before and after it happens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.seed import KeyGrant
from hdus_peer.protocol.messages import Message
from hdus_peer.protocol.records import HeldSeedRow
from hdus_peer.protocol.step import Event, Write

if TYPE_CHECKING:
    from hdus_peer.simulation.device import Device


class Judge(Protocol):
    """What a device tells the checker."""

    def before_commit(self, device: "Device", writes: Sequence[Write]) -> None: ...

    def after_commit(self, device: "Device") -> None: ...

    def on_send(self, device: "Device", to: PeerId, message: Message) -> None: ...

    def on_hear(self, device: "Device", sender: PeerId, message: Message) -> None: ...

    def on_event(self, device: "Device", event: Event) -> None: ...

    def on_admit(self, device: "Device", grant: KeyGrant) -> None: ...

    def on_fetched(self, device: "Device", payload_sha256: str) -> None: ...

    def on_use(self, device: "Device", seeds: Sequence[HeldSeedRow]) -> None: ...

    def on_crash(self, device: "Device") -> None: ...

    def on_restore(self, device: "Device") -> None: ...

    def on_timer(self, device: "Device") -> None: ...

    def after_action(self, device: "Device") -> None: ...
