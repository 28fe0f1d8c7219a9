"""Who takes part in the demo, and the configuration file of each.

Rules
1. A peer is an ordinary one: what is written here, a user could write by hand. Nothing of the demo is inside a peer.
2. The second network, of the counterfactual, is this plan again without the leaver: same credentials, shards, random
   seeds and configuration, other directories. Only how its peers find one another differs: by fixed addresses, so that
   it never meets the first one.
"""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

HOST = "127.0.0.1"
PICTURE_MAINS = ("mlp", "mobilenet-s", "mobilenet-m", "mobilenet-l", "resnet8", "resnet20")
ROW_MAINS = ("mlp",)
_NAMES = ("anna", "bela", "cleo", "dina", "emil", "finn", "gabi", "hugo")


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """`data`: "digits" or "npz:FILE[#x=…,y=…]"; `samples`: at most so many a peer (None: the default of `data`);
    `json`: where to write the results; `keep`: leave the peers running."""

    data: str
    peers: int
    samples: int | None
    seed: int
    json: Path | None
    keep: bool


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is computed. `samples`: of a peer, for training and its tests (0: all of its shard)."""

    samples: int
    reference_samples: int
    test_samples: int
    seed_model: str
    epochs_max: int
    patience: int
    batch: int
    learning_rate: float
    distil_steps: int
    distil_batch: int = 32
    distil_learning_rate: float = 0.02
    temperature: float = 3.0


# Few samples: small batches and patience, or batch normalisation never settles.
DIGITS_EFFORT = Effort(0, 0, 0, "mobilenet-s", 20, patience=20, batch=16, learning_rate=0.007, distil_steps=400)
FILE_EFFORT = Effort(1500, 1000, 1000, "resnet8", 6, patience=6, batch=32, learning_rate=0.005, distil_steps=800)
ROWS_EFFORT = Effort(1500, 1000, 1000, "mlp", 6, patience=6, batch=32, learning_rate=0.005, distil_steps=800)


@dataclass(frozen=True, slots=True)
class PeerPlan:
    """One peer: its name, main architecture, and where its files are. `listen`: HOST:PORT."""

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
    """All peers of one network. `static`: they are given one another's addresses, and mDNS is off."""

    peers: tuple[PeerPlan, ...]
    data: str
    effort: Effort
    static: bool

    @property
    def leaver(self) -> PeerPlan:
        """The one that leaves; the counterfactual is planned without it."""
        return self.peers[-1]


def plan_network(directory: Path, options: DemoOptions, is_picture: bool) -> NetworkPlan:
    """Peers under `directory` that find one another by mDNS on the loopback, each on a shard that lacks one class."""
    mains = PICTURE_MAINS if is_picture else ROW_MAINS
    peers = tuple(
        PeerPlan(
            name=peer_name(index),
            main=mains[index % len(mains)],
            shard=f"drop-class:{index}/{options.peers}",
            random_seed=options.seed + index,
            credentials=directory / "network" / f"{peer_name(index)}.credentials",
            directory=directory / peer_name(index),
            listen=f"{HOST}:0",
        )
        for index in range(options.peers)
    )
    effort = DIGITS_EFFORT if options.data == "digits" else FILE_EFFORT if is_picture else ROWS_EFFORT
    if options.samples is not None:
        effort = replace(effort, samples=options.samples)
    return NetworkPlan(peers, options.data, effort, static=False)


def peer_name(index: int) -> str:
    return _NAMES[index] if index < len(_NAMES) else f"peer-{index + 1}"


def with_addresses(plan: NetworkPlan) -> NetworkPlan:
    """The same peers on free ports that all of them are told."""
    ports = free_ports(len(plan.peers))
    pairs = zip(plan.peers, ports, strict=True)
    return replace(plan, peers=tuple(replace(peer, listen=f"{HOST}:{port}") for peer, port in pairs), static=True)


def without_leaver(plan: NetworkPlan, directory: Path) -> NetworkPlan:
    """The counterfactual: the leaver never was; everybody else from nothing, under `directory`."""
    peers = tuple(replace(peer, directory=directory / peer.name) for peer in plan.peers if peer is not plan.leaver)
    return with_addresses(replace(plan, peers=peers))


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens at now."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def write_configs(plan: NetworkPlan) -> None:
    for peer in plan.peers:
        peer.directory.mkdir(parents=True)
        peer.config.write_text(config_text(plan, peer), encoding="utf-8")


def config_text(plan: NetworkPlan, peer: PeerPlan) -> str:
    """The TOML file of `peer`."""
    effort = plan.effort
    others = [other.listen for other in plan.peers if other is not peer]
    return to_toml(
        {
            "": {"state_directory": str(peer.state), "credentials": str(peer.credentials)},
            "network": {
                "listen": peer.listen,
                "advertise": [HOST],
                "mdns": not plan.static,
                "mdns_interfaces": [HOST],
                "static_peers": others if plan.static else [],
            },
            "data": {
                "source": plan.data,
                "shard": peer.shard,
                "samples": effort.samples,
                "reference_samples": effort.reference_samples,
                "test_samples": effort.test_samples,
            },
            "train": {
                "main": peer.main,
                "seed_model": effort.seed_model,
                "random_seed": peer.random_seed,
                "threads": 1,
                "epochs_max": effort.epochs_max,
                "patience": effort.patience,
                "batch": effort.batch,
                "learning_rate": effort.learning_rate,
            },
            "distil": {
                "temperature": effort.temperature,
                "steps": effort.distil_steps,
                "batch": effort.distil_batch,
                "learning_rate": effort.distil_learning_rate,
            },
            "predict": {"rule": "prob-mean", "rho": 0.5},
        }
    )


def to_toml(sections: Mapping[str, Mapping[str, object]]) -> str:
    """Sections of plain values; the section "" stands first, without a heading. JSON's scalars are TOML's."""
    lines: list[str] = []
    for heading, values in sections.items():
        lines += [f"\n[{heading}]"] if heading else []
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"
