"""Damage to valid bytes, as Hypothesis draws it: bytes changed, cut out, doubled, spliced, and lengths that lie."""

from collections.abc import Sequence

from hypothesis import strategies as st

INTERESTING = (b"\0", b"\x7f", b"\x80", b"\xff", b"\xff\xff\xff\xff\x0f", b"[", b"{", b'"', b"null", b"-1", b"1e999")


def damaged(valid: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of `valid`, after up to six pieces of damage; the first byte, which says what it is, stays."""

    @st.composite
    def draw_one(draw: st.DrawFn) -> bytes:
        data = draw(st.sampled_from(valid))
        for _ in range(draw(st.integers(1, 6))):
            data = data[:1] + _damage(draw, data[1:], valid)
        return data

    return draw_one()


def _damage(draw: st.DrawFn, data: bytes, valid: Sequence[bytes]) -> bytes:
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, min(len(data), start + 64)))
    replacements = {
        "other": st.binary(min_size=0, max_size=8),
        "interesting": st.sampled_from(INTERESTING),
        "doubled": st.just(data[start:end] * 2),
        "spliced": st.sampled_from(valid).map(lambda other: other[1 + start : 1 + end]),
        "cut": st.just(b""),
    }
    kind = draw(st.sampled_from(sorted(replacements)))
    return data[:start] + draw(replacements[kind]) + data[end:]
