"""Plans as files: those that come with the product by name, a user's own by path."""

import tomllib
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from hdus_peer.errors import ConfigurationError
from hdus_peer.study.plan import Plan
from hdus_peer.wrong_values import sentences

PLAN_BYTES_MAX = 1 << 20
_READY = resources.files("hdus_peer.study").joinpath("plans")


def ready_names() -> tuple[str, ...]:
    """The plans that come with the product."""
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in _READY.iterdir() if entry.name[-5:] == ".toml"))


def read_plan(ready_or_file: str, scale: float | None = None) -> Plan:
    """The plan of that name or file, at `scale` if one is given. Raises ConfigurationError."""
    if ready_or_file in ready_names():
        text = _READY.joinpath(f"{ready_or_file}.toml").read_text(encoding="utf-8")
    else:
        text = _read(Path(ready_or_file).expanduser())
    return parse_plan(text, ready_or_file, scale)


def parse_plan(text: str, where: str, scale: float | None = None) -> Plan:
    """The plan in a text; `where` names it in errors. Raises ConfigurationError."""
    try:
        fields = tomllib.loads(text)
        return Plan.model_validate(fields if scale is None else {**fields, "scale": scale})
    except tomllib.TOMLDecodeError as problem:
        raise ConfigurationError(f"{where} is no TOML: {problem}. Correct that line.") from problem
    except ValidationError as problem:
        raise ConfigurationError(sentences(problem, Plan, lambda _path: f"in {where}")) from problem


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(PLAN_BYTES_MAX + 1)
        if len(data) > PLAN_BYTES_MAX:
            raise ConfigurationError(f"{path} is too big for a plan: at most {PLAN_BYTES_MAX} bytes are read.")
        return data.decode("utf-8")
    except OSError as problem:
        sentence = f"The plan {str(path)!r} is neither one of {', '.join(ready_names())} nor a file that can be read"
        raise ConfigurationError(f"{sentence}: {problem.strerror}.") from problem
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"{path} is no text in UTF-8. Save it as UTF-8.") from problem
