"""The operator's own code, by its name: `package.module:function`.

Rules
1. It is imported here, in the trainer child, and nowhere else: with the rights of whoever started the peer, as any
   program of his. Nothing that another peer sends can name it; it comes from the configuration alone.
2. Modules are looked for where Python looks: the directory in which `hdus-peer start` was typed first, then PYTHONPATH
   and what is installed.
3. Whatever it raises becomes a ConfigurationError that names the exception, the file and the line.
"""

import hashlib
import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hdus_peer.errors import ConfigurationError

_WHERE = "modules are looked for in the directory where the peer was started, in PYTHONPATH and among what is installed"


def is_named(text: str) -> bool:
    """Whether `text` names a function, and not something that is built in."""
    return ":" in text


def find(name: str, key: str) -> Callable[..., Any]:
    """The function `package.module:function`; `key` is what it was given for. Raises ConfigurationError."""
    module_name, _, function_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as problem:
        if problem.name is not None and (module_name + ".").startswith(problem.name + "."):
            raise ConfigurationError(f"{key} {name!r}: there is no module {problem.name!r}; {_WHERE}") from None
        raise _failed(name, key, "cannot be imported", problem) from problem
    except (Exception, SystemExit) as problem:  # somebody else's code
        raise _failed(name, key, "cannot be imported", problem) from problem
    function = getattr(module, function_name, None)
    if function is None:
        raise ConfigurationError(f"{key} {name!r}: the module {module.__file__} has no {function_name!r}; correct one")
    if not callable(function):
        raise ConfigurationError(f"{key} {name!r} is a {type(function).__name__}; name a function")
    return function  # type: ignore[no-any-return]


def call(name: str, key: str, *arguments: object) -> Any:
    """What the function answers. Raises ConfigurationError, also for what the function raises."""
    function = find(name, key)
    try:
        return function(*arguments)
    except (Exception, SystemExit) as problem:  # somebody else's code
        raise _failed(name, key, "failed", problem) from problem


def source_sha256(name: str) -> str:
    """SHA-256 (hex) of the source of the module that `name` is in, or "" where it has none. What that imports is not
    part of it."""
    file = getattr(sys.modules[find(name, "the function").__module__], "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""


def said_of(problem: BaseException) -> str:
    """The exception, and the last place of it that is not inside of a library."""
    frames = [frame for frame in traceback.extract_tb(problem.__traceback__) if "site-packages" not in frame.filename]
    place = f", {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
    message = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {message}{place}" if message else f"{type(problem).__name__}{place}"


def _failed(name: str, key: str, what: str, problem: BaseException) -> ConfigurationError:
    return ConfigurationError(f"{key} {name!r} {what} ({said_of(problem)}); correct it")
