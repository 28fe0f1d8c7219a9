"""Main model, seeds and combination rule as ONE ONNX graph (measured: six times faster than one model after another).

Rules
1. A seed's tensors replace the initializers of its architecture's template, by name; the template's nodes are the only
   ones that ever run: a seed brings numbers, never code.
2. The graph is always made from scratch from the seeds that it is given, in the order given (PeerIds); nothing is
   masked or patched, so that after an eviction it equals one that never had the evicted seed, bit for bit.
3. Input "x" (samples, …); outputs "alone", the main model's logits, and "ensemble", what the rule returns (logits, or
   log-probabilities; see `rules`), both (samples, classes). Whoever chooses weights gets what to choose by as well.

Absent on purpose: sessions (`session`), the origin and the checking of tensors (`check`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from hdus_peer.errors import WorkerError
from hdus_peer.inference.onnx_proto import ModelProto, TensorProto
from hdus_peer.inference.rules import Nodes, Sides, Weights, mixed, rule_named

INPUT = "x"
LOGITS = "logits"
ALONE = "alone"
ENSEMBLE = "ensemble"
SAFETENSORS_F32 = "F32"

Tensors = Mapping[str, bytes]
"""Raw little-endian float32 bytes by tensor name."""
Schema = tuple[tuple[str, str, tuple[int, ...]], ...]
"""(name, safetensors dtype, shape) of every tensor that a seed of this architecture brings, sorted by name."""


class Template:
    """An architecture as its ONNX export with arbitrary weights."""

    def __init__(self, model: bytes) -> None:
        self._model = parse(model)
        self.schema: Schema = tuple(
            sorted(
                (tensor.name, SAFETENSORS_F32, tuple(tensor.dims))
                for tensor in self._model.graph.initializer
                if tensor.data_type == TensorProto.FLOAT
            )
        )

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample, from the template's input."""
        (entry,) = (value for value in self._model.graph.input if value.name == INPUT)
        return tuple(dimension.dim_value for dimension in entry.type.tensor_type.shape.dim)[1:]

    def filled(self, tensors: Tensors) -> Any:
        """A new ModelProto with `tensors` as its weights; the names must be the schema's."""
        model = ModelProto()
        model.CopyFrom(self._model)
        for tensor in model.graph.initializer:
            if tensor.data_type == TensorProto.FLOAT:
                tensor.ClearField("float_data")
                tensor.raw_data = tensors[tensor.name]
        return model


@dataclass(frozen=True, slots=True)
class Graph:
    """The whole ensemble. `model`: a ModelProto; `sides`: the further outputs of an open graph, whose weights are to be
    chosen."""

    model: Any
    sides: Sides | None


def parse(model: bytes) -> Any:
    """A ModelProto with input "x" and output "logits"; the files are made by our own trainer."""
    parsed = ModelProto()
    try:
        parsed.ParseFromString(model)
    except DecodeError as problem:
        raise WorkerError("a model file cannot be read; run `hdus-peer train` to make it again") from problem
    graph = parsed.graph
    if INPUT not in {value.name for value in graph.input} or [value.name for value in graph.output] != [LOGITS]:
        raise WorkerError("a model file lacks input x or output logits; run `hdus-peer train` to make it again")
    return parsed


def joined(main: Any, seeds: Sequence[Any], rule: str, known: Weights) -> Graph:
    """The graph of `main` (a ModelProto, consumed) and the filled `seeds`, in their order. Weights that
    are not `known` are inputs, and what they can be chosen by are outputs, unless there are no seeds to be weighed."""
    graph, make_sides = main.graph, rule_named(rule)
    members = [_attach(main, seed, f"seed{index}/") for index, seed in enumerate(seeds)]
    nodes, shape = Nodes(graph, known), graph.output[0].type
    sides = make_sides(nodes, LOGITS, members) if members else None
    outputs = {ALONE: LOGITS, ENSEMBLE: mixed(nodes, sides) if sides else LOGITS}
    del graph.output[:]
    for name, source in outputs.items():
        graph.node.add(op_type="Identity", name=f"{name}/output", input=[source], output=[name])
        graph.output.add(name=name).type.CopyFrom(shape)
    if sides is None or not nodes.is_open:
        return Graph(main, None)
    for name in sides.names:
        graph.output.add(name=name).type.tensor_type.elem_type = TensorProto.FLOAT
    return Graph(main, sides)


def _attach(main: Any, seed: Any, prefix: str) -> str:
    """Append the seed's nodes and weights under `prefix` (input "x" is shared); the name of its logits."""
    if {(item.domain, item.version) for item in seed.opset_import} != {
        (item.domain, item.version) for item in main.opset_import
    }:
        raise WorkerError("main model and seed template come from different exporters; run `hdus-peer train` again")
    shared = {INPUT, ""}
    for node in seed.graph.node:
        node.name = prefix + node.name
        node.input[:] = [name if name in shared else prefix + name for name in node.input]
        node.output[:] = [prefix + name if name else name for name in node.output]
    for tensor in seed.graph.initializer:
        tensor.name = prefix + tensor.name
    main.graph.node.extend(seed.graph.node)
    main.graph.initializer.extend(seed.graph.initializer)
    return prefix + LOGITS
