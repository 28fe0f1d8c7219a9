"""A sealed payload as whoever serves it sees it: bytes at an offset. Shared by the repository and transport ports."""

from typing import Protocol


class Readable(Protocol):
    """A complete payload that is being served."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...

    def close(self) -> None: ...
