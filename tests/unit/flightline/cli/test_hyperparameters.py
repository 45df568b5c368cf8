"""What `show` says of a job's settings: those that differ from its preset or from the defaults."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from flightline.cli.hyperparameters import chosen
from flightline.client.jobs import Job
from shared.jobspec import NO_CAPS, PRESETS, parse_spec
from shared.jobspec.fields.evaluation import EvaluatedImages, EvaluationSpec
from tests.support.http_service import FakeService
from tests.unit.flightline.conftest import Run

LAYERS: list[dict[str, Any]] = [
    {"kind": "conv2d", "out_channels": 16, "kernel_size": 3},
    {"kind": "residual", "layers": [{"kind": "conv2d", "out_channels": 16, "kernel_size": 3, "padding": 1}]},
    {"kind": "flatten"},
    {"kind": "linear"},
]


def settings(**document: Any) -> list[str]:
    """The settings of a job that was submitted so."""
    submission = parse_spec(document, NO_CAPS)
    return chosen(Job({"spec": submission.document, "preset": submission.preset}))


def test_a_job_without_a_preset_says_what_it_sets() -> None:
    """Fields that have their defaults are left out, also where they were written down."""
    found = settings(
        architecture={"kind": "mlp", "hidden": [64], "activation": "relu"},
        training={"epochs": 5, "optimizer": {"kind": "adam", "lr": 0.001}, "batch_size": 64},
        name="mine",
    )
    assert found == [
        "architecture.kind=mlp",
        "architecture.hidden=[64]",
        "architecture.activation=relu",
        "training.epochs=5",
        "training.optimizer.kind=adam",
    ]


def test_layers_have_a_line_each() -> None:
    """As torch prints them, nested ones too."""
    found = settings(architecture={"kind": "layers", "layers": LAYERS})
    assert found == [
        "architecture.kind=layers",
        "architecture.layers.0=conv2d(out_channels=16, kernel_size=3)",
        "architecture.layers.1=residual(layers=[conv2d(out_channels=16, kernel_size=3, padding=1)])",
        "architecture.layers.2=flatten",
        "architecture.layers.3=linear(out_features=2)",
    ]


def test_an_evaluation_says_what_it_scores() -> None:
    """The data set, its classes and the finished job; fields that have their defaults are left out."""
    spec = EvaluationSpec(
        dataset=EvaluatedImages(name="later", classes=("cat", "dog"), val_per_class=50), job="01a2", priority=8
    )
    assert chosen(Job({"spec": spec.document, "preset": None, "kind": "evaluate"})) == [
        "dataset.name=later",
        "dataset.classes=[cat, dog]",
        "dataset.val_per_class=50",
        "priority=8",
        "job=01a2",
    ]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_job_of_a_preset_says_nothing_of_it(preset: str) -> None:
    """The preset's name says it all."""
    assert settings(preset=preset) == []


def test_a_job_of_a_preset_says_what_it_changes() -> None:
    """Also where it goes back to a default that the preset does not have."""
    training = {"epochs": 3, "optimizer": {"momentum": 0.0, "nesterov": False}, "augment": [{"kind": "flip"}]}
    assert settings(preset="convnet", training=training, dataset={"train_per_class": 100}) == [
        "dataset.train_per_class=100",
        "training.epochs=3",
        "training.optimizer.momentum=0.0",
        "training.optimizer.nesterov=false",
        "training.augment.0=flip",
        "training.augment.1=(left out)",
    ]


def test_a_preset_on_other_classes_says_the_classes_alone() -> None:
    """That its last layer has as many features goes without saying."""
    classes = ["cat", "dog", "frog"]
    assert settings(preset="convnet", dataset={"classes": classes}) == ["dataset.classes=[cat, dog, frog]"]


def test_what_another_release_knows_is_shown_whole() -> None:
    """A preset, a field or a kind of job of tomorrow: nothing is hidden, and nothing fails."""
    document = copy.deepcopy(parse_spec({"preset": "notebook-linear"}, NO_CAPS).document)
    assert "architecture.hidden=[512]" in chosen(Job({"spec": document, "preset": "of-tomorrow"}))
    document["training"]["of_tomorrow"] = {"new": True}
    assert "training.of_tomorrow.new=true" in chosen(Job({"spec": document, "preset": "notebook-linear"}))
    assert chosen(Job({"spec": {"score": "a-run", "on": None}, "preset": None})) == ["score=a-run", "on=null"]


def test_show_prints_them(run: Run, service: FakeService) -> None:
    """Below the facts, in the words of --set."""
    spec = parse_spec({"preset": "notebook-linear", "training": {"epochs": 7}}, NO_CAPS).document
    service.add(spec=spec, preset="notebook-linear", status="running")
    out = run("show", "last").out
    assert "preset      notebook-linear\nset         training.epochs=7\n" in out
