"""What optimizers, schedules, augmentations and layers refuse of their own options, and where the error points."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import InvalidSpec
from shared.jobspec import Caps, parse_spec

Document = dict[str, Any]

_CONV: Document = {"kind": "conv2d", "out_channels": 16, "kernel_size": 3}
_FLATTEN: Document = {"kind": "flatten"}
_LINEAR: Document = {"kind": "linear", "out_features": 2}


def training(**fields: Any) -> Document:
    """A preset with another recipe."""
    return {"preset": "notebook-linear", "training": fields}


def network(*layers: Document) -> Document:
    """A job with these layers."""
    return {"architecture": {"kind": "layers", "layers": list(layers)}}


@pytest.mark.parametrize(
    "document, pointer, words",
    [
        (training(optimizer={"kind": "rmsprop", "alpha": 1}), "/training/optimizer/alpha", ["from 0 and below 1"]),
        (training(optimizer={"kind": "nadam", "momentum": 0.9}), "/training/optimizer/momentum", ["sgd or rmsprop"]),
        (
            training(epochs=5, schedule={"kind": "warmup_cosine"}),
            "/training/schedule",
            ["less than the job's epochs, 5, not 5"],
        ),
        (
            training(schedule={"kind": "warmup_cosine", "min_lr": 0.5}),
            "/training/schedule/min_lr",
            ["at most the optimizer's lr, 0.01"],
        ),
        (training(augment=[{"kind": "color_jitter"}]), "/training/augment/0/kind", ["changes nothing", "brightness"]),
        (training(augment=[{"kind": "color_jitter", "hue": 0.6}]), "/training/augment/0/hue", ["from 0 to 0.5"]),
        (
            network(_CONV, {"kind": "groupnorm", "num_groups": 3}),
            "/architecture/layers/1",
            ["Layer 1 (groupnorm)", "must divide the 16 channels", "1, 2, 4, 8 or 16"],
        ),
        (
            network(_FLATTEN, _LINEAR, {"kind": "groupnorm", "num_groups": 2}),
            "/architecture/layers/2",
            ["2 features", "always normalised to zero", "fewer groups"],
        ),
        (network(_FLATTEN, {"kind": "global_avgpool"}), "/architecture/layers/1", ["takes an image"]),
        (network(_CONV, {"kind": "layernorm"}), "/architecture/layers/1", ["16 × 30 × 30", "2 classes"]),
    ],
)
def test_options_that_cannot_be_are_refused(document: Document, pointer: str, words: list[str]) -> None:
    """At the option, with what would do."""
    with pytest.raises(InvalidSpec) as refused:
        parse_spec(document, Caps())
    (error,) = refused.value.errors
    assert error.pointer == pointer
    assert [word for word in words if word not in error.detail] == []


@pytest.mark.parametrize(
    "document",
    [
        training(epochs=5, schedule={"kind": "warmup_cosine", "warmup_epochs": 4.5, "min_lr": 0.01}),
        training(augment=[{"kind": "color_jitter", "hue": 0.5}, {"kind": "flip"}]),
        network(_CONV, {"kind": "groupnorm", "num_groups": 16}, {"kind": "global_avgpool"}, _LINEAR),
        network(_FLATTEN, {"kind": "layernorm"}, _LINEAR),
    ],
)
def test_options_at_their_bounds_are_taken(document: Document) -> None:
    """What is refused beyond them is fine at them."""
    assert parse_spec(document, Caps()).cost.parameters > 0
