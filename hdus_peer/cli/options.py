"""Options that commands share."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

STATE_VARIABLE = "HDUS_STATE_DIRECTORY"
_JSON_KEY = "hdus_peer.json"

Command = Callable[..., Any]


def default_state() -> Path:
    """Where a peer's state lies if nobody says otherwise."""
    return Path.home() / ".local" / "state" / "hdus-peer"


def state_option(command: Command) -> Command:
    """`--state DIR`, passed on as `state: Path`."""
    return click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path),
        envvar=STATE_VARIABLE,
        default=default_state,
        show_default="~/.local/state/hdus-peer",
        help=f"The peer's state directory [env: {STATE_VARIABLE}].",
    )(command)


def configuration_options(command: Command) -> Command:
    """`--config`, passed on as `config_file: Path | None`, and `--set`."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="A TOML file; the environment and the flags go before it.",
    )(configuration_settings(command))


def configuration_settings(command: Command) -> Command:
    """`--set`, passed on as `settings: dict[str, str]`."""
    return click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE", callback=key_values,
        help="Any configuration key, for example train.main=mlp; may be repeated.",
    )(command)  # fmt: skip


def key_values(ctx: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """The KEY=VALUE of `--set`, wherever there is one."""
    return dict(_setting(text) for text in texts)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{text!r} is no KEY=VALUE, such as train.main=resnet20", param_hint="--set")
    return key, value


def json_option(command: Command) -> Command:
    """`--json`, passed on as `as_json: bool`; known to the error handling before any other option is read."""
    return click.option(
        "--json", "as_json", is_flag=True, is_eager=True, callback=_remember, help="Print JSON for programs."
    )(command)


def wants_json(ctx: click.Context) -> bool:
    return bool(ctx.meta.get(_JSON_KEY, False))


def _remember(ctx: click.Context, parameter: click.Parameter, value: bool) -> bool:
    ctx.meta[_JSON_KEY] = value
    return value


def unlearning_options(what: str) -> Callable[[Command], Command]:
    """`--yes` and `--wait` (as `wait_s: float`) of a command that has something unlearned; `what` goes on after it."""
    wait = click.option(
        "--wait", "wait_s", type=click.FloatRange(0.1, 86_400), default=30.0, show_default=True,
        help=f"Seconds to wait for confirmations; the {what} itself goes on.",
    )  # fmt: skip
    yes = click.option("--yes", is_flag=True, help="Do not ask.")
    return lambda command: yes(wait(command))


def asks_daemon(command: Command) -> Command:
    """Open the control client of `--state` around a command, which gets it as its first argument `daemon`."""

    @state_option
    @json_option
    @functools.wraps(command)
    def connected(state: Path, **options: Any) -> Any:
        from hdus_peer.control.client import ControlClient

        with ControlClient(state) as daemon:
            return command(daemon, **options)

    return connected
