"""Matrix products on the fastest kernels that torch has for them: on a CPU those of oneDNN, where it knows the type.

torch sends fp32 products on x86 to MKL, which on processors of another make does about half of what they can: 110
against 230 GFLOP/s on one core of an AMD EPYC with AVX-512 (64 × 3072 by 3072 × 1024). oneDNN is in the same library,
behind an operator that torch.compile uses; where that is missing, everything here falls back to `addmm`.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

_ENOUGH = 1 << 20  # multiply-adds; with fewer, setting a oneDNN kernel up costs more than it saves
FUSED = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "leaky_relu": F.leaky_relu}
"""Activations that can be applied while the product is still in registers, and what they are otherwise."""
_OPTIONS = {"leaky_relu": [0.01]}


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None = None, activation: str | None = None) -> Tensor:
    """Inputs (N, I), weight (O, I), bias (O): activation(inputs · weightᵀ + bias), (N, O). Not differentiable."""
    if _onednn_pays(inputs, weight):
        options = _OPTIONS.get(activation or "", [])
        product: Tensor = torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001
            inputs, weight, bias, activation or "none", options, ""
        )
        return product
    product = F.linear(inputs, weight, bias)
    return product if activation is None else FUSED[activation](product)


def add_product(target: Tensor, left: Tensor, right: Tensor, alpha: float) -> None:
    """target (O, I) += alpha · left (O, N) · right (N, I), in place. The operands may be bf16 and the target fp32."""
    if left.dtype == target.dtype and not _onednn_pays(left, right.t()):
        target.addmm_(left, right, alpha=alpha)
    else:
        target.add_(linear(left, right.t()), alpha=alpha)


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
    except (AttributeError, RuntimeError):  # it is private: another torch may not have it, or want other arguments
        return False
    return True
