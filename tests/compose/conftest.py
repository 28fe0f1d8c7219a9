"""One composition for all tests of this folder: built, brought up, and taken down within the promised time."""

from collections.abc import Iterator

import pytest

from tests.compose.stack import Stack, missing

DOWN_S = 10.0


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    if why := missing():
        pytest.skip(f"no container engine answers: {why}")
    made = Stack()
    made.build()
    try:
        made.up()
        made.until_complete()
        yield made
    finally:
        took_s = made.down()
    assert took_s < DOWN_S, f"docker compose down took {took_s:.1f} s"
