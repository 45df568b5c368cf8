"""Files of tensors, read back by the format's own library."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load, save
from torch import nn

from worker.run_job.records.tensors import safetensors

ABOUT = {"classes": '["Möwe", "bird"]', "quote": '"\\n'}


def _tensors() -> dict[str, torch.Tensor]:
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))  # with a counter, a whole number without a shape
    halves = {"half": torch.randn(3).bfloat16(), "empty": torch.zeros(0, 4), "transposed": torch.randn(2, 3).T}
    return {**network.state_dict(), **halves, "mask": torch.tensor([True, False, True])}


def test_tensors_come_back_as_they_were() -> None:
    """Of every type and shape, and laid out in any way."""
    tensors = _tensors()
    back = load(b"".join(safetensors(tensors, {})))
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name], tensor)


def test_the_file_is_the_librarys_own_but_for_the_headers_blanks() -> None:
    """The same data in the same order: nobody who reads it need know who wrote it."""
    tensors = {name: tensor.contiguous() for name, tensor in _tensors().items()}
    ours, librarys = b"".join(safetensors(tensors, ABOUT)), save(tensors, ABOUT)
    size = sum(tensor.nbytes for tensor in tensors.values())
    assert ours[-size:] == librarys[-size:]


def test_a_file_says_what_it_was_told_to(tmp_path: Path) -> None:
    """The library reads the metadata as they were given."""
    path = tmp_path / "one.safetensors"
    path.write_bytes(b"".join(safetensors(_tensors(), ABOUT)))
    with safe_open(path, "pt") as file:
        assert file.metadata() == ABOUT


def test_nothing_is_copied() -> None:
    """The parts are the tensors' own memory."""
    weight = torch.zeros(4)
    *_, content = safetensors({"weight": weight}, {})
    weight.fill_(1.0)
    assert bytes(content) == torch.ones(4).numpy().tobytes()
