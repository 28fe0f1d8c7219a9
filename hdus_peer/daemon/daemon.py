"""A running peer: start in order, answer its owner, stop in order.

Rules
1. Before a port opens: the state directory is locked, strays are swept, interrupted erasures are done.
2. A peer that has left does not start again without an explicit rejoin; one that is leaving goes on leaving.
3. SIGTERM, Ctrl-C, `stop` and the end of a leave all end the same way, within STOP_S.
"""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hdus_peer.admission.revocation import load_revocation
from hdus_peer.config import Config
from hdus_peer.control.port import (
    ExportView,
    ExportWanted,
    HolderView,
    LogEntry,
    LogsWanted,
    PeerStatus,
    PeerView,
    SeedView,
    SelectionView,
    TrainingState,
    UnlearnProgress,
)
from hdus_peer.control.server import ControlServer
from hdus_peer.daemon import parts
from hdus_peer.daemon.certificates import Certificates
from hdus_peer.daemon.expiry import Expiry
from hdus_peer.daemon.exports import Exporter, Exports
from hdus_peer.daemon.forgetting import Forgetting
from hdus_peer.daemon.home import Home
from hdus_peer.daemon.journal import Journal, change_or_silence
from hdus_peer.daemon.leaving import Leaving
from hdus_peer.daemon.training import Training, training_job
from hdus_peer.daemon.unlearnings import Unlearnings
from hdus_peer.daemon.views import Views
from hdus_peer.discovery.port import Discovery, Sighting
from hdus_peer.discovery.watch import NetworkWatch
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.task import Task
from hdus_peer.driver import Driver
from hdus_peer.driver.effects import Effects
from hdus_peer.driver.shell import Input, Shell
from hdus_peer.errors import DataError, LeftError, StateError
from hdus_peer.protocol.messages import Message, NoticeItem
from hdus_peer.protocol.payload import Readable
from hdus_peer.protocol.records import ErasureRow, Phase
from hdus_peer.protocol.step import (
    AddressFound,
    Event,
    Forget,
    Leave,
    LinkDown,
    LinkUp,
    NetworkChanged,
    Obey,
    Publish,
    Rejoin,
    Retrain,
)
from hdus_peer.repository.durable import DurableRepository
from hdus_peer.repository.forgotten import sweep_forgotten
from hdus_peer.workers.port import Evaluation, Prediction

WATCH_INTERVAL_S = 0.1
STOP_S = 5.0
LINGER_S = 0.5
HELD = (
    "This state directory is an older copy: its peer had samples forgotten that are not listed in it, so nothing that "
    "it had learned was kept. Take those samples out of its data, then: hdus-peer start --rejoin"
)

T = TypeVar("T")


