"""A sha256 of all that decides a run: two plans with one digest ask for the same run.

Defaults are left out, so a field that is added later, with a default, changes no digest: a release recognises the
checkpoints of jobs that the release before it began. Defaults never change.

In the first release a plan had one class for all optimizers, one for all schedules, one for all augmentations, with the
fields and the defaults of all kinds, and one for all layers, with a list of options. Its digests count the fields of
those classes, and so they do today: `_FIRST` says how the parts that it knew are written.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

_NOT_OF_THE_RUN = ("engine",)  # may never change a result

_ALWAYS = object()
"""Stands for the default of a field without one: such a field always counts."""
_OPTIMIZER = {
    "kind": _ALWAYS,
    "lr": 0.01,
    "weight_decay": 0.0,
    "momentum": 0.0,
    "nesterov": False,
    "betas": (0.9, 0.999),
    "eps": 1e-8,
}
_SCHEDULE = {
    "kind": _ALWAYS,
    "step_epochs": 30,
    "gamma": 0.1,
    "min_lr": 0.0,
    "pct_start": 0.3,
    "anneal_strategy": "cos",
    "div_factor": 25.0,
    "final_div_factor": 10_000.0,
}
_AUGMENTATION = {"kind": _ALWAYS, "padding": 4, "padding_mode": "constant", "size": 8}
_FIRST: dict[str, dict[str, Any]] = {
    "TrainingPlan": {
        "dataset": _ALWAYS,
        "architecture": _ALWAYS,
        "epochs": 100,
        "batch_size": 64,
        "shuffle": True,
        "seed": 0,
        "label_smoothing": 0.0,
        "precision": "fp32",
        "optimizer": _ALWAYS,
        "schedule": _ALWAYS,
        "augment": (),
        "early_stopping": None,
        "weight_average": None,
        "threads": 1,
    },
    "DatasetPlan": {
        "name": _ALWAYS,
        "classes": _ALWAYS,
        "normalize": "published",
        "train_per_class": None,
        "val_per_class": None,
    },
    "MlpPlan": {"hidden": _ALWAYS, "activation": "tanh", "output": "log_softmax"},
    "LayersPlan": {"layers": _ALWAYS, "output": "log_softmax"},
    "TorchvisionPlan": {"network": _ALWAYS, "output": "log_softmax"},
    **dict.fromkeys(("SgdPlan", "AdamPlan", "AdamWPlan"), _OPTIMIZER),
    **dict.fromkeys(("ConstantPlan", "StepPlan", "CosinePlan", "OneCyclePlan"), _SCHEDULE),
    **dict.fromkeys(("FlipPlan", "CropPlan", "CutoutPlan"), _AUGMENTATION),
    "EarlyStoppingPlan": {"monitor": "val_loss", "patience": 10, "min_delta": 0.0},
    "WeightAveragePlan": {"kind": _ALWAYS, "decay": 0.99},
}
"""FROZEN: the fields of the first release's classes, with their defaults then. Never to be added to."""
_FIRST_OPTIONS = {
    "LinearPlan": ("bias", "out_features"),
    "Conv2dPlan": ("bias", "dilation", "groups", "kernel_size", "out_channels", "padding", "stride"),
    "MaxPool2dPlan": ("kernel_size", "padding", "stride"),
    "AvgPool2dPlan": ("kernel_size", "padding", "stride"),
    "BatchNormPlan": ("momentum",),
    "DropoutPlan": ("p",),
    "FlattenPlan": (),
    "ScalePlan": ("factor",),
    "ActivationPlan": (),
    "ResidualPlan": ("layers", "shortcut"),
    "WhiteningPlan": ("kernel_size",),
}
"""FROZEN: the options of the first release's layers, which all count. Never to be added to."""


def digest(plan: object) -> str:
    """A sha256 of every field of a plan and of its parts that is not its default, but for the engine.

    The `kind` of a part always counts: what its defaults are depends on it.
    """
    content = _without_defaults(plan)
    for name in _NOT_OF_THE_RUN:
        content.pop(name, None)
    return _sha256(content)


def first_digest(plan: object) -> str:
    """The digest by the first release's rule: of all fields that plans had then, with their defaults.

    That release's checkpoints carry only this digest, and it reads no other: workers of both may run side by side. Of a
    kind that it did not have, all fields count.
    """
    return _sha256(_first(plan))


def _without_defaults(part: Any) -> Any:
    if isinstance(part, tuple | list):
        return [_without_defaults(value) for value in part]
    if not dataclasses.is_dataclass(part):
        return part
    values, defaults = _first_values(part)
    for field in _later_fields(part):
        values[field.name], defaults[field.name] = getattr(part, field.name), _default(field)
    content = {
        name: _without_defaults(value)
        for name, value in values.items()
        if hasattr(value, "kind") or value != defaults[name]
    }
    return {**content, "kind": part.kind} if hasattr(part, "kind") else content


def _first(part: Any) -> Any:
    if isinstance(part, tuple | list):
        return [_first(value) for value in part]
    if not dataclasses.is_dataclass(part):
        return part
    values, _ = _first_values(part)
    if not values:
        values = {"kind": getattr(part, "kind", None), **vars(part)}
    return {name: _first(value) for name, value in values.items()}


def _first_values(part: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of the first release's class for this part, and their defaults; both empty for a younger kind."""
    name = type(part).__name__
    if name in _FIRST_OPTIONS:
        options = tuple((option, getattr(part, option)) for option in _FIRST_OPTIONS[name])
        return {"kind": part.kind, "options": options}, {"kind": _ALWAYS, "options": ()}
    defaults = _FIRST.get(name, {})
    return {field: getattr(part, field, default) for field, default in defaults.items()}, {**defaults}


def _later_fields(part: Any) -> list[dataclasses.Field[Any]]:
    """The fields of this part that the first release's class for it did not have."""
    name = type(part).__name__
    first = {*_FIRST.get(name, {}), *_FIRST_OPTIONS.get(name, ()), *(("kind",) if name in _FIRST_OPTIONS else ())}
    return [field for field in dataclasses.fields(part) if field.name not in first]


def _default(field: dataclasses.Field[Any]) -> object:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
