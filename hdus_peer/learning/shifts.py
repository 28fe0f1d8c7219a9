"""Pictures moved by a few pixels while a seed is distilled: a moved picture still shows what it showed, so the seed
learns the teacher's answer to the one where it was. It then knows something that its teacher does not, and depends on
nothing new: the public reference set, the teacher, and the random seed.

A batch is moved as a whole, which costs one copy of it; from batch to batch it moves elsewhere.
"""

import numpy as np
from torch import Tensor
from torch.nn.functional import pad

SIDE_MIN = 16
"""A pixel is too much of a smaller picture."""


def is_moved(samples: Tensor) -> bool:
    """Whether samples (n, *shape) are pictures large enough."""
    return samples.ndim == 4 and min(samples.shape[2:]) >= SIDE_MIN


def moved(pictures: Tensor, pixels: int, numbers: np.random.Generator) -> Tensor:
    """Pictures (n, channels, height, width), all by the same -`pixels` to `pixels` either way; edges are repeated."""
    down, right = numbers.integers(0, 2 * pixels + 1, size=2).tolist()
    height, width = pictures.shape[2:]
    wide = pad(pictures, (pixels,) * 4, mode="replicate")
    return wide[:, :, down : down + height, right : right + width]
