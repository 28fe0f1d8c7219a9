"""`hdus-peer certificate`: the proof of this peer's leave; shown, brought out, verified anywhere.

Rule: nothing is said of a certificate that was not verified just now, under the root of a network.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import json_option, state_option
from hdus_peer.cli.output import Column, date, show_facts, show_json, show_table
from hdus_peer.errors import ConfigurationError, StateError

if TYPE_CHECKING:
    from hdus_peer.domain.certificate import HolderVerdict, Verdict

PENDING_EXIT_CODE = 3
_COLUMNS = (
    Column("holder"),
    Column("id"),
    Column("answer"),
    Column("grants", True),
    Column("signed"),
    Column("lease ends"),
)
_SAYS = "Each identity that the owner listed before it knew who would answer has signed that it holds nothing."
_SAYS_NOT = "That nobody kept a copy, that an identity is one device, and that clocks were true, no signature can say."


@click.group(short_help="Prove a leave: show, export, verify.")
def certificate() -> None:
    """The certificate of erasure: a leave's notice with every holder's signed answer, in one file."""


@certificate.command(short_help="Show the certificate of the latest leave.")
@state_option
@json_option
@click.pass_context
def show(ctx: click.Context, state: Path, as_json: bool) -> None:
    """Show who has signed that it erased this peer's seeds. Works with and without a running daemon.

    Ends with 0 if the certificate is complete, with 3 while holders are pending.

    \b
    Examples
      hdus-peer certificate show
      hdus-peer certificate show --state ./mira --json
    """
    from hdus_peer.admission.credentials import load

    content = _newest(state).read_bytes()
    _judge(ctx, content, load(state / "credentials").root_public_key, as_json)


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
@json_option
@click.pass_context
def verify(ctx: click.Context, file: Path, root: Path, as_json: bool) -> None:
    """Verify the certificate FILE with the network's root certificate and nothing else; no network, no state.

    Ends with 0 if it is genuine and complete, with 3 if it is genuine and holders are pending, with 9 if any byte of it
    was changed.

    \b
    Examples
      hdus-peer certificate verify mira.certificate --root root.pem
    """
    from hdus_peer.admission.certificates import read_root

    _, root_public_key = read_root(_read(root, "The root certificate"))
    _judge(ctx, _read(file, "The certificate"), root_public_key, as_json)


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


def _judge(ctx: click.Context, content: bytes, root_public_key: bytes, as_json: bool) -> None:
    from hdus_peer.domain.certificate import verify_file

    verdict = verify_file(content, root_public_key)
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
    total = len(verdict.holders)
    state = "complete" if verdict.is_complete else f"pending: {total - verdict.confirmed} of {total} have not answered"
    facts = [
        ("who", f"{verdict.name} ({verdict.owner[:8]})"),
        ("what", f"{verdict.kind}, everything through generation {verdict.through}"),
        ("when", date(verdict.issued_at_s)),
        ("network", verdict.network[:16]),
        ("state", state),
    ]
    if verdict.broken_at_s:
        facts.append(("caution", f"its own state was found older than it had been, {date(verdict.broken_at_s)}"))
    show_facts("Certificate of erasure", facts)
    show_table("Holders", _COLUMNS, sorted(map(_row, verdict.holders)), "Nobody held a seed of this peer.")
    click.echo(f"{_SAYS}\n{_SAYS_NOT}")


def _row(each: "HolderVerdict") -> list[str]:
    signed = date(each.answered_at_s) if each.answered_at_s else "–"
    ends = "" if each.is_confirmed or not each.hold_until_s else date(each.hold_until_s)
    return [each.name or "?", each.holder[:8], str(each.standing), str(each.grants), signed, ends]
