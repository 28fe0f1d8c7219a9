"""`hdus-peer init`: by flags and by answers; what it writes is what `start --config` reads."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hdus_peer import doctor
from hdus_peer.admission.authority import create_network, issue_file
from hdus_peer.cli import init as command
from hdus_peer.cli.root import root
from hdus_peer.config import Config, load_config
from hdus_peer.doctor.findings import Finding, bad, good

FOUND = [good("port", "It is free.")]


@pytest.fixture(autouse=True)
def at_a_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """A directory of its own, no HDUS_ variable, and a doctor who finds what the test says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HDUS_STATE_DIRECTORY", raising=False)
    found = list(FOUND)
    monkeypatch.setattr(doctor, "examine", lambda config: tuple(found))
    return found


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    create_network(tmp_path / "home", "home", "digits")
    issue_file(tmp_path / "home", "mira", tmp_path / "mira.credentials")
    return tmp_path / "mira.credentials"


def run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(root, ["init", *arguments], input=typed, prog_name="hdus-peer")


def test_without_a_terminal_nothing_is_asked_and_the_defaults_hold() -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert load_config(Path("peer.toml"), {}) == Config()
    assert "hdus-peer start --config peer.toml" in result.output
    assert "It is free." in result.output


def test_every_question_has_a_flag(credentials: Path, tmp_path: Path) -> None:
    result = run("--yes", "--out", "mira.toml", "--state", "mira", "--credentials", credentials.name, "--data",
                 "npz:x.npz", "--shard", "iid:0/2", "--main", "mlp", "--listen", "127.0.0.1:0", "--mdns-interfaces",
                 "lo,eth0", "--set", "predict.rho=0.25")  # fmt: skip
    assert result.exit_code == 0, result.output
    config = load_config(Path("mira.toml"), {})
    assert (config.state_directory, config.credentials) == (tmp_path / "mira", credentials)
    assert (config.data.source, config.data.shard, config.train.main) == ("npz:x.npz", "iid:0/2", "mlp")
    assert (config.network.listen, config.network.mdns_interfaces) == ("127.0.0.1:0", ("lo", "eth0"))
    assert config.predict.rho == 0.25
    assert config.timing == Config().timing


def test_answers_are_checked_at_once_and_asked_again(
    credentials: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "is_interactive", lambda: True)
    answers = ["mira", "none", credentials.name, "", "iid:9", "iid:0/2", "Bad Name", "mlp", "here", "127.0.0.1:0", ""]
    result = run(typed="\n".join(answers) + "\n")
    assert result.exit_code == 0, result.output
    for sentence in ("There is no credentials file at", "data.shard = 'iid:9' (as typed)", "'Bad Name' (as typed)",
                     "network.listen = 'here' (as typed)"):  # fmt: skip
        assert sentence in result.output
    config = load_config(Path("peer.toml"), {})
    assert (config.state_directory, config.credentials) == (tmp_path / "mira", credentials)
    assert (config.data, config.train.main) == (Config().data.model_copy(update={"shard": "iid:0/2"}), "mlp")
    assert config.network == Config().network.model_copy(update={"listen": "127.0.0.1:0"})


def test_what_a_flag_answered_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "is_interactive", lambda: True)
    asked = run("--main", "mlp", typed="\n" * 6).output
    assert "Architecture" not in asked
    assert "Data source [digits]" in asked
    assert load_config(Path("peer.toml"), {}).train.main == "mlp"


def test_a_program_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "is_interactive", lambda: True)
    assert json.loads(run("--json", typed="").output)["config"].endswith("peer.toml")


def test_ctrl_c_at_a_question_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "is_interactive", lambda: True)
    assert run(typed="").exit_code == 130
    assert not Path("peer.toml").exists()


def test_a_file_is_overwritten_by_force_alone() -> None:
    Path("peer.toml").write_text("mine")
    refused = run("--yes")
    assert (refused.exit_code, Path("peer.toml").read_text()) == (2, "mine")
    assert "--force" in refused.output
    assert run("--yes", "--force").exit_code == 0
    assert load_config(Path("peer.toml"), {}) == Config()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--listen", "nowhere"), 2, "network.listen = 'nowhere' (given as a flag)"),
        (("--set", "train.batch=1"), 2, "from 2 to 65536"),
        (("--set", "nosuch=1"), 2, "There is no key nosuch"),
        (("--set", "timing.gone_after_s=0.3"), 2, "suspect_after_s < gone_after_s"),
        (("--credentials", "none"), 4, "There is no credentials file"),
        (("--out", "none/of/../peer.toml/x", "--set", "x"), 2, "is no KEY=VALUE"),
    ],
)
def test_a_wrong_flag_writes_nothing(arguments: tuple[str, ...], code: int, sentence: str) -> None:
    result = run("--yes", *arguments)
    assert result.exit_code == code
    assert sentence in result.output
    assert not Path("peer.toml").exists()


def test_what_the_doctor_finds_is_shown_and_written_all_the_same(at_a_desk: list[Finding]) -> None:
    at_a_desk.append(bad("credentials", "There are none."))
    result = run("--yes")
    assert result.exit_code == 0
    assert "hdus-peer doctor --config peer.toml" in result.output
    assert json.loads(run("--yes", "--force", "--json").output)["findings"][1]["mark"] == "bad"
