"""What is configured, key by key, and where each value came from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdus_peer.config.keys import sections
from hdus_peer.config.layers import Layers, Origin


@dataclass(frozen=True, slots=True)
class Setting:
    """`value`: plain, as JSON knows it."""

    key: str
    value: Any
    origin: Origin


def settings(layers: Layers) -> tuple[Setting, ...]:
    """Every key, in the order of the models. Raises ConfigurationError where a value is not possible."""
    config = layers.config()
    return tuple(
        Setting(key.dotted, plain(_at(config, key.path)), layers.origin(key.path))
        for section in sections()
        for key in section.keys
    )


def plain(value: Any) -> Any:
    """A value as TOML and JSON can write it."""
    if isinstance(value, Path):
        return str(value)
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def _at(config: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        config = getattr(config, name)
    return config
