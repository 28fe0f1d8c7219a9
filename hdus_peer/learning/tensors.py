"""Models as safetensors bytes, and back: tensors without code.

Rule: the bytes are a function of the values alone (names sorted, memory layout undone), so that equal models are equal
files. Restoring copies into tensors that exist, which keeps their layout: an interrupted run goes on to the same bits.
"""

from collections.abc import Mapping

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from hdus_peer.domain.sealed import schema_digest

STEP_COUNTERS = "num_batches_tracked"


def pack_tensors(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """safetensors bytes of `tensors`, with public `metadata` in their header. Tensors that share memory (tied weights)
    are stored once each."""
    plain: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        memory = value.untyped_storage().data_ptr()
        plain[name] = value.clone() if memory in taken else value
        taken.add(memory)
    packed: bytes = save(plain, metadata)
    return packed


def unpack_file(path: str) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """Tensors and metadata of a safetensors file; None if there is no such file, or it is not one."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError):
        return None


def exchanged(model: nn.Module) -> dict[str, Tensor]:
    """What a seed consists of: every tensor of the state that takes part in a prediction."""
    return {name: value for name, value in model.state_dict().items() if not name.endswith(STEP_COUNTERS)}


def schema_of(model: nn.Module) -> str:
    """`schema_digest` of the exchanged tensors, which are float32 all."""
    return schema_digest((name, "F32", tuple(value.shape)) for name, value in exchanged(model).items())


def copy_into(target: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    """Overwrite every tensor of `target` with the one of the same name."""
    with torch.no_grad():
        for name, value in target.items():
            value.copy_(source[name])
