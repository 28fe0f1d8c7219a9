"""Frames between the daemon and its children."""

import asyncio
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdus_peer.errors import WorkerError
from hdus_peer.workers.frames import BODY_BYTES_MAX, HEADER_BYTES_MAX, Frame, pack, read_frame, receive, reply

HEADERS = st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.none(), max_size=4)


def stream_of(data: bytes) -> asyncio.StreamReader:
    stream = asyncio.StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    return stream


@given(st.lists(st.tuples(HEADERS, st.binary(max_size=200)), max_size=4))
def test_both_halves_read_what_is_packed(sent: list[Frame]) -> None:
    data = b"".join(pack(header, body) for header, body in sent)
    child, received = io.BytesIO(data), []
    while (frame := receive(child)) is not None:
        received.append(frame)
    assert received == sent

    async def read_all() -> list[Frame]:
        stream, frames = stream_of(data), []
        while (frame := await read_frame(stream)) is not None:
            frames.append(frame)
        return frames

    assert asyncio.run(read_all()) == sent


@pytest.mark.parametrize("length", [0, 5, 12, 20])
async def test_a_cut_frame_is_the_end(length: int) -> None:
    data = pack({"id": 1}, b"0123456789")[:length]
    assert receive(io.BytesIO(data)) is None
    assert await read_frame(stream_of(data)) is None


@pytest.mark.parametrize(("header", "body"), [(HEADER_BYTES_MAX + 1, 0), (2, BODY_BYTES_MAX + 1)])
async def test_absurd_lengths_are_not_read(header: int, body: int) -> None:
    data = header.to_bytes(4, "big") + body.to_bytes(8, "big") + b"{}"
    with pytest.raises(WorkerError, match="lost step"):
        receive(io.BytesIO(data))
    with pytest.raises(WorkerError, match="lost step"):
        await read_frame(stream_of(data))


def test_a_reply_goes_through_a_pipe_unbuffered() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as incoming, os.fdopen(writing, "wb", buffering=0) as outgoing:
        reply(outgoing, {"id": 3, "ok": {}}, b"body")
        assert receive(incoming) == ({"id": 3, "ok": {}}, b"body")
