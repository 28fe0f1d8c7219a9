"""What every trainer does when samples are to be forgotten."""

import hashlib
from dataclasses import dataclass, replace

import pytest

from hdus_peer.errors import DataError, StorageError, WorkerError
from hdus_peer.workers.job import TrainingJob
from hdus_peer.workers.port import Selection, Trainer


@dataclass(frozen=True)
class Lesson:
    """A job, and selections of its samples; `some` means exactly one class, `again` others than `some`."""

    job: TrainingJob
    some: Selection
    again: Selection
    nothing: Selection
    everything: Selection


class TrainerContract:
    """Subclasses give the fixtures `trainer` and `lesson`; its job has run once."""

    async def test_a_list_is_called_by_its_content(self, trainer: Trainer, lesson: Lesson) -> None:
        into = lesson.job.forgotten_in
        selected = await trainer.select(lesson.job, lesson.some, into)
        content = (into / selected.name).read_bytes()
        lines = content.decode().splitlines()
        assert selected.name == hashlib.sha256(content).hexdigest()
        assert lines == sorted(set(lines))
        assert content.endswith(b"\n")
        assert all(len(bytes.fromhex(line)) == 32 for line in lines)
        assert 0 < len(lines) <= selected.matched < selected.own
        assert [count for _, count in selected.by_class] == [selected.matched]
        assert await trainer.select(lesson.job, lesson.some, into) == selected

    async def test_what_was_forgotten_before_is_no_sample_any_more(self, trainer: Trainer, lesson: Lesson) -> None:
        first = await trainer.select(lesson.job, lesson.some, lesson.job.forgotten_in)
        job = replace(lesson.job, forgotten=(first.name,))
        with pytest.raises(DataError, match="matches none of your"):
            await trainer.select(job, lesson.some, job.forgotten_in)
        second = await trainer.select(job, lesson.again, job.forgotten_in)
        assert second.own == first.own - first.matched

    @pytest.mark.parametrize(("which", "said"), [("nothing", "matches none"), ("everything", "use hdus-peer leave")])
    async def test_nothing_and_everything_are_refused(
        self, trainer: Trainer, lesson: Lesson, which: str, said: str
    ) -> None:
        with pytest.raises(DataError, match=said):
            await trainer.select(lesson.job, getattr(lesson, which), lesson.job.forgotten_in)
        with pytest.raises(DataError, match="nothing says which"):
            await trainer.select(lesson.job, Selection(), lesson.job.forgotten_in)
        assert not lesson.job.forgotten_in.exists()

    async def test_erased_is_all_that_depends_on_the_samples(self, trainer: Trainer, lesson: Lesson) -> None:
        selected = await trainer.select(lesson.job, lesson.some, lesson.job.forgotten_in)
        before = await trainer.run(lesson.job, lambda _: None)
        job = replace(lesson.job, forgotten=(selected.name,), job_epoch=1)
        await trainer.erase(job)
        await trainer.erase(job)
        assert not any(path.exists() for path in (before.main, before.sealed, before.key, before.evaluation))
        assert all(path.exists() for path in before.templates.values())
        after = await trainer.run(job, lambda _: None)
        assert after.main.exists()
        assert after.sealed.exists()

    @pytest.mark.parametrize("damage", ["missing", "altered"])
    async def test_without_its_list_nothing_is_learned(self, trainer: Trainer, lesson: Lesson, damage: str) -> None:
        selected = await trainer.select(lesson.job, lesson.some, lesson.job.forgotten_in)
        path = lesson.job.forgotten_in / selected.name
        path.unlink() if damage == "missing" else path.write_text(path.read_text()[65:])
        job = replace(lesson.job, forgotten=(selected.name,))
        for asked in (trainer.run(job, lambda _: None), trainer.erase(job)):
            with pytest.raises(StorageError, match="list of forgotten samples"):
                await asked

    async def test_a_stopped_one_does_no_errands(self, trainer: Trainer, lesson: Lesson) -> None:
        await trainer.stop()
        with pytest.raises(WorkerError, match="stopped"):
            await trainer.select(lesson.job, lesson.some, lesson.job.forgotten_in)
