import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from hdus_peer.config import Config, load_config
from hdus_peer.errors import ConfigurationError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("HDUS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "peer.toml"
    path.write_text('[network]\nneighbours_max = 5\nstatic_peers = ["a:1", "b:2"]\n[predict]\nrho = 0.25\n')
    return path


def test_without_anything_the_defaults_hold() -> None:
    config = load_config(None, {})
    assert config == Config()
    assert config.state_directory == Path.home() / ".local/state/hdus-peer"
    assert (config.network.listen, config.network.neighbours_max) == ("[::]:7433", 16)
    assert config.credentials is None


def test_the_file_is_read(file: Path) -> None:
    config = load_config(file, {})
    assert config.network.neighbours_max == 5
    assert config.network.static_peers == ("a:1", "b:2")
    assert config.predict.rho == 0.25


def test_flags_win_over_the_environment_and_that_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDUS_NETWORK__NEIGHBOURS_MAX", "6")
    monkeypatch.setenv("HDUS_PREDICT__RHO", "0.75")
    config = load_config(file, {"network.neighbours_max": 7, "predict.rho": None, "credentials": "~/c"})
    assert config.network.neighbours_max == 7
    assert config.predict.rho == 0.75
    assert config.network.static_peers == ("a:1", "b:2")
    assert config.credentials == Path.home() / "c"


def test_lists_are_written_with_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDUS_NETWORK__STATIC_PEERS", "a:1, [fd00::1]:2,")
    monkeypatch.setenv("HDUS_NETWORK__MDNS", "false")
    monkeypatch.setenv("HDUS_STATE_DIRECTORY", "/var/lib/hdus")
    config = load_config(None, {})
    assert config.network.static_peers == ("a:1", "[fd00::1]:2")
    assert config.network.mdns is False
    assert config.state_directory == Path("/var/lib/hdus")


def test_a_configuration_is_frozen() -> None:
    config = load_config(None, {})
    with pytest.raises(ValidationError):
        config.network.mdns = False  # type: ignore[misc]
    with pytest.raises(ValidationError):
        config.predict = config.predict  # type: ignore[misc]


def test_the_error_is_one_of_exit_code_2() -> None:
    assert ConfigurationError.exit_code == 2


def test_a_wrong_value_in_the_file_names_key_value_file_and_range(file: Path) -> None:
    file.write_text("[network]\nneighbours_max = 257\n")
    with pytest.raises(ConfigurationError, match=r"network\.neighbours_max = 257 \(in .*peer\.toml\).*from 1 to 256"):
        load_config(file, {})


def test_a_wrong_value_in_the_environment_names_the_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDUS_NETWORK__NEIGHBOURS_MAX", "many")
    with pytest.raises(ConfigurationError, match=r"'many' .*variable HDUS_NETWORK__NEIGHBOURS_MAX.*from 1 to 256"):
        load_config(file, {})


def test_a_wrong_flag_is_named_as_a_flag(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"network\.neighbours_max = 0 \(given as a flag\).*from 1 to 256"):
        load_config(file, {"network.neighbours_max": 0})


def test_unknown_keys_are_named_wherever_they_are(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"no key predict\.roh \(given as a flag\); did you mean rho"):
        load_config(file, {"predict.roh": 1})
    file.write_text("[predikt]\nrho = 1\n")
    with pytest.raises(ConfigurationError, match=r"no key predikt \(in .*peer\.toml\); did you mean predict"):
        load_config(file, {})
    monkeypatch.setenv("HDUS_PREDICT__ROH", "1")
    with pytest.raises(ConfigurationError, match=r"no key predict\.roh .*variable HDUS_PREDICT__ROH"):
        load_config(None, {})
    monkeypatch.setenv("HDUS_FOO", "1")
    with pytest.raises(ConfigurationError, match=r"no key foo .*variable HDUS_FOO.*known here: credentials, data"):
        load_config(None, {})


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("network", "x", "a section with keys"),
        ("network.listen", "nowhere", "host:port"),
        ("network.static_peers", ("a:1", "a:0"), "port from 1 to 65535"),
        ("network.static_peers", "a", "host:port"),
        ("network.advertise", "myhost", "IPv4 or IPv6 addresses without a port"),
        ("timing.heartbeat_interval_s", float("inf"), "from 0.05 to 60"),
        ("timing.suspect_after_s", 3.9, "2 × heartbeat_interval_s ≤ suspect_after_s < gone_after_s"),
        ("timing.gone_after_s", 4.5, "2 × heartbeat_interval_s ≤ suspect_after_s < gone_after_s"),
        ("data.shard", "drop-class", "all, iid:i/n, drop-class:i/n"),
        ("train.device", "tpu", "'auto', 'cpu', 'cuda' or 'mps'"),
        ("train.main", "Mobile Net", "a registered architecture, or package.module:factory"),
        ("train.main", "my models:net", "package.module:factory"),
        ("train.main", "models:", "package.module:factory"),
        ("data.shard", "dirichlet:3/5", "dirichlet:ALPHA:i/n"),
        ("data.shard", "by:writer", "by:COLUMN=VALUE or by:COLUMN:i/n"),
        ("train.seed_model", "mine:make", "a registered architecture"),
        ("train.learning_rate", 0, "above 0 to 10"),
        ("predict.rho", float("nan"), "from 0 to 1"),
        ("predict.rho", "much", "a number from 0 to 1, or auto"),
        ("predict.rho", 1.5, "a number from 0 to 1, or auto"),
        ("predict.objective", "both", "'local' or 'global'"),
        ("predict.rule", "vote", "'logit-mean', 'prob-mean', 'entropy', 'median', 'trimmed-mean' or 'opinion-pool'"),
        ("log.level", "loud", "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_what_is_allowed_is_said(key: str, value: object, allowed: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_config(None, {key: value})
    assert allowed in str(caught.value)
    assert key.split(".")[0] in str(caught.value)


def test_several_wrong_values_are_said_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"predict\.rho.*\. .*|train\.batch") as caught:
        load_config(None, {"predict.rho": 2, "train.batch": 0})
    assert "predict.rho = 2" in str(caught.value)
    assert "train.batch = 0" in str(caught.value)


def test_a_long_value_is_cut() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_config(None, {"network.listen": "x" * 10_000})
    assert len(str(caught.value)) < 300


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load_config(tmp_path / "none.toml", {})
    (tmp_path / "bad.toml").write_text("[network\n")
    with pytest.raises(ConfigurationError, match=r"bad\.toml is no TOML"):
        load_config(tmp_path / "bad.toml", {})
    (tmp_path / "latin.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"latin\.toml is no TOML"):
        load_config(tmp_path / "latin.toml", {})
    (tmp_path / "big.toml").write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigurationError, match="too big"):
        load_config(tmp_path / "big.toml", {})


def _fields(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, f"{path}{name}.")
        else:
            yield path + name, field


@pytest.mark.parametrize(("key", "field"), list(_fields(Config)))
def test_every_number_and_list_is_bounded(key: str, field: Any) -> None:
    if field.annotation in (int, float):
        names = {name for item in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(item, name)}
        assert names & {"ge", "gt"}, key
        assert names & {"le", "lt"}, key
    elif "tuple" in str(field.annotation):
        assert any(hasattr(item, "max_length") for item in field.metadata), key


def test_a_variable_that_is_no_configuration_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDUS_DATA_DIR", "/data")
    assert load_config(None, {}) == Config()
