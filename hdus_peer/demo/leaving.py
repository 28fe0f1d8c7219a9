"""One peer leaves through the command that a user types, and nothing of it may be found on any other peer's disk."""

import json
import mmap
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdus_peer.demo.plan import PeerPlan
from hdus_peer.demo.processes import PeerProcess, command, environment
from hdus_peer.demo.results import Certified, Departed, Erasure
from hdus_peer.domain.identity import PeerId
from hdus_peer.errors import WorkerError

CONFIRM_TIMEOUT_S = 60.0
END_TIMEOUT_S = 10.0
NEEDLE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Marks:
    """By what the leaver's seed would be known: its payload's hash (the name of its files), the payload's first bytes
    and the key. Taken from the leaver's own directory before it leaves; never shown."""

    payload_sha256: str
    needles: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Marks({self.payload_sha256[:8]})"


def marks_of(leaver: PeerPlan, payload_sha256: str) -> Marks:
    """Raises WorkerError where the leaver's own files are not where a peer keeps them."""
    try:
        payload = (leaver.state / "seeds" / payload_sha256).read_bytes()
        key = (leaver.state / "keys" / payload_sha256).read_bytes()
    except OSError as problem:
        sentence = f"{leaver.name} has no seed {payload_sha256[:8]} of its own"
        raise WorkerError(f"{sentence} ({problem.strerror}): look at its log {leaver.log}") from problem
    return Marks(payload_sha256, (payload[:NEEDLE_BYTES], key))


def leave(process: PeerProcess, peer: PeerId, payload_sha256: str, root: Path) -> Departed:
    """`hdus-peer leave --yes --json`, the end of the leaver's daemon, and its certificate verified under the network's
    certificate `root`. Raises WorkerError where that failed."""
    state, wait = str(process.plan.state), f"{CONFIRM_TIMEOUT_S:g}"
    began = time.monotonic()
    typed = subprocess.run(
        command("leave", "--yes", "--json", "--state", state, "--wait", wait),
        capture_output=True,
        env=environment(),
        text=True,
        timeout=CONFIRM_TIMEOUT_S + END_TIMEOUT_S,
        check=False,
    )
    command_s = time.monotonic() - began
    answer = _parse(typed)
    return Departed(
        name=process.plan.name,
        peer=peer,
        payload_sha256=payload_sha256,
        command_exit=typed.returncode,
        daemon_exit=process.wait(END_TIMEOUT_S) if answer["finished"] else None,
        finished=bool(answer["finished"]),
        erasures=tuple(
            Erasure(each["name"], each["confirmed"], each["closed_by"], each["after_ms"], tuple(each["erased"]))
            for each in answer["holders"]
        ),
        certified=_verified(answer["certificate"], root),
        command_s=command_s,
    )


def _verified(certificate: str, root: Path) -> Certified:
    typed = subprocess.run(
        command("certificate", "verify", certificate, "--root", str(root), "--json"),
        capture_output=True,
        env=environment(),
        text=True,
        timeout=END_TIMEOUT_S,
        check=False,
    )
    try:
        holders = json.loads(typed.stdout).get("holders", [])
    except ValueError as problem:
        raise WorkerError(f"`hdus-peer certificate verify` said: {typed.stdout + typed.stderr}") from problem
    confirmed = sum(each["standing"] in ("receipt", "release", "departure") for each in holders)
    return Certified(typed.returncode, len(holders), confirmed)


def _parse(typed: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(typed.stdout)
        if "finished" in answer:
            return answer
        raise WorkerError(f"`hdus-peer leave` failed: {answer.get('error', typed.stdout)}")
    except ValueError as problem:
        said = (typed.stdout + typed.stderr).strip()[-500:]
        raise WorkerError(f"`hdus-peer leave` ended with {typed.returncode}: {said}") from problem


def traces(survivors: Iterable[PeerPlan], marks: Marks) -> tuple[str, ...]:
    """Files in the survivors' state directories that bear the payload's name, or hold its first bytes or its key."""
    files = [(peer, file) for peer in survivors for file in sorted(_files(peer.state))]
    return tuple(f"{peer.name}/{file.relative_to(peer.state)}" for peer, file in files if _bears(file, marks))


def _files(directory: Path) -> Iterator[Path]:
    return (path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())


def _bears(file: Path, marks: Marks) -> bool:
    if marks.payload_sha256 in file.name:
        return True
    try:
        with file.open("rb") as stream:
            if not file.stat().st_size:
                return False
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return any(content.find(needle) >= 0 for needle in marks.needles)
    except FileNotFoundError:
        return False
