"""Matrix products on the fastest kernels that torch has for them: on a CPU those of oneDNN, where it knows the type.

torch sends fp32 products on x86 to MKL, which on processors of another make does about half of what they can: 110
against 230 GFLOP/s on one core of an AMD EPYC with AVX-512 (64 × 3072 by 3072 × 1024). oneDNN is in the same library,
behind an operator that torch.compile uses; where that is missing, everything here falls back to `addmm`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

_ENOUGH = 1 << 20  # multiply-adds; with fewer, setting up a oneDNN kernel costs more than it saves
_PIECE, _MIXED_PIECE = 1 << 19, 1 << 17  # elements of a weight that are changed at a time
_LANES = 16  # elements that a kernel takes at once; pieces of whole ones are rounded as the whole tensor is
FUSED = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "leaky_relu": F.leaky_relu}
"""Activations that oneDNN applies while the product is in registers, with torch's functions for other kernels."""
_OPTIONS = {"leaky_relu": [0.01]}


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None = None, activation: str | None = None) -> Tensor:
    """Inputs (N, I), weight (O, I), bias (O): activation(inputs · weightᵀ + bias), (N, O). Not differentiable."""
    if _onednn_pays(inputs, weight):
        options = _OPTIONS.get(activation or "", [])
        product: Tensor = torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001
            inputs, weight, bias, activation or "none", options, ""
        )
        return product
    product = _linear(inputs, weight, bias)
    return product if activation is None else FUSED[activation](product)


def add_product(
    target: Tensor, left: Tensor, right: Tensor, alpha: float, beta: float = 1.0, copy: Tensor | None = None
) -> None:
    """target (O, I) = beta · target + alpha · left (O, N) · right (N, I), in place; `copy` then takes its values.

    The operands may be bf16 and the target fp32.
    """
    mixed = left.dtype != target.dtype
    if not mixed and not _onednn_pays(left, right.mT):
        target.addmm_(left, right, alpha=alpha, beta=beta)
        if copy is not None:
            copy.copy_(target)
    elif mixed and _adds_mixed(target.device):
        torch.addmm(target, left, right, out_dtype=target.dtype, beta=beta, alpha=alpha, out=target)
        if copy is not None:
            copy.copy_(target)
    elif target.device.type == "cpu":
        rows = max(1, (_MIXED_PIECE if mixed else _PIECE) // target.shape[1])
        _add_in_pieces(target, _products(left.contiguous(), right, rows), alpha, beta, copy)
    else:
        _add_in_pieces(target, [linear(left, right.mT)], alpha, beta, copy)


def products_by_rows(left: Tensor, right: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """left (O, N) · right (N, I), some rows at a time, each piece small enough to be used while it is in the cache."""
    count = max(1, len(left) * right.shape[1] // _PIECE)
    rows = math.ceil(len(left) / count / _LANES) * _LANES
    first = 0
    for product in _products(left.contiguous(), right, rows):
        yield slice(first, first + len(product)), product
        first += len(product)


def _products(left: Tensor, right: Tensor, rows: int) -> Iterable[Tensor]:
    """left · right, at most `rows` rows at a time; bf16 products are quick enough to be made at once, then split."""
    if left.dtype == torch.bfloat16:
        return torch.split(linear(left, right.mT), rows)
    return (linear(part, right.mT) for part in torch.split(left, rows))


def _add_in_pieces(target: Tensor, products: Iterable[Tensor], alpha: float, beta: float, copy: Tensor | None) -> None:
    """Add products a few rows at a time, so that the rows are still in the cache: 10 to 35 % of the whole time."""
    first = 0
    for product in products:
        piece = target[first : first + len(product)]
        if beta != 1:
            piece.mul_(beta)
        piece.add_(product, alpha=alpha)
        if copy is not None:
            copy[first : first + len(product)].copy_(piece)
        first += len(product)


def _linear(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """inputs · weightᵀ + bias by torch. In full precision on a GPU the bias is added in a kernel of its own.

    cuBLAS' products with a bias are slow where rows are few: an H200 takes 44 µs for 64 × 3072 by 3072 × 1024 with a
    bias, 20 without; 13 and 6 for 64 × 128 by 128 × 2.
    """
    if bias is None or not inputs.is_cuda or not _in_full_precision(inputs.dtype):
        return F.linear(inputs, weight, bias)
    return F.linear(inputs, weight).add_(bias)


def _in_full_precision(dtype: torch.dtype) -> bool:
    return dtype == torch.float64 or (dtype == torch.float32 and torch.backends.cuda.matmul.fp32_precision == "ieee")


@cache
def _adds_mixed(device: torch.device) -> bool:
    """Whether this torch adds a product of bf16 to fp32, in place, in one kernel."""
    if device.type != "cuda":
        return False
    target, ones = torch.ones(16, 16, device=device), torch.ones(16, 16, dtype=torch.bfloat16, device=device)
    try:
        torch.addmm(target, ones, ones, out_dtype=target.dtype, alpha=-0.5, out=target)
    except (RuntimeError, TypeError):
        return False
    return bool((target == -7).all())


def _onednn_pays(inputs: Tensor, weight: Tensor) -> bool:
    enough = inputs.shape[0] * weight.shape[0] * weight.shape[1] >= _ENOUGH
    return enough and inputs.device.type == "cpu" and _onednn_has(inputs.dtype)


@cache
def _onednn_has(dtype: torch.dtype) -> bool:
    if dtype not in (torch.float32, torch.bfloat16) or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():  # noqa: SLF001
        return False
    ones = torch.ones(2, 2, dtype=dtype)
    try:
        torch.ops.mkldnn._linear_pointwise(ones, ones, None, "none", [], "")  # noqa: SLF001
    except (AttributeError, RuntimeError):  # a private operator: another torch may lack it, or want other arguments
        return False
    return True
