import asyncio

import pytest

from hdus_peer.discovery import cadence as cadence_module
from hdus_peer.discovery.cadence import Cadence, Intervals


class Rounds:
    def __init__(self, failing: int = 0) -> None:
        self.begun_s: list[float] = []
        self._failing = failing
        self._came = asyncio.Event()

    async def __call__(self) -> None:
        self.begun_s.append(asyncio.get_running_loop().time())
        self._came.set()
        if len(self.begun_s) <= self._failing:
            raise OSError("the cable is out")

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.begun_s) < count:
                self._came.clear()
                await self._came.wait()


async def test_the_first_round_is_over_when_start_returns() -> None:
    rounds = Rounds()
    cadence = Cadence(Intervals(3600, 3600), rounds)
    await cadence.start()
    assert len(rounds.begun_s) == 1
    await cadence.stop()


async def test_a_round_that_fails_is_logged_and_the_next_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    rounds = Rounds(failing=2)
    cadence = Cadence(Intervals(0.01, 3600), rounds)
    await cadence.start()
    await rounds.wait_for(3)
    await cadence.stop()
    assert "the cable is out" in caplog.text


async def test_flapping_loneliness_never_makes_rounds_closer_than_the_short_interval() -> None:
    rounds = Rounds()
    cadence = Cadence(Intervals(0.1, 3600), rounds)
    await cadence.start()
    for _ in range(50):
        cadence.lonely(False)
        cadence.lonely(True)
    await rounds.wait_for(3)
    await cadence.stop()
    assert all(later - earlier >= 0.099 for earlier, later in zip(rounds.begun_s, rounds.begun_s[1:], strict=False))


async def test_a_hurried_round_comes_at_once_and_hurrying_on_does_not_make_them_closer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cadence_module, "HURRIED_INTERVAL_S", 0.1)
    rounds = Rounds()
    cadence = Cadence(Intervals(3600, 3600), rounds)
    await cadence.start()
    for count in (2, 3):
        for _ in range(10):
            cadence.hurry()
        await rounds.wait_for(count)
    await cadence.stop()
    assert all(later - earlier >= 0.099 for earlier, later in zip(rounds.begun_s, rounds.begun_s[1:], strict=False))
