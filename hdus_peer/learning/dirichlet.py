"""How the classes are shared out by a label-Dirichlet partition (Hsu, Qi, Brown 2019, arXiv 1909.06335; Yurochkin et
al. 2019): for each class, the peers' parts of it are drawn from Dir(α, …, α). A small α gives each class to few peers,
a large one gives all of them nearly the same mix.

Rule: the draw is a function of α, the number of peers and the class, by generators and formulas that stay as they are
(Python's Mersenne Twister; Marsaglia and Tsang 2000 for the gamma variates), so that peers with any version of any
library agree on the bounds. A class's parts are intervals of [0, 1]; a sample belongs where its hash lies.
"""

import math
import random
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=256)
def bounds(alpha: float, peers: int, label: int) -> NDArray[np.float64]:
    """The `peers` + 1 bounds of the parts of one class: from 0 to something above 1, in order."""
    drawn = random.Random(f"dirichlet {alpha!r} {peers} {label}")
    logarithms = np.array([_log_gamma_variate(alpha, drawn) for _ in range(peers)])
    weights = np.exp(logarithms - logarithms.max())
    inner = np.cumsum(weights)[:-1] / weights.sum()
    return np.concatenate(([0.0], inner, [2.0]))


def _log_gamma_variate(shape: float, drawn: random.Random) -> float:
    """The logarithm of a Gamma(`shape`, 1) variate: one of a small shape is too small for a floating-point number."""
    if shape < 1.0:
        return _log_gamma_variate(shape + 1.0, drawn) + math.log(1.0 - drawn.random()) / shape
    d = shape - 1.0 / 3.0
    while True:
        x = _normal_variate(drawn)
        v = (1.0 + x / math.sqrt(9.0 * d)) ** 3
        if v > 0.0 and math.log(1.0 - drawn.random()) < 0.5 * x * x + d - d * v + d * math.log(v):
            return math.log(d) + math.log(v)


def _normal_variate(drawn: random.Random) -> float:
    """Box and Muller's, one of the two."""
    radius = math.sqrt(-2.0 * math.log(1.0 - drawn.random()))
    return radius * math.cos(2.0 * math.pi * drawn.random())
