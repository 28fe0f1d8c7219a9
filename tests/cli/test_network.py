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


@pytest.mark.parametrize("command", ["create", "issue", "task", "request", "sign", "accept"])
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


def test_the_keys_of_a_device_never_leave_it(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = tmp_path / "anna"
    asked = run("request", "anna", "--root", str(home / "root.pem"), "--state", str(state))
    assert "hdus-peer network sign anna.request" in asked.output
    signed = run("sign", "anna.request", "--network", str(home))
    peer = asked.output.split("Device   ")[1].split()[0]
    assert f"Device   {peer}" in signed.output
    assert "hdus-peer network accept anna.grant" in signed.output
    accepted = run("accept", "anna.grant", "--state", str(state))
    assert f"hdus-peer start --state {state}" in accepted.output
    assert load(state / "credentials").peer_id == peer


def test_a_renewal_is_three_commands_too(home: Path, tmp_path: Path) -> None:
    state, request, grant = tmp_path / "anna", tmp_path / "r", tmp_path / "g"
    assert run("issue", "anna", "--network", str(home), "--out", str(state / "credentials")).exit_code == 0
    before = load(state / "credentials")
    fields = [
        json.loads(run(*arguments, "--json").output)
        for arguments in (
            ("request", "--renew", "--state", str(state), "--out", str(request)),
            ("sign", str(request), "--network", str(home), "--days", "700", "--out", str(grant)),
            ("accept", str(grant), "--state", str(state)),
        )
    ]
    assert {entry["peer"] for entry in fields} == {before.peer_id}
    assert load(state / "credentials").not_after_s == fields[-1]["not_after_s"] > before.not_after_s


@pytest.mark.parametrize("arguments", [(), ("anna",), ("--root", "x"), ("anna", "--renew"), ("--renew", "--root", "x")])
def test_a_request_is_for_a_new_member_or_a_renewal(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = run("request", *arguments, "--state", str(tmp_path / "state"))
    assert result.exit_code == 2
    assert "--renew" in result.output
