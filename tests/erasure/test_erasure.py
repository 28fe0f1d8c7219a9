"""After an erasure nothing of the seed is anywhere at its holder: looked for, byte by byte, at real processes.

Each search is first shown to find what is there: a seed that is still held, and in a daemon's memory that of a daemon
which does not overwrite what it frees. When the receipt leaves, the holder's processes are stopped and searched as they
are.
"""

import asyncio
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import safetensors.numpy

from hdus_peer.admission import authority
from hdus_peer.admission.credentials import Credentials
from hdus_peer.domain.identity import PeerId
from hdus_peer.freed_memory import VARIABLES
from hdus_peer.protocol.messages import Notices, Receipt
from tests.erasure.places import in_files, in_memory, in_open_files, need_to_read_memory, stopped
from tests.erasure.search import WINDOW_BYTES, Needle, in_texts
from tests.hostile.member import Member, Payload
from tests.integration.peers import PATIENCE_S, Network, Peer

pytestmark = pytest.mark.slow

PATIENT: dict[str, object] = {"timing__suspect_after_s": 30.0, "timing__gone_after_s": 60.0}
"""Nobody is missed while the world stands still."""
AS_USUAL = ("env", *(f"{name}=" for name in VARIABLES))
"""Runs a daemon with the allocator as it is by default."""
BUFFER_BYTES = 8192
"""What the RPC library keeps of the last that came over an open connection, until as much comes after it."""
PAYLOAD_BYTES = 600_000
PIECE_BYTES = 16_384
SHOWN = ("status", "peers", "seeds", "logs")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is looked for: a seed as it is sealed, its key, and those of its tensors that are in no other seed."""

    sealed: Needle
    key: Needle
    tensors: Needle
    shown: list[Needle]

    @classmethod
    def of(cls, owner: Peer, payload_sha256: str, *others: Peer) -> "Secrets":
        sealed, key = (owner.state.joinpath(folder, payload_sha256).read_bytes() for folder in ("seeds", "keys"))
        own = Needle(tensors(owner), [tensors(other) for other in others])
        return cls(Needle(sealed), Needle(key), own, [*in_texts(key), *in_texts(sealed)])

    def in_files(self, *directories: Path) -> set[str]:
        return {file for one in (self.sealed, self.key, self.tensors) for file in in_files(one, *directories)}

    def in_open_files(self, processes: list[psutil.Process]) -> set[str]:
        return {
            file
            for each in processes
            for one in (self.sealed, self.key, self.tensors)
            for file in in_open_files(one, each)
        }

    def in_memory(self, process: psutil.Process) -> tuple[int, int, int]:
        """Windows of the tensors, of the ciphertext, of the key."""
        return in_memory(self.tensors, process), in_memory(self.sealed, process), in_memory(self.key, process)

    def in_texts(self, texts: list[bytes]) -> bool:
        return any(needle.windows_in(text).any() for needle in self.shown for text in texts)


def tensors(owner: Peer) -> bytes:
    """The bytes of its seed's tensors, as they are and transposed, as a runtime may keep them."""
    loaded = safetensors.numpy.load((owner.state / "models" / "seed.safetensors").read_bytes())
    return b"".join(each.tobytes() + each.T.tobytes() for each in loaded.values())


def texts(peer: Peer) -> list[bytes]:
    """All that it says: its log, and what its commands show."""
    log = "\n".join(json.dumps(entry) for entry in peer.entries)
    return [log.encode(), *(json.dumps(peer.typed(*name.split()).answer).encode() for name in SHOWN)]


@contextmanager
def reading(ledger: Path) -> Iterator[None]:
    """Another process (this one) is in the middle of reading the ledger: its log must be kept from here on."""
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, isolation_level=None)
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        yield
    finally:
        connection.close()


def started(peers: Network, tmp: Path, who_dials: str) -> tuple[Peer, Peer, Peer]:
    """anna, an owner; bela, who holds her seed and has a temporary directory of its own; cleo, who holds it too and
    overwrites nothing. Between anna and bela, `who_dials` does."""
    peers.trained.prepare("anna", "bela", "cleo")
    tmp.mkdir()
    bela = peers.peer("bela", knows=("anna", "cleo") if who_dials == "holder" else ("cleo",), **PATIENT)
    bela.before = ("env", f"TMPDIR={tmp}")
    anna = peers.peer("anna", knows=("cleo",) if who_dials == "holder" else ("bela", "cleo"), **PATIENT)
    cleo = peers.peer("cleo", **PATIENT)
    cleo.before = AS_USUAL
    return anna, bela, cleo


