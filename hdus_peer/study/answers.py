"""The product's combination of a main model and seeds, over logits that are known already.

Rule: rules, mixing and the choice of ρ are those of `inference`, in a graph that `inference.graph` joins: only the
models in it are replaced by nodes that look a member's logits up, so that a sweep of rules and ρ runs no network twice.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from hdus_peer.domain.combination import Combination, Rho
from hdus_peer.inference.choice import choose_rho, spread
from hdus_peer.inference.graph import ENSEMBLE, INPUT, LOGITS, joined, parse
from hdus_peer.inference.rules import Sides, weights_of
from hdus_peer.inference.session import Floats, Session, stacked
from hdus_peer.study.members import Member

OPSET, IR_VERSION = 17, 8


class Panel:
    """A rule over a main model and `seeds` seeds; ρ is an input, as where the product chooses it."""

    def __init__(self, rule: str, seeds: int, classes: int) -> None:
        members = [_looked_up(number, seeds + 1, classes) for number in range(seeds + 1)]
        graph = joined(members[0], members[1:], rule, "auto")
        self.sides: Sides | None = graph.sides
        self._session = Session(graph.model.SerializeToString(), threads=1)

    def answer(self, logits: Floats, rho: float) -> Floats:
        """(n, members, classes) to what the rule answers (n, classes): logits or log-probabilities."""
        self._session.weigh(weights_of(rho))
        (answer,) = stacked(list(self._session.run(logits, (ENSEMBLE,))))
        return answer

    def sides_of(self, sides: Sides, logits: Floats) -> tuple[Floats, Floats]:
        """The two that ρ weighs."""
        self._session.weigh(weights_of(0.0))
        own, seeds = stacked(list(self._session.run(logits, (sides.own, sides.seeds))))
        return own, seeds


def answer(main: Member, seeds: Sequence[Member], x: Floats, rule: str, rho: float) -> Floats:
    """What a peer answers to `x` (n, classes), with the seeds in this order."""
    if not seeds:
        return main.logits(x)
    table = _table(main, seeds, x)
    return _panel(rule, len(seeds), table.shape[2]).answer(table, rho)


def weight(
    main: Member, seeds: Sequence[Member], combination: Combination, x: Floats, labels: NDArray[np.int64]
) -> float:
    """ρ as configured, or chosen on the held-out samples `x` as the product does."""
    if combination.rho != "auto" or not seeds:
        return _given(combination.rho)
    table = _table(main, seeds, x)
    panel = _panel(combination.rule, len(seeds), table.shape[2])
    assert panel.sides is not None  # there are seeds
    chosen = spread(len(labels))
    own, others = panel.sides_of(panel.sides, table[chosen])
    return choose_rho(combination.objective, own, others, labels[chosen], are_logits=panel.sides.are_logits)


def _given(rho: Rho) -> float:
    return 0.0 if rho == "auto" else rho


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
