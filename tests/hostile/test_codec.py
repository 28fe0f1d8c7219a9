"""The codec under bytes from nowhere good: damage to every valid frame, rightly signed payloads of any content, and
bombs. The same property as `make fuzz`, in a bounded run without chance."""

import os

import pytest
from hypothesis import HealthCheck, given, settings

from hdus_peer.domain.envelope import PAYLOAD_BYTES_MAX
from hdus_peer.transport.codec import FRAME_BYTES_MAX
from tests.hostile import bombs, codec_target
from tests.hostile.damage import damaged
from tests.hostile.resident import MIB, PEAK, reset_peak, resident

DECODING_BYTES_MAX = 48 * MIB
"""Of docs/threat-model.md: what one frame may take while it is decoded. Frames are decoded one at a time."""
ANNOUNCE = next(number for number, message in enumerate(codec_target.MESSAGES) if type(message).__name__ == "Announce")


def test_the_corpus_reaches_every_kind() -> None:
    reached = {codec_target.holds(sample) for sample in codec_target.corpus()}
    assert reached == {*codec_target.KINDS.values(), "fetch", "chunk"} - {"fetch_request", "fetch_refused"}


@settings(
    max_examples=600, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(damaged(codec_target.corpus()))
def test_damaged_bytes_are_refused_or_a_message_that_survives_its_own(data: bytes) -> None:
    codec_target.holds(data)


@pytest.mark.parametrize("what", bombs.FRAMES)
def test_a_frame_takes_bounded_memory(what: str) -> None:
    frame = bombs.FRAMES[what]
    assert len(frame) <= FRAME_BYTES_MAX
    before = reset_peak(os.getpid())
    became = codec_target.frame(frame)
    assert resident(os.getpid(), PEAK) - before <= DECODING_BYTES_MAX
    assert became in ("MalformedError", "notices")


@pytest.mark.parametrize("what", bombs.PAYLOADS)
def test_a_signed_payload_takes_bounded_memory(what: str) -> None:
    payload = bombs.PAYLOADS[what]
    assert len(payload) <= PAYLOAD_BYTES_MAX
    before = reset_peak(os.getpid())
    assert codec_target.signed(bytes([ANNOUNCE, 0, 0]) + payload) == "MalformedError"
    assert resident(os.getpid(), PEAK) - before <= DECODING_BYTES_MAX
