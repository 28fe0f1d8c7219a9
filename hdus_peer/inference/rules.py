"""Combination rules: how the main model's logits and those of the seeds become one answer, as nodes of the graph.

Rules of this module
1. A rule is a pure function of the member outputs it is given; seeds come in the order of their owners' PeerIds and are
   summed one after the other in it, or sorted, so that the same seeds give the same bits in whatever order they came.
2. With no seeds every rule is the main model's own logits (hdus.md §1).
3. A rule makes two `Sides`, the main model's and the seeds'; one place mixes them: (1-ρ)·own + ρ·seeds, and where the
   sides are probabilities the logarithm of that. Softmax of it is the ensemble's answer either way.
4. ρ, and what `opinion-pool` learns, stand in the graph as constants; where they are chosen after it was loaded, they
   are further inputs.

A new rule is a function registered under its name in `domain.combination`; nothing else has to know it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.combination import LEARNED
from hdus_peer.errors import ConfigurationError
from hdus_peer.inference.onnx_proto import AttributeProto, TensorProto

PROBABILITY_MIN = 1.1754943508222875e-38
"""Smallest normal float32: the floor under a probability before its logarithm, so that no answer is infinite."""
CONFIDENCE = 3.0
"""β of `entropy`, per nat: with ten classes an undecided member weighs a thousandth of a certain one."""
TRIMMED_SHARE = 0.25
"""Of `trimmed-mean`: so many of the seeds, rounded down, are left out at either end."""
OPINION_MIN = -10.0
"""Of `opinion-pool`: the least logarithm of a probability that a member is believed, so that none has a veto."""
OWN_WEIGHT, SEEDS_WEIGHT = "weight/own", "weight/seeds"
CLASS_WEIGHTS, CLASS_OFFSETS = "weight/classes", "weight/offsets"

Weights = Mapping[str, NDArray[np.float32]]
"""By name: ρ as `weights_of` has it and, of `opinion-pool`, what `opinions` learns."""


class Nodes:
    """Appends nodes under names of their own to a graph."""

    def __init__(self, graph: Any, known: Weights) -> None:
        self._graph, self._known = graph, known
        self._count = 0
        self.is_open = False

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

    def weight(self, name: str, dimensions: int) -> str:
        """A float32 tensor: a constant where it is known, else an input, and the graph `is_open`."""
        if name in self._known:
            value = self._known[name]
            self._graph.initializer.add(
                name=name, data_type=TensorProto.FLOAT, dims=value.shape, raw_data=value.astype("<f4").tobytes()
            )
            return name
        self.is_open = True
        entry = self._graph.input.add(name=name)
        entry.type.tensor_type.elem_type = TensorProto.FLOAT
        entry.type.tensor_type.shape.SetInParent()
        for _ in range(dimensions):
            entry.type.tensor_type.shape.dim.add()
        return name

    def _name(self) -> str:
        self._count += 1
        return f"rule/{self._count}"


@dataclass(frozen=True, slots=True)
class Sides:
    """Names of the two outputs (samples, classes) that ρ weighs. Of `are_logits`, the mixture is the answer; else they
    are probabilities, in `entropy` each times the confidence in it, and the logarithm of their mixture is. `opinions`
    (samples, members, classes): what a rule that learns has to learn from, "" of others."""

    own: str
    seeds: str
    are_logits: bool = False
    opinions: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What is to be seen of it before its weights can be chosen."""
        return (self.own, self.opinions or self.seeds)


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


def opinion_pool(nodes: Nodes, main: str, seeds: Sequence[str]) -> Sides:
    """The main model's logits, and the logarithmic pool of all members' opinions (Genest and Zidek 1986): of class c
    Σ_k a_kc · max(log p_k(c), OPINION_MIN) + b_c. What a and b are is said in `opinions`, which learns them."""
    side_by_side = nodes.add("Concat", main, *seeds, axis=1)
    table = nodes.add("Reshape", side_by_side, nodes.integers(0, len(seeds) + 1, -1))  # (samples, members, classes)
    opinions = nodes.add("Max", nodes.add("LogSoftmax", table, axis=2), nodes.scalar(OPINION_MIN))
    weighed = nodes.add("Mul", opinions, nodes.weight(CLASS_WEIGHTS, 2))
    total = nodes.add("ReduceSum", weighed, nodes.integers(1), keepdims=0)
    pool = nodes.add("Add", total, nodes.weight(CLASS_OFFSETS, 1))
    return Sides(main, pool, are_logits=True, opinions=opinions)


_RULES: dict[str, Rule] = {
    "logit-mean": logit_mean,
    "prob-mean": prob_mean,
    "entropy": entropy,
    "median": median,
    "trimmed-mean": trimmed_mean,
    LEARNED: opinion_pool,
}


def rule_named(name: str) -> Rule:
    if name not in _RULES:
        raise ConfigurationError(f"no combination rule is called {name!r}; choose one of {', '.join(_RULES)}")
    return _RULES[name]


def mixed(nodes: Nodes, sides: Sides) -> str:
    """(1-ρ)·own + ρ·seeds, as logits or log-probabilities."""
    own = nodes.add("Mul", sides.own, nodes.weight(OWN_WEIGHT, 0))
    seeds = nodes.add("Mul", sides.seeds, nodes.weight(SEEDS_WEIGHT, 0))
    mixture = nodes.add("Add", own, seeds)
    return mixture if sides.are_logits else nodes.add("Log", nodes.add("Max", mixture, nodes.scalar(PROBABILITY_MIN)))


def weights_of(rho: float) -> Weights:
    """ρ as it stands in a graph."""
    return {OWN_WEIGHT: np.asarray(1.0 - rho, dtype=np.float32), SEEDS_WEIGHT: np.asarray(rho, dtype=np.float32)}


def unchosen() -> dict[str, NDArray[np.float32]]:
    """What an open graph gets until its weights are chosen: ρ = 0, the main model alone."""
    nothing = {CLASS_WEIGHTS: np.zeros((1, 1), np.float32), CLASS_OFFSETS: np.zeros(1, np.float32)}
    return {**weights_of(0.0), **nothing}


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
