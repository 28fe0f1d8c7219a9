"""Combination rules: how the main model's logits and those of the seeds become one answer, as nodes of the graph.

Rules of this module
1. A rule is a pure function of the member outputs it is given; seeds come in the order of their owners' PeerIds and are
   summed one after the other in it, or sorted, so that the same seeds give the same bits in whatever order they came.
2. With no seeds every rule is the main model's own logits (hdus.md §1).
3. A rule makes two `Sides`, the main model's and the seeds'; one place mixes them: (1-ρ)·own + ρ·seeds, and where the
   sides are probabilities the logarithm of that. Softmax of it is the ensemble's answer either way.
4. ρ stands in the graph, as two constants; where it is chosen after the graph was loaded, they are two more inputs.

A new rule is a function registered under its name in `domain.combination`; nothing else has to know it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.combination import Rho
from hdus_peer.errors import ConfigurationError
from hdus_peer.inference.onnx_proto import AttributeProto, TensorProto

PROBABILITY_MIN = 1.1754943508222875e-38
"""Smallest normal float32: the floor under a probability before its logarithm, so that no answer is infinite."""
CONFIDENCE = 3.0
"""β of `entropy`, per nat: with ten classes an undecided member weighs a thousandth of a certain one."""
TRIMMED_SHARE = 0.25
"""Of `trimmed-mean`: so many of the seeds, rounded down, are left out at either end."""
OWN_WEIGHT, SEEDS_WEIGHT = "weight/own", "weight/seeds"


class Nodes:
    """Appends nodes under names of their own to a graph."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._count = 0

    def add(self, operator: str, *inputs: str, **attributes: int) -> str:
        """Append one node and return the name of its (first) output."""
        output = self._name()
        node = self._graph.node.add(op_type=operator, name=output, input=inputs, output=[output])
        for name, value in attributes.items():
            node.attribute.add(name=name, type=AttributeProto.INT, i=value)
        if operator == "TopK":
            node.output.append(f"{output}/places")
        return output

    def scalar(self, value: float) -> str:
        """A float32 constant of no dimensions."""
        name = self._name()
        self._graph.initializer.add(name=name, data_type=TensorProto.FLOAT, float_data=[value])
        return name

    def integers(self, *values: int) -> str:
        """A constant vector of int64: a shape, axes or bounds."""
        name = self._name()
        self._graph.initializer.add(name=name, data_type=TensorProto.INT64, dims=[len(values)], int64_data=values)
        return name

    def input_scalar(self, name: str) -> str:
        """A float32 input of no dimensions."""
        entry = self._graph.input.add(name=name)
        entry.type.tensor_type.elem_type = TensorProto.FLOAT
        entry.type.tensor_type.shape.SetInParent()
        return name

    def _name(self) -> str:
        self._count += 1
        return f"rule/{self._count}"


@dataclass(frozen=True, slots=True)
class Sides:
    """Names of the two outputs (samples, classes) that ρ weighs. Of `are_logits`, the mixture is the answer; else they
    are probabilities, in `entropy` each times the confidence in it, and the logarithm of their mixture is."""

    own: str
    seeds: str
    are_logits: bool = False


Rule = Callable[[Nodes, str, Sequence[str]], Sides]
"""(nodes, main logits, seeds' logits in the order of PeerIds) -> the two sides. Never called without seeds."""


def logit_mean(nodes: Nodes, main: str, seeds: Sequence[str]) -> Sides:
    """The paper's: raw logits, and their mean over the seeds."""
    return Sides(main, _mean(nodes, seeds), are_logits=True)


def prob_mean(nodes: Nodes, main: str, seeds: Sequence[str]) -> Sides:
    """Probabilities, and their mean over the seeds."""
    own, *others = [nodes.add("Softmax", member, axis=1) for member in (main, *seeds)]
    return Sides(own, _mean(nodes, others))


def entropy(nodes: Nodes, main: str, seeds: Sequence[str]) -> Sides:
    """Probabilities p, each member's times exp(-β·entropy of p). So the members weigh as softmax(-β·entropy) with the
    prior weights 1-ρ for the main model and ρ/n for each seed: whoever is certain of this sample is listened to."""
    own, *others = [_confident(nodes, member) for member in (main, *seeds)]
    return Sides(own, _mean(nodes, others))


