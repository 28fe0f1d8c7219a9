"""`hdus-peer certificate`: the proof of this peer's leave; shown, brought out, verified anywhere.

Rule: nothing is said of a certificate that was not verified just now, under the root of a network.
"""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import json_option, state_option
from hdus_peer.cli.output import Column, date, show_facts, show_json, show_table
from hdus_peer.cli.unlearning_view import PENDING_EXIT_CODE
from hdus_peer.errors import ConfigurationError, StateError

if TYPE_CHECKING:
    from hdus_peer.domain.certificate import HolderVerdict, Verdict

_COLUMNS = (
    Column("holder"),
    Column("id"),
    Column("answer"),
    Column("grants", True),
    Column("signed"),
    Column("lease ends"),
)
_AT = click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%d %H:%M"]),
    metavar="DATE",
    help="The date (UTC) for which to tell pending holders from those whose lease is over: 2027-01-31, or "
    "'2027-01-31 08:00'.  [default: now]",
)
_SAYS = "Each identity that the owner listed before it knew who would answer has signed that it holds nothing."
_SAYS_OF_SOME = "Those with an answer that counts have signed that they hold nothing; the others have not."
_NOTES = {
    "pending": "Pending: it may still answer; it erases when it hears of the notice, or at the end of its lease.",
    "revoked": "Revoked: the network's authority put it out, and it answers nobody; its lease ends as shown.",
    "lapsed": "Lapsed: its lease is over and it did not sign. It has erased, or does so before it next opens a port, "
    "if it keeps to the protocol.",
    "cloned": "Cloned: two devices were seen under this identity, so that an answer of one says nothing of the other.",
}
_SAYS_NOT = "That nobody kept a copy, that an identity is one device, and that clocks were true, no signature can say."


@click.group(short_help="Prove a leave: show, export, verify.")
def certificate() -> None:
    """The certificate of erasure: a leave's notice with every holder's signed answer, in one file."""


@certificate.command(short_help="Show the certificate of the latest leave.")
@state_option
@_AT
@json_option
@click.pass_context
def show(ctx: click.Context, state: Path, at: datetime | None, as_json: bool) -> None:
    """Show who has signed that it erased this peer's seeds. Works with and without a running daemon.

    Ends with 0 if the certificate is complete, with 3 if not everybody answered: who is pending still may, and whose
    lease has lapsed erased by itself, or does so before it next opens a port, but did not sign.

    \b
    Examples
      hdus-peer certificate show
      hdus-peer certificate show --state ./mira --json
    """
    from hdus_peer.admission.credentials import load

    content = _newest(state).read_bytes()
    _judge(ctx, content, load(state / "credentials").root_public_key, at, as_json)


