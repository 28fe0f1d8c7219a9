import pytest

from hdus_peer.domain.address import join_address, split_address


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("127.0.0.1:7433", ("127.0.0.1", 7433)),
        ("laptop.local:0", ("laptop.local", 0)),
        ("[fd00::1]:65535", ("fd00::1", 65535)),
        ("[::]:1", ("::", 1)),
    ],
)
def test_an_address_splits_and_joins(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts
    assert join_address(*parts) == address


@pytest.mark.parametrize(
    "address",
    ["", "host", ":1", "host:", "host:65536", "host:-1", "host:1x", "host:١", "fd00::1:7433", "[fd00::1]", "[host]:1",
     "a b:1", "-a:1", "a-:1", "a..b:1", "x" * 64 + ":1", "a." * 130 + "a:1", "host:000001"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError):
        split_address(address)