@pytest.mark.parametrize("who_dials", ["holder", "owner"])
def test_nothing_of_an_erased_seed_is_left(peers: Network, tmp_path: Path, who_dials: str) -> None:
    need_to_read_memory()
    tmp = tmp_path / "tmp"
    anna, bela, cleo = started(peers, tmp, who_dials)
    bela.start().wait_event("Started")
    with reading(bela.state / "ledger.sqlite"):
        for peer in (anna, cleo):
            peer.start()
        bela.wait_serving("anna", "cleo")
        cleo.wait_serving("anna", "bela")
        seed = bela.seeds()["anna"]
        secrets = Secrets.of(anna, seed.payload_sha256, bela, cleo)
        before, said = secrets.in_memory(bela.process), texts(bela)
        assert_found(secrets, bela, cleo, seed.payload_sha256, said)
        tmp.joinpath("planted").write_bytes(anna.state.joinpath("keys", seed.payload_sha256).read_bytes())
        assert secrets.in_files(tmp) == {str(tmp / "planted")}
        tmp.joinpath("planted").unlink()

        with anna.client() as client:
            steps = client.leave()
            next(steps)
            bela.wait_event("SeedErased", peer="anna", cause="notice")
            with stopped(bela.process) as family:
                assert not secrets.in_files(bela.state, tmp)
                assert not secrets.in_open_files(family)
                assert [secrets.in_memory(each) for each in family] == [(0, 0, 0)] * len(family)
            assert list(steps)[-1].finished
        assert before == (0, 0, 0), "nor was it there while it was held"
        assert not secrets.in_texts([*said, *texts(bela)])


def assert_found(secrets: Secrets, bela: Peer, cleo: Peer, payload_sha256: str, said: list[bytes]) -> None:
    """While it is held, every search finds it."""
    held = {str(bela.state / folder / payload_sha256) for folder in ("seeds", "keys")}
    assert secrets.in_files(bela.state) == held
    name = Needle(payload_sha256.encode())
    assert str(bela.state / "ledger.sqlite-wal") in in_files(name, bela.state), "rows are in the log that is kept"
    assert any(name.windows_in(text).any() for text in said)
    assert in_open_files(name, bela.process)
    in_children = [secrets.in_memory(each)[0] for each in bela.children("inference")]
    assert max(in_children) > secrets.tensors.counted / 10, "the rest is laid out otherwise"
    assert secrets.in_memory(cleo.process) > (0, 0, 0)


class Half(Payload):
    """Its second half does not come before `gate` is open."""

    def __init__(self, content: bytes, gate: threading.Event) -> None:
        super().__init__(content)
        self._gate = gate

    def read(self, offset: int, length: int) -> bytes:
        half = self.size // 2
        if offset < half:
            return self.content[offset : min(offset + PIECE_BYTES, half)]
        assert self._gate.wait(PATIENCE_S)
        return self.content[offset : offset + length]


class Stalling(Member):
    """A member whose payload comes to its middle, and stays there until `gate` is open."""

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials)
        self.gate = threading.Event()

    def open_payload(self, peer: PeerId, payload_sha256: str) -> Payload:
        assert self.seed is not None
        return Half(self.seed.served, self.gate)


async def test_nothing_is_left_of_a_seed_that_had_come_in_half(peers: Network) -> None:
    need_to_read_memory()
    bela = peers.peer("bela", **PATIENT).start()
    await asyncio.to_thread(bela.wait_event, "Started")
    status = bela.status()
    member = Stalling(authority.issue(peers.trained.root, "half"))
    await member.start()
    try:
        await member.meet(status.peer, status.address)
        seed = member.make_seed(os.urandom(PAYLOAD_BYTES), "ab" * 32)
        sealed = Needle(seed.served)
        member.announce(status.peer, seed)
        partial = bela.state / "seeds" / f"{seed.manifest.payload_sha256}.partial"
        half = len(seed.served) // 2
        await asyncio.to_thread(bela.wait_for, lambda: partial.exists() and partial.stat().st_size == half, "a half")
        assert in_files(sealed, bela.state) == {str(partial): half - WINDOW_BYTES + 1}

        member.say(status.peer, Notices((member.leave_notice(seed.manifest.generation),), last=False))
        await member.until(lambda: any(isinstance(message, Receipt) for message in member.messages))
        with stopped(bela.process) as family:
            assert in_files(sealed, bela.state) == {}
            assert [in_open_files(sealed, each) for each in family] == [{}] * len(family)
            in_daemon, *in_children = (in_memory(sealed, each) for each in family)
            assert in_daemon < BUFFER_BYTES
            assert not any(in_children)
    finally:
        member.gate.set()
        await member.stop()
