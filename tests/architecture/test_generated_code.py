"""The committed wire code is what the .proto files say today."""

from pathlib import Path

import pytest

from tests.tools.generate_wire import ROOT, generate, outputs, protos


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("generated")
    generate(target)
    return target


@pytest.mark.parametrize("proto", protos(), ids=str)
def test_committed_code_equals_generated_code(generated: Path, proto: Path) -> None:
    for name in outputs(proto):
        committed = ROOT / name
        assert committed.is_file(), f"{name} is missing: run `make proto`"
        assert committed.read_bytes() == (generated / name).read_bytes(), f"{name} is not current: run `make proto`"