def median(nodes: Nodes, main: str, seeds: Sequence[str]) -> Sides:
    """Class by class the median of the seeds' probabilities, made to sum to 1; of one or two seeds the mean. No
    minority of the seeds can move it at will."""
    return _without_extremes(nodes, main, seeds, (len(seeds) - 1) // 2)


def trimmed_mean(nodes: Nodes, main: str, seeds: Sequence[str]) -> Sides:
    """Class by class the mean of the seeds' probabilities without the ⌊n/4⌋ smallest and largest, made to sum to 1.
    Of one to three seeds nothing is left out: it is `prob-mean`, to the bit."""
    return _without_extremes(nodes, main, seeds, int(TRIMMED_SHARE * len(seeds)))


_RULES: dict[str, Rule] = {
    "logit-mean": logit_mean,
    "prob-mean": prob_mean,
    "entropy": entropy,
    "median": median,
    "trimmed-mean": trimmed_mean,
}


def rule_named(name: str) -> Rule:
    if name not in _RULES:
        raise ConfigurationError(f"no combination rule is called {name!r}; choose one of {', '.join(_RULES)}")
    return _RULES[name]


def mixed(nodes: Nodes, sides: Sides, rho: Rho) -> str:
    """(1-ρ)·own + ρ·seeds, as logits or log-probabilities; with ρ "auto" the weights are inputs."""
    if rho == "auto":
        weights = [nodes.input_scalar(OWN_WEIGHT), nodes.input_scalar(SEEDS_WEIGHT)]
    else:
        weights = [nodes.scalar(1.0 - rho), nodes.scalar(rho)]
    mixture = nodes.add(
        "Add", *(nodes.add("Mul", *pair) for pair in zip((sides.own, sides.seeds), weights, strict=True))
    )
    return mixture if sides.are_logits else nodes.add("Log", nodes.add("Max", mixture, nodes.scalar(PROBABILITY_MIN)))


def weights_of(rho: float) -> dict[str, NDArray[np.float32]]:
    """The two inputs of a graph that was made with ρ "auto"."""
    return {OWN_WEIGHT: np.asarray(1.0 - rho, dtype=np.float32), SEEDS_WEIGHT: np.asarray(rho, dtype=np.float32)}


def _mean(nodes: Nodes, members: Sequence[str]) -> str:
    total = reduce(lambda left, right: nodes.add("Add", left, right), members)
    return nodes.add("Div", total, nodes.scalar(float(len(members))))


def _confident(nodes: Nodes, member: str) -> str:
    probabilities, logarithms = nodes.add("Softmax", member, axis=1), nodes.add("LogSoftmax", member, axis=1)
    terms = nodes.add("Mul", probabilities, logarithms)
    negative_entropy = nodes.add("ReduceSum", terms, nodes.integers(1), keepdims=1)
    confidence = nodes.add("Exp", nodes.add("Mul", negative_entropy, nodes.scalar(CONFIDENCE)))
    return nodes.add("Mul", probabilities, confidence)


def _without_extremes(nodes: Nodes, main: str, seeds: Sequence[str], left_out: int) -> Sides:
    if not left_out:
        return prob_mean(nodes, main, seeds)
    side_by_side = nodes.add("Concat", *seeds, axis=1)
    table = nodes.add("Reshape", side_by_side, nodes.integers(0, len(seeds), -1))  # (samples, seeds, classes)
    ordered = nodes.add("TopK", nodes.add("Softmax", table, axis=2), nodes.integers(len(seeds)), axis=1)
    start, end = nodes.integers(left_out), nodes.integers(len(seeds) - left_out)
    kept = nodes.add(
        "ReduceSum", nodes.add("Slice", ordered, start, end, nodes.integers(1)), nodes.integers(1), keepdims=0
    )
    # certain seeds that all disagree leave nothing of any class: then every class gets the same
    floored = nodes.add("Max", kept, nodes.scalar(PROBABILITY_MIN))
    total = nodes.add("ReduceSum", floored, nodes.integers(1), keepdims=1)
    return Sides(nodes.add("Softmax", main, axis=1), nodes.add("Div", floored, total))
