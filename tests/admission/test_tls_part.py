"""A probe's look into a credentials file: the same PEMs that `load` proves, or a sentence."""

from pathlib import Path

import pytest

from hdus_peer.admission import authority
from hdus_peer.admission.credentials import load
from hdus_peer.admission.tls_part import read_tls_part
from hdus_peer.errors import AdmissionError


def test_it_is_what_the_proved_credentials_hold(tmp_path: Path) -> None:
    authority.create_network(tmp_path / "home", "home", "digits")
    file = tmp_path / "anna.credentials"
    authority.issue_file(tmp_path / "home", "anna", file)
    proved, part = load(file), read_tls_part(file)
    assert part.root_pem == proved.root_certificate_pem
    assert part.chain_pem == proved.certificate_chain_pem
    assert part.key_pem == proved.private_key_pem
    assert "PRIVATE" not in repr(part)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"root_certificate": 1}', "[" * 100_000, "\xff"])
def test_a_file_that_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "credentials"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(AdmissionError, match="no credentials file"):
        read_tls_part(file)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(AdmissionError, match="cannot be read"):
        read_tls_part(tmp_path / "credentials")
