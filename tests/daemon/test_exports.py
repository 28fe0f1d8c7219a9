"""Exports: where they may go, what is noted, and what is told when an owner inside is unlearned."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hdus_peer.control.port import ExportWanted
from hdus_peer.daemon.exports import RECORD_NAME, Exporter, Exports
from hdus_peer.errors import ConfigurationError, StateError, StorageError, WorkerError
from hdus_peer.protocol.step import Event
from hdus_peer.workers.memory import MemoryPredictor
from tests.contracts.predictor import World
from tests.workers.test_memory import TASK


class Place:
    """A state directory with a predictor that uses two seeds, and a folder for exports."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.state, self.outside = folder / "state", folder / "outside"
        self.state.mkdir()
        self.outside.mkdir()
        self.unlearned: dict[str, int] = {}
        self.told: list[Event] = []
        self.predictor = MemoryPredictor()
        self.owners = [self.world.seed(number).manifest.owner for number in (1, 2)]
        self.exports = self.started()

    def started(self) -> Exports:
        exporter = Exporter(self.state, TASK, lambda owner: self.unlearned.get(owner, 0))
        return Exports(exporter, self.predictor, self.told.append)

    def wanted(self, name: str = "ensemble.onnx") -> ExportWanted:
        return ExportWanted(str(self.outside / name), with_seeds=True, force=False)


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    await place.predictor.start(place.world.main, place.world.templates, place.world.evaluation)
    await place.predictor.use([place.world.seed(1), place.world.seed(2)])
    return place


async def test_an_export_with_seeds_is_noted_and_survives_a_restart(place: Place) -> None:
    found = await place.exports.export(place.wanted())
    assert sorted(found.owners) == sorted(place.owners)
    assert [file.name for file in place.outside.iterdir()] == ["ensemble.onnx"]
    note = json.loads((place.state / RECORD_NAME).read_text())
    assert (note["file"], sorted(note["seeds"])) == (found.file, sorted([owner, 1] for owner in place.owners))
    assert place.started().outliving() == ()
    place.unlearned[place.owners[0]] = 1
    assert place.started().outliving() == (found.file,)
    Path(found.file).unlink()
    assert place.started().outliving() == ()


async def test_the_main_model_alone_is_nobody_elses_and_not_noted(place: Place) -> None:
    found = await place.exports.export(replace(place.wanted(), with_seeds=False))
    assert found.owners == ()
    assert not (place.state / RECORD_NAME).exists()


async def test_when_an_owner_inside_is_unlearned_the_file_is_named(place: Place) -> None:
    found = await place.exports.export(place.wanted())
    place.told.clear()
    place.exports.on_event(Event("TombstoneWritten", place.world.seed(3).manifest.owner))
    assert not place.told
    for event in (Event("TombstoneWritten", place.owners[1]), Event("LeaveBegun", None)):
        place.exports.on_event(event)
        assert [(told.name, dict(told.details)["file"]) for told in place.told] == [
            ("ExportOutlivesErasure", found.file)
        ]
        place.told.clear()


async def test_no_file_is_replaced_unless_that_is_asked_for(place: Place) -> None:
    (place.outside / "ensemble.onnx").write_text("precious")
    with pytest.raises(ConfigurationError, match="--force"):
        await place.exports.export(place.wanted())
    assert (place.outside / "ensemble.onnx").read_text() == "precious"
    found = await place.exports.export(replace(place.wanted(), force=True))
    assert (place.outside / "ensemble.onnx").stat().st_size == found.size


async def test_a_place_that_cannot_be_is_said(place: Place) -> None:
    for file, problem in {
        str(place.outside / "none" / "a.onnx"): "no directory",
        "a.onnx": "no directory",
        str(place.outside): "is a directory",
        str(place.state / "a.onnx"): "inside the state directory",
    }.items():
        with pytest.raises(ConfigurationError, match=problem):
            await place.exports.export(ExportWanted(file, with_seeds=True, force=True))


async def test_what_fails_leaves_nothing_behind(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise StorageError("no room")

    monkeypatch.setattr("hdus_peer.daemon.exports.write_durably", full)
    with pytest.raises(StorageError, match="no room"):
        await place.exports.export(place.wanted())
    await place.predictor.use([])
    with pytest.raises(WorkerError, match="no seeds are in use"):
        await place.exports.export(place.wanted())
    assert list(place.outside.iterdir()) == []


async def test_an_unlearning_while_the_file_is_written_wins(place: Place) -> None:
    place.unlearned[place.owners[0]] = 1
    with pytest.raises(WorkerError, match="unlearned while"):
        await place.exports.export(place.wanted())
    assert list(place.outside.iterdir()) == []


def test_a_record_that_cannot_be_read_is_no_empty_one(tmp_path: Path) -> None:
    (tmp_path / RECORD_NAME).write_text("{}\n")
    with pytest.raises(StateError, match="mend it"):
        Exports(Exporter(tmp_path, TASK, lambda owner: 0), MemoryPredictor(), lambda event: None)
