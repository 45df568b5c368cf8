"""The base class of all parts of a spec, and the number types."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Size = Annotated[int, Field(ge=1, le=1_000_000_000)]
"""A number of features or channels. The limits of a job, not this range, bound a network's size."""

Extent = Annotated[int, Field(ge=1, le=1024)]
"""A kernel, stride or dilation, in pixels."""

Padding = Annotated[int, Field(ge=0, le=1024)]
"""Pixels of zeros on each side."""


class Part(BaseModel):
    """A part of a spec: immutable; refuses unknown fields, strings or booleans for numbers, NaN and infinity."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
