"""ρ "auto": the weight of the seeds, chosen on the peer's own held-out samples; and the weights of `opinion-pool`.

Rules
1. A choice is a pure function of the peer's own held-out samples, its main model, the seeds it holds now and its
   configuration: made anew with every graph, remembered nowhere, so that history leaves no trace in it (I6).
2. The members run over the samples once; every ρ of GRID is then tried in NumPy. At most SAMPLES_MAX samples count,
   evenly spaced in their order, so that the cost is bounded whatever the peer has.
3. `local`: the peer goes on seeing what it saw. The ρ with the best accuracy, among equals the smallest; but 0, the
   main model alone, unless it gains more than one standard error of the paired difference. Fewer than MEASURED_MIN
   samples would now and then speak for a bad ρ with all their noise: then it is RHO_MODEST, unless even they speak
   against that, and 0 if they do.
4. `global`: the peer is asked about every class of the task alike, also those of which it has no samples. How well the
   seeds stand in for a main model that does not know a class is measured on the classes there are: each in turn is
   struck out of the main model's answer. The ρ with the best mean of recalls, measured ones for the classes at hand
   and that estimate for the missing ones; among equals the smallest.

5. `opinion-pool` needs no grid: what held-out samples say of the members is in its weights already. ρ is 1, the whole
   pool; for `local` 0, where the main model alone is right more often by more than HARM standard errors of the paired
   difference. With `global` own samples cannot tell: a pool that expects every class alike loses on them by right.

The experiments behind all this are in docs/decisions/0007 and 0008. Absent on purpose: graphs and sessions.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.combination import Combination
from hdus_peer.inference.opinions import Evidence, learned_weights, pooled
from hdus_peer.inference.rules import PROBABILITY_MIN, Weights, weights_of

GRID = tuple(step / 10 for step in range(11))
SAMPLES_MAX = 256
MEASURED_MIN = 64
RHO_MODEST = 0.3
HARM = 2.0

Values = NDArray[np.float64]
Labels = NDArray[np.int64]


def spread(count: int) -> NDArray[np.int64]:
    """Which of `count` held-out samples are looked at."""
    taken = min(count, SAMPLES_MAX)
    return np.arange(taken, dtype=np.int64) * count // max(taken, 1)


def choose_rho(objective: str, own: NDArray[Any], seeds: NDArray[Any], labels: Labels, *, are_logits: bool) -> float:
    """`own`, `seeds`: the two sides (samples, classes) of a rule (see `rules.Sides`) over the samples of `labels`."""
    if not (np.isfinite(own).all() and np.isfinite(seeds).all()):
        return 0.0  # with a seed that gives no numbers nothing can be measured
    own, seeds = own.astype(np.float64), seeds.astype(np.float64)
    best = _global(own, seeds, labels, are_logits) if objective == "global" else _local(own, seeds, labels)
    return GRID[best]


def choose_pool(combination: Combination, own: NDArray[Any], evidence: Evidence) -> tuple[float, Weights]:
    """ρ, given or chosen, and all weights of `opinion-pool`; `own`: the main model's logits of the held-out samples."""
    learned = learned_weights(evidence, combination.objective)
    rho = combination.rho
    if rho == "auto":
        rho = _pool_or_nothing(combination.objective, own, evidence, learned)
    return rho, {**weights_of(rho), **learned}


def _pool_or_nothing(objective: str, own: NDArray[Any], evidence: Evidence, learned: Weights) -> float:
    opinions, labels = (evidence.reference, evidence.held_out), evidence.labels
    if not all(np.isfinite(each).all() for each in opinions):
        return 0.0  # with a seed that gives no numbers nothing can be measured
    if objective == "global":
        return 1.0
    pool = pooled(evidence.held_out, learned)
    lost = (own.argmax(axis=1) == labels).astype(np.float64) - (pool.argmax(axis=1) == labels)
    return 0.0 if lost.mean() > HARM * lost.std() / np.sqrt(len(lost)) else 1.0


def _local(own: Values, seeds: Values, labels: Labels) -> int:
    right = _right(own, seeds, labels).astype(np.float64)
    if len(labels) < MEASURED_MIN:
        modest = GRID.index(RHO_MODEST)
        return modest if right[modest].sum() >= right[0].sum() else 0
    best = int(right.mean(axis=1).argmax())
    gain = right[best] - right[0]
    return best if gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)) else 0


def _global(own: Values, seeds: Values, labels: Labels, are_logits: bool) -> int:
    classes, present = own.shape[1], np.unique(labels)
    known = _recall(_right(own, seeds, labels), labels, present)
    unknown = _recall(_right(_struck_out(own, labels, are_logits), seeds, labels), labels, present)
    return int((len(present) * known + (classes - len(present)) * unknown).argmax())


def _struck_out(own: Values, labels: Labels, are_logits: bool) -> Values:
    """The main model's side as if it had never heard of each sample's class; its weight stays what it was."""
    rows, blind = np.arange(len(labels)), own.copy()
    if are_logits:
        blind[rows, labels] = own.min(axis=1)
        return blind
    blind[rows, labels] = 0.0
    left = np.maximum(blind.sum(axis=1, keepdims=True), PROBABILITY_MIN)
    blind *= own.sum(axis=1, keepdims=True) / left
    return blind


def _recall(right: NDArray[np.bool_], labels: Labels, present: Labels) -> Values:
    """By ρ: the share of right answers of each class, averaged over the classes."""
    recalls: Values = np.mean([right[:, labels == label].mean(axis=1) for label in present], axis=0)
    return recalls


def _right(own: Values, seeds: Values, labels: Labels) -> NDArray[np.bool_]:
    """(ρ, samples). The largest of a mixture is also that of its logarithm, so nothing else is needed."""
    rho = np.asarray(GRID)[:, None, None]
    right: NDArray[np.bool_] = ((1.0 - rho) * own + rho * seeds).argmax(axis=2) == labels
    return right
