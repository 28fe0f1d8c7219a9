"""The search finds what it says that it finds: a search that overlooks something would prove nothing."""

import base64
import random

import pytest

from tests.erasure.search import STRIDE_BYTES, WINDOW_BYTES, Needle, in_texts

SECRET = bytes(random.Random(1).choices(range(1, 128), k=300))
NOISE = bytes(random.Random(2).choices(range(128, 256), k=500))
"""Not a byte of the noise is one of the secret."""
LAST = len(SECRET) - WINDOW_BYTES


def found(needle: Needle, content: bytes) -> list[int]:
    return [int(each) for each in needle.windows_in(content).nonzero()[0]]


@pytest.mark.parametrize("before", range(2 * STRIDE_BYTES))
def test_every_window_is_found_wherever_it_lies(before: int) -> None:
    needle = Needle(SECRET)
    for start in range(LAST + 1):
        window = SECRET[start : start + WINDOW_BYTES]
        assert found(needle, NOISE[:before] + window + NOISE[before:]) == [start]
        assert found(needle, NOISE[:before] + window) == [start], "at the very end"


def test_less_than_a_window_is_not() -> None:
    needle = Needle(SECRET)
    for start in range(LAST + 1):
        assert found(needle, NOISE + SECRET[start : start + WINDOW_BYTES - 1] + NOISE) == []


def test_several_pieces_are_counted_once_each() -> None:
    needle = Needle(SECRET)
    assert needle.counted == LAST + 1
    assert found(needle, SECRET) == list(range(LAST + 1))
    assert found(needle, NOISE + SECRET[:60] + NOISE + SECRET[40:100] + SECRET[:60]) == [*range(29), *range(40, 69)]
    assert found(needle, b"") == found(needle, NOISE) == []


def test_what_belongs_to_somebody_else_as_well_does_not_count() -> None:
    needle = Needle(SECRET, apart_from=[NOISE + SECRET[100:200] + NOISE])
    assert needle.counted == LAST + 1 - 69
    assert found(needle, SECRET) == [*range(100), *range(169, LAST + 1)]


def test_what_is_everywhere_does_not_count() -> None:
    needle = Needle(bytes(100) + SECRET + bytes(100))
    assert found(needle, bytes(10_000)) == []
    assert needle.counted == LAST + 1 + 2 * 7, "at most seven equal bytes may stand beside a secret's own"
    assert len(found(needle, bytes(50) + SECRET + bytes(50))) == needle.counted


@pytest.mark.parametrize(
    "shown",
    [
        SECRET[50:90],
        SECRET[50:90].hex().encode(),
        SECRET[50:90].hex().upper().encode(),
        base64.b64encode(SECRET[50:90]),
        base64.b64encode(b"x" + SECRET[50:90]),
        base64.b64encode(b"xy" + SECRET[50:90]),
        base64.urlsafe_b64encode(SECRET[50:90]),
    ],
)
def test_every_form_of_it_is_found_in_a_text(shown: bytes) -> None:
    assert any(needle.windows_in(b'{"a": "' + shown + b'"}').any() for needle in in_texts(SECRET))
