"""Forgetting samples in a running daemon: choose, confirm, and train again once everything learned is erased.

Rules
1. To choose changes nothing; the list that it writes is swept by the next start unless it was confirmed.
2. What was confirmed goes on whatever becomes of the caller: the next training begins by itself, after a crash too.
"""

from collections.abc import Awaitable, Callable

from hdus_peer.control.port import ClassCount, SelectionView
from hdus_peer.daemon.home import Home
from hdus_peer.daemon.training import Training
from hdus_peer.errors import StateError
from hdus_peer.protocol.state import State
from hdus_peer.protocol.step import Event, Forget
from hdus_peer.repository.forgotten import forgotten_directory
from hdus_peer.workers.port import Selection


class Forgetting:
    """`command` gives an order to the core and waits until it is carried out; `train` begins a training."""

    def __init__(
        self,
        home: Home,
        state: State,
        training: Training,
        command: Callable[[Forget], Awaitable[None]],
        train: Callable[[], None],
    ) -> None:
        self._home, self._state, self._training, self._command, self._train = home, state, training, command, train
        self._chosen: dict[str, int] = {}

    async def select(self, samples: str, where: str) -> SelectionView:
        """See `control.port.ControlledDaemon.select`."""
        self._check_active()
        directory = forgotten_directory(self._home.directory)
        found = await self._training.select(Selection(samples, where), directory)
        self._chosen[found.name] = found.matched
        classes = tuple(ClassCount(name, count) for name, count in found.by_class)
        return SelectionView(found.name, found.matched, found.own, classes)

    async def begin(self, name: str) -> None:
        """Forget what was chosen under `name`. Raises StateError."""
        self._check_active()
        if name not in self._chosen:
            raise StateError("These samples were not chosen in this run of the daemon: type hdus-peer forget again.")
        await self._command(Forget(name, self._chosen[name]))

    def on_event(self, event: Event) -> None:
        if event.name == "Forgotten" and self._state.is_active:
            self._train()

    def _check_active(self) -> None:
        if not self._state.is_active:
            raise StateError(
                f"This peer is {self._state.row.phase}: everything of it is unlearned already, or about to be. To come "
                "back first: hdus-peer start --rejoin."
            )
