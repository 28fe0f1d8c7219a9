import socket

import pytest

from hdus_peer.discovery.interfaces import Interface, dialable_addresses, interfaces, speaking_addresses

LO = Interface("lo", socket.if_nametoindex("lo"), ("127.0.0.1", "127.0.0.2"))
ETH = Interface("eth0", 2, ("192.0.2.7", "2001:db8::7"))
V6 = Interface("eth1", 3, ("2001:db8::9",))


def test_loopback_is_found_by_name_and_by_address() -> None:
    by_address = interfaces(("127.0.0.1",))
    assert [interface.addresses for interface in by_address] == [("127.0.0.1",)]
    assert by_address[0].is_loopback
    assert "127.0.0.1" in interfaces((by_address[0].name,))[0].addresses


def test_an_interface_that_does_not_exist_is_not_found() -> None:
    assert interfaces(("no-such-interface",)) == ()


def test_one_address_is_spoken_on_per_interface_that_exists() -> None:
    gone = (Interface("gone0", 9, ("203.0.113.99",)), Interface("gone1", 10, ("2001:db8::9",)))
    assert speaking_addresses((LO, *gone)) == ["127.0.0.1"]


def test_both_families_are_spoken_on_where_an_interface_has_both() -> None:
    both = [one for one in interfaces(()) if {":" in address for address in one.addresses} == {True, False}]
    outward = [interface for interface in both if not interface.is_loopback]
    if not outward:
        pytest.skip("no interface of this host has addresses of both families")
    spoken = speaking_addresses((outward[0],))
    assert [":" in address for address in spoken] == [False, True]
    assert set(spoken) <= set(outward[0].addresses)


@pytest.mark.parametrize(
    ("among", "listen", "advertise", "expected"),
    [
        ((LO, ETH), "192.0.2.7:1", (), ("192.0.2.7",)),
        ((LO, ETH), "127.0.0.1:1", (), ("127.0.0.1",)),
        ((LO, ETH), "0.0.0.0:1", (), ("192.0.2.7",)),
        ((LO, ETH, V6), "[::]:1", (), ("192.0.2.7", "2001:db8::7", "2001:db8::9")),
        ((LO,), "0.0.0.0:1", (), ("127.0.0.1", "127.0.0.2")),
        ((LO, ETH), "0.0.0.0:1", ("203.0.113.5",), ("203.0.113.5",)),
        ((), "0.0.0.0:1", (), ()),
    ],
)
def test_what_others_are_told_to_dial(
    among: tuple[Interface, ...], listen: str, advertise: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert dialable_addresses(among, listen, advertise) == expected
