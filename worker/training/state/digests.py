"""What says that two plans ask for the same run: a sha256 of all that decides it.

Defaults are left out, so a field that is added later, with a default, changes no digest: a checkpoint of a running job
is found to be that job's by the release after the one that wrote it. Defaults never change.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

_NOT_OF_THE_RUN = ("engine",)  # may never change a result

_FIRST_FIELDS = {
    "TrainingPlan": "dataset architecture epochs batch_size shuffle seed label_smoothing precision optimizer schedule "
    "augment early_stopping weight_average threads",
    "DatasetPlan": "name classes normalize train_per_class val_per_class",
    "LayerPlan": "kind options",
    "MlpPlan": "hidden activation output",
    "LayersPlan": "layers output",
    "TorchvisionPlan": "network output",
    "OptimizerPlan": "kind lr weight_decay momentum nesterov betas eps",
    "SchedulePlan": "kind step_epochs gamma min_lr pct_start anneal_strategy div_factor final_div_factor",
    "AugmentPlan": "kind padding padding_mode size",
    "EarlyStoppingPlan": "monitor patience min_delta",
    "WeightAveragePlan": "kind decay",
}
"""FROZEN: the fields that plans had when `first_digest` was the rule. Never to be added to."""


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

    That release's checkpoints carry it alone, and it reads no other: workers of both may run side by side.
    """
    return _sha256(_first_fields(plan))


def _without_defaults(part: Any) -> Any:
    if isinstance(part, tuple | list):
        return [_without_defaults(value) for value in part]
    if not dataclasses.is_dataclass(part):
        return part
    values = [(field, getattr(part, field.name)) for field in dataclasses.fields(part)]
    content = {
        field.name: _without_defaults(value)
        for field, value in values
        if hasattr(value, "kind") or value != _default(field)
    }
    return {**content, "kind": part.kind} if hasattr(part, "kind") else content


def _default(field: dataclasses.Field[Any]) -> object:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _first_fields(part: Any) -> Any:
    if isinstance(part, tuple | list):
        return [_first_fields(value) for value in part]
    if not dataclasses.is_dataclass(part):
        return part
    return {name: _first_fields(getattr(part, name)) for name in _FIRST_FIELDS[type(part).__name__].split()}


def _sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
