"""What every predictor upholds. An implementation's test module subclasses `PredictorContract` and gives it a
`predictor` fixture (started on nothing, with a fixed ρ), and a `choosing` one (the same with ρ "auto"); models and
seeds are made here, small and real."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import pytest
import safetensors.numpy
from onnx import TensorProto, helper, numpy_helper

from hdus_peer.domain.combination import RULES
from hdus_peer.domain.identity import Identity
from hdus_peer.domain.sealed import schema_digest, seal
from hdus_peer.domain.seed import SeedManifest
from hdus_peer.errors import ConfigurationError, DataError, RefusedError, StorageError, WorkerError
from hdus_peer.workers.port import EnsembleState, Predictor, SealedSeed

TASK = "0" * 64
SHAPE = (1, 2, 3)
CLASSES = 3
WIDTH = 6
SAMPLES = 40


def weights(random_seed: int) -> dict[str, np.ndarray]:
    """The tensors of a small linear model."""
    draw = np.random.default_rng(random_seed)
    return {
        "fc.weight": draw.standard_normal((CLASSES, WIDTH), dtype=np.float32),
        "fc.bias": draw.standard_normal(CLASSES, dtype=np.float32),
    }


def linear_onnx(tensors: dict[str, np.ndarray]) -> bytes:
    """x -> Flatten -> Gemm -> logits, with the model's names."""
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["x"], ["flat"], name="flatten"),
            helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["logits"], name="gemm", transB=1),
        ],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["samples", *SHAPE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["samples", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def samples(count: int, random_seed: int = 0) -> np.ndarray:
    return np.random.default_rng(random_seed).standard_normal((count, *SHAPE), dtype=np.float32)


def agreed(x: np.ndarray) -> np.ndarray:
    """Labels on which seeds 1 and 3 know something that the main model does not."""
    logits = [x.reshape(len(x), -1) @ weights(number)["fc.weight"].T for number in (1000, 1, 1, 3, 3)]
    return np.sum(logits, axis=0).argmax(axis=1).astype(np.int64)


@dataclass(frozen=True)
class World:
    """A folder with models and seeds."""

    folder: Path

    @property
    def main(self) -> Path:
        return self._written("main.onnx", linear_onnx(weights(1000)))

    @property
    def templates(self) -> dict[str, Path]:
        return {"linear": self._written("linear.onnx", linear_onnx(weights(2000)))}

    @property
    def evaluation(self) -> Path:
        path = self.folder / "evaluation.npz"
        arrays = {}
        for index, name in enumerate(("local", "global", "holdout")):
            arrays[f"x_{name}"] = samples(SAMPLES, index)
            arrays[f"y_{name}"] = np.arange(SAMPLES, dtype=np.int64) % CLASSES
        arrays["y_holdout"] = agreed(arrays["x_holdout"])
        arrays["x_reference"] = samples(SAMPLES, 3)
        arrays["class_counts"] = np.bincount(arrays["y_holdout"], minlength=CLASSES)
        np.savez(path, **arrays)
        return path

    def seed(
        self, number: int, plaintext: bytes | None = None, change: Callable[[SeedManifest], SeedManifest] | None = None
    ) -> SealedSeed:
        """The sealed seed of peer `number`."""
        owner, key = Identity(bytes([number]) * 32).peer_id, bytes([number + 1]) * 32
        tensors = weights(number)
        sealed = seal(safetensors.numpy.save(tensors) if plaintext is None else plaintext, key, owner, TASK)
        manifest = SeedManifest(
            owner=owner,
            generation=1,
            task=TASK,
            architecture="linear",
            parameters=(),
            schema_sha256=schema_digest((name, "F32", value.shape) for name, value in tensors.items()),
            payload_sha256=sha256(sealed).hexdigest(),
            payload_bytes=len(sealed),
            reference=TASK,
        )
        payload = self._written(f"{manifest.payload_sha256}.sealed", sealed)
        return SealedSeed(change(manifest) if change else manifest, payload, self._written(f"{number}.key", key))

    def _written(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        if not path.exists():
            path.write_bytes(content)
        return path


def payload_of(*seeds: SealedSeed) -> frozenset[str]:
    return frozenset(seed.manifest.payload_sha256 for seed in seeds)


def owners(state: EnsembleState) -> set[str]:
    return set(state.owners)


async def everything_said(predictor: Predictor) -> list[tuple[str, float]]:
    """The hash of the ensemble's output and the ρ, under every rule."""
    found = [await predictor.evaluate("local", rule) for rule in RULES]
    return [(each.logits_sha256, each.rho) for each in found]


class PredictorContract:
    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        return World(tmp_path)

    @pytest.fixture
    async def started(self, predictor: Predictor, world: World) -> Predictor:
        await predictor.start(world.main, world.templates, world.evaluation)
        return predictor

    async def test_before_the_first_model_it_says_so(self, predictor: Predictor) -> None:
        with pytest.raises(WorkerError, match="no model yet"):
            await predictor.predict(samples(1).tobytes(), 1)

    async def test_without_seeds_the_main_model_answers(self, started: Predictor) -> None:
        prediction = await started.predict(samples(3).tobytes(), 3)
        assert prediction.alone == prediction.ensemble
        assert len(prediction.alone) == 3
        for row in prediction.alone:
            assert len(row) == CLASSES
            assert sum(row) == pytest.approx(1.0, abs=1e-5)
        assert prediction.state == started.state
        assert not prediction.state.pending

    async def test_seeds_change_the_ensemble_and_not_the_main_model(self, started: Predictor, world: World) -> None:
        before = await started.predict(samples(2).tobytes(), 2)
        state = await started.use([world.seed(1), world.seed(2)])
        after = await started.predict(samples(2).tobytes(), 2)
        assert after.alone == before.alone
        assert after.ensemble != before.ensemble
        assert state.version > before.state.version
        assert list(state.owners) == sorted(seed.manifest.owner for seed in (world.seed(1), world.seed(2)))

    async def test_the_order_of_arrival_changes_no_bit(self, started: Predictor, world: World) -> None:
        seeds = [world.seed(number) for number in range(1, 6)]
        await started.use(seeds)
        first = await started.evaluate("global", "")
        await started.use(seeds[:2])
        random.Random(1).shuffle(seeds)
        await started.use(seeds)
        assert (await started.evaluate("global", "")).logits_sha256 == first.logits_sha256

    async def test_after_an_eviction_nothing_of_the_seed_is_left_in_the_answers(
        self, started: Predictor, world: World
    ) -> None:
        await self.never_there(started, world)

    async def test_after_an_eviction_nothing_of_the_seed_is_left_in_the_choice_of_rho(
        self, choosing: Predictor, world: World
    ) -> None:
        await choosing.start(world.main, world.templates, world.evaluation)
        assert (choosing.state.rho, choosing.state.rho_auto) == (0.0, True)
        await self.never_there(choosing, world)

    async def never_there(self, started: Predictor, world: World) -> None:
        """I6: under every rule, the bits and the ρ of an ensemble that never held the leaver, in any order."""
        stay, leaver = [world.seed(1), world.seed(3), world.seed(4)], world.seed(2)
        await started.use(stay)
        never_joined = await everything_said(started)
        with_leaver = await started.use([stay[1], leaver, stay[0], stay[2]])
        assert leaver.manifest.owner in with_leaver.owners
        there = await everything_said(started)
        assert not {bits for bits, _ in there} & {bits for bits, _ in never_joined}
        await started.evict(payload_of(leaver))
        assert (await started.evaluate("local", "")).state.pending
        await started.use(stay[::-1])
        assert await everything_said(started) == never_joined

    async def test_between_eviction_and_rebuild_the_main_model_answers_flagged(
        self, started: Predictor, world: World
    ) -> None:
        await started.use([world.seed(1), world.seed(2)])
        await started.evict(payload_of(world.seed(2)))
        assert started.state.pending
        gap = await started.predict(samples(1).tobytes(), 1)
        assert gap.state.pending
        assert gap.state.owners == ()
        assert gap.ensemble == gap.alone
        state = await started.use([world.seed(1)])
        assert not state.pending
        assert owners(state) == {world.seed(1).manifest.owner}

    async def test_retired_it_knows_no_model_until_another_is_there(self, started: Predictor, world: World) -> None:
        await started.use([world.seed(1)])
        before = await everything_said(started)
        await started.retire()
        with pytest.raises(WorkerError, match="no model"):
            await started.predict(samples(1).tobytes(), 1)
        with pytest.raises(WorkerError, match="no model"):
            await started.use([world.seed(1)])
        await started.retire()
        await started.start(world.main, world.templates, world.evaluation)
        assert (started.state.owners, started.state.pending) == ((), False)
        await started.use([world.seed(1)])
        assert await everything_said(started) == before

    async def test_evicting_what_is_not_held_changes_nothing(self, started: Predictor, world: World) -> None:
        before = await started.use([world.seed(1)])
        await started.evict(frozenset({"f" * 64}))
        assert started.state == before

    async def test_using_the_same_seeds_again_changes_nothing(self, started: Predictor, world: World) -> None:
        before = await started.use([world.seed(1), world.seed(2)])
        assert await started.use([world.seed(2), world.seed(1)]) == before

    async def test_a_new_main_model_keeps_the_seeds(self, started: Predictor, world: World) -> None:
        await started.use([world.seed(1)])
        before = await started.predict(samples(1).tobytes(), 1)
        retrained = world.folder / "retrained.onnx"
        retrained.write_bytes(linear_onnx(weights(1001)))
        await started.start(retrained, world.templates, world.evaluation)
        after = await started.predict(samples(1).tobytes(), 1)
        assert after.alone != before.alone
        assert after.state.owners == before.state.owners
        assert not after.state.pending

    async def test_evaluates_each_data_set_under_each_rule(self, started: Predictor, world: World) -> None:
        state = await started.use([world.seed(number) for number in range(1, 6)])
        seen = set()
        for dataset in ("local", "global", "holdout"):
            for rule in RULES:
                evaluation = await started.evaluate(dataset, rule)
                assert (evaluation.dataset, evaluation.rule, evaluation.state) == (dataset, rule, state)
                assert evaluation.samples > 0
                assert 0 <= evaluation.accuracy_alone <= 1
                assert 0 <= evaluation.accuracy_ensemble <= 1
                seen.add(evaluation.logits_sha256)
        assert len(seen) == 3 * len(RULES)

    async def test_the_configured_rule_has_no_name_in_a_request(self, started: Predictor, world: World) -> None:
        await started.use([world.seed(1)])
        assert (await started.evaluate("local", "")).rule == started.state.rule

    async def test_unknown_names_are_errors_that_list_the_known(self, started: Predictor) -> None:
        with pytest.raises(DataError, match="holdout"):
            await started.evaluate("train", "")
        with pytest.raises(ConfigurationError, match="prob-mean"):
            await started.evaluate("local", "vote")

    @pytest.mark.parametrize(("size", "count"), [(0, 0), (10, 1), (WIDTH * 4, 5)])
    async def test_rows_that_are_no_samples_are_refused(self, started: Predictor, size: int, count: int) -> None:
        with pytest.raises(DataError):
            await started.predict(bytes(size), count)
        assert await started.predict(samples(1).tobytes(), 1)

    async def test_a_good_seed_passes_the_check(self, started: Predictor, world: World) -> None:
        await started.check(world.seed(1))

    async def test_a_seed_that_cannot_be_used_is_refused_with_one_word(self, started: Predictor, world: World) -> None:
        bad = weights(9)
        bad["fc.bias"][1] = np.nan
        seeds = {
            "not-safetensors": world.seed(5, b"no tensors at all"),
            "wrong-key": replace(world.seed(6), key=world.seed(7).key),
            "wrong-schema": world.seed(8, change=lambda manifest: replace(manifest, schema_sha256="1" * 64)),
            "not-finite": world.seed(9, safetensors.numpy.save(bad)),
            "unknown-architecture": world.seed(10, change=lambda manifest: replace(manifest, architecture="gpt")),
        }
        for word, seed in seeds.items():
            with pytest.raises(RefusedError, match=f"^{word}$"):
                await started.check(seed)
        assert await started.predict(samples(1).tobytes(), 1)

    async def test_a_payload_of_another_owner_is_refused(self, started: Predictor, world: World) -> None:
        other = world.seed(2).manifest.owner
        passed_off = world.seed(1, change=lambda manifest: replace(manifest, owner=other))
        with pytest.raises(RefusedError, match="wrong-key"):
            await started.check(passed_off)

    async def test_exports_what_answers_and_says_whose_seeds_are_inside(self, started: Predictor, world: World) -> None:
        seeds = [world.seed(2), world.seed(1)]
        state = await started.use(seeds)
        place = world.folder / "ensemble.onnx"
        found = await started.export(place, {"network": "home"}, with_seeds=True)
        assert found.size == place.stat().st_size
        assert found.seeds == tuple(sorted((seed.manifest.owner, 1) for seed in seeds))
        assert found.state == state
        assert b"home" in place.read_bytes()
        assert (await started.export(place, {}, with_seeds=False)).seeds == ()

    async def test_what_cannot_be_exported_is_said(self, started: Predictor, world: World) -> None:
        with pytest.raises(WorkerError, match="no seeds are in use"):
            await started.export(world.folder / "ensemble.onnx", {}, with_seeds=True)
        with pytest.raises(StorageError):
            await started.export(world.folder / "none" / "ensemble.onnx", {}, with_seeds=False)

    async def test_after_stop_it_says_so(self, started: Predictor) -> None:
        await started.stop()
        with pytest.raises(WorkerError, match="stopped"):
            await started.predict(samples(1).tobytes(), 1)

    async def test_no_request_fails_whatever_happens_meanwhile(self, started: Predictor, world: World) -> None:
        seeds = [world.seed(number) for number in (1, 2, 3)]
        done = asyncio.Event()
        answered = 0

        async def ask() -> None:
            nonlocal answered
            while True:
                prediction = await started.predict(samples(4).tobytes(), 4)
                assert len(prediction.ensemble) == 4
                answered += 1
                if done.is_set():
                    return
                await asyncio.sleep(0)

        askers = [asyncio.create_task(ask()) for _ in range(3)]
        for _ in range(3):
            await started.use(seeds)
            await started.evict(payload_of(seeds[1]))
            await started.use([seeds[0], seeds[2]])
        done.set()
        await asyncio.gather(*askers)
        assert answered >= 3
