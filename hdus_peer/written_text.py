"""A file that people write (a task, a plan), read whole, bounded, and as text.

Rule: it was asked for by the name of one that comes with the product, or by a path: an error says both.
"""

from collections.abc import Iterable
from pathlib import Path

from hdus_peer.errors import ConfigurationError

WRITTEN_BYTES_MAX = 1 << 20


def read_written(path: Path, what: str, presets: Iterable[str]) -> str:
    """The text in `path`; `what` it is, in one word; `presets`: the names that were not meant. Raises
    ConfigurationError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(WRITTEN_BYTES_MAX + 1)
        if len(data) > WRITTEN_BYTES_MAX:
            raise ConfigurationError(f"{path} is too big for a {what}: at most {WRITTEN_BYTES_MAX} bytes are read.")
        return data.decode("utf-8")
    except OSError as problem:
        sentence = f"The {what} {str(path)!r} is neither a preset ({', '.join(presets)}) nor a file that can be read"
        raise ConfigurationError(f"{sentence}: {problem.strerror}.") from problem
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"{path} is no text in UTF-8. Save it as UTF-8.") from problem
