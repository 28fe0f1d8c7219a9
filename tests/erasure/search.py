"""Is anything of a secret left: a search for every 32-byte window of it in files, in texts and in processes' memory.

A window is any 32 consecutive bytes of the secret, at stride 1. Of what is looked at, every third word of 8 bytes is
looked up among all 8-byte words of the secret (at stride 1). No window is missed: wherever 32 bytes begin, a multiple
of 24 comes within the next 23 bytes, and the 8 bytes there still belong to them. Where a word is found, the secret is
laid beside it and compared byte by byte: a window counts where 32 in a row are equal.

Left out: windows with 8 equal bytes in a row, which are everywhere (zeros of a padded or untrained tensor); of random
bytes one in 10^15 is like that.

Texts may show a secret in hexadecimal or base64; `in_texts` gives it in all those forms.
"""

import base64
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

WINDOW_BYTES = 32
WORD_BYTES = 8
STRIDE_BYTES = 24
_TABLE_BITS = 20
_MIXING = np.uint64(0x9E3779B97F4A7C15)

Windows = NDArray[np.bool_]


class Needle:
    """A secret to be looked for. `apart_from`: what may be found, because it is somebody else's as well."""

    def __init__(self, secret: bytes, apart_from: Iterable[bytes] = ()) -> None:
        assert len(secret) >= WINDOW_BYTES, "a secret shorter than a window would never be found"
        self._secret = np.frombuffer(secret, dtype=np.uint8)
        words = _words(secret)
        is_plain = words == (words & np.uint64(0xFF)) * np.uint64(0x0101010101010101)
        self._counted = ~_any_within(is_plain, WINDOW_BYTES - WORD_BYTES + 1)
        offsets = np.flatnonzero(~is_plain)
        order = np.argsort(words[offsets], kind="stable")
        self._offsets, self._words = offsets[order], words[offsets[order]]
        self._table = np.zeros(1 << _TABLE_BITS, dtype=np.bool_)
        self._table[_hashed(self._words)] = True
        for content in apart_from:
            self._counted &= ~self.windows_in(content)

    @property
    def counted(self) -> int:
        """How many windows there are to be found."""
        return int(self._counted.sum())

    def windows_in(self, content: bytes) -> Windows:
        """Which windows of the secret, by their offset in it, occur in `content`."""
        found = np.zeros_like(self._counted)
        beside = np.frombuffer(content, dtype=np.uint8)
        for shift in self._shifts(content):
            first, last = max(0, -shift), min(len(self._secret), len(beside) - shift)
            differs = self._secret[first:last] != beside[first + shift : last + shift]
            same = ~_any_within(differs, WINDOW_BYTES)
            found[first : first + len(same)] |= same
        return found & self._counted

    def _shifts(self, content: bytes) -> set[int]:
        """Where the secret would begin in `content` so that a word of both falls together."""
        words = np.frombuffer(content, dtype="<u8", count=len(content) // WORD_BYTES)[:: STRIDE_BYTES // WORD_BYTES]
        likely = np.flatnonzero(self._table[_hashed(words)])
        first, last = (np.searchsorted(self._words, words[likely], side) for side in ("left", "right"))
        return {
            int(likely[hit]) * STRIDE_BYTES - int(offset)
            for hit in np.flatnonzero(last > first)
            for offset in self._offsets[first[hit] : last[hit]]
        }


def in_texts(secret: bytes) -> list[Needle]:
    """The secret as it may stand in a text: as it is, in hexadecimal, and in base64 wherever it began."""
    coded = [base64.b64encode(bytes(before) + secret)[4:] for before in range(3)]
    safe = [each.translate(bytes.maketrans(b"+/", b"-_")) for each in coded]
    return [Needle(each) for each in (secret, secret.hex().encode(), secret.hex().upper().encode(), *coded, *safe)]


def _words(content: bytes) -> NDArray[np.uint64]:
    """The 8-byte words of `content` at every offset."""
    beside = np.frombuffer(content, dtype=np.uint8)
    return np.lib.stride_tricks.sliding_window_view(beside, WORD_BYTES).copy().view("<u8")[:, 0]


def _hashed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (words * _MIXING) >> np.uint64(64 - _TABLE_BITS)


def _any_within(marked: Windows, length: int) -> Windows:
    """For every `length` consecutive places: is one of them marked?"""
    if len(marked) < length:
        return np.zeros(0, dtype=np.bool_)
    sums = np.concatenate(([0], np.cumsum(marked)))
    return np.asarray(sums[length:] > sums[:-length], dtype=np.bool_)
