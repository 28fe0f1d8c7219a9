"""Values and messages mirror one another field by field, and survive the way there and back."""

import dataclasses
import typing

import pytest

from hdus_peer.control import port
from hdus_peer.control.codec import from_message, to_message
from hdus_peer.control.v1 import control_pb2 as pb
from hdus_peer.domain.task import Encoding, Feature, FeatureType, Task
from hdus_peer.errors import MalformedError
from hdus_peer.workers.port import EnsembleState, Evaluation, Prediction
from tests.control.memory_daemon import ENSEMBLE, ENTRIES, HOLDERS, LEAVE, NOTICE, OWED, PEERS, SEEDS, STATUS, TASK

KINDS = [
    port.PeerStatus,
    port.TrainingStatus,
    port.ModelView,
    port.LinkCounts,
    port.PeerView,
    port.SeedView,
    port.HolderView,
    port.HolderErasure,
    port.UnlearnProgress,
    port.PendingNotice,
    port.OwedAnswers,
    port.ExportView,
    port.LogEntry,
    Task,
    Feature,
    EnsembleState,
    Evaluation,
    Prediction,
]
VALUES = [
    STATUS,
    dataclasses.replace(STATUS, notices=(NOTICE,), owed=OWED),
    PEERS[1],
    SEEDS[0],
    HOLDERS[0],
    *LEAVE,
    *ENTRIES,
    TASK,
    dataclasses.replace(TASK, features=(Feature("work", FeatureType.CATEGORY, ("a", "b"), Encoding.ONE_HOT),)),
    Prediction([[0.25, 0.75]], [[0.5, 0.5]], ENSEMBLE),
    Prediction([], [], ENSEMBLE),
    port.ExportView("/tmp/ensemble.onnx", 71_234, "median", 0.25, ENSEMBLE.owners),
    Evaluation("global", "logit-mean", 0.3, 10, 0.5, 0.75, "ab" * 32, ENSEMBLE),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_of_a_value_is_a_field_of_its_message(kind: typing.Any) -> None:
    message = getattr(pb, kind.__name__)
    assert [field.name for field in dataclasses.fields(kind)] == [field.name for field in message.DESCRIPTOR.fields]


def test_what_is_wanted_of_the_log_crosses_as_it_is() -> None:
    wanted = port.LogsWanted(7, "warning", follow=True, events_only=True)
    assert from_message(to_message(wanted, pb.LogsRequest), port.LogsWanted) == wanted


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_it_went(value: typing.Any) -> None:
    message = to_message(value, getattr(pb, type(value).__name__))
    assert from_message(type(message).FromString(message.SerializeToString()), type(value)) == value


def test_a_word_that_this_version_does_not_know_is_a_clear_error() -> None:
    with pytest.raises(MalformedError, match="one version"):
        from_message(pb.TrainingStatus(state="dreaming"), port.TrainingStatus)
