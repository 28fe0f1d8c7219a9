"""The operator's own main model: what is found out about it before it is trained."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hdus_peer.errors import ConfigurationError
from hdus_peer.learning.data import assemble
from hdus_peer.learning.device import prepare
from hdus_peer.learning.job import run
from hdus_peer.learning.main_model import build_main, identity, try_main
from hdus_peer.learning.progress import Interrupted, Progress
from hdus_peer.learning.tensors import pack_tensors, unpack_file
from hdus_peer.workers.job import Schedule
from tests.learning.conftest import DIGITS, MakeJob

NAME = "theirs_models:net"
SCHEDULE = Schedule(2, 16, 0.01, 0.0, 2)
CPU = torch.device("cpu")
Write = Callable[[str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write the module `theirs_models`: the body of a forward(self, x), or a whole module that defines net."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(text: str) -> None:
        sys.modules.pop("theirs_models", None)
        module = text if "net" in text else WITH_FORWARD.format(forward=textwrap.indent(text, " " * 8))
        (tmp_path / "theirs_models.py").write_text("import torch\nfrom torch import nn\n" + module)

    yield write
    sys.modules.pop("theirs_models", None)


WITH_FORWARD = """
class Net(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        self.first = nn.Linear(64, classes)
        self.x = nn.Parameter(torch.ones(1))

    def forward(self, x):
{forward}

net = Net
"""
GOOD = "return self.first(x.flatten(1)) * self.x"


def test_a_model_of_ones_own_is_tried_and_built(write: Write) -> None:
    write(GOOD)
    try_main(NAME, DIGITS, SCHEDULE, CPU)
    assert build_main(NAME, DIGITS)(torch.zeros(3, 1, 8, 8)).shape == (3, 10)


BAD = [
    ("other = 3  # no net's here", "has no 'net'"),
    ("net = 3", "name a function"),
    ("def net(shape): pass", "failed.*takes 1 positional argument"),
    ("def net(shape, classes): return None", "returned a NoneType; return a torch.nn.Module"),
    ("def net(shape, classes): return nn.Linear", "returned a type; return"),
    ("def net(shape, classes): return nn.Flatten()", "without anything to train"),
    ("def net(shape, classes): return nn.Linear(64, 10).double()", "weight is not of float32"),
    ("def net(shape, classes): return nn.Linear(64, 10)", "cannot be trained .*RuntimeError: mat1 and mat2"),
    ("return self.first(x.flatten(1))[:, :9]", r"answers 2 samples with the shape \(2, 9\); it must be \(2, 10\)"),
    ("return {'logits': self.first(x.flatten(1))}", "answers with a dict; answer with one tensor"),
    ("return self.first(x.flatten(1)) * float('nan')", "answers NaN or infinity before it is trained"),
    ("return self.first(x.flatten(1)) / (self.x - 1).abs().sqrt() * (self.x - 1)", "NaN"),
    ("return self.frist(x)", "cannot be trained .*no attribute 'frist'.*theirs_models.py line"),
    (
        "return self.first(torch.fft.rfft(x.flatten(1), 127).abs())",
        "cannot be exported to ONNX: .*'aten::fft_rfft'.*Do without that operator",
    ),
    ("return self.first(x.reshape(2, 64)) if len(x) == 2 else self.first(x.flatten(1))", "export .* 1 samples"),
    ("y = self.first(x.flatten(1))\nreturn y if x.mean() > 0 else -y", "otherwise than the model does"),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=[said for _, said in BAD])
def test_what_would_end_the_training_late_ends_it_early(write: Write, text: str, said: str) -> None:
    write(text)
    with pytest.raises(ConfigurationError, match=said) as problem:
        try_main(NAME, DIGITS, SCHEDULE, CPU)
    assert "train.main 'theirs_models:net'" in str(problem.value)


def test_a_module_that_is_not_there(write: Write) -> None:
    with pytest.raises(ConfigurationError, match="there is no module 'theirs_models'; modules are looked for in"):
        try_main(NAME, DIGITS, SCHEDULE, CPU)


def test_a_checkpoint_is_of_one_source_and_one_state(write: Write) -> None:
    texts = (GOOD, GOOD + " * 1", GOOD.replace("self.x", "(self.x + 1)"))
    found = []
    for text in texts:
        write(text)
        found.append(identity(NAME, build_main(NAME, DIGITS)))
    write(GOOD)
    assert identity(NAME, build_main(NAME, DIGITS)) == found[0]
    assert len(set(found)) == len(texts)
    wider = replace(DIGITS, classes=tuple("0123456789a"))
    assert identity(NAME, build_main(NAME, wider)) != found[0]
    assert identity("mlp", build_main("mlp", DIGITS)) != identity("mlp", build_main("mlp", wider))


def test_another_source_begins_anew(write: Write, make_job: MakeJob) -> None:
    """A checkpoint of the model as it was is not continued with the model as it is."""
    job = make_job(main=NAME, samples=100, reference_samples=60, test_samples=20)
    keys = []
    for text in (GOOD, GOOD, GOOD + " * 1"):
        write(text)
        with pytest.raises(Interrupted):
            run(job, ended_in_main())
        found = unpack_file(str(job.directory / "checkpoint.safetensors"))
        keys.append(found[1]["key"] if found else "")
    assert keys[0].startswith(f"{job.fingerprint} {assemble(job).own_sha256} ")
    assert keys[0] == keys[1] != keys[2]


def ended_in_main() -> Progress:
    """Stops the job at its first step."""
    progress = Progress(lambda fields: setattr(progress, "is_interrupted", fields["stage"] == "main"))
    return progress


def test_tied_weights_are_stored(tmp_path: Path) -> None:
    shared = torch.arange(6.0).reshape(2, 3)
    (tmp_path / "x").write_bytes(pack_tensors({"a": shared, "b": shared, "c": shared[1]}))
    found = unpack_file(str(tmp_path / "x"))
    assert found is not None
    assert found[0]["b"].tolist() == shared.tolist()
    assert found[0]["c"].tolist() == [3, 4, 5]


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_absent_is_told(device: str) -> None:
    if {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}[device]:
        pytest.skip(f"this machine has {device}")
    with pytest.raises(ConfigurationError, match=rf"train.device = '{device}' is not usable here: .*: cpu"):
        prepare(1, device)
    assert prepare(1, "auto").type == "cpu"
