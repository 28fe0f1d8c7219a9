"""`hdus-peer init`: a configuration file with everything explained, from flags or from answers.

Rule: an answer is checked by the configuration's own rules as soon as it is given. Nothing is written before all are.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hdus_peer.cli.doctor import show_findings
from hdus_peer.cli.options import configuration_settings, json_option
from hdus_peer.cli.output import show_json

if TYPE_CHECKING:
    from hdus_peer.config import Config

_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Question:
    """`key`: what it sets (its flag is passed on under this name, with _ for the dot); `text`: how it is asked."""

    key: str
    text: str


QUESTIONS = (
    Question("state_directory", "State directory of this peer"),
    Question("credentials", "Credentials file (empty: those in the state directory)"),
    Question("data.source", "Data source"),
    Question("data.shard", "Part of the source that is this peer's own"),
    Question("train.main", "Architecture of the main model"),
    Question("network.listen", "Where to listen for other peers"),
    Question("network.mdns_interfaces", "Interfaces for mDNS, with commas (empty: all)"),
)
_PATHS = ("state_directory", "credentials")


@click.command(short_help="Write a configuration file with every key explained.")
@click.option("--out", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), default=Path("peer.toml"),
              show_default=True, help="The file to write.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.option("--yes", is_flag=True, help="Ask nothing: defaults where no flag says otherwise.")
@click.option("--state", "state_directory", metavar="DIR", help="The peer's state directory.")
@click.option("--credentials", metavar="FILE", help="Its credentials file.")
@click.option("--data", "data_source", metavar="SOURCE", help="What it learns from, for example npz:mine.npz.")
@click.option("--shard", "data_shard", metavar="SHARD", help="Which part of that is its own, for example iid:0/2.")
@click.option("--main", "train_main", metavar="NAME", help="The architecture of its main model.")
@click.option("--listen", "network_listen", metavar="HOST:PORT", help="Where it listens for other peers.")
@click.option("--mdns-interfaces", "network_mdns_interfaces", metavar="NAMES", help="Interfaces for mDNS, with commas.")
@configuration_settings
@json_option
def init(out: Path, force: bool, yes: bool, settings: dict[str, str], as_json: bool, **flags: str | None) -> None:
    """Write a configuration file for `hdus-peer start --config`, in which every key is explained.

    At a terminal it asks for what matters most, one thing at a time, and shows what is taken if you type nothing; an
    answer that is not possible is asked for again. Each question has a flag; --yes and --json ask none. At the end
    everything that the peer needs is looked at, as by `hdus-peer doctor`.

    \b
    Examples
      hdus-peer init
      hdus-peer init --yes --credentials mira.credentials --data npz:mine.npz --main resnet20
      hdus-peer init --out noor.toml --yes --state ./noor --listen 0.0.0.0:7500 --set predict.rho=0.3
    """
    from hdus_peer.config import load_config
    from hdus_peer.doctor import examine

    _check_free(out, force)
    flagged = {question.key: flags[question.key.replace(".", "_")] for question in QUESTIONS}
    given = {**settings, **{key: text for key, text in flagged.items() if text is not None}}
    chosen = {key: _taken(key, text, typed=False) for key, text in given.items()}
    if is_interactive() and not (yes or as_json):
        chosen.update(_answers(chosen))
    _write(out, chosen)
    found = examine(load_config(out, {}))
    if as_json:
        show_json({"config": str(out.absolute()), "findings": found})
        return
    click.echo(f"The configuration is in {out}.")
    show_findings(found)
    if any(finding.mark == "bad" for finding in found):
        click.echo(f"Mend what is marked ✗, and look again: hdus-peer doctor --config {out}")
    click.echo(f"Next: hdus-peer start --config {out}")


def is_interactive() -> bool:
    return sys.stdin.isatty()


def _check_free(out: Path, force: bool) -> None:
    from hdus_peer.errors import ConfigurationError

    if out.exists() and not force:
        raise ConfigurationError(f"{out} exists already: choose another file with --out, or overwrite it with --force.")


def _answers(given: dict[str, Any]) -> dict[str, Any]:
    """What is typed at the terminal, without what was left at its default."""
    from hdus_peer.config import Config

    answers = {}
    for question in QUESTIONS:
        if question.key not in given:
            default = _shown(Config(), question.key)
            text = _asked(question, default)
            if text != default:
                answers[question.key] = _taken(question.key, text, typed=True)
    return answers


def _asked(question: Question, default: str) -> str:
    from hdus_peer.errors import HdusError

    while True:
        text: str = click.prompt(question.text, default=default, show_default=bool(default)).strip()
        if text == default:
            return text
        try:
            _taken(question.key, text, typed=True)
        except HdusError as problem:
            click.echo(f"  {problem}", err=True)
        else:
            return text


def _taken(key: str, text: str, *, typed: bool) -> Any:
    """The value, checked. Paths are made absolute: the file may be used from anywhere. Raises an HdusError."""
    from hdus_peer.admission.credentials import load
    from hdus_peer.config.layers import Source, parse

    value = parse(key, text, Source.ANSWER if typed else Source.FLAG)
    if key in _PATHS:
        value = value.absolute()
    if key == "credentials":
        load(value)
    return value


def _shown(config: "Config", key: str) -> str:
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value)


def _write(out: Path, chosen: dict[str, Any]) -> None:
    from hdus_peer.config.template import template
    from hdus_peer.durable import write_durably

    write_durably(out.absolute(), template(chosen).encode("utf-8"), _MODE)
