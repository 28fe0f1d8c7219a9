"""Which peers there are, and the configuration file of each: ordinary ones, as a user could write by hand.

Apart from the demo's own plan on purpose: what is measured must not change when the demo is told otherwise."""

import json
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

HOST = "127.0.0.1"
NAMES = ("anna", "bela", "cleo", "dina", "emil", "finn")


@dataclass(frozen=True, slots=True)
class Schooling:
    """How much is learned. `samples`: at most so many of each part (0: all)."""

    samples: int
    epochs_max: int
    distil_steps: int


LITTLE = Schooling(samples=64, epochs_max=1, distil_steps=1)
WHOLE = Schooling(samples=0, epochs_max=20, distil_steps=300)


@dataclass(frozen=True, slots=True)
class PeerPlan:
    """One peer: `main`, its main model's architecture; `listen`: HOST:PORT."""

    name: str
    main: str
    shard: str
    random_seed: int
    credentials: Path
    directory: Path
    listen: str

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def config(self) -> Path:
        return self.directory / "peer.toml"

    @property
    def log(self) -> Path:
        return self.directory / "log.txt"


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """`mdns`: the peers find one another by it; otherwise each is told the addresses of the others."""

    peers: tuple[PeerPlan, ...]
    seed_model: str
    schooling: Schooling = LITTLE
    mdns: bool = True

    def with_addresses(self) -> "NetworkPlan":
        """The same peers on free ports, and without mDNS."""
        pairs = zip(self.peers, free_ports(len(self.peers)), strict=True)
        return replace(self, peers=tuple(replace(peer, listen=f"{HOST}:{port}") for peer, port in pairs), mdns=False)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens at now."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def write_config(plan: NetworkPlan, peer: PeerPlan, others: tuple[PeerPlan, ...] | None = None) -> None:
    """`others`: whom it is told of where there is no mDNS; by default the rest of the plan."""
    told = [other for other in (plan.peers if others is None else others) if other is not peer]
    school = plan.schooling
    sections: dict[str, dict[str, object]] = {
        "": {"state_directory": str(peer.state), "credentials": str(peer.credentials)},
        "network": {
            "listen": peer.listen,
            "advertise": [HOST],
            "mdns": plan.mdns,
            "mdns_interfaces": [HOST],
            "static_peers": [] if plan.mdns else [other.listen for other in told],
        },
        "data": {
            "source": "digits",
            "shard": peer.shard,
            "samples": school.samples,
            "reference_samples": school.samples,
            "test_samples": school.samples,
        },
        "train": {
            "main": peer.main,
            "seed_model": plan.seed_model,
            "random_seed": peer.random_seed,
            "threads": 1,
            "epochs_max": school.epochs_max,
            "patience": school.epochs_max,
            "batch": 16,
        },
        "distil": {"steps": school.distil_steps, "batch": 32},
        "predict": {"rule": "prob-mean", "rho": 0.5},
        "log": {"form": "json"},
    }
    peer.directory.mkdir(parents=True, exist_ok=True)
    peer.config.write_text(to_toml(sections), encoding="utf-8")


def to_toml(sections: Mapping[str, Mapping[str, object]]) -> str:
    """The section "" stands first, without a heading. JSON's scalars and lists are TOML's."""
    lines: list[str] = []
    for heading, values in sections.items():
        lines += [f"\n[{heading}]"] if heading else []
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def command(*arguments: str) -> list[str]:
    """`hdus-peer ARGUMENTS` of this very interpreter and package."""
    return [sys.executable, "-m", "hdus_peer.cli", *arguments]


def environment() -> dict[str, str]:
    """Ours without the user's settings for a peer."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith("HDUS_")}
