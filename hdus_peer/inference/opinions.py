"""`opinion-pool`: whom to believe about which class, learned from what a peer may use, in milliseconds.

A member k, the main model or a seed, says p_k(c|x): what it takes x for, coloured by how often it met each class. The
pool of class c is  Σ_k a_kc · (log p_k(c|x) - log π_kc) + log τ_c,  where

    π_kc   how often k says c over the reference set: the prior that colours it (as in Saerens, Latinne, Decaestecker
           2002), and how much it claims to know of c
    t_k    how far its claims are true: the mean probability that k gives to the right class of own held-out samples,
           each weighed by π_k of that class
    a_kc   t_k² π_kc, divided by the sum over the members: about a class those are heard who know it
    τ_c    what is to be expected: of `global` every class alike, of `local` the classes of the peer's own samples

Rules
1. All of it is a pure function of own samples, the public reference set, the members held now and the configuration:
   made anew with every graph, remembered nowhere, so that history leaves no trace in it (I6).
2. π and τ are mixed with a little of the uniform distribution: nobody knows nothing of a class, and a peer may meet one
   that it has not met yet.

How it was found, against what else, and what a false seed can do: docs/decisions/0008. Absent on purpose: graphs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdus_peer.inference.rules import CLASS_OFFSETS, CLASS_WEIGHTS, OPINION_MIN, Weights

UNIFORM_SHARE_OF_KNOWLEDGE = 0.05
UNIFORM_SHARE_OF_EXPECTATION = 0.1
TRUST_MIN = 1e-3
"""Of a member whose every claim is false, so that there is somebody left to be heard."""

Values = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the members, the main model first: logarithms of their probabilities (samples, members, classes)
    over the `reference` set and over the `held_out` samples of `labels`; `class_counts` of the peer's own samples."""

    reference: NDArray[np.float32]
    held_out: NDArray[np.float32]
    labels: Labels
    class_counts: Labels


def learned_weights(evidence: Evidence, objective: str) -> Weights:
    """The weights a (members, classes) and offsets (classes) of the pool, as they stand in a graph."""
    known = _with_uniform(np.exp(_numbers(evidence.reference)).mean(axis=0), UNIFORM_SHARE_OF_KNOWLEDGE)
    weights = known * _trust(known, evidence)[:, None] ** 2
    weights /= weights.sum(axis=0)
    offsets = _expected(evidence.class_counts, objective) - (weights * np.log(known)).sum(axis=0)
    return {CLASS_WEIGHTS: weights.astype(np.float32), CLASS_OFFSETS: offsets.astype(np.float32)}


def pooled(opinions: NDArray[np.float32], weights: Weights) -> Values:
    """What the graph computes from these opinions (samples, members, classes): (samples, classes)."""
    pool: Values = (_numbers(opinions) * weights[CLASS_WEIGHTS]).sum(axis=1) + weights[CLASS_OFFSETS]
    return pool


def _numbers(opinions: NDArray[np.float32]) -> Values:
    """A member that makes no number of a sample has no opinion of it."""
    return np.where(np.isfinite(opinions), opinions, OPINION_MIN).astype(np.float64)


def _trust(known: Values, evidence: Evidence) -> Values:
    """By member, 0..1."""
    labels, opinions = evidence.labels, _numbers(evidence.held_out)
    of_the_right = np.exp(opinions[np.arange(len(labels)), :, labels])  # (samples, members)
    claims = known[:, labels].T
    trust: Values = (claims * of_the_right).sum(axis=0) / claims.sum(axis=0)
    return np.maximum(trust, TRUST_MIN)


def _expected(class_counts: Labels, objective: str) -> Values:
    """The logarithm of how often each class is to be expected; nothing but a constant where all are alike."""
    if objective == "global":
        return np.zeros(len(class_counts))
    expected: Values = np.log(_with_uniform(class_counts / class_counts.sum(), UNIFORM_SHARE_OF_EXPECTATION))
    return expected


def _with_uniform(distribution: Values, share: float) -> Values:
    """Along the last axis."""
    mixed: Values = (1.0 - share) * distribution + share / distribution.shape[-1]
    return mixed
