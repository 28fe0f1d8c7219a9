import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hdus_peer.admission.credentials import load
from hdus_peer.cli.network import network
from hdus_peer.errors import AdmissionError, ConfigurationError


def run(*arguments: str) -> Result:
    return CliRunner().invoke(network, list(arguments))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert run("create", str(tmp_path / "home"), "--task", "digits").exit_code == 0
    return tmp_path / "home"


def test_create_says_what_comes_next(tmp_path: Path) -> None:
    result = run("create", str(tmp_path / "home"), "--task", "digits")
    assert "network home is in" in result.output
    assert f"hdus-peer network issue NAME --network {tmp_path / 'home'}" in result.output


def test_create_prints_json(tmp_path: Path) -> None:
    fields = json.loads(run("create", str(tmp_path / "x"), "--task", "mnist", "--name", "lab", "--json").output)
    assert (fields["name"], fields["task"], len(fields["network"])) == ("lab", "mnist", 64)


def test_issue_writes_credentials_that_load(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "anna.credentials"
    result = run("issue", "anna", "--network", str(home), "--out", str(file))
    assert "anna (" in result.output
    assert load(file).member == "anna"


def test_issue_prints_json_without_secrets(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "anna.credentials"
    output = run("issue", "anna", "--network", str(home), "--out", str(file), "--days", "30", "--json").output
    fields = json.loads(output)
    assert fields["credentials"] == str(file)
    assert fields["peer"] == load(file).peer_id
    assert "PRIVATE" not in output


def test_the_file_is_named_after_the_member(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run("issue", "anna", "--network", str(home))
    assert load(tmp_path / "anna.credentials").member == "anna"


def test_errors_are_those_of_the_product(home: Path, tmp_path: Path) -> None:
    assert isinstance(run("create", str(home), "--task", "digits").exception, AdmissionError)
    assert isinstance(run("create", str(tmp_path / "y"), "--task", "none").exception, ConfigurationError)
    assert isinstance(run("issue", "a b", "--network", str(home)).exception, ConfigurationError)
    assert isinstance(run("issue", "anna", "--network", str(tmp_path / "none")).exception, AdmissionError)


@pytest.mark.parametrize("command", ["create", "issue", "task"])
def test_help_has_examples(command: str) -> None:
    output = run(command, "--help").output
    assert "Examples:" in output
    assert f"hdus-peer network {command}" in output


def test_the_command_file_imports_neither_admission_nor_cryptography() -> None:
    code = (
        "import sys, hdus_peer.cli.network as _; "
        "print([name for name in sys.modules if name.startswith(('hdus_peer.admission', 'cryptography', 'pydantic'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_task_is_printed_as_the_beginning_of_another(tmp_path: Path) -> None:
    text = run("task", "adult").output
    (tmp_path / "task.toml").write_text(text)
    shown = json.loads(run("task", str(tmp_path / "task.toml"), "--json").output)
    assert shown["features"][1]["type"] == "category"
    assert shown["task_fingerprint"] == json.loads(run("task", "adult", "--json").output)["task_fingerprint"]
    assert "neither a preset" in str(run("task", str(tmp_path / "none")).exception)
