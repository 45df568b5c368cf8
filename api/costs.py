"""What a network costs, as an answer."""

from __future__ import annotations

from typing import Any

from shared import wire
from shared.jobspec import Cost
from shared.wire.answer import Answer, names


def detailed_cost(cost: Cost) -> wire.DetailedCost:
    """Return a cost with that of each layer."""
    return wire.DetailedCost(**_fields(cost, wire.Cost), layers=layer_costs(cost))


def layer_costs(cost: Cost) -> list[wire.LayerCost]:
    """Return the cost of each layer."""
    return [wire.LayerCost(**_fields(layer, wire.LayerCost)) for layer in cost.layers]


def _fields(value: object, kind: type[Answer]) -> dict[str, Any]:
    """Return the attributes that an answer has too."""
    return {name: getattr(value, name) for name in names(kind)}
