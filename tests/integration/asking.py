"""Somebody who asks a peer for predictions without a pause, and notes what came: a gap would be seen."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from hdus_peer.control.client import ControlClient
from hdus_peer.errors import HdusError
from hdus_peer.workers.port import EnsembleState
from tests.integration.peers import Peer

SAMPLES = 2
ROWS = np.linspace(-1, 1, SAMPLES * 64, dtype="<f4").tobytes()


class Asker:
    """`states`: of every answer, in order; `failures`: what did not answer."""

    def __init__(self) -> None:
        self.states: list[EnsembleState] = []
        self.failures: list[HdusError] = []
        self.ended = threading.Event()

    def ask(self, client: ControlClient) -> None:
        while not self.ended.is_set():
            try:
                self.states.append(client.predict(ROWS, SAMPLES).state)
            except HdusError as problem:
                self.failures.append(problem)
                return

    @property
    def pending(self) -> list[EnsembleState]:
        """Answers of the main model alone while seeds were to be used."""
        return [state for state in self.states if state.pending]


@contextmanager
def asking(peer: Peer) -> Iterator[Asker]:
    """Ask `peer` all the while; afterwards at least one answer must have come, and none may have failed."""
    asker = Asker()
    with peer.client() as client:
        thread = threading.Thread(target=asker.ask, args=(client,))
        thread.start()
        try:
            yield asker
        finally:
            asker.ended.set()
            thread.join()
    assert not asker.failures, peer.report(f"a prediction failed: {asker.failures}")
    assert asker.states, "nothing was asked"
