"""A dict that counts its changes, so that what is a function of it need not be computed again while it stays."""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Tracked(dict[K, V], Generic[K, V]):
    """`changes`: how often it was changed by one of the operations below; there are no others on purpose."""

    __slots__ = ("changes",)

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0

    def __setitem__(self, key: K, value: V) -> None:
        self.changes += 1
        super().__setitem__(key, value)

    def __delitem__(self, key: K) -> None:
        self.changes += 1
        super().__delitem__(key)

    def take(self, key: K) -> V | None:
        """Remove what is under `key`, if there is anything."""
        self.changes += 1
        return super().pop(key, None)

    def clear(self) -> None:
        self.changes += 1
        super().clear()
