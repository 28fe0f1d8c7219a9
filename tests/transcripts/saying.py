"""What a Step is made of, in words: rows, messages, effects, events, and the inputs that it answers.

Rule: a message and an effect are said by the name of their class, so that a reader finds them in the code.
"""

from typing import Any

from hdus_peer.protocol import messages as said
from hdus_peer.protocol import records as row
from hdus_peer.protocol import step as done
from hdus_peer.protocol.records import Row
from hdus_peer.protocol.step import Effect, Event
from tests.transcripts.names import Names


def row_text(new: Row, old: Any, names: Names) -> str:
    """The row as it is written in place of `old`; "" where nothing changed that a reader asks for."""
    match new:
        case row.SelfRow():
            return _self(new, old)
        case row.MemberRow(peer=peer, cloned=cloned):
            return f"{names.of(peer)} is cloned" if cloned else f"Hello of {names.of(peer)}"
        case row.TombstoneRow(owner=owner, through=through, kind=kind, departure=departure):
            return f"tombstone: {names.tombstone(owner, kind, through)}{', departed' if departure else ''}"
        case row.ErasureRow(cause=cause, payloads=payloads):
            return f"erasure ({cause}) of {names.listed(payloads)}"
        case row.OwnSeedRow(manifest=manifest):
            return f"own seed {_manifest(manifest, names)}"
        case row.HeldSeedRow(manifest=manifest, lease=lease):
            is_known = old is not None and old.payload_sha256 == new.payload_sha256
            what = "lease of" if is_known and old.lease != lease else "time left of" if is_known else "seed"
            return f"{what} {_manifest(manifest, names)}"
        case row.FloorRow(owner=owner, generation=generation):
            return f"floor: {names.of(owner)} {names.generation(generation)}"
        case row.ForgottenRow(samples=samples):
            return f"{samples} samples are forgotten"
        case row.EquivocationRow(owner=owner, generation=generation):
            return f"proof: {names.of(owner)} equivocated in {names.generation(generation)}"
    return _answer_row(new, old, names)


def _self(new: row.SelfRow, old: row.SelfRow | None) -> str:
    before = old or row.SelfRow(new.peer)
    parts = [f"phase {new.phase}"] if new.phase != before.phase else []
    parts += [f"job epoch {new.job_epoch}"] if new.job_epoch != before.job_epoch else []
    return ", ".join(parts)


def _answer_row(new: Row, old: Any, names: Names) -> str:
    match new:
        case row.GrantRow(grant=grant, holder=holder, closed_by=closed_by):
            if old is not None and not closed_by:
                return f"grant {grant} to {names.of(holder)} prolonged"
            presumed = "" if new.run_nonce else ", presumed"
            return f"grant {grant} to {names.of(holder)}{f' closed by {closed_by}' if closed_by else presumed}"
        case row.ReceiptRow(owner=owner, holder=holder):
            return f"receipt of {names.of(holder)} for {names.of(owner)}"
        case row.ReleaseRow(holder=holder):
            return f"release of {names.of(holder)}"
        case row.OwedReceiptRow(owner=owner):
            return f"receipt owed to {names.of(owner)}"
        case row.OwedReleaseRow(owner=owner):
            return f"release owed to {names.of(owner)}"
    raise LookupError(type(new).__name__)


def deleted_text(old: Row, names: Names) -> str:
    return f"no more {row_text(old, None, names) or type(old).__name__}"


def message_text(message: said.Message, names: Names) -> str:
    name = type(message).__name__
    detail = _detail(message, names)
    return f"{name} ({detail})" if detail else name


