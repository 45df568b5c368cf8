"""Answers: what they are made of, and the one list of an epoch's figures."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import orjson
import pytest

from api.http.description.answers import model_of
from shared import wire
from shared.database.tables import Epoch, Job
from shared.wire.answer import Answer, names
from worker.training.evaluation import ClassFigures, Evaluation, Mistake
from worker.training.results import EpochResult

KINDS = [getattr(wire, name) for name in wire.__all__]
FAILURE = wire.Failure(code="timed_out", detail=None)


def test_an_epochs_figures_are_those_that_the_training_gives() -> None:
    """One list: what a run reports, what the table holds and what goes out; the last two say who ran it and when."""
    reported = {field.name for field in dataclasses.fields(EpochResult)}

    assert set(names(wire.Epoch)) == reported | {"attempt", "seq"}
    assert names(wire.Epoch) == names(wire.EpochColumns)
    assert {column.name for column in Epoch.__table__.columns} == set(names(wire.Epoch)) | {"job_id"}


def test_an_evaluations_figures_are_those_that_the_training_gives() -> None:
    """What a run says of its weights, and of each class, is what goes out; it is kept which weights these were."""
    of_weights, of_class = ({field.name for field in dataclasses.fields(kind)} for kind in (Evaluation, ClassFigures))

    assert set(names(wire.Evaluation)) == (of_weights - {"mistakes"}) | {"weights", "epoch"}
    assert set(names(wire.Mistake)) == {field.name for field in dataclasses.fields(Mistake)}
    assert set(names(wire.ClassFigures)) == of_class


def test_a_jobs_result_is_the_latest_epochs_and_the_best_ones() -> None:
    """Each figure of it is a column of the job, and an epoch's figure or one of the best epoch."""
    for name in names(wire.Result):
        assert hasattr(Job, name)
        assert name.removeprefix("best_") in names(wire.Epoch)


def test_a_field_that_is_a_keyword_has_an_attribute_with_an_underscore() -> None:
    """In JSON it stands as it is."""
    prediction = wire.Prediction(class_="bird", probabilities={"bird": 1.0})

    assert (prediction.class_, prediction["class"]) == ("bird", "bird")
    assert orjson.loads(orjson.dumps(prediction, default=vars)) == {"class": "bird", "probabilities": {"bird": 1.0}}
    assert names(wire.Prediction) == ("class", "probabilities")


def test_an_answer_is_its_json() -> None:
    """It is written as an object, read by attributes and names, equals the same JSON, and does not change."""
    assert orjson.dumps(FAILURE, default=vars) == b'{"code":"timed_out","detail":null}'
    assert (FAILURE.code, FAILURE["code"]) == ("timed_out", "timed_out")
    assert FAILURE == wire.Failure(code="timed_out", detail=None) == {"code": "timed_out", "detail": None}
    assert wire.Failure(code="timed_out", detail="x") != FAILURE
    assert len({FAILURE, wire.Failure(code="timed_out", detail=None)}) == 1
    assert repr(FAILURE) == "Failure({'code': 'timed_out', 'detail': None})"
    anything: Any = FAILURE
    with pytest.raises(AttributeError, match="Failure does not change"):
        anything.code = "other"


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_is_described_with_all_of_its_fields(kind: type[Answer]) -> None:
    """Inherited ones too, each of which has to be there."""
    schema = model_of(kind).model_json_schema(mode="serialization")

    assert tuple(schema["properties"]) == names(kind)
    assert tuple(schema["required"]) == names(kind)


def test_a_generic_answers_fields_have_the_types_of_its_kind() -> None:
    """A page is one of something, epochs' columns are lists of numbers."""
    page = model_of(wire.Page[wire.Job]).model_json_schema()["properties"]["items"]
    columns = model_of(wire.EpochColumns).model_json_schema()["properties"]

    assert page["items"]["$ref"].endswith("/Job")
    assert columns["epoch"]["items"] == {"type": "integer"}
    assert columns["val_loss"]["items"] == {"type": "number"}
    assert columns["val_loss"]["description"] == "Mean loss over the validation split, after the epoch."


def test_reading_answers_takes_the_standard_library_alone() -> None:
    """A client loads none of the server's packages, nor pydantic, for them."""
    code = "import json, sys, shared.wire; print(json.dumps([name.split('.')[0] for name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not set(json.loads(done.stdout)) & {"pydantic", "sqlalchemy", "flask", "api", "worker"}