@certificate.command(short_help="Copy the certificate to a file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@state_option
@json_option
def export(file: Path, state: Path, as_json: bool) -> None:
    """Copy the certificate of the latest leave to FILE, to show it to others. It holds no secret.

    \b
    Examples
      hdus-peer certificate export mira.certificate
    """
    from hdus_peer.durable import write_durably

    if file.exists():
        raise ConfigurationError(f"{file} is there already, and is not replaced: choose another name.")
    source = _newest(state)
    write_durably(file.absolute(), source.read_bytes(), 0o644)
    if as_json:
        show_json({"certificate": str(file), "from": str(source)})
    else:
        click.echo(f"Saved to {file}. Anyone verifies it: hdus-peer certificate verify {file} --root root.pem")


@certificate.command(short_help="Verify a certificate offline.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--root", type=click.Path(dir_okay=False, path_type=Path), required=True,
              help="The network's root certificate: root.pem of its directory.")  # fmt: skip
@_AT
@json_option
@click.pass_context
def verify(ctx: click.Context, file: Path, root: Path, at: datetime | None, as_json: bool) -> None:
    """Verify the certificate FILE with the network's root certificate and nothing else; no network, no state.

    Ends with 0 if it is genuine and complete, with 3 if it is genuine and not everybody answered, with 9 if any byte of
    it was changed.

    \b
    Examples
      hdus-peer certificate verify mira.certificate --root root.pem
      hdus-peer certificate verify mira.certificate --root root.pem --at 2027-01-31
    """
    from hdus_peer.admission.certificates import read_root

    _, root_public_key = read_root(_read(root, "The root certificate"))
    _judge(ctx, _read(file, "The certificate"), root_public_key, at, as_json)


def _newest(state: Path) -> Path:
    from hdus_peer.repository.certificates import newest_certificate

    found = newest_certificate(state)
    if found is None:
        raise StateError(f"{state} has no certificate: this peer has not left (hdus-peer leave), or choose --state.")
    return found


def _read(file: Path, what: str) -> bytes:
    from hdus_peer.domain.certificate import CERTIFICATE_BYTES_MAX

    try:
        with file.open("rb") as stream:
            return stream.read(CERTIFICATE_BYTES_MAX + 1)
    except OSError as problem:
        raise ConfigurationError(f"{what} {file} cannot be read: {problem.strerror}.") from problem


def _judge(ctx: click.Context, content: bytes, root_public_key: bytes, at: datetime | None, as_json: bool) -> None:
    from hdus_peer.domain.certificate import verify_file

    at_s = int(at.replace(tzinfo=UTC).timestamp() if at else time.time())
    verdict = verify_file(content, root_public_key, at_s)
    _show_as_json(verdict) if as_json else _show(verdict)
    ctx.exit(0 if verdict.is_complete else PENDING_EXIT_CODE)


def _show_as_json(verdict: "Verdict") -> None:
    show_json(
        {
            "complete": verdict.is_complete,
            "network": verdict.network,
            "owner": verdict.owner,
            "name": verdict.name,
            "kind": verdict.kind,
            "through": verdict.through,
            "issued_at_s": verdict.issued_at_s,
            "broken_at_s": verdict.broken_at_s,
            "holders": verdict.holders,
        }
    )


def _show(verdict: "Verdict") -> None:
    facts = [
        ("who", f"{verdict.name} ({verdict.owner[:8]})"),
        ("what", f"{verdict.kind}, everything through generation {verdict.through}"),
        ("when", date(verdict.issued_at_s)),
        ("network", verdict.network[:16]),
        ("state", _state(verdict)),
    ]
    if verdict.broken_at_s:
        facts.append(("caution", f"its own state was found older than it had been, {date(verdict.broken_at_s)}"))
    show_facts("Certificate of erasure", facts)
    show_table("Holders", _COLUMNS, sorted(map(_row, verdict.holders)), "Nobody held a seed of this peer.")
    says = _SAYS if verdict.is_complete else _SAYS_OF_SOME
    click.echo("\n".join([*_notes(verdict), says, _SAYS_NOT]))


def _state(verdict: "Verdict") -> str:
    """Whether everybody answered, and what is to be expected of the others."""
    if verdict.is_complete:
        return "complete"
    standings = Counter(str(holder.standing) for holder in verdict.pending)
    parts = [f"{count} {standing}" for standing, count in sorted(standings.items())]
    return f"incomplete: {sum(standings.values())} of {len(verdict.holders)} have not answered ({', '.join(parts)})"


def _notes(verdict: "Verdict") -> Iterator[str]:
    """A sentence for each kind of holder that gave no answer that counts."""
    found = {holder.standing for holder in verdict.pending}
    yield from (sentence for standing, sentence in _NOTES.items() if standing in found)


def _row(each: "HolderVerdict") -> list[str]:
    signed = date(each.answered_at_s) if each.answered_at_s else "–"
    ends = "" if each.is_confirmed or not each.hold_until_s else date(each.hold_until_s)
    return [each.name or "?", each.holder[:8], str(each.standing), str(each.grants), signed, ends]
