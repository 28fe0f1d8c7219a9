"""The model is of this core: what it names exists, and a small search of it finds what it must and nothing else."""

import importlib
import re
from pathlib import Path

import pytest

from hdus_peer.protocol import heartbeats
from hdus_peer.protocol.limits import Limits
from tests.model.spin import FAULTS, LIVENESS, MODEL, SAFETY, SMALL, missing, search

NAMES = sorted(
    {
        name.strip()
        for comment in re.findall(r"/\* core:(.*?)\*/", MODEL.read_text(), flags=re.DOTALL)
        for name in comment.split(",")
    }
)
needs_spin = pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed")


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_names_a_function_of_the_core(name: str) -> None:
    module, *path = name.split(".")
    found: object = importlib.import_module(f"hdus_peer.protocol.{module}")
    for part in path:
        found = getattr(found, part)
    assert callable(found)


def test_every_step_says_whose_it_is() -> None:
    before = ""
    for line in MODEL.read_text().splitlines():
        if line.startswith("  :: d_step"):
            assert before, line
        elif not line.startswith((" ", "#")):
            before = ""
        before = line if re.match(r"  /\* (core|world):", line) else before


def test_the_slack_of_a_lease_is_longer_than_a_key_may_be_on_its_way() -> None:
    limits = Limits()
    assert heartbeats.silence(limits, 2**32 - 1).gone_s == 6 * heartbeats.NEXT_MAX_S
    assert limits.lapse_slack_s > heartbeats.SILENCE_MAX_S + limits.greeting_timeout_s, "whatever is configured"


@needs_spin
@pytest.mark.slow
@pytest.mark.parametrize("properties", [SAFETY, (LIVENESS,)], ids=["safety", "liveness"])
def test_no_state_violates_anything(tmp_path: Path, properties: tuple[str, ...]) -> None:
    found = search(SMALL, properties, tmp_path, level="-O0")
    assert not found.is_violated
    assert found.states > 10_000


@needs_spin
@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(tmp_path: Path, fault: str) -> None:
    violates, _ = FAULTS[fault]
    assert search(SMALL, [violates], tmp_path, fault, level="-O0").is_violated
