"""`python -m benchmarks.load STATE …`: ask the peer of each state directory for predictions, one after another, until
killed. A process of its own, so that what it computes is not in the way of whoever measures."""

import sys
import threading
from pathlib import Path

import numpy as np

from hdus_peer.control.client import ControlClient

SAMPLES = 4


def ask(state: Path) -> None:
    with ControlClient(state) as client:
        shape = client.task().shape
        rows = np.random.default_rng(0).standard_normal((SAMPLES, *shape), dtype=np.float32).astype("<f4").tobytes()
        while True:
            client.predict(rows, SAMPLES)


if __name__ == "__main__":
    threads = [threading.Thread(target=ask, args=(Path(state),)) for state in sys.argv[1:]]
    for thread in threads:
        thread.start()
