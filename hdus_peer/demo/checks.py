"""What must hold, computed from what was measured. Pure: values in, checks out.

The counterfactual is the exactness of unlearning as `protocol` states it (I6): after the leave every survivor's logits
are, bit for bit, those of the run in which the leaver never joined, under every combination rule.
"""

from collections.abc import Iterable

from hdus_peer.demo.results import Check, DemoResult, Departed, PeerResult, Results


def check_all(found: DemoResult) -> tuple[Check, ...]:
    """Every check, in the order in which they are shown."""
    after = found.after
    return (
        every_seed_arrived(found.before),
        leave_confirmed(found.departed, survivors=len(after)),
        certificate_verified(found.departed, survivors=len(after)),
        daemon_ended(found.departed),
        gone_from_ledgers(found.departed, after),
        gone_from_ensembles(found.departed, after),
        gone_from_disks(found.traces),
        others_stayed(after),
        *equal_to_counterfactual(after, found.counterfactual),
        *different_from_before(found.before, after),
    )


def every_seed_arrived(before: Results) -> Check:
    everybody = {each.peer for each in before}
    lacking = [each.name for each in before if not {*each.owners} == {*each.held} == everybody - {each.peer}]
    pairs = len(before) * (len(before) - 1)
    return _check("every seed arrived everywhere", lacking, f"{pairs} of {pairs} held and in use", "not at")


def leave_confirmed(departed: Departed, survivors: int) -> Check:
    pending = [each.name for each in departed.erasures if not each.confirmed]
    held = departed.finished and departed.command_exit == 0 and not pending and len(departed.erasures) == survivors
    last = max((each.after_ms for each in departed.erasures), default=-1)
    told = (
        f"not: {', '.join(pending)}" if pending else f"{len(departed.erasures)} of {survivors}, the last in {last} ms"
    )
    code = f", exit code {departed.command_exit}" if departed.command_exit else ""
    return Check("every holder confirmed the erasure", held, told + code)


def certificate_verified(departed: Departed, survivors: int) -> Check:
    found = departed.certified
    held = found.exit_code == 0 and found.confirmed == found.holders == survivors
    return Check("its certificate of erasure verifies", held, f"{found.confirmed} of {found.holders} signed")


def daemon_ended(departed: Departed) -> Check:
    found = "it still runs" if departed.daemon_exit is None else f"exit code {departed.daemon_exit}"
    return Check("the leaver's daemon ended by itself", departed.daemon_exit == 0, found)


def gone_from_ledgers(departed: Departed, after: Results) -> Check:
    holding = [each.name for each in after if departed.peer in each.held]
    return _check("its seed is gone from every ledger", holding, f"{len(after)} ledgers", "still at")


def gone_from_ensembles(departed: Departed, after: Results) -> Check:
    using = [each.name for each in after if departed.peer in each.owners]
    return _check("its seed is gone from every ensemble", using, f"{len(after)} ensembles", "still at")


def gone_from_disks(traces: tuple[str, ...]) -> Check:
    return _check("its payload and key are gone from every disk", traces, "no name, no bytes of it", "found:")


def others_stayed(after: Results) -> Check:
    everybody = {each.peer for each in after}
    lacking = [each.name for each in after if {*each.owners} != everybody - {each.peer}]
    return _check("nobody else's seed was lost", lacking, f"{len(after) * (len(after) - 1)} still in use", "not at")


def equal_to_counterfactual(after: Results, counterfactual: Results) -> Iterable[Check]:
    for rule in _rules(after):
        pairs = _pairs(after, counterfactual, rule)
        wrong = [name for name, (one, other) in pairs.items() if one != other]
        detail = f"{len(pairs)} of {len(after)} equal, bit for bit"
        yield _check(f"{rule}: bits as if it had never joined", wrong, detail, "not at")


def different_from_before(before: Results, after: Results) -> Iterable[Check]:
    for rule in _rules(after):
        pairs = _pairs(after, before, rule)
        same = [name for name, (one, other) in pairs.items() if one == other]
        detail = f"{len(pairs)} of {len(after)} differ"
        yield _check(f"{rule}: bits differ from before", same, detail, "not at")


def _check(name: str, wrong: Iterable[str], right: str, prefix: str) -> Check:
    found = ", ".join(wrong)
    return Check(name, not found, f"{prefix} {found}" if found else right)


def _rules(results: Results) -> list[str]:
    return sorted({rule for each in results for rule in each.everywhere})


def _pairs(mine: Results, others: Results, rule: str) -> dict[str, tuple[str, str | None]]:
    """The logits of each of `mine` and of the same peer among `others` (None where that is missing)."""
    known: dict[str, PeerResult] = {each.peer: each for each in others}
    return {
        each.name: (each.logits[rule], known[each.peer].logits.get(rule) if each.peer in known else None)
        for each in mine
    }
