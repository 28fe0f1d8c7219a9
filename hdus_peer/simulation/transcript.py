"""A run in words, one line for each thing that two runs of one seed agree on.

Peers are called by their numbers: `peer-3`.
"""

from hdus_peer.simulation import cast
from hdus_peer.simulation.plan import Plan
from hdus_peer.simulation.run import Report, simulate


def transcript(plan: Plan) -> tuple[Report, tuple[str, ...]]:
    """Carry out `plan`, and tell all of it."""
    lines: list[str] = []
    names = {cast.person(number).peer: f"peer-{number}" for number in range(plan.peers)}

    def listen(now_s: float, what: str) -> None:
        for peer, name in names.items():
            what = what.replace(peer, name)
        lines.append(f"{now_s:9.3f} s  {what}")

    return simulate(plan.seed, plan, listen), tuple(lines)
