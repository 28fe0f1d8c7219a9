"""The plan: who takes part, that each file configures an ordinary peer, and what the counterfactual keeps."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from hdus_peer.config import load_config
from hdus_peer.demo.plan import (
    PICTURE_MAINS,
    DemoOptions,
    config_text,
    free_ports,
    plan_network,
    to_toml,
    with_addresses,
    without_leaver,
    write_configs,
)

OPTIONS = DemoOptions("digits", 6, None, 7, None, False)


def test_six_peers_of_six_architectures_on_six_shards(tmp_path: Path) -> None:
    plan = plan_network(tmp_path, OPTIONS, is_picture=True)
    assert [peer.main for peer in plan.peers] == list(PICTURE_MAINS)
    assert [peer.shard for peer in plan.peers] == [f"drop-class:{index}/6" for index in range(6)]
    assert len({peer.state for peer in plan.peers}) == len({peer.name for peer in plan.peers}) == 6
    assert [peer.random_seed for peer in plan.peers] == list(range(7, 13))
    assert plan.leaver.name == "finn"


def test_more_peers_than_architectures_and_names(tmp_path: Path) -> None:
    plan = plan_network(tmp_path, replace(OPTIONS, peers=10), is_picture=True)
    assert plan.peers[6].main == plan.peers[0].main
    assert len({peer.name for peer in plan.peers}) == 10


def test_rows_get_the_architecture_for_rows(tmp_path: Path) -> None:
    plan = plan_network(tmp_path, replace(OPTIONS, data="npz:/x.npz", samples=90), is_picture=False)
    assert {peer.main for peer in plan.peers} == {"mlp"} == {plan.effort.seed_model}
    assert plan.effort.samples == 90


@pytest.mark.parametrize("data", ["digits", 'npz:/a "quoted" ü/x.npz#x=a,y=b'])
def test_every_file_is_a_configuration(data: str, tmp_path: Path) -> None:
    plan = plan_network(tmp_path, replace(OPTIONS, data=data), is_picture=True)
    write_configs(plan)
    for peer in plan.peers:
        config = load_config(peer.config, {})
        assert (config.state_directory, config.credentials) == (peer.state, peer.credentials)
        assert (config.data.source, config.data.shard, config.train.main) == (data, peer.shard, peer.main)
        assert (config.network.mdns, config.network.static_peers) == (True, ())
        assert config.network.mdns_interfaces == ("127.0.0.1",)


def test_fixed_addresses_name_all_others(tmp_path: Path) -> None:
    plan = with_addresses(plan_network(tmp_path, OPTIONS, is_picture=True))
    config = tomllib.loads(config_text(plan, plan.peers[0]))
    assert config["network"]["mdns"] is False
    assert config["network"]["static_peers"] == [peer.listen for peer in plan.peers[1:]]
    assert len({peer.listen for peer in plan.peers}) == 6


def test_the_counterfactual_changes_directories_and_addresses_alone(tmp_path: Path) -> None:
    plan = plan_network(tmp_path, OPTIONS, is_picture=True)
    again = without_leaver(plan, tmp_path / "again")
    assert [peer.name for peer in again.peers] == [peer.name for peer in plan.peers if peer is not plan.leaver]
    for peer, before in zip(again.peers, plan.peers, strict=False):
        assert peer.directory == tmp_path / "again" / peer.name
        kept = replace(peer, directory=before.directory, listen=before.listen)
        assert kept == before
        mine, earlier = tomllib.loads(config_text(again, peer)), tomllib.loads(config_text(plan, before))
        assert {key for key in mine if mine[key] != earlier[key]} == {"state_directory", "network"}


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20


def test_toml_of_plain_values() -> None:
    text = to_toml({"": {"a": "x"}, "b": {"c": 1.5, "d": [], "e": False}})
    assert tomllib.loads(text) == {"a": "x", "b": {"c": 1.5, "d": [], "e": False}}
