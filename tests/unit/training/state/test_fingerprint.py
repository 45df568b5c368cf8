"""The hash of a run's state: any change shows, and nothing that is no change."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor

from worker.training.state.fingerprint import Fingerprint

SHAPES = [(3, 5), (), (1021,), (2042, 3), (7, 3, 2, 2), (0,)]
TYPES = [torch.float32, torch.int64, torch.bfloat16, torch.bool, torch.uint8]
GENERATORS = {"order": torch.tensor([1, 2], dtype=torch.uint8), "cpu": torch.tensor([3], dtype=torch.uint8)}


def some(seed: int = 0) -> list[Tensor]:
    """Tensors of every type and odd shapes."""
    torch.manual_seed(seed)
    return [(4 * torch.randn(shape)).to(kind) for shape in SHAPES for kind in TYPES]


def digest(tensors: list[Tensor], generators: dict[str, Tensor] = GENERATORS) -> str:
    """Of a run that is asked once."""
    return Fingerprint().sums(tensors).digest(generators)


def test_the_same_state_has_the_same_digest() -> None:
    """Whatever was summed before, and in whatever order the memory holds the elements."""
    tensors = some()
    asked = Fingerprint()
    asked.sums(some(1))
    again = asked.sums(tensors).digest(GENERATORS)
    assert again == digest(tensors) == digest([one.clone() for one in tensors])
    images = torch.randn(4, 3, 5, 6)
    assert digest([images]) == digest([images.to(memory_format=torch.channels_last)])
    assert digest([images.permute(1, 0, 2, 3).contiguous().permute(1, 0, 2, 3)]) == digest([images])
    assert len(again) == 64


@pytest.mark.parametrize("which", range(len(SHAPES) * len(TYPES) - len(TYPES)))
def test_one_changed_bit_shows(which: int) -> None:
    """In every tensor, in any byte of it."""
    tensors = some()
    before = digest(tensors)
    content = tensors[which].reshape(-1).view(torch.uint8)
    place = random.Random(which).randrange(len(content))
    content[place] ^= 1
    assert digest(tensors) != before
    content[place] ^= 1
    assert digest(tensors) == before


def test_a_change_of_place_shows() -> None:
    """Rows that are exchanged have the same sum, as have elements of a row."""
    matrix = torch.arange(4 * 2042, dtype=torch.float32).view(4, 2042)
    assert digest([matrix]) != digest([matrix[[1, 0, 2, 3]]])
    assert digest([matrix]) != digest([matrix.flip(1)])
    assert digest([matrix[0], matrix[1]]) != digest([matrix[1], matrix[0]])


def test_types_shapes_and_generators_count() -> None:
    """The same bytes under another type or shape, and another state of a generator, are another state of the run."""
    zeros = torch.zeros(6)
    others = [zeros.view(2, 3), zeros.view(torch.int32), torch.zeros(7)]
    assert len({digest([one]) for one in [zeros, *others]}) == 4
    moved = {**GENERATORS, "order": torch.tensor([2, 1], dtype=torch.uint8)}
    assert digest([zeros]) != digest([zeros], moved)
    assert digest([zeros]) != digest([zeros], {"order": GENERATORS["order"], "gpu": GENERATORS["cpu"]})
    assert digest([zeros]) == digest([zeros], dict(reversed(GENERATORS.items())))
