"""`hdus-peer doctor`: a table or JSON, and an exit code that a script can use."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hdus_peer import doctor
from hdus_peer.cli.root import root
from hdus_peer.config import Config
from hdus_peer.doctor.findings import Finding, bad, good, warning


def run(*arguments: str) -> Result:
    return CliRunner().invoke(root, ["doctor", *arguments], prog_name="hdus-peer")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The configurations that a doctor who is content was asked about."""
    asked: list[Config] = []

    def examine(config: Config) -> tuple[Finding, ...]:
        asked.append(config)
        return good("port", "It is free."), warning("multicast", "It is deaf: name others.")

    monkeypatch.setattr(doctor, "examine", examine)
    return asked


def test_a_warning_is_no_failure(seen: list[Config]) -> None:
    result = run()
    assert result.exit_code == 0
    assert ["✓", "port", "It", "is", "free."] in [line.split() for line in result.output.splitlines()]
    assert "!  multicast" in result.output


def test_what_must_be_mended_ends_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", lambda config: (bad("port", "It is taken: stop that."),))
    assert run().exit_code == 2
    assert "✗  port" in run().output
    fields = json.loads(run("--json").output)
    assert fields == {
        "well": False,
        "findings": [{"check": "port", "mark": "bad", "sentence": "It is taken: stop that."}],
    }


def test_it_looks_at_the_configuration_of_a_start(seen: list[Config], tmp_path: Path) -> None:
    file = tmp_path / "peer.toml"
    file.write_text('[network]\nlisten = "127.0.0.1:1"\n')
    run("--config", str(file), "--state", str(tmp_path / "s"), "--credentials", "c", "--set", "train.main=mlp")
    (config,) = seen
    assert (config.network.listen, config.train.main) == ("127.0.0.1:1", "mlp")
    assert (config.state_directory, config.credentials) == (tmp_path / "s", Path("c"))


def test_a_configuration_that_is_wrong_ends_with_2_too(seen: list[Config]) -> None:
    assert run("--set", "train.batch=1").exit_code == 2
    assert seen == []


@pytest.mark.slow
def test_everything_is_really_looked_at(tmp_path: Path) -> None:
    result = run("--json", "--state", str(tmp_path / "s"), "--set", "network.mdns_interfaces=127.0.0.1",
                 "--set", "network.listen=127.0.0.1:0")  # fmt: skip
    found = {entry["check"]: entry["mark"] for entry in json.loads(result.output)["findings"]}
    assert found.keys() == {"python", "torch", "onnx", "onnxruntime", "state", "space", "credentials", "clock", "port",
                            "multicast", "data"}  # fmt: skip
    assert (found["torch"], found["credentials"], result.exit_code) == ("good", "bad", 2)
    assert not (tmp_path / "s").exists()
