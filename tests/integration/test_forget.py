"""A peer forgets samples: at once, with a holder that is off line, across a crash, in the middle of a training."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from hdus_peer.repository.forgotten import forgotten_directory
from tests.integration.peers import Entry, Network, Peer

pytestmark = pytest.mark.slow

THREES = ("--where", "label = 3")


def forget(peer: Peer, *what: str, wait_s: float = 30) -> tuple[int, dict[str, bool]]:
    """The exit code of `hdus-peer forget`, and who has confirmed."""
    typed = peer.typed("forget", "--yes", f"--wait={wait_s}", *what)
    assert "holders" in typed.answer, typed
    return typed.code, {holder["name"]: holder["confirmed"] for holder in typed.answer["holders"]}


def contents(directory: Path) -> set[str]:
    """What is in the files below, by hash; the templates are anybody's."""
    files = [path for path in directory.rglob("*") if path.is_file() and "templates" not in path.parts]
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def own_classes(peer: Peer) -> set[int]:
    """Of the held-out and test samples that its models were measured on."""
    with np.load(peer.state / "models" / "evaluation.npz") as evaluation:
        return set(evaluation["y_local"]) | set(evaluation["y_holdout"])


def adopted(holder: Peer, mark: int) -> Entry:
    return holder.wait_event("SeedAdopted", mark, peer="bela")


def test_what_was_learned_is_erased_everywhere_and_learned_anew_without(peers: Network) -> None:
    anna, bela, cleo = peers.meshed("anna", "bela", "cleo")
    seed, learned = anna.seeds()["bela"], contents(bela.state / "models")
    assert 3 in own_classes(bela)
    marks, mark = {peer: peer.mark for peer in (anna, cleo)}, bela.mark
    assert forget(bela, *THREES) == (0, {"anna": True, "bela": True, "cleo": True})
    bela.wait_event("SeedPublished", mark)
    for peer, since in marks.items():
        assert adopted(peer, since)["generation"] > seed.generation
        assert not [file for file in peer.files() if seed.payload_sha256 in file]
    assert not [file for file in bela.files() if seed.payload_sha256 in file]
    bela.wait_event("TrainingDone", mark)
    assert not contents(bela.state / "models") & learned, "a file is as it was"
    assert 3 not in own_classes(bela)
    bela.wait_serving("anna", "cleo")
    assert bela.status().notices == ()

    shown = bela.typed("certificate show")
    assert (shown.code, shown.answer["kind"]) == (0, "forget")
    again = bela.typed("forget", "--yes", *THREES)
    assert (again.code, "none" in again.answer["error"]) == (2, True)
    assert bela.typed("check").code == 5, "a daemon runs on it"
    bela.stop()
    assert bela.typed("check").code == 0


def test_a_holder_that_was_away_erases_when_it_comes_back(peers: Network) -> None:
    anna, bela, cleo = peers.meshed("anna", "bela", "cleo")
    seed = cleo.seeds()["bela"]
    cleo.kill()
    assert forget(bela, *THREES, wait_s=3) == (3, {"anna": True, "bela": True, "cleo": False})
    (notice,) = bela.status().notices
    assert (notice.kind, [holder.name for holder in notice.pending]) == ("forget", ["cleo"])
    mark = cleo.mark
    cleo.start()
    assert adopted(cleo, mark)["generation"] > seed.generation
    assert not [file for file in cleo.files() if seed.payload_sha256 in file]
    bela.wait(lambda now: not now.notices, "everybody has answered")
    assert bela.typed("certificate show").code == 0
    anna.wait_serving("bela", "cleo")


def test_killed_as_soon_as_it_is_said_it_goes_on_where_it_was(peers: Network) -> None:
    anna, bela, _ = peers.meshed("anna", "bela", "cleo")
    seed, learned = anna.seeds()["bela"], contents(bela.state / "models")
    mark, since = bela.mark, anna.mark
    with bela.client() as client:
        chosen = client.select("", "label = 3")
        steps = client.forget(chosen.name)
        next(steps)
        bela.kill()
        steps.close()
    bela.start()
    assert adopted(anna, since)["generation"] > seed.generation
    bela.wait_event("TrainingDone", mark)
    assert not contents(bela.state / "models") & learned
    assert [path.name for path in forgotten_directory(bela.state).iterdir()] == [chosen.name]
    bela.wait(lambda now: not now.notices, "everybody has answered")


def test_a_training_under_way_is_ended_and_publishes_nothing(peers: Network) -> None:
    endless = {"train__main": "mobilenet-s", "train__epochs_max": 10_000, "train__patience": 10_000}
    anna = peers.peer("anna", fresh=True, **endless).start()
    anna.wait_event("TrainingProgressed", stage="main")
    trainer, mark = anna.child("learning"), anna.mark
    assert forget(anna, *THREES) == (0, {"anna": True})
    assert not trainer.is_running()
    anna.wait_event("TrainingProgressed", mark, stage="main")
    assert not anna.saw("SeedPublished")
    anna.stop()


def test_a_choice_that_was_not_confirmed_changes_nothing(peers: Network) -> None:
    anna, bela = peers.meshed("anna", "bela")
    generation = anna.seeds()["bela"].generation
    dry = bela.typed("forget", "--dry-run", *THREES)
    assert dry.code == 0
    assert 0 < dry.answer["matched"] < dry.answer["own"]
    refused = bela.typed("forget", *THREES)
    assert (refused.code, "--yes" in refused.answer["error"]) == (2, True)
    assert anna.seeds()["bela"].generation == generation
    assert len(list(forgotten_directory(bela.state).iterdir())) == 1
    bela.stop()
    bela.start().wait_event("Started", bela.mark - 1)
    assert list(forgotten_directory(bela.state).iterdir()) == []


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (("--where", "colour = red"), "colour"),
        (("--where", "label = 77"), "none"),
        (("--where", "label >= 0"), "hdus-peer leave"),
        (("--samples", "csv:/nowhere.csv"), "nowhere.csv"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_with_what_to_do(peers: Network, what: tuple[str, ...], said: str) -> None:
    (anna,) = peers.meshed("anna")
    refused = anna.typed("forget", "--yes", *what)
    assert (refused.code, said in refused.answer["error"]) == (2, True), refused
    assert not anna.saw("ForgetBegun")
