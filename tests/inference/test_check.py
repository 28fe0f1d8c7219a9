"""Foreign seeds: whatever comes is refused with one word, or is exactly what the template takes."""

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hdus_peer.domain.identity import Identity
from hdus_peer.domain.sealed import schema_digest, seal
from hdus_peer.errors import RefusedError, WorkerError
from hdus_peer.inference.check import HEADER_BYTES_MAX, Sealed, open_seed, probe
from hdus_peer.inference.graph import Template
from tests.contracts.predictor import linear_onnx, weights

TASK = "0" * 64
OWNER = Identity(bytes(32)).peer_id
KEY = bytes(range(32))
TEMPLATE = Template(linear_onnx(weights(1)))
GOOD = safetensors.numpy.save(weights(2))
Make = Callable[[bytes], Sealed]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def sealed(plaintext: bytes) -> Sealed:
        payload, key = tmp_path / "payload", tmp_path / "key"
        payload.write_bytes(seal(plaintext, KEY, OWNER, TASK))
        key.write_bytes(KEY)
        schema = schema_digest(TEMPLATE.schema)
        return Sealed(OWNER, 1, TASK, "linear", schema, payload.stat().st_size, payload, key)

    return sealed


def opened(seed: Sealed) -> dict[str, bytes]:
    return dict(open_seed(seed, {"linear": TEMPLATE}))


def refusal(seed: Sealed) -> str:
    with pytest.raises(RefusedError) as caught:
        opened(seed)
    return str(caught.value)


def crafted(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_a_good_seed_is_what_its_owner_saved(make: Make) -> None:
    assert opened(make(GOOD)) == {name: value.tobytes() for name, value in weights(2).items()}


def test_the_order_and_the_metadata_of_the_file_do_not_matter(make: Make) -> None:
    turned = dict(reversed(weights(2).items()))
    assert opened(make(safetensors.numpy.save(turned, {"note": "hello"}))) == opened(make(GOOD))


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", HEADER_BYTES_MAX + 1) + b" " * (HEADER_BYTES_MAX + 1),
        crafted([]),
        crafted({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        crafted({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(8)),
        crafted({"a": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 4]}}, bytes(4)),
        crafted(
            {
                "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
            },
            bytes(4),
        ),
        GOOD[:-1],
        GOOD + b"\0",
        b"PK\x03\x04" + bytes(100),
        b"\x80\x04cos\nsystem\n",
    ],
)
def test_what_is_not_safetensors_is_refused(make: Make, plaintext: bytes) -> None:
    assert refusal(make(plaintext)) == "not-safetensors"


@pytest.mark.parametrize(
    "change",
    [
        {"fc.bias": np.zeros(3, np.float64)},
        {"fc.bias": np.zeros(3, np.float16)},
        {"fc.bias": np.zeros(3, np.int32)},
        {"fc.bias": np.zeros(4, np.float32)},
        {"fc.bias": np.zeros((3, 1), np.float32)},
        {"extra": np.zeros(1, np.float32)},
    ],
    ids=["float64", "float16", "int32", "longer", "other rank", "one more"],
)
def test_another_schema_is_refused(make: Make, change: dict[str, np.ndarray]) -> None:
    assert refusal(make(safetensors.numpy.save(weights(2) | change))) == "wrong-schema"


def test_a_missing_tensor_is_refused(make: Make) -> None:
    assert refusal(make(safetensors.numpy.save({"fc.bias": weights(2)["fc.bias"]}))) == "wrong-schema"


def test_a_manifest_that_names_another_schema_is_refused(make: Make) -> None:
    assert refusal(replace(make(GOOD), schema_sha256="1" * 64)) == "wrong-schema"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e7, -3e38])
def test_values_that_are_not_finite_or_absurd_are_refused(make: Make, value: float) -> None:
    tensors = weights(2)
    tensors["fc.weight"][1, 2] = value
    assert refusal(make(safetensors.numpy.save(tensors))) == "not-finite"


def test_a_wrong_key_owner_or_task_is_refused(make: Make) -> None:
    seed = make(GOOD)
    assert refusal(replace(seed, owner=Identity(b"1" * 32).peer_id)) == "wrong-key"
    assert refusal(replace(seed, task="1" * 64)) == "wrong-key"
    seed.key.write_bytes(bytes(32))
    assert refusal(seed) == "wrong-key"
    seed.key.write_bytes(bytes(31))
    assert refusal(seed) == "wrong-key"


def test_a_payload_of_another_length_than_announced_is_refused(make: Make) -> None:
    seed = make(GOOD)
    for size in (seed.payload_bytes - 1, seed.payload_bytes + 1, 3):
        assert refusal(replace(seed, payload_bytes=size)) == "not-safetensors"


def test_an_architecture_without_template_is_refused(make: Make) -> None:
    assert refusal(replace(make(GOOD), architecture="../../etc/passwd")) == "unknown-architecture"


def test_a_file_that_is_gone_is_our_own_error(make: Make) -> None:
    seed = make(GOOD)
    seed.payload.unlink()
    with pytest.raises(WorkerError, match="cannot be read"):
        opened(seed)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_refused_or_takes_the_template(make: Make, data: st.DataObject) -> None:
    plaintext = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        plaintext[data.draw(st.integers(0, len(plaintext) - 1))] = data.draw(st.integers(0, 255))
    seed = make(bytes(plaintext))
    try:
        tensors = opened(seed)
    except RefusedError:
        assert refusal(seed) in {"not-safetensors", "wrong-schema", "not-finite"}
    else:
        assert {name: len(value) for name, value in tensors.items()} == {"fc.weight": 72, "fc.bias": 12}


def test_finite_weights_that_give_no_finite_answer_are_refused() -> None:
    from tests.inference.conftest import member

    mobilenet = member("mobilenet-s", 1)
    template = Template(mobilenet.onnx)
    probe(template, mobilenet.tensors, threads=1)
    name = next(name for name in mobilenet.tensors if name.endswith("running_var"))
    negative = (-np.frombuffer(mobilenet.tensors[name], "<f4") - 1).tobytes()
    with pytest.raises(RefusedError, match="not-finite"):
        probe(template, mobilenet.tensors | {name: negative}, threads=1)
