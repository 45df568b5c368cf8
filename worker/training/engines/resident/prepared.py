"""Prepared splits, which on a CPU outlive their run: the next one on the same images often takes them as they are.

Preparing a split again would take longer than a short job's epochs. Only the splits of one data set stay, in one form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from worker.training.data.loader import Normalizer

Prepare: TypeAlias = Callable[[Tensor], Tensor]
"""From normalised images (N, C, H, W) to the form that the engine stores: dtype, layout, shape."""

_CHUNK = {"cpu": 512, "cuda": 4096}
"""Images normalised at a time: few enough for a cache, enough for a GPU, and no second copy of the split."""
_MOST = 2
"""Splits that stay: those of training and validation."""

_kept: dict[int, tuple[Tensor, object, Tensor]] = {}
"""By the identity of the images: they, the form in which they were prepared, and that."""


def prepared(images: Tensor, normalize: Normalizer, prepare: Prepare, device: torch.device) -> Tensor:
    """Images on the device, prepared; nobody may write to them.

    They are sent as uint8, a quarter of the bytes, and normalised on the device.

    Args:
        images: the images of a split (N, C, H, W) uint8, on the CPU.
        normalize: their normalisation, on the device.
        prepare: a function, or a method whose result depends on its object in its shape and type alone.
        device: the device.
    """
    first = prepare(normalize(images[:1].to(device)))
    if device.type != "cpu":
        return _prepared(images, normalize, prepare, device, first)
    moments = None if normalize.moments is None else tuple(tuple(one.flatten().tolist()) for one in normalize.moments)
    form = (getattr(prepare, "__func__", prepare), first.shape, first.dtype, moments)
    kept, its_form, result = _kept.get(id(images), (None, None, first))
    if kept is images and its_form == form:
        return result
    del result
    _kept.pop(id(images), None)
    while len(_kept) >= _MOST:
        del _kept[next(iter(_kept))]
    result = _prepared(images, normalize, prepare, device, first)
    _kept[id(images)] = images, form, result
    return result


def forget() -> None:
    """Let go of all splits that outlive their runs."""
    _kept.clear()


def _prepared(images: Tensor, normalize: Normalizer, prepare: Prepare, device: torch.device, first: Tensor) -> Tensor:
    out = torch.empty((len(images), *first.shape[1:]), dtype=first.dtype, device=device)
    size = _CHUNK[device.type]
    for target, chunk in zip(torch.split(out, size), torch.split(images, size), strict=True):
        target.copy_(prepare(normalize(chunk.to(device))))
    return out
