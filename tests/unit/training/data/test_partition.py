"""Which images are kept out: how many, which ones, and that nothing else changes it."""

from __future__ import annotations

import hashlib

import pytest
import torch

from shared.jobspec.datasets import set_aside
from worker.training.data.partition import chosen, part_of, parted
from worker.training.data.records import Split


def split_of(*counts: int, named: bool = True) -> Split:
    """A split of one-pixel images, so many of each class, with files where they are `named`."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    images = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1)
    names = tuple(f"train/{label}/{number:04}.png" for label, n in enumerate(counts) for number in range(n))
    return Split(images, labels, names=names if named else ())


@pytest.mark.parametrize(
    "count, fraction, part",
    [(0, 0.5, 0), (1, 0.9, 0), (2, 0.01, 1), (2, 0.99, 1), (10, 0.2, 2), (10, 0.25, 2), (15, 0.1, 2), (100, 0.999, 99)],
)
def test_a_part_is_the_rounded_fraction(count: int, fraction: float, part: int) -> None:
    """At least one image, and never all; of a single one, none."""
    assert part_of(count, fraction) == part


def test_each_class_gives_its_part() -> None:
    """Whatever the classes' sizes; what is kept and what is not is in the split's order, with its numbers and names."""
    rest, part = parted(split_of(1, 10, 3), 0.3)
    assert (rest.counts(3), part.counts(3)) == ((1, 7, 2), (0, 3, 1))
    for one in (rest, part):
        assert one.index.tolist() == sorted(one.index.tolist()) == one.images.flatten().tolist()
        assert len(one.names) == len(one)
    assert sorted([*rest.names, *part.names]) == sorted(split_of(1, 10, 3).names)


def test_the_smallest_hashes_of_the_files_names_are_chosen() -> None:
    """Written out, as a notebook does it."""
    by_hash = sorted(range(10), key=lambda number: hashlib.sha256(f"{number:04}.png".encode()).hexdigest())
    assert sorted(by_hash[:3]) == chosen(split_of(10), 0.3).nonzero().flatten().tolist()


def test_images_without_files_go_by_their_numbers() -> None:
    """The number in the set's own split: the choice is the same whichever classes a job takes."""
    whole = split_of(20, 20, named=False)
    second = whole.only(whole.labels == 1)
    kept = parted(whole, 0.2)[1]
    assert parted(second, 0.2)[1].index.tolist() == kept.index[kept.labels == 1].tolist()


def test_a_larger_part_holds_the_smaller_one() -> None:
    """So jobs with other fractions share what they validate on."""
    small, large = (set(parted(split_of(50), fraction)[1].names) for fraction in (0.1, 0.4))
    assert small < large


def test_an_added_image_moves_at_most_one_other() -> None:
    """The part grows with the class, and stays where it is."""
    before, after = (set(parted(split_of(count), 0.2)[1].names) for count in (50, 51))
    assert len(before - after) <= 1


@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.9, 0.999])
def test_the_service_counts_as_the_worker_does(fraction: float) -> None:
    """A submission's batches and sizes are worked out from counts alone."""
    assert [part_of(count, fraction) for count in range(2000)] == [set_aside(count, fraction) for count in range(2000)]
