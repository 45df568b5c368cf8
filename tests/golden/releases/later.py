"""A release that is yet to come: every part of a plan has more fields than today."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from worker.training import plan as plans

PARTS = [name for name in dir(plans) if name.endswith("Plan") and dataclasses.is_dataclass(getattr(plans, name))]
_FIELDS: list[Any] = [("later", float, 0.5), ("later_list", list, dataclasses.field(default_factory=list))]


def install(patch: pytest.MonkeyPatch) -> None:
    """Have plans be made of its parts."""
    for name in PARTS:
        part = dataclasses.make_dataclass(name, _FIELDS, bases=(getattr(plans, name),), frozen=True)
        patch.setattr(plans, name, part)


def same(value: Any) -> Any:
    """The same plan made of its parts, once they are installed."""
    if isinstance(value, tuple):
        return tuple(map(same, value))
    if not dataclasses.is_dataclass(value):
        return value
    fields = {field.name: same(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return getattr(plans, type(value).__name__)(**fields)
