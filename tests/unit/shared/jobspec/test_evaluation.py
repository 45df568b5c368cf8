"""Requests for evaluations: a finished job's network on another data set."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.errors import InvalidSpec
from shared.jobspec import Caps, Catalog, parse_spec
from shared.jobspec.evaluation import checked_evaluation, evaluation_hash, read_request
from shared.jobspec.fields.evaluation import EvaluationSpec

Document = dict[str, Any]
CAPS = Caps()
SHAPES: Document = {
    "name": "shapes",
    "source": "folder",
    "ready": True,
    "classes": ["circle", "square", "star"],
    "counts": {"circle": [40, 10], "square": [30, 10], "star": [20, 5]},
    "input_shape": [3, 48, 64],
    "has_val": True,
}
"""What a network is trained on: images that are not square."""
TRIMMED = SHAPES | {"name": "trimmed", "classes": ["square", "circle"]}
OTHER = SHAPES | {"name": "other", "classes": ["star", "square", "circle", "cross"]}
OTHER["counts"] = {name: [9, 9] for name in OTHER["classes"]}
MIXED = OTHER | {"name": "mixed", "input_shape": None}
UNSPLIT = OTHER | {"name": "unsplit", "has_val": False}
CATALOG = Catalog.of_reports([SHAPES, TRIMMED, OTHER, MIXED, UNSPLIT])
LINEAR: Document = {"kind": "layers", "layers": [{"kind": "flatten"}, {"kind": "linear"}]}


def trained(dataset: Any = "shapes") -> Document:
    """The stored spec of a finished job on these images."""
    return parse_spec({"dataset": dataset, "architecture": LINEAR}, CAPS, CATALOG).document


def evaluation(sent: Any, dataset: Any = "shapes", caps: Caps = CAPS) -> EvaluationSpec:
    """The checked evaluation of such a job."""
    return checked_evaluation(read_request(json.dumps(sent).encode(), caps), "a-job", trained(dataset), caps, CATALOG)


def refused(sent: Any, dataset: Any = "shapes", caps: Caps = CAPS) -> list[tuple[str, str]]:
    """The pointers and sentences of what is wrong with a request."""
    with pytest.raises(InvalidSpec) as caught:
        evaluation(sent, dataset, caps)
    return [(problem.pointer, problem.detail) for problem in caught.value.errors]


def test_a_name_is_a_whole_request() -> None:
    """What is stored names the job, its classes in their order, and every default."""
    assert evaluation({"dataset": "other"}).document == {
        "dataset": {
            "name": "other",
            "classes": ["circle", "square", "star"],
            "val_per_class": None,
            "val_fraction": None,
        },
        "weights": "best",
        "name": None,
        "tags": [],
        "resources": {"device": "any", "threads": 1},
        "priority": 5,
        "limits": {"timeout_seconds": 86400, "max_attempts": 3},
        "job": "a-job",
    }


@pytest.mark.parametrize("name", ["cifar10", "cifar2", "synthetic"])
def test_a_short_form_stands_for_its_data_set_alone(name: str) -> None:
    """The classes are the job's, whatever the short form stands for in a submission."""
    cats = {"name": "cifar10", "classes": ["bird", "airplane"]}
    found = evaluation({"dataset": name}, cats).dataset
    assert (found.name, found.classes) == ("synthetic" if name == "synthetic" else "cifar10", ("bird", "airplane"))


def test_a_square_network_takes_images_of_any_size() -> None:
    """They are resized and cut as the job's own are; so one may be scored on grey digits, or on larger photographs."""
    evaluation({"dataset": "mixed"}, {"name": "shapes", "image_size": 24})
    evaluation({"dataset": "stl10"}, {"name": "cifar10", "classes": ["airplane", "bird"]})
    evaluation({"dataset": "svhn"}, "mnist")
    evaluation({"dataset": "mnist"}, "svhn")


@pytest.mark.parametrize("sent", [{"dataset": "mixed"}, {"dataset": {"name": "mixed"}}], ids=str)
def test_a_network_for_images_that_are_not_square_takes_that_size_alone(sent: Document) -> None:
    """The refusal names both."""
    ((where, why),) = refused(sent)
    assert where == "/dataset"
    assert why == "The job's network takes images of 3 × 48 × 64; those of mixed are of several sizes."


@pytest.mark.parametrize(
    "sent, where, words",
    [
        ([], "", ["an object such as"]),
        ({}, "", ['"dataset" is missing']),
        ({"dataset": 3}, "/dataset", ["an object"]),
        ({"dataset": {"classes": []}}, "/dataset", ['"name" is missing']),
        ({"dataset": "other", "weight": "best"}, "/weight", ['"weights"?']),
        ({"dataset": "other", "weights": "first"}, "/weights", ['"best" or "last"']),
        ({"dataset": "other", "job": "another"}, "/job", ["no field"]),
        ({"dataset": "other", "priority": 10}, "/priority", ["from 0 to 9"]),
        ({"dataset": "other", "name": " "}, "/name", ["is blank"]),
        ({"dataset": "others"}, "/dataset", ['Did you mean "other"?', "Known: cifar10"]),
        ({"dataset": "trimmed"}, "/dataset", ['trimmed has no class "star"']),
        ({"dataset": {"name": "other", "classes": ["circle"]}}, "/dataset/classes", ["circle, square, star"]),
        ({"dataset": "unsplit"}, "/dataset", ['"val_fraction": 0.2']),
        ({"dataset": {"name": "other", "val_fraction": 0.5}}, "/dataset/val_fraction", ["leave val_fraction out"]),
        ({"dataset": {"name": "other", "val_per_class": 10}}, "/dataset/val_per_class", ["from 1 to 9"]),
    ],
    ids=str,
)
def test_what_cannot_be_scored_is_refused(sent: Any, where: str, words: list[str]) -> None:
    """With a pointer into what was sent, and what would be right."""
    found = refused(sent)
    assert [pointer for pointer, _ in found] == [where]
    assert all(word in found[0][1] for word in words), found


def test_images_that_take_too_much_memory_are_refused() -> None:
    """As a training on them would be."""
    assert "FLIGHTLINE_MAX_DATASET_BYTES" in refused({"dataset": "other"}, caps=Caps(max_dataset_bytes=1000))[0][1]


def test_a_part_of_a_folder_without_validation_images_is_scored() -> None:
    """The same images as a job with this fraction would validate on."""
    assert evaluation({"dataset": {"name": "unsplit", "val_fraction": 0.5}}).dataset.val_fraction == 0.5


def test_the_hash_is_of_what_decides_the_figures() -> None:
    """Labels and resources do not; weights and images do."""
    base = evaluation_hash(evaluation({"dataset": "other"}))
    same: list[Document] = [{"name": "again"}, {"priority": 9}, {"resources": {"device": "cpu"}}, {"weights": "best"}]
    assert {evaluation_hash(evaluation({"dataset": "other", **each})) for each in same} == {base}
    others: list[Document] = [{"weights": "last"}, {"dataset": {"name": "other", "val_per_class": 3}}]
    assert len({base, *(evaluation_hash(evaluation({"dataset": "other", **each})) for each in others)}) == 3
