"""Raw values as the models see them.

Rule: scale, mean and deviation are the task's. Two peers give equal samples equal numbers, whatever else they hold.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.task import Task


def standardised(x: NDArray[Any], task: Task) -> NDArray[np.float32]:
    """(x / scale - mean) / std per channel, as float32 (n, *shape)."""
    axes = (-1, *(1,) * (len(task.shape) - 1))
    mean = np.asarray(task.mean, dtype=np.float32).reshape(axes)
    std = np.asarray(task.std, dtype=np.float32).reshape(axes)
    return (x.astype(np.float32) / np.float32(task.scale) - mean) / std
