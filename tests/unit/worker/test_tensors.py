"""Files of tensors, read back by the format's own library."""

from __future__ import annotations

import torch
from safetensors.torch import load, save
from torch import nn

from worker.tensors import safetensors


def _tensors() -> dict[str, torch.Tensor]:
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))  # with a counter, a whole number without a shape
    halves = {"half": torch.randn(3).bfloat16(), "empty": torch.zeros(0, 4), "transposed": torch.randn(2, 3).T}
    return {**network.state_dict(), **halves, "mask": torch.tensor([True, False, True])}


def test_tensors_come_back_as_they_were() -> None:
    """Of every type and shape, and laid out in any way."""
    tensors = _tensors()
    back = load(b"".join(safetensors(tensors)))
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name], tensor)


def test_the_file_is_the_librarys_own_but_for_the_headers_blanks() -> None:
    """The same data in the same order: nobody who reads it need know who wrote it."""
    tensors = {name: tensor.contiguous() for name, tensor in _tensors().items()}
    ours, librarys = b"".join(safetensors(tensors)), save(tensors)
    size = sum(tensor.nbytes for tensor in tensors.values())
    assert ours[-size:] == librarys[-size:]


def test_nothing_is_copied() -> None:
    """The parts are the tensors' own memory."""
    weight = torch.zeros(4)
    *_, content = safetensors({"weight": weight})
    weight.fill_(1.0)
    assert bytes(content) == torch.ones(4).numpy().tobytes()
