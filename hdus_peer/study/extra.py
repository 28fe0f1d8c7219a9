"""What a study needs beside the product itself: the extras [study] and [ray], whose absence is said in one sentence."""

from importlib.util import find_spec

from hdus_peer.errors import ConfigurationError

PACKAGES = {"study": ("joblib", "pyarrow", "scipy", "matplotlib"), "ray": ("ray",)}


def need(extra: str) -> None:
    """Raises ConfigurationError for the first package of `extra` that is not installed."""
    for package in PACKAGES[extra]:
        if find_spec(package) is None:
            raise ConfigurationError(f"{package} is not installed: pip install 'hdus-peer[{extra}]'")