def _detail(message: said.Message, names: Names) -> str:
    match message:
        case said.Greeting(echo=echo):
            return "with an echo" if echo else ""
        case said.Notices(items=items, last=last):
            notices = [_notice(item, names) for item in items] or ["none"]
            return ", ".join([*notices, "the last"] if last else notices)
        case said.Announce(manifest=manifest) | said.HeldManifest(manifest=manifest):
            return _manifest(manifest, names)
        case said.KeyRequest(payload_sha256=payload):
            return names.payload(payload)
        case said.Key(grant=grant):
            return f"{names.payload(grant.statement.payload_sha256)}, grant {grant.statement.grant}"
        case said.KeyRefused(payload_sha256=payload, reason=reason):
            return f"{names.payload(payload)}, {reason}"
        case said.Renewal(renewal=renewal):
            return f"{names.generation(renewal.statement.generation)}"
        case said.Receipt(receipt=receipt):
            one = receipt.statement
            what = names.listed(one.erased)
            return (
                f"{names.of(one.holder)} erased {what} of {names.of(one.owner)} through {names.generation(one.through)}"
            )
        case said.ReceiptAck(owner=owner, holder=holder):
            return f"{names.of(holder)} for {names.of(owner)}"
        case said.Release(release=release):
            return f"through grant {release.statement.grant}, {release.statement.reason}"
        case said.ReleaseAck(grant=grant):
            return f"through grant {grant}"
        case said.Inventory(items=items):
            return ", ".join(sorted(names.payload(item.payload_sha256) for item in items)) or "nothing"
        case said.ManifestRequest(owner=owner, generation=generation):
            return f"{names.of(owner)} {names.generation(generation)}"
        case said.Equivocation(first=first, second=second):
            return f"{_manifest(first, names)} and {_manifest(second, names)}"
        case said.TombstoneRequest(buckets=buckets):
            return f"{len(buckets)} of {said.BUCKETS} buckets"
        case said.Goodbye(reason=reason):
            return reason
    return ""


def _manifest(manifest: Any, names: Names) -> str:
    return f"{names.payload(manifest.statement.payload_sha256)} {names.generation(manifest.statement.generation)}"


def _notice(item: said.NoticeItem, names: Names) -> str:
    notice = item.notice.statement
    text = names.tombstone(notice.owner, notice.kind, notice.through)
    return f"{text}, departed" if item.departure else text


def effect_text(effect: Effect, names: Names) -> str:
    match effect:
        case done.HangUp(peer=peer):
            return f"HangUp on {names.of(peer)}"
        case done.StartFetch(payload_sha256=payload):
            return f"StartFetch {names.payload(payload)}"
        case done.SendKey(to=to, payload_sha256=payload):
            return f"SendKey of {names.payload(payload)} to {names.of(to)}"
        case done.Admit(manifest=manifest):
            return f"Admit {_manifest(manifest, names)}"
        case done.Erase(payloads=payloads, at_once=at_once, learned=learned):
            learnt = ", and all that was learned" if learned else ""
            return f"Erase {names.listed(payloads)}{learnt}{', at once' if at_once else ''}"
        case done.UseSeeds(seeds=seeds):
            return f"UseSeeds {', '.join(names.payload(seed.payload_sha256) for seed in seeds) or 'none'}"
    raise LookupError(type(effect).__name__)


def event_text(event: Event, names: Names) -> str:
    words = [event.name, names.of(event.peer)] if event.peer else [event.name]
    for name, value in event.details:
        if (name, value) == ("through", 0):  # an erasure of no notice
            continue
        shown = names.generation(int(value)) if name in ("generation", "through") else value
        words.append(f"{name}={shown}")
    return " ".join(words)


def cause_text(cause: Any, sender: Any, names: Names) -> str:
    """The input in words. `cause`: a message with its `sender`, a command, a result, a change, "timer" or "start"."""
    match cause:
        case str():
            return cause
        case done.Fetched(payload_sha256=payload) | done.Admitted(payload_sha256=payload):
            return f"{type(cause).__name__} {names.payload(payload)}"
        case done.LinkUp(peer=peer) | done.LinkDown(peer=peer):
            return f"{type(cause).__name__} {names.of(peer)}"
        case done.Publish(payload_sha256=payload):
            return f"Publish {names.payload(payload)}"
    return f"{type(cause).__name__} from {names.of(sender)}" if sender else type(cause).__name__
