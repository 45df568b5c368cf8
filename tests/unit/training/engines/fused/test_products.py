"""Products are right in every type and shape, whichever kernel computes them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from worker.training.engines.fused import products
from worker.training.engines.fused.products import FUSED, add_product, linear

SHAPES = {"small": (3, 5, 7), "large": (40, 700, 300)}  # rows, inputs, outputs
TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-4, torch.bfloat16: 0.1}


def operands(shape: str, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs (N, I), weight (O, I) and bias (O)."""
    torch.manual_seed(0)
    rows, inputs, outputs = SHAPES[shape]
    scale = inputs**-0.5
    return (
        torch.randn(rows, inputs).to(dtype),
        (torch.randn(outputs, inputs) * scale).to(dtype),
        torch.randn(outputs).to(dtype),
    )


@pytest.fixture(params=["oneDNN", "without"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With oneDNN where this machine's torch has it, and as if it had not."""
    if request.param == "without":
        monkeypatch.setattr(products, "_onednn_has", lambda dtype: False)
    return str(request.param)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation", [None, *FUSED])
def test_linear(shape: str, dtype: torch.dtype, activation: str | None) -> None:
    """Inputs · weightᵀ + bias, then the activation; with and without a bias."""
    inputs, weight, bias = operands(shape, dtype)
    function = FUSED[activation] if activation else lambda product: product
    for given in (bias, None):
        expected = function(F.linear(inputs.double(), weight.double(), None if given is None else bias.double()))
        got = linear(inputs, weight, given, activation)
        assert got.dtype == dtype
        assert (got.double() - expected).abs().max() < TOLERANCES[dtype]


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("shape", SHAPES)
def test_transposed_operands(shape: str, dtype: torch.dtype) -> None:
    """Either operand may be a view of a transposed matrix, as in a backward pass."""
    inputs, weight, _ = operands(shape, dtype)
    expected = inputs.double() @ weight.double().t()
    got = linear(inputs.t().contiguous().t(), weight.t().contiguous().t())
    assert (got.double() - expected).abs().max() < TOLERANCES[dtype]


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_add_product(shape: str, dtype: torch.dtype, beta: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place, in one piece and in many, into a wider type for bf16, and a copy takes the values."""
    monkeypatch.setattr(products, "_PIECE", 64_000)
    monkeypatch.setattr(products, "_MIXED_PIECE", 32_000)
    right, weight, _ = operands(shape, dtype)
    target = weight.to(torch.float32) if dtype == torch.bfloat16 else weight.clone()
    left = torch.randn(len(weight), len(right)).to(dtype)
    expected = beta * weight.double() - 0.1 * left.double() @ right.double()
    copy = torch.empty_like(weight)
    add_product(target, left, right, -0.1, beta, copy)
    assert (target.double() - expected).abs().max() < TOLERANCES[dtype]
    assert torch.equal(copy, target.to(dtype))


def test_an_operator_that_is_missing_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a torch whose private operator is gone or takes other arguments, products fall back to addmm."""

    def changed(*_: object) -> Tensor:
        raise RuntimeError("expected other arguments")

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", changed)
    products._onednn_has.cache_clear()
    try:
        inputs, weight, bias = operands("large", torch.float32)
        assert torch.allclose(linear(inputs, weight, bias), F.linear(inputs, weight, bias), atol=1e-4)
    finally:
        products._onednn_has.cache_clear()
