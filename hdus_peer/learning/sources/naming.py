"""How a source is written: `KIND:WHERE#key=value,key=value`, the part behind the hash sign where one is needed.

Rule: a key that its kind does not have is an error, never passed over.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hdus_peer.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class SourceName:
    """`where`: what stands between the kind and the hash sign; `options`: what stands behind it."""

    text: str
    kind: str
    where: str
    options: Mapping[str, str]

    @property
    def path(self) -> Path:
        """`where` as a file or folder of the operator's."""
        return Path(self.where).expanduser()


def parse(text: str, form: str, keys: tuple[str, ...] = ()) -> SourceName:
    """`form` says how sources of this kind are written, `keys` what they may say behind the hash sign. Raises
    ConfigurationError."""
    kind, _, rest = text.partition(":")
    where, mark, selection = rest.partition("#")
    # a comma parts two options only where another key follows: column names may have commas
    items = re.split(rf",(?=(?:{'|'.join(keys)})=)", selection) if mark else []
    pairs = [item.partition("=") for item in items]
    options = {key: value for key, _, value in pairs}
    if not where or "" in options.values() or not options.keys() <= set(keys) or len(options) < len(pairs):
        raise ConfigurationError(f"data source {text!r}: write {form}")
    return SourceName(text, kind, where, options)
