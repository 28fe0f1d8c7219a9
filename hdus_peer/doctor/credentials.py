"""The credentials: are there any, whose are they, how long do they last; and a clock that agrees with them."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from hdus_peer.admission.certificates import RENEW_DAYS
from hdus_peer.admission.credentials import Credentials, date_text, load_undated
from hdus_peer.admission.device import CREDENTIALS_NAME, renews
from hdus_peer.admission.kept_keys import kept
from hdus_peer.config import Config
from hdus_peer.doctor.findings import Finding, bad, good, warning
from hdus_peer.errors import AdmissionError

EARLIEST_S = 1_767_225_600
"""2026-01-01: no certificate of ours, and no release, is older. A clock before it has lost its battery."""
_RENEW = "Renew them: hdus-peer network request --renew"


def findings(config: Config, now_s: int | None = None) -> Iterator[Finding]:
    instant_s = int(time.time()) if now_s is None else now_s
    try:
        used = _used(config)
    except AdmissionError as problem:
        yield bad("credentials", str(problem))
        yield _clock(None, instant_s)
        return
    file, credentials = used
    yield _validity(credentials, instant_s)
    yield _permissions(file)
    yield _clock(credentials, instant_s)


def _used(config: Config) -> tuple[Path, Credentials]:
    """The credentials that a start would use. Raises AdmissionError where it would use none."""
    at_home = config.state_directory.absolute() / CREDENTIALS_NAME
    given = config.credentials
    if not os.path.lexists(at_home):
        if given is None:
            raise AdmissionError(_missing(at_home.parent))
        return given, load_undated(given)
    credentials = load_undated(at_home)
    if given is not None:
        new = load_undated(given)
        if renews(credentials, new, at_home, given):
            return given, new
    return at_home, credentials


def _missing(state: Path) -> str:
    if kept(state) is not None:
        return f"{state} waits for the answer to its request: hdus-peer network accept GRANT"
    return "There are none yet: give a file with --credentials, or ask for some with hdus-peer network request."


def _validity(credentials: Credentials, now_s: int) -> Finding:
    who = f"{credentials.member} ({credentials.peer_id[:8]}) of {credentials.network_name}"
    days, until = credentials.validity.days_left(now_s), date_text(credentials.not_after_s)
    if now_s > credentials.not_after_s:
        return bad("credentials", f"Those of {who} expired on {until}. {_RENEW}")
    if days < RENEW_DAYS:
        return warning("credentials", f"Those of {who} expire on {until}, in {days} days. {_RENEW}")
    return good("credentials", f"{who}, for {days} days.")


def _permissions(file: Path) -> Finding:
    if stat.S_IMODE(file.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        return warning("key file", f"The group may read the keys in {file}. Run: chmod 600 {file}")
    return good("key file", f"{file} is readable by its owner alone.")


def _clock(credentials: Credentials | None, now_s: int) -> Finding:
    up_s = int(time.clock_gettime(time.CLOCK_BOOTTIME))
    if now_s < EARLIEST_S or now_s - up_s < 0:
        return bad("clock", f"The clock says {date_text(now_s)}, which cannot be. Set it, for example by NTP.")
    begin_s = credentials.validity.not_before_s if credentials else 0
    if now_s < begin_s:
        sentence = f"The clock says {date_text(now_s)}, and the credentials begin on {date_text(begin_s)}"
        return bad("clock", f"{sentence}. Set the clock, for example by NTP.")
    return good("clock", f"It says {date_text(now_s)}; the device is up for {up_s // 3600} h.")