class Daemon:
    """Implements `control.port.ControlledDaemon` and `transport.port.TransportListener`."""

    def __init__(self, config: Config, home: Home) -> None:
        self._config, self._home = config, home
        self._repository = DurableRepository(home.directory, ballast_bytes=config.limits.ballast_bytes)
        try:
            self._assemble()
        except BaseException:
            self._repository.close()
            raise

    def _assemble(self) -> None:
        config, home, repository = self._config, self._home, self._repository
        repository.sweep()
        recovered = repository.load()
        sweep_forgotten(home.directory, recovered)
        self._core = parts.make_core(config, home.credentials, recovered)
        self._views = Views(self._core)
        self._journal = Journal(self._views.name_of)
        self._journal.hear_others()
        self._transport = parts.make_transport(config, home.credentials)
        self._trainer, self._predictor = parts.make_workers(config)
        publish = self._journal.publish
        self._effects = Effects(
            repository, self._transport, self._predictor, self._erase_learned, self._on_done, publish
        )
        driver = Driver(repository, self._transport, self._effects, publish)
        self._shell = Shell(self._core, driver, parts.read_clock, publish)
        self._training = Training(
            training_job(config, home),
            home.published,
            self._core.state,
            repository,
            (self._trainer, self._predictor),
            self._effects.ensemble,
            self._publish_seed,
            publish,
        )
        self._forgetting = Forgetting(home, self._core.state, self._training, self._forget, self._training.begin)
        self._journal.listen(self._forgetting.on_event)
        self._certificates = Certificates(home.directory, self._core.state, publish)
        self._journal.listen(self._certificates.on_event)
        exporter = Exporter(home.directory, home.credentials.task, self._core.state.through)
        self._exports = Exports(exporter, self._predictor, publish)
        self._journal.listen(self._exports.on_event)
        self._leaving = Leaving(self._core.state, parts.read_clock, self._views.name_of, self._views.liveness)
        self._journal.listen(self._leaving.on_event)
        self._stop_asked = asyncio.Event()
        self._unlearnings = Unlearnings(
            self._leaving,
            self._forgetting,
            self._certificates,
            self._journal,
            self._begin_leave,
            self._stop_after_linger,
            self._stop_asked,
        )
        self._journal.listen(self._on_event)
        self._expiry = Expiry(home.credentials.validity, parts.read_clock, publish)
        self._control = ControlServer(self, home.directory)
        self._discovery: Discovery | None = None
        self._network_watch = NetworkWatch(self._on_network_changed)
        self._started_s = parts.read_clock().boot_s

    # --- life -------------------------------------------------------------------------------------------------------
    async def run(self, *, rejoin: bool) -> None:
        """Until somebody asks for the end. Raises an HdusError where the start is not possible."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop_asked.set)
        shell = asyncio.get_running_loop().create_task(self._shell.run())
        shell.add_done_callback(lambda _: self._stop_asked.set())
        keeping = asyncio.get_running_loop().create_task(self._certificates.run())
        expiring = asyncio.get_running_loop().create_task(self._expiry.run())
        try:
            await self._certificates.settle()
            self._check_phase(rejoin)
            await self._unless_stopped(self._begin(rejoin))
            await self._stop_asked.wait()
        finally:
            keeping.cancel()
            expiring.cancel()
            await self._certificates.settle()
            await self._end(shell)

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry out `work`; give it up where the end is asked for, or the shell fails, before it is done."""
        working, stopping = asyncio.create_task(work), asyncio.create_task(self._stop_asked.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not working.done():
            working.cancel()
        await asyncio.wait({working, stopping})
        if not working.cancelled():
            working.result()

    def _check_phase(self, rejoin: bool) -> None:
        phase = self._core.state.row.phase
        if phase == Phase.HELD and not rejoin:
            raise LeftError(HELD)
        if phase == Phase.LEFT and not rejoin:
            raise LeftError(
                f"This peer has left its network ({phase}); nothing of it is held anywhere. "
                "To come back with a new seed: hdus-peer start --rejoin"
            )

    async def _begin(self, rejoin: bool) -> None:
        await self._carry_out(lambda core, now: core.start(now))
        await self._until(lambda: not self._core.state.all(ErasureRow))
        if rejoin:
            await self._carry_out(lambda core, now: core.command(Rejoin(), now))
            self._check_rejoined()
        await self._transport.start(self)
        await self._control.start()
        self._discovery = parts.make_discovery(self._config, self._home.credentials, self._transport.address)
        await self._discovery.start(self._on_sighting)
        await self._network_watch.start()
        self._journal.publish(Event("Started", None, (("address", self._transport.address),)))
        if self._core.state.is_active and self._config.train.auto:
            self._training.begin()

    def _check_rejoined(self) -> None:
        if not self._core.state.is_active:
            raise LeftError(
                "The network's authority has revoked this peer, and that is final: ask it to admit this device with "
                "new keys, in another state directory."
            )

    async def _end(self, shell: "asyncio.Task[None]") -> None:
        """In order: not healthy, no news, no calls, no training, no links, no effects, no writes, no lock."""
        self._stop_asked.set()
        self._show_health()
        self._journal.ring.close()
        try:
            async with asyncio.timeout(STOP_S):
                await self._network_watch.stop()
                if self._discovery is not None:
                    await self._discovery.stop()
                await self._control.stop()
                await self._trainer.stop()
                await self._training.until_ended()
                await self._transport.stop()
                await self._effects.stop()
                await self._predictor.stop()
        finally:
            shell.cancel()
            ended = (await asyncio.gather(shell, return_exceptions=True))[0]
            self._repository.close()
        if isinstance(ended, Exception):
            raise ended

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            await self._journal.changed()

    # --- inputs of the core -----------------------------------------------------------------------------------------
    async def _carry_out(self, given: Input) -> None:
        await self._shell.carry_out(given)

    def _on_done(self, done: Any) -> None:
        self._shell.submit(lambda core, now: core.done(done, now))

    def _on_sighting(self, sighting: Sighting) -> None:
        found = AddressFound(sighting.peer, sighting.address)
        self._shell.offer(lambda core, now: core.neighbour(found, now), None)

    def _on_network_changed(self, cause: str) -> None:
        self._shell.submit(lambda core, now: core.neighbour(NetworkChanged(cause), now))

    def on_link_up(self, peer: PeerId, dialled: bool) -> None:
        self._shell.submit(lambda core, now: core.neighbour(LinkUp(peer, dialled), now))

    def on_link_down(self, peer: PeerId, reason: str) -> None:
        self._shell.submit(lambda core, now: core.neighbour(LinkDown(peer, reason), now))

    def on_message(self, peer: PeerId, message: Message) -> None:
        self._shell.offer(lambda core, now: core.receive(peer, message, now), peer)

    def on_refused(self, peer: PeerId | None, reason: str) -> None:
        self._journal.publish(Event("Refused", peer, (("reason", reason),)))

    def open_payload(self, peer: PeerId, payload_sha256: str) -> Readable | None:
        if not self._core.serves(peer, payload_sha256):
            return None
        return self._repository.open_payload(payload_sha256)

    async def _erase_learned(self) -> None:
        await self._training.erase()

    async def _forget(self, samples: Forget) -> None:
        await self._carry_out(lambda core, now: core.command(samples, now))

    async def _publish_seed(self, seed: Publish) -> None:
        await self._carry_out(lambda core, now: core.command(seed, now))

    def _on_event(self, event: Event) -> None:
        self._show_health()
        if event.name in ("PeerAlive", "PeerSuspected", "PeerGone", "Started") and self._discovery is not None:
            self._discovery.lonely(self._views.is_lonely())
        elif event.name == "NetworkChanged" and self._discovery is not None:
            self._discovery.look_again()
        elif event.name == "SeedWithdrawn" and self._core.state.is_active:
            self._training.begin()
        elif event.name == "Left":
            self._unlearnings.on_left()

    def _show_health(self) -> None:
        """SERVING while everything is up and seeds are given: not before, not while leaving, not while stopping."""
        is_up = self._discovery is not None and not self._stop_asked.is_set()
        self._transport.set_serving(is_up and self._core.state.is_active)

    def _stop_after_linger(self) -> None:
        """The leave is complete and nobody is watching: give the last messages a moment, then end."""
        asyncio.get_running_loop().call_later(LINGER_S, self._stop_asked.set)

    # --- the owner's calls ------------------------------------------------------------------------------------------
    async def status(self) -> PeerStatus:
        state, now = self._core.state, parts.read_clock()
        own, credentials = state.own_seed(), self._home.credentials
        return PeerStatus(
            peer=state.me.peer,
            name=credentials.member,
            network=credentials.network_name,
            task=credentials.task.name,
            phase=state.row.phase,
            generation=own.manifest.statement.generation if own else 0,
            address=self._transport.address,
            pid=os.getpid(),
            uptime_s=now.boot_s - self._started_s,
            main=self._training.main,
            seed=self._training.seed,
            training=self._training.status,
            ensemble=self._predictor.state,
            seeds_held=len(state.held()),
            links=self._views.link_counts(),
            holders=self._views.open_holders(),
            notices=self._leaving.notices(),
            owed=self._views.owed(),
            refusals=dict(self._journal.refusals.by_reason),
            offenders=self._journal.refusals.latest(self._views.name_of),
            exports_outliving=self._exports.outliving(),
            not_after_s=credentials.not_after_s,
        )

    async def watch(self) -> AsyncGenerator[PeerStatus, None]:
        while not self._stop_asked.is_set():
            change = self._journal.coming_change()
            yield await self.status()
            await asyncio.sleep(WATCH_INTERVAL_S)
            await change_or_silence(change)

    async def task(self) -> Task:
        return self._home.credentials.task

    async def peers(self) -> list[PeerView]:
        return self._views.peers(parts.read_clock())

    async def seeds(self) -> list[SeedView]:
        return self._views.seeds(parts.read_clock())

    async def holders(self) -> list[HolderView]:
        return self._views.holders()

    async def train(self) -> int:
        if not self._core.state.is_active:
            raise StateError("This peer is leaving and trains no more: come back with hdus-peer start --rejoin.")
        if self._training.is_running:
            raise StateError("A training is running already: see hdus-peer status --watch.")
        await self._carry_out(lambda core, now: core.command(Retrain(), now))
        self._training.begin()
        return self._core.state.row.job_epoch

    async def predict(self, rows: bytes, samples: int) -> Prediction:
        self._check_model()
        return await self._predictor.predict(rows, samples)

    async def evaluate(self, dataset: str, rule: str) -> Evaluation:
        self._check_model()
        return await self._predictor.evaluate(dataset, rule)

    async def export(self, wanted: ExportWanted) -> ExportView:
        self._check_model()
        return await self._exports.export(wanted)

    def _check_model(self) -> None:
        if not self._effects.ensemble.ready.is_set():
            status = self._training.status
            if status.state == TrainingState.FAILED:
                raise DataError(f"This peer has no model, because its training failed: {status.detail}")
            raise StateError("This peer has no model yet: try again once hdus-peer status says that training is done.")

    async def select(self, samples: str, where: str) -> SelectionView:
        return await self._forgetting.select(samples, where)

    def forget(self, name: str) -> AsyncGenerator[UnlearnProgress, None]:
        return self._unlearnings.forget(name)

    def leave(self) -> AsyncGenerator[UnlearnProgress, None]:
        return self._unlearnings.leave()

    async def _begin_leave(self) -> None:
        if self._core.state.row.phase == Phase.HELD:
            raise StateError(HELD)
        await self._carry_out(lambda core, now: core.command(Leave(), now))
        await self._trainer.stop()

    def logs(self, wanted: LogsWanted) -> AsyncGenerator[LogEntry, None]:
        return self._journal.ring.stream(wanted)

    async def tell(self, file: str) -> str:
        found = await asyncio.to_thread(load_revocation, Path(file), self._core.state.me.root)
        item = NoticeItem(found.notice, found.membership, None, ())
        await self._carry_out(lambda core, now: core.command(Obey(item), now))
        return found.peer

    async def stop(self) -> None:
        self._stop_asked.set()
