"""Where the benchmarks work: one directory, and networks of peers that are trained once and copied for each of them.

Rules
1. The peers kept here learned alone: each has its own finished model and sealed seed, and has never met another one.
2. Little is learned, because nothing that is measured depends on how good a model is; sizes and architectures are real.
"""

import asyncio
import functools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.peers import Peer, running, until
from benchmarks.plan import HOST, LITTLE, NAMES, NetworkPlan, PeerPlan, Schooling, to_toml, write_config
from hdus_peer.admission.authority import create_network, issue_file
from hdus_peer.discovery.multicast import is_multicast_working

TRAIN_TIMEOUT_S = 300.0
SEED = "mobilenet-s"
MAINS = ("mlp", "mobilenet-s", "mobilenet-m", "mobilenet-l", "resnet8", "resnet20")


@dataclass(frozen=True, slots=True)
class Effort:
    """How often things are repeated, and for how long."""

    leaves: int = 11
    baselines: int = 25
    fetches: int = 31
    predictions: int = 101
    rebuilds: int = 11
    training_pairs: int = 30
    commands: int = 21
    idle_s: float = 30.0
    starts: int = 5
    publications: int = 3
    holders: tuple[int, ...] = (5, 20, 50)
    verifications: int = 31
    forgets: int = 3

    @classmethod
    def quick(cls) -> "Effort":
        return cls(2, 5, 3, 5, 2, 3, 3, 3.0, 1, 1, (3,), 3, 1)


@dataclass
class Place:
    """`directory` is the benchmarks' own, and empty at first."""

    directory: Path
    effort: Effort

    def new_directory(self, name: str) -> Path:
        """A directory that did not exist before, its name short enough for sockets."""
        directory = self.directory / f"{name}{sum(each.name.startswith(name) for each in self.directory.iterdir())}"
        directory.mkdir()
        return directory

    @functools.cached_property
    def trained(self) -> NetworkPlan:
        """Six peers with finished models: mlp, MobileNet S, M and L, ResNet 8 and 20; seeds are MobileNet S."""
        return self._learned("six", MAINS, SEED)

    def pair(self, seed_model: str) -> NetworkPlan:
        """Two peers with finished models (MobileNet S) and seeds of `seed_model`."""
        return self._learned("pair", (SEED, SEED), seed_model)

    def copy(self, name: str, trained: NetworkPlan, *, static: bool = False) -> NetworkPlan:
        """A new copy of trained peers that find one another: by mDNS, or where there is none by addresses."""
        directory = self.new_directory(name)
        plan = replace(trained, peers=tuple(replace(peer, directory=directory / peer.name) for peer in trained.peers))
        if static or not self._has_multicast:
            plan = plan.with_addresses()
        for source, peer in zip(trained.peers, plan.peers, strict=True):
            shutil.copytree(source.state, peer.state, ignore=shutil.ignore_patterns("*.sock", "control.path", "lock"))
            write_config(plan, peer)
        return plan

    def network(self, name: str, mains: Sequence[str], seed_model: str, schooling: Schooling = LITTLE) -> NetworkPlan:
        """Peers of a new network that have not been started yet; they are not told of one another."""
        directory = self.new_directory(name)
        create_network(directory / "network", "bench", str(_task_file(directory, seed_model)))
        peers = tuple(_plan(directory, index, main) for index, main in enumerate(mains))
        plan = NetworkPlan(peers, seed_model, schooling)
        for peer in peers:
            issue_file(directory / "network", peer.name, peer.credentials)
            write_config(replace(plan, mdns=False), peer, others=())
        return plan

    @functools.cached_property
    def _has_multicast(self) -> bool:
        return asyncio.run(is_multicast_working((HOST,)))

    def _learned(self, name: str, mains: Sequence[str], seed_model: str) -> NetworkPlan:
        plan = self.network(name, mains, seed_model)
        for peer in plan.peers:
            with running([Peer(peer)]) as (alone,):
                until_trained(alone)
        return plan


def until_trained(peer: Peer) -> None:
    """Until its latest start has a finished model, and published a seed of it."""
    until(lambda: peer.has("SeedPublished") and peer.has("TrainingDone"), TRAIN_TIMEOUT_S, peer)


def _task_file(directory: Path, seed_model: str) -> Path:
    """scikit-learn's digits as in the preset, with seeds of this one architecture."""
    file = directory / "task.toml"
    file.write_text(
        to_toml(
            {
                "": {
                    "name": "digits",
                    "classes": [str(digit) for digit in range(10)],
                    "shape": [1, 8, 8],
                    "scale": 16.0,
                    "mean": [0.3053],
                    "std": [0.3761],
                    "seed_architectures": [seed_model],
                }
            }
        ),
        encoding="utf-8",
    )
    return file


def _plan(directory: Path, index: int, main: str) -> PeerPlan:
    name = NAMES[index] if index < len(NAMES) else f"peer{index}"
    return PeerPlan(
        name=name,
        main=main,
        shard=f"drop-class:{index % len(MAINS)}/{len(MAINS)}",
        random_seed=index,
        credentials=directory / "network" / f"{name}.credentials",
        directory=directory / name,
        listen=f"{HOST}:0",
    )
