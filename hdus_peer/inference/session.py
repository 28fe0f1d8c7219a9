"""ONNX Runtime, set up for a device that does other things too.

Rule: everything that can change a bit of an answer is fixed here or by the parent: thread count, sequential execution,
optimisation level, and the number of samples that one run computes. No spinning threads (five times slower on a busy
device, facts.md). Scratch memory is kept between runs (a tenth faster), and given back by `rest`.

A fact that surprises: once imported, ONNX Runtime gives the device an id and collects events in the home directory,
with the address of its maker's collector built in. Only a variable that is set before the import prevents it; the
function for it comes too late. Nothing leaves a device here without its owner's word.
"""

import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hdus_peer.errors import DataError, WorkerError
from hdus_peer.inference.graph import INPUT

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime as ort  # after that variable

BATCH = 16
"""Samples per run. Larger batches leave the caches: 64 took 1.2 to 2 times, 256 more than twice as long per sample, and
memory in proportion; and between two batches of an evaluation other requests pass by."""

Floats = NDArray[np.float32]

_FAILURES = (
    ort.capi.onnxruntime_pybind11_state.Fail,
    ort.capi.onnxruntime_pybind11_state.InvalidArgument,
    ort.capi.onnxruntime_pybind11_state.InvalidGraph,
    ort.capi.onnxruntime_pybind11_state.InvalidProtobuf,
    ort.capi.onnxruntime_pybind11_state.NotImplemented,
    ort.capi.onnxruntime_pybind11_state.RuntimeException,
)


class Session:
    """One graph, ready to run."""

    def __init__(self, model: bytes, threads: int) -> None:
        try:
            self._session = ort.InferenceSession(model, _options(threads), providers=["CPUExecutionProvider"])
        except _FAILURES as problem:
            raise WorkerError("ONNX Runtime cannot load a model; run `hdus-peer train` to export it again") from problem
        self._session._model_bytes = None  # the wrapper keeps the serialized graph for providers that are not used here
        (entry,) = (value for value in self._session.get_inputs() if value.name == INPUT)
        self.sample_shape: tuple[int, ...] = tuple(entry.shape[1:])
        self._inputs = {value.name for value in self._session.get_inputs()}
        self._weights: Mapping[str, Floats] = {}

    def weigh(self, weights: Mapping[str, Floats]) -> None:
        """From now on these are the graph's inputs beside the samples; those that it does not have are passed over."""
        self._weights = {name: value for name, value in weights.items() if name in self._inputs}

    def samples(self, rows: bytes, count: int) -> Floats:
        """Little-endian float32 `rows` as `count` samples of the model's shape; raises DataError."""
        expected = count * int(np.prod(self.sample_shape)) * 4
        if count < 1 or len(rows) != expected:
            raise DataError(
                f"{count} samples of shape {self.sample_shape} are {expected} bytes, not {len(rows)}; resize them"
            )
        samples = np.frombuffer(rows, dtype="<f4").reshape(count, *self.sample_shape)
        if not np.isfinite(samples).all():
            raise DataError("a sample holds values that are not finite; clean the file and try again")
        return samples

    def rest(self) -> None:
        """Give scratch memory back: a run of one sample that keeps none. The next runs take it again."""
        nothing = np.zeros((1, *self.sample_shape), dtype=np.float32)
        self._session.run(None, {INPUT: nothing, **self._weights}, _keep_nothing())

    def run(self, samples: Floats, names: Sequence[str]) -> Iterator[list[Floats]]:
        """The outputs of these names, one batch at a time: the same samples in the same batches give the same bits."""
        for start in range(0, len(samples), BATCH):
            try:
                outputs: list[Floats] = self._session.run(
                    names, {INPUT: samples[start : start + BATCH], **self._weights}
                )
            except _FAILURES as problem:
                raise WorkerError(
                    "ONNX Runtime failed on a batch; run `hdus-peer train` to export it again"
                ) from problem
            yield outputs


def stacked(batches: list[list[Floats]]) -> list[Floats]:
    """The batches of `Session.run`, one array per output."""
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


def softmax(logits: Floats) -> Floats:
    """Row by row, without overflow."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def _keep_nothing() -> ort.RunOptions:
    options = ort.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    for pool in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
    return options
