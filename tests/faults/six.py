"""Six peers as their users start them: each on a device of its own, found by mDNS alone, seeds of five others in use.

What is judged after every fault, on what the six have on their disks:
1. `hdus-peer check` finds nothing in any state directory.
2. `hdus-peer certificate verify` takes the leaver's certificate, with the network's root alone, and says complete.
3. Nothing of the leaver's seed is left: no file of its name, and of key, ciphertext and tensors not 32 bytes in any
   file of anybody else's directory (as in `tests/erasure`).
4. Nobody lost anything else: those that stay hold the seeds of all that stay, and use them.
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from hdus_peer.protocol.records import Phase
from tests.erasure.test_erasure import Secrets
from tests.integration.lan import Device, Lan
from tests.integration.peers import PATIENCE_S, Network, Peer, command, environment
from tests.integration.test_leave import leave

ON_A_LAN: dict[str, object] = {
    "network__mdns": True,
    "network__listen": "[::]:7433",
    "timing__heartbeat_interval_s": 0.5,
    "timing__suspect_after_s": 3.0,
    "timing__gone_after_s": 6.0,
    "timing__dial_retry_max_s": 2.0,
}
SUBNET = "10.77.0."
LEFT = (0, 5)
"""Exit codes: of a leave that is done, and of a start that finds it done."""


@dataclass(frozen=True, slots=True)
class Leaver:
    """Who leaves, and what is looked for afterwards."""

    peer: Peer
    payload_sha256: str
    secrets: Secrets


class Six:
    NAMES: ClassVar[tuple[str, ...]] = ("anna", "bela", "cleo", "dina", "emil", "finn")

    def __init__(self, peers: Network, lan: Lan) -> None:
        peers.trained.prepare(*self.NAMES)
        self.directory, self.root = peers.directory, peers.trained.root / "root.pem"
        self.lan = lan
        self.peers = {name: peers.peer(name, **ON_A_LAN) for name in self.NAMES}
        self._devices = dict(zip(self.NAMES, lan.devices, strict=True))
        for name, peer in self.peers.items():
            peer.before = self._devices[name].run

    def device(self, *names: str) -> list[Device]:
        return [self._devices[name] for name in names]

    def others(self, *names: str) -> list[Peer]:
        return [peer for name, peer in self.peers.items() if name not in names]

    # --- what they do -----------------------------------------------------------------------------------------------
    def meet(self, within_s: float = PATIENCE_S) -> None:
        """Start all of them, and wait until each uses the seeds of the five others."""
        for peer in self.peers.values():
            peer.start()
        self.use_each_other(*self.NAMES, within_s=within_s)

    def use_each_other(self, *names: str, within_s: float = PATIENCE_S) -> None:
        """Wait until each of these uses the seeds of the others, and of nobody else."""
        for name in names:
            self.peers[name].wait_event("Started", within_s=within_s)
        for name in names:
            self.peers[name].wait_serving(*(other for other in names if other != name), within_s=within_s)

    def leaver(self, name: str) -> Leaver:
        """What is to be looked for after `name` has left; while it is still held everywhere, it is found there."""
        peer, others = self.peers[name], self.others(name)
        payload = others[0].seeds()[name].payload_sha256
        leaver = Leaver(peer, payload, Secrets.of(peer, payload, *others))
        for other in others:
            assert {str(other.state / folder / payload) for folder in ("seeds", "keys")} <= self._left(leaver, other)
        return leaver

    @contextmanager
    def leaving(self, leaver: Leaver) -> Iterator[None]:
        """The leave is asked for, and the leaver has taken it."""
        with leaver.peer.client() as client:
            steps = client.leave()
            assert next(steps).phase == Phase.LEAVING
            yield
            steps.close()

    def leave_without(self, leaver: Leaver, *away: str) -> None:
        """`leaver` leaves, and has an answer of everybody but those that are away: of these it says that they are
        pending, and so does its certificate."""
        mark = leaver.peer.mark
        with self.leaving(leaver):
            for other in self.others(leaver.peer.name, *away):
                leaver.peer.wait_event("GrantClosed", mark, peer=other.name, by="receipt")
        confirmed = {other.name: other.name not in away for other in self.others(leaver.peer.name)}
        assert leave(leaver.peer, 0.2) == (3, confirmed)
        self.judge_certificate(leaver, away)

    # --- what is judged ---------------------------------------------------------------------------------------------
    def judge(self, leaver: Leaver, pending: Sequence[str] = ()) -> None:
        """`leaver` has ended, with an answer of all but `pending`; everybody else runs, and is stopped."""
        others = [other.name for other in self.others(leaver.peer.name)]
        self.use_each_other(*others)
        for name in others:
            self.peers[name].stop()
        self.judge_certificate(leaver, pending)
        self.judge_disks(leaver, list(self.peers.values()))

    def judge_certificate(
        self, leaver: Leaver, pending: Sequence[str], *, unanswered: str = "pending", at: str = ""
    ) -> None:
        """What a third party says of it, who has nothing but the network's root: a receipt of all but `pending`, and of
        these that they are `unanswered`, `at` a date."""
        file = self.directory / f"{leaver.peer.name}.certificate"
        assert leaver.peer.typed("certificate export", str(file)).code == 0
        words = command("certificate", "verify", str(file), f"--root={self.root}", "--json")
        words += [f"--at={at}"] if at else []
        done = subprocess.run(words, capture_output=True, text=True, env=environment(), check=False)
        file.unlink()
        standings = {holder["name"]: holder["standing"] for holder in json.loads(done.stdout)["holders"]}
        others = (other.name for other in self.others(leaver.peer.name))
        assert standings == {name: unanswered if name in pending else "receipt" for name in others}
        assert done.returncode == (3 if pending else 0)

    def judge_disks(self, leaver: Leaver, peers: Sequence[Peer]) -> None:
        """The state directories of these, none of which runs."""
        for peer in peers:
            assert not self._left(leaver, peer), peer.report("there is something of the seed")
            assert peer.typed("check").answer["findings"] == [], peer.name

    def _left(self, leaver: Leaver, peer: Peer) -> set[str]:
        """Files with something of it; the leaver keeps what it learned itself."""
        places = [peer.state] if peer is not leaver.peer else [peer.state / folder for folder in ("seeds", "keys")]
        named = {str(path) for path in places[0].rglob("*") if leaver.payload_sha256 in path.name}
        return named | leaver.secrets.in_files(*places)
