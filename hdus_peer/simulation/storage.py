"""A device's disk in trouble: slow for a while, or full.

Rules
1. A full disk takes nothing new in (`NOT_ADMITTING`): what the ballast of the real repository leaves it. One that
   refuses everything (`REFUSING`) has used that up, too, or fails: commits, keys and erasures have to wait.
2. What is refused raises what the real repository raises, and is tried again as the daemon does (`driver.shell`,
   `driver.effects`); what was there before stays whole.
"""

import enum
from collections.abc import Iterable, Sequence

from hdus_peer.errors import StorageError
from hdus_peer.protocol.step import Write
from hdus_peer.repository.memory import MemoryRepository, MemoryState
from hdus_peer.repository.port import Partial
from hdus_peer.simulation.world import World

RETRY_S = 1.0
COMMIT_MAX_S = 0.5
WORK_MAX_S = 3.0
SLOW_WORK = 0.4  # of the pieces of work of a slow disk
HINDRANCE_MAX_S = 8.0
"""For how long after a disk is well again what it held up may still be late."""


class Room(enum.IntEnum):
    REFUSING = 0
    NOT_ADMITTING = 1
    PLENTY = 2


class Health:
    """How the disk of a device is, and for how long."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._slow_until_s = self._full_until_s = -HINDRANCE_MAX_S
        self._left = Room.PLENTY

    def slow_down(self, duration_s: float) -> None:
        self._slow_until_s = self._world.now_s + duration_s

    def fill(self, left: Room, duration_s: float) -> None:
        self._left, self._full_until_s = left, self._world.now_s + duration_s

    def mend(self) -> None:
        self._slow_until_s, self._full_until_s = (
            min(until_s, self._world.now_s) for until_s in (self._slow_until_s, self._full_until_s)
        )

    @property
    def is_slow(self) -> bool:
        return self._world.now_s < self._slow_until_s

    @property
    def room(self) -> Room:
        return self._left if self._world.now_s < self._full_until_s else Room.PLENTY

    @property
    def is_in_trouble(self) -> bool:
        """Whether something may be late because of it."""
        return self._world.now_s < max(self._slow_until_s, self._full_until_s) + HINDRANCE_MAX_S

    def require(self, room: Room) -> None:
        """Raises StorageError where there is less."""
        if self.room < room:
            raise StorageError("The simulated disk is full. Wait until it is not.")


class BoundedRepository(MemoryRepository):
    """The repository in memory, on a disk that may be full."""

    def __init__(self, state: MemoryState, health: Health) -> None:
        super().__init__(state)
        self._health = health

    def commit(self, writes: Sequence[Write]) -> None:
        self._health.require(Room.NOT_ADMITTING)
        super().commit(writes)

    def begin(self, payload_sha256: str, payload_bytes: int) -> Partial:
        self._health.require(Room.PLENTY)
        return super().begin(payload_sha256, payload_bytes)

    def put_key(self, payload_sha256: str, key: bytes) -> None:
        self._health.require(Room.NOT_ADMITTING)
        super().put_key(payload_sha256, key)

    def destroy(self, payloads: Iterable[str]) -> None:
        self._health.require(Room.NOT_ADMITTING)
        super().destroy(payloads)
