"""`hdus-peer logs` and `events`: what they ask for, and that they print it as the daemon's own log does."""

import pytest

from hdus_peer.cli.logs import LEVELS, LINES_MAX
from hdus_peer.control import log_form, port
from hdus_peer.control.port import LogsWanted
from hdus_peer.daemon.ring import ENTRIES_MAX
from tests.cli.conftest import Typed
from tests.control.memory_daemon import ENTRIES, MemoryDaemon


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("logs",), LogsWanted(50, "info", follow=False, events_only=False)),
        (("logs", "-f", "-n", "1", "--level", "error"), LogsWanted(1, "error", follow=True, events_only=False)),
        (("events",), LogsWanted(50, "debug", follow=False, events_only=True)),
        (("events", "--follow", "--lines", "0"), LogsWanted(0, "debug", follow=True, events_only=True)),
    ],
)
def test_what_is_asked_for(words: tuple[str, ...], wanted: LogsWanted, daemon: MemoryDaemon, typed: Typed) -> None:
    shown = typed(*words)
    assert (shown.exit_code, daemon.wanted) == (0, [wanted])
    assert shown.stderr == ("The daemon ended.\n" if wanted.follow else "")


@pytest.mark.parametrize("command", ["logs", "events"])
def test_entries_are_printed_as_the_daemon_logs_them(command: str, daemon: MemoryDaemon, typed: Typed) -> None:
    assert typed(command).stdout == "".join(f"{log_form.human(entry)}\n" for entry in ENTRIES)
    assert typed(command, "--json").stdout == "".join(f"{log_form.as_json(entry)}\n" for entry in ENTRIES)


def test_levels_and_bounds_are_those_of_the_daemon() -> None:
    assert LEVELS == port.LEVELS
    assert LINES_MAX == 2 * ENTRIES_MAX
