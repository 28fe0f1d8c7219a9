"""Where and how torch computes: resolved once a process, before the first tensor.

Rule: device, threads and algorithms are functions of the job, because each of them changes bits.
"""

import os

import torch

from hdus_peer.errors import ConfigurationError


def prepare(threads: int, device: str) -> torch.device:
    """Pin threads and deterministic algorithms; the device that `auto | cpu | cuda | mps` means here."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid, and slow
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic cuBLAS asks for
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        device = next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available.get(device, False):
        usable = ", ".join(name for name, here in available.items() if here)
        raise ConfigurationError(
            f"train.device = {device!r} is not usable here: {_reason(device)}; choose auto or one of: {usable}"
        )
    return torch.device(device)


def _reason(device: str) -> str:
    if device == "cuda":
        is_built = torch.version.cuda is not None
        return (
            "torch finds no NVIDIA GPU or driver" if is_built else f"this torch ({torch.__version__}) is for CPUs only"
        )
    if device == "mps":
        is_built = torch.backends.mps.is_built()
        return "this system has no Metal device" if is_built else f"this torch ({torch.__version__}) is without Metal"
    return "there is no such device"
