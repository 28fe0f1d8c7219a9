"""What peers spend is counted by process, and what idle ones spend in the same time is taken off."""

import math
import os
import socket

import pytest

from benchmarks.socket_bytes import can_count, sent_bytes
from benchmarks.spending import Spending, spent


def test_what_is_spent_is_a_difference_less_the_idle_share_of_its_time():
    before, after = Spending(10.0, 1.0, 1000.0), Spending(12.0, 1.6, 5000.0)
    assert after.since(before).beyond(Spending(4.0, 0.4, 800.0)) == Spending(2.0, pytest.approx(0.4), 3600.0)


def test_nobody_spends_nothing():
    assert spent([]).computed_s == 0
    assert spent([]).sent_bytes == 0 or math.isnan(spent([]).sent_bytes)


@pytest.mark.skipif(not can_count(), reason="there is no `ss` to ask")
def test_bytes_are_those_of_the_named_processes_own_sockets():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as out:
        taken, _ = server.accept()
        with taken:
            before = sent_bytes([os.getpid()])
            out.sendall(bytes(5000))
            assert taken.recv(5000, socket.MSG_WAITALL) == bytes(5000)
            assert sent_bytes([os.getpid()]) - before == 5000
            assert sent_bytes([]) == 0
