"""Combination rules: how the main model's logits and those of the seeds become one answer, as nodes of the graph.

Rules of this module
1. A rule is a pure function of the member outputs it is given; seeds come in the order of their owners' PeerIds and are
   summed one after the other in it, so that the same seeds give the same bits in whatever order they arrived.
2. With no seeds every rule is the main model's own logits (hdus.md §1).
3. What a rule returns is logits or log-probabilities: softmax of it is the ensemble's answer either way.

A new rule is a function registered under its name; nothing else has to know it.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from hdus_peer.errors import ConfigurationError
from hdus_peer.inference.onnx_proto import AttributeProto, TensorProto

PROBABILITY_MIN = 1.1754943508222875e-38
"""Smallest normal float32: the floor under a probability before its logarithm, so that no answer is infinite."""


class Nodes:
    """Appends nodes under names of their own to a graph."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._count = 0

    def add(self, operator: str, *inputs: str, axis: int | None = None) -> str:
        """Append one node with one output and return the output's name."""
        output = self._name()
        node = self._graph.node.add(op_type=operator, name=output, input=inputs, output=[output])
        if axis is not None:
            node.attribute.add(name="axis", type=AttributeProto.INT, i=axis)
        return output

    def scalar(self, value: float) -> str:
        """A float32 constant of no dimensions."""
        name = self._name()
        self._graph.initializer.add(name=name, data_type=TensorProto.FLOAT, float_data=[value])
        return name

    def _name(self) -> str:
        self._count += 1
        return f"rule/{self._count}"


Rule = Callable[[Nodes, str, Sequence[str], float], str]
"""(nodes, main logits, seeds' logits in the order of PeerIds, rho) -> name of the combined output. Never called
without seeds."""


def logit_mean(nodes: Nodes, main: str, seeds: Sequence[str], rho: float) -> str:
    """The paper's: (1-ρ)·main + ρ·mean(seeds) on raw logits. Gives logits."""
    return _weighted(nodes, main, seeds, rho)


def prob_mean(nodes: Nodes, main: str, seeds: Sequence[str], rho: float) -> str:
    """log((1-ρ)·softmax(main) + ρ·mean softmax(seeds)). Gives log-probabilities."""
    probabilities = [nodes.add("Softmax", member, axis=1) for member in (main, *seeds)]
    mixed = _weighted(nodes, probabilities[0], probabilities[1:], rho)
    return nodes.add("Log", nodes.add("Max", mixed, nodes.scalar(PROBABILITY_MIN)))


RULES: dict[str, Rule] = {"logit-mean": logit_mean, "prob-mean": prob_mean}


def rule_named(name: str) -> Rule:
    if name not in RULES:
        raise ConfigurationError(f"no combination rule is called {name!r}; choose one of {', '.join(sorted(RULES))}")
    return RULES[name]


def _weighted(nodes: Nodes, main: str, seeds: Sequence[str], rho: float) -> str:
    total = reduce(lambda left, right: nodes.add("Add", left, right), seeds)
    mean = nodes.add("Div", total, nodes.scalar(float(len(seeds))))
    own = nodes.add("Mul", main, nodes.scalar(1.0 - rho))
    return nodes.add("Add", own, nodes.add("Mul", mean, nodes.scalar(rho)))
