"""`hdus-peer config show`: the layers of a start, as people and programs read them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hdus_peer.cli.root import root


def run(*arguments: str, **environment: str) -> Result:
    clean = {"HDUS_STATE_DIRECTORY": None, **environment}
    return CliRunner().invoke(root, ["config", "show", *arguments], env=clean, prog_name="hdus-peer")


def test_every_value_is_shown_with_its_origin(tmp_path: Path) -> None:
    file = tmp_path / "peer.toml"
    file.write_text("[predict]\nrho = 0.25\n")
    lines = run("--config", str(file), "--set", "train.main=mlp", HDUS_LOG__LEVEL="debug").output.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines}
    assert rows["predict.rho"] == ["0.25", "file", str(file)]
    assert rows["train.main"] == ['"mlp"', "flag"]
    assert rows["log.level"] == ['"debug"', "environment", "HDUS_LOG__LEVEL"]
    assert rows["log.form"] == ['"human"', "default"]


def test_json_has_plain_values() -> None:
    shown = {one["key"]: one for one in json.loads(run("--json", "--set", "network.static_peers=a:1,b:2").output)}
    assert shown["network.static_peers"] == {
        "key": "network.static_peers", "value": ["a:1", "b:2"], "origin": "flag", "name": ""
    }  # fmt: skip
    assert shown["credentials"]["value"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--set", "train.batch=1"), "train.batch = '1' (given as a flag) is not possible; allowed: from 2 to 65536."),
        (("--set", "nonsense"), "is no KEY=VALUE"),
        (("--config", "none.toml"), "cannot be read: No such file"),
    ],
)
def test_what_is_wrong_ends_with_2(arguments: tuple[str, ...], sentence: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in result.output
