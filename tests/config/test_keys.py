"""What `init` writes and `config show` shows is read off the models: no key is forgotten, no default is copied."""

import os
import re
import tomllib
from pathlib import Path

import pytest

from hdus_peer.config import Config, load_config
from hdus_peer.config.keys import Key, sections
from hdus_peer.config.layers import Source, parse, read_layers
from hdus_peer.config.shown import settings
from hdus_peer.config.template import template, toml_value
from hdus_peer.errors import ConfigurationError

KEYS = [key for section in sections() for key in section.keys]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("HDUS_")]:
        monkeypatch.delenv(name)


def _uncommented(text: str) -> str:
    """Every default set; a key without one stays a comment."""
    return re.sub(r'^#(?=[a-z_]+ = (?!"…"))', "", text, flags=re.MULTILINE)


# --- keys -----------------------------------------------------------------------------------------------------------
def test_every_key_of_the_models_is_there_once() -> None:
    dumped = Config().model_dump()
    flat = {name if not isinstance(value, dict) else f"{name}.{key}" for name, value in dumped.items()
            for key in (value if isinstance(value, dict) else [name])}  # fmt: skip
    assert sorted(key.dotted for key in KEYS) == sorted(flat)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.dotted)
def test_every_key_says_what_it_means_and_what_is_allowed(key: Key) -> None:
    assert key.meaning.endswith((".", ")")), "write a sentence under the key, in hdus_peer/config/sections.py"
    assert key.allowed


@pytest.mark.parametrize("section", list(sections())[1:], ids=lambda section: section.name)
def test_every_section_says_what_it_is_about(section: object) -> None:
    assert getattr(section, "meaning", "")


@pytest.mark.parametrize(
    ("dotted", "allowed"),
    [
        ("timing.gone_after_s", "seconds, from 0.2 to 900"),
        ("limits.ballast_bytes", "bytes, from 0 to 1073741824"),
        ("limits.seed_bytes_max", "bytes, from 1024 to 1073741824"),
        ("train.device", "auto, cpu, cuda or mps"),
        ("network.mdns", "true or false"),
        ("network.advertise", "a list of at most 8"),
        ("credentials", "a path"),
        ("state_directory", "a path"),
        ("data.reference", "text of at most 4096 characters"),
    ],
)
def test_units_and_bounds_are_those_of_the_models(dotted: str, allowed: str) -> None:
    assert next(key.allowed for key in KEYS if key.dotted == dotted) == allowed


# --- the file -------------------------------------------------------------------------------------------------------
def test_a_file_in_which_nothing_was_chosen_is_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "peer.toml"
    file.write_text(template({}))
    assert load_config(file, {}) == Config()
    assert {name: value for name, value in tomllib.loads(template({})).items() if value} == {}


def test_a_file_with_every_default_set_is_the_defaults_too(tmp_path: Path) -> None:
    file = tmp_path / "peer.toml"
    file.write_text(_uncommented(template({})))
    assert load_config(file, {}) == Config()
    written = tomllib.loads(file.read_text())
    assert sum(len(value) if isinstance(value, dict) else 1 for value in written.values()) == len(KEYS) - 1


def test_what_was_chosen_is_set_and_the_rest_stays_a_comment(tmp_path: Path) -> None:
    file = tmp_path / "peer.toml"
    odd = 'a "quoted" \\ path\twith\x7f ümläut'
    chosen = {"credentials": tmp_path / odd, "network.static_peers": ("a:1", "[fd00::1]:2"), "network.mdns": False,
              "predict.rho": 0.25, "train.batch": 7}  # fmt: skip
    file.write_text(template(chosen))
    config = load_config(file, {})
    assert (config.credentials, config.predict.rho, config.train.batch) == (tmp_path / odd, 0.25, 7)
    assert (config.network.static_peers, config.network.mdns) == (("a:1", "[fd00::1]:2"), False)
    assert config.timing == Config().timing
    assert "#gone_after_s = 12.0" in file.read_text()


@pytest.mark.parametrize("value", ["", "a\nb", "\x7f\x00\x1b", "ü✓", [], ["a", 'b"'], 0, -1.5, 1e-9, True, 2**40])
def test_values_survive_toml(value: object) -> None:
    assert tomllib.loads(f"key = {toml_value(value)}")["key"] == value


# --- origins --------------------------------------------------------------------------------------------------------
def test_every_value_has_its_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "peer.toml"
    file.write_text('[network]\nlisten = "127.0.0.1:1"\nneighbours_max = 5\n[predict]\nrho = 0.1\n')
    monkeypatch.setenv("HDUS_NETWORK__NEIGHBOURS_MAX", "6")
    shown = {one.key: one for one in settings(read_layers(file, {"predict.rho": "0.75"}))}
    origins = {key: (str(one.value), one.origin.source, one.origin.name) for key, one in shown.items()}
    assert origins["network.listen"] == ("127.0.0.1:1", Source.FILE, str(file))
    assert origins["network.neighbours_max"] == ("6", Source.ENVIRONMENT, "HDUS_NETWORK__NEIGHBOURS_MAX")
    assert origins["predict.rho"] == ("0.75", Source.FLAG, "")
    assert origins["log.level"] == ("info", Source.DEFAULT, "")
    assert list(shown) == [key.dotted for key in KEYS]


def test_what_is_shown_is_what_is_loaded(tmp_path: Path) -> None:
    given = {"network.static_peers": "a:1,b:2", "credentials": "~/c"}
    shown = {one.key: one.value for one in settings(read_layers(None, given))}
    config = load_config(None, given)
    assert shown["network.static_peers"] == list(config.network.static_peers)
    assert shown["credentials"] == str(config.credentials) == str(Path.home() / "c")


def test_a_wrong_value_is_an_error_when_it_is_shown() -> None:
    with pytest.raises(ConfigurationError, match=r"predict\.rho = '2' \(given as a flag\)"):
        settings(read_layers(None, {"predict.rho": "2"}))


def test_one_value_is_parsed_as_the_configuration_would() -> None:
    assert parse("network.mdns_interfaces", "eth0, lo", Source.ANSWER) == ("eth0", "lo")
    with pytest.raises(ConfigurationError, match=r"network\.listen = 'x' \(as typed\) .*host:port"):
        parse("network.listen", "x", Source.ANSWER)
    with pytest.raises(ConfigurationError, match=r"There is no key predict\.roh"):
        parse("predict.roh", "1", Source.FLAG)
