"""Fields that a service of the last release does not send yet, as the client may be upgraded before it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import NoneType
from typing import Any, get_args, get_type_hints

from shared import wire
from shared.wire.answer import Answer, json_name, names

ADDED: Mapping[type[Answer], Mapping[str, Any]] = {
    wire.BestPoint: {"deleted": ()},
    wire.DatasetInfo: {"counts": {}, "has_val": True},
    wire.DryRun: {"estimate": None},
    wire.EpochFigures: {"digest": None},
    wire.Job: {"kind": "train", "cache": "off"},
    wire.Sweep: {"points_failed": 0, "points_tried": 0, "warnings": ()},
    wire.SweepPreview: {"warnings": ()},
    wire.TrialCounts: {"stopped": 0},
    wire.Trial: {"deleted": (), "reached": ()},
    wire.Worker: {"role": "train"},
}
"""What stands for fields, never null, that answers have since the last release. For any that may be null, null does."""
_FIELDS: dict[type[Answer], tuple[frozenset[str], dict[str, Any]]] = {}


def otherwise(record: type[Answer], name: str, sent: Collection[str]) -> Any:
    """Return what stands for a field that an answer lacks.

    Args:
        record: a class that inherits from one of `shared.wire`.
        name: the field's name in JSON.
        sent: names of the answer's fields.

    Raises:
        KeyError: every release sends the field; or there is none of this name; or only some fields were asked for.
    """
    if record not in _FIELDS:
        _FIELDS[record] = _fields(record)
    always, others = _FIELDS[record]
    if not always or not always.issubset(sent):
        raise KeyError(name)
    return others[name]


def _fields(record: type[Answer]) -> tuple[frozenset[str], dict[str, Any]]:
    """Return the fields that every release sends, and what stands for each of the others."""
    kinds = [kind for kind in record.__mro__ if kind.__module__.startswith(f"{wire.__name__}.") and kind is not Answer]
    if not kinds:
        return frozenset(), {}
    hints = {json_name(field): hint for field, hint in get_type_hints(kinds[0]).items()}
    others = {field: None for field, hint in hints.items() if NoneType in get_args(hint)}
    for kind in kinds:
        others |= ADDED.get(kind, {})
    return frozenset(names(kinds[0])) - others.keys(), others
