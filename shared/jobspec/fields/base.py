"""What every part of a spec is made of: frozen, strict, without unknown fields; and the number types."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Size = Annotated[int, Field(ge=1, le=1_000_000_000)]
"""A count of features or channels; the caps, not this range, bound what a network may hold."""

Extent = Annotated[int, Field(ge=1, le=1024)]
"""A kernel, stride or dilation, in pixels."""

Padding = Annotated[int, Field(ge=0, le=1024)]
"""Pixels of zeros on each side."""


class Part(BaseModel):
    """A piece of a spec: unknown fields, numbers in strings, booleans for numbers, NaN and infinity are refused."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
