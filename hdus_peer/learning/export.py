"""Models as ONNX: input "x" (samples, *shape), output "logits" (samples, classes), the number of samples free.

Rules
1. A *template* has the structure of one architecture, and its initializers carry the names of the model's state, so
   that any seed's tensors can take their place; there are no other numbers in it. This is verified here, at export.
2. For that, a template is exported in evaluation mode but with `training=PRESERVE` and without constant folding (both
   would rename or merge tensors), and from a model whose tensors all differ (equal ones would be merged into one).
3. Templates hold nothing of any peer; one of an architecture and shape is exported once and kept.
"""

import io
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from hdus_peer.domain.task import Task
from hdus_peer.durable import write_durably
from hdus_peer.errors import WorkerError
from hdus_peer.learning.architectures import build
from hdus_peer.learning.tensors import exchanged

OPSET = 17
TEMPLATE_FORMAT = 1  # raised whenever this file would export another template


def export(model: nn.Module, shape: tuple[int, ...]) -> bytes:
    """ONNX bytes of `model`, whose state's names are kept as those of the initializers."""
    model = model.to(device="cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    file = io.BytesIO()
    with warnings.catch_warnings():
        # the exporter is deprecated in favour of one that renames tensors; and it warns of PRESERVE, wanted here
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.zeros(2, *shape),),
            file,  # type: ignore[arg-type]  # this exporter writes to files, too
            input_names=["x"],
            output_names=["logits"],
            dynamic_axes={"x": {0: "samples"}, "logits": {0: "samples"}},
            opset_version=OPSET,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            dynamo=False,
            verbose=False,
        )
    return file.getvalue()


def templates(task: Task, folder: Path) -> dict[str, Path]:
    """A template for every seed architecture of `task`, those missing in `folder` exported now."""
    return {name: _template(name, task, folder) for name in task.seed_architectures}


def _template(name: str, task: Task, folder: Path) -> Path:
    size = "x".join(map(str, task.shape))
    path = folder / f"{name}-{size}-{len(task.classes)}-v{TEMPLATE_FORMAT}.onnx"
    if not path.exists():
        model = build(name, task.shape, len(task.classes))
        _make_all_tensors_differ(model)
        content = export(model, task.shape)
        _verify(content, model, name)
        write_durably(path, content)
    return path


def _make_all_tensors_differ(model: nn.Module) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in exchanged(model).values():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)


def _verify(content: bytes, model: nn.Module, name: str) -> None:
    initializers = onnx.load_from_string(content).graph.initializer
    weights = {tensor.name for tensor in initializers if tensor.data_type == onnx.TensorProto.FLOAT}
    wrong = sorted(exchanged(model).keys() ^ weights)
    if wrong:
        raise WorkerError(f"the template of {name} lost or won the tensor {wrong[0]}; install the pinned torch")
