"""Plain results of a demo of four peers in which everything went well."""

from dataclasses import replace

from hdus_peer.demo.results import Certified, DemoResult, Departed, Erasure, PeerResult, Results
from hdus_peer.domain.identity import PeerId
from hdus_peer.workers.port import EnsembleState, Evaluation

NAMES = ("anna", "bela", "cleo", "dina")
PEERS = {name: PeerId(name[0] * 52) for name in NAMES}
RULES = ("logit-mean", "prob-mean")


def result(name: str, others: tuple[str, ...], logits: str) -> PeerResult:
    """`name` with the seeds of `others`; its logits under a rule are `logits`, its name and the rule."""
    owners = tuple(sorted(PEERS[other] for other in others))
    state = EnsembleState(1, owners, "prob-mean", 0.5, False, False, "local")

    def evaluation(dataset: str, rule: str) -> Evaluation:
        return Evaluation(dataset, rule, 0.5, 100, 0.8, 0.9, f"{logits} {name} {rule}", state)

    return PeerResult(
        name=name,
        peer=PEERS[name],
        main="mlp",
        parameters=5050,
        owners=owners,
        held={owner: owner[0] * 64 for owner in owners},
        local=evaluation("local", "prob-mean"),
        everywhere={rule: evaluation("global", rule) for rule in RULES},
    )


def network(names: tuple[str, ...], logits: str) -> Results:
    """Everybody with the seeds of everybody else."""
    return tuple(result(name, tuple(other for other in names if other != name), logits) for name in names)


def good() -> DemoResult:
    survivors = NAMES[:3]
    erasures = tuple(Erasure(name, True, "receipt", 10 + index, ("d" * 64,)) for index, name in enumerate(survivors))
    departed = Departed("dina", PEERS["dina"], "d" * 64, 0, 0, True, erasures, Certified(0, 3, 3), 0.5)
    after, again = network(survivors, "without"), network(survivors, "without")
    return DemoResult(network(NAMES, "with"), departed, after, (), again)


def spoiled(results: Results, index: int, **changes: object) -> Results:
    """`results` with one peer changed."""
    return (*results[:index], replace(results[index], **changes), *results[index + 1 :])  # type: ignore[arg-type]
