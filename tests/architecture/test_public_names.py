"""The names that other code may rely on are a decision: a change of them is seen in the same commit.

After a change that is meant: `python -m tests.architecture.test_public_names` writes the list anew.
"""

import importlib
import inspect
from pathlib import Path

LIST = Path(__file__).with_name("public_names.txt")
SURFACES = (
    "errors", "config.layers", "config.sections", "domain.clock", "domain.envelope", "domain.identity",
    "domain.membership", "domain.sealed", "domain.seed", "domain.task", "domain.unlearning", "protocol.limits",
    "protocol.messages", "protocol.peer", "protocol.records", "protocol.step", "repository.port", "transport.port",
    "discovery.port", "workers.port", "workers.job", "control.port", "control.client", "admission.authority",
    "admission.credentials",
)  # fmt: skip


def public_names() -> list[str]:
    """`module name`, for everything public that a surface defines itself."""
    names = []
    for surface in SURFACES:
        module = importlib.import_module(f"hdus_peer.{surface}")
        for name, value in sorted(vars(module).items()):
            is_own = getattr(value, "__module__", module.__name__) == module.__name__
            if is_own and not name.startswith("_") and not inspect.ismodule(value):
                names.append(f"{surface} {name}")
    return names


def test_public_names_are_as_listed():
    assert public_names() == LIST.read_text().splitlines()


if __name__ == "__main__":
    LIST.write_text("\n".join(public_names()) + "\n")
