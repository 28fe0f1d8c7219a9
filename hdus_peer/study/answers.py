"""The product's combination of a main model and seeds, over logits that are known already.

Rule: rules, mixing and the choice of weights are those of `inference`, in a graph that `inference.graph` joins: only
the models in it are replaced by nodes that look a member's logits up, so that a sweep of rules and ρ runs no network
twice.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from hdus_peer.domain.combination import Combination
from hdus_peer.inference.choice import choose_pool, choose_rho, spread
from hdus_peer.inference.graph import ENSEMBLE, INPUT, LOGITS, joined, parse
from hdus_peer.inference.opinions import Evidence
from hdus_peer.inference.rules import Sides, Weights, unchosen, weights_of
from hdus_peer.inference.session import Floats, Session, stacked
from hdus_peer.learning.data import PeerData
from hdus_peer.study.members import Member

OPSET, IR_VERSION = 17, 8


class Panel:
    """A rule over a main model and `seeds` seeds; its weights are inputs, as where the product chooses them."""

    def __init__(self, rule: str, seeds: int, classes: int) -> None:
        members = [_looked_up(number, seeds + 1, classes) for number in range(seeds + 1)]
        graph = joined(members[0], members[1:], rule, {})
        assert graph.sides is not None  # nothing is known, so it is open
        self.sides: Sides = graph.sides
        self._session = Session(graph.model.SerializeToString(), threads=1)

    def answer(self, logits: Floats, weights: Weights) -> Floats:
        """(n, members, classes) to what the rule answers (n, classes): logits or log-probabilities."""
        self._session.weigh(weights)
        (answer,) = stacked(list(self._session.run(logits, (ENSEMBLE,))))
        return answer

    def seen(self, logits: Floats) -> list[Floats]:
        """What weights are chosen by (see `Sides.names`)."""
        self._session.weigh(unchosen())
        return stacked(list(self._session.run(logits, self.sides.names)))


@dataclass(frozen=True, slots=True)
class Weighing:
    """What a peer's combination has come to: ρ, and all weights of its graph."""

    rho: float
    weights: Weights


def answer(main: Member, seeds: Sequence[Member], x: Floats, rule: str, weighing: Weighing) -> Floats:
    """What a peer answers to `x` (n, classes), with the seeds in this order."""
    if not seeds:
        return main.logits(x)
    table = _table(main, seeds, x)
    return _panel(rule, len(seeds), table.shape[2]).answer(table, weighing.weights)


def weigh(main: Member, seeds: Sequence[Member], combination: Combination, data: PeerData) -> Weighing:
    """The weights as configured, or chosen on the peer's own `data` as the product does."""
    if not combination.is_learned or not seeds:
        rho = 0.0 if combination.rho == "auto" else combination.rho
        return Weighing(rho, weights_of(rho))
    chosen = spread(len(data.holdout))
    table, labels = _table(main, seeds, data.holdout.x)[chosen], data.holdout.y[chosen]
    panel = _panel(combination.rule, len(seeds), table.shape[2])
    own, others = panel.seen(table)
    if panel.sides.opinions:
        _, opinions = panel.seen(_table(main, seeds, data.reference)[: len(data.shown_reference)])
        evidence = Evidence(opinions, others, labels, data.class_counts(table.shape[2]))
        return Weighing(*choose_pool(combination, own, evidence))
    rho = choose_rho(combination.objective, own, others, labels, are_logits=panel.sides.are_logits)
    return Weighing(rho, weights_of(rho))


@functools.lru_cache(maxsize=64)
def _panel(rule: str, seeds: int, classes: int) -> Panel:
    return Panel(rule, seeds, classes)


def _table(main: Member, seeds: Sequence[Member], x: Floats) -> Floats:
    return np.stack([main.logits(x), *(seed.logits(x) for seed in seeds)], axis=1)


def _looked_up(number: int, members: int, classes: int) -> Any:
    """A model whose answer is row `number` of its input (samples, members, classes)."""
    index = helper.make_tensor("index", TensorProto.INT64, [], [number])
    nodes = [helper.make_node("Gather", [INPUT, "index"], [LOGITS], name="look-up", axis=1)]
    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["samples", members, classes])]
    outputs = [helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["samples", classes])]
    graph = helper.make_graph(nodes, "look-up", inputs, outputs, [index])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return parse(model.SerializeToString())
