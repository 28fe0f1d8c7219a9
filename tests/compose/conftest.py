"""One composition for all tests of a module: built, brought up, and taken down within the promised time."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.compose.stack import COMPOSITION, QUICK, Stack, missing

DOWN_S = 10.0


@contextmanager
def standing(*files: str) -> Iterator[Stack]:
    if why := missing():
        pytest.skip(f"no container engine answers: {why}")
    made = Stack(*files)
    made.build()
    try:
        made.up()
        made.until_complete()
        yield made
    finally:
        took_s = made.down()
    assert took_s < DOWN_S, f"docker compose down took {took_s:.1f} s"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with standing(COMPOSITION) as made:
        yield made


@pytest.fixture(scope="module")
def quick_stack() -> Iterator[Stack]:
    """Its peers have little to learn."""
    with standing(COMPOSITION, QUICK) as made:
        yield made
