"""Six real daemons on a network of their own, for every test of this folder; what `make test-faults` can be told."""

from collections.abc import Iterator

import pytest

from tests.faults import tally
from tests.faults.six import SUBNET, Six
from tests.integration.conftest import peers, trained
from tests.integration.lan import devices_on_a_lan
from tests.integration.peers import Network

__all__ = ["peers", "trained"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=10, help="how many processes are killed in the midst of leaves")
    parser.addoption("--faults-seed", type=int, default=1, help="from which the instants and the victims are drawn")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in tally.lines():
        terminalreporter.write_line(line)


@pytest.fixture
def six(peers: Network) -> Iterator[Six]:
    with devices_on_a_lan(len(Six.NAMES)) as lan:
        lan.plug_all(SUBNET)
        yield Six(peers, lan)
