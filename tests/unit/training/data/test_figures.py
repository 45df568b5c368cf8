"""Figures of splits: computed once for each way of making them, on a machine that may lose the file at any time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from worker.training.data.figures import KEPT, cached_figures
from worker.training.data.records import Figures
from worker.training.plan import DatasetPlan

PLAN = DatasetPlan("pets", ("cat", "dog"), val_fraction=0.2)


class Computing:
    """Gives other figures at each call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Figures:
        self.calls += 1
        return Figures((0.1, 1 / 3, self.calls), (0.5,) * 3, f"{self.calls:064}")


@pytest.fixture
def computing() -> Computing:
    """No figures yet."""
    return Computing()


def test_equal_splits_have_their_figures_computed_once(tmp_path: Path, computing: Computing) -> None:
    """To the last bit; normalisation and the form, which the images' checksum stands for, do not count."""
    first = cached_figures(PLAN, "images", tmp_path, computing)
    again = dataclasses.replace(PLAN, normalize="none", image_size=32)
    assert cached_figures(again, "images", tmp_path, computing) == first == computing_once()
    assert computing.calls == 1


def computing_once() -> Figures:
    """The figures of a first call."""
    return Computing()()


@pytest.mark.parametrize(
    "other",
    [
        {"classes": ("dog", "cat")},
        {"val_fraction": 0.3},
        {"holdout_fraction": 0.1},
        {"train_per_class": 3},
        {"val_per_class": 3},
    ],
    ids=lambda other: next(iter(other)),
)
def test_other_splits_have_other_figures(tmp_path: Path, computing: Computing, other: dict[str, Any]) -> None:
    """Whatever decides which images are in them."""
    first = cached_figures(PLAN, "images", tmp_path, computing)
    assert cached_figures(dataclasses.replace(PLAN, **other), "images", tmp_path, computing) != first


def test_other_images_have_other_figures(tmp_path: Path, computing: Computing) -> None:
    """An image that changed is no image that was seen."""
    assert cached_figures(PLAN, "one", tmp_path, computing) != cached_figures(PLAN, "two", tmp_path, computing)


def emptied(path: Path) -> None:
    """No bytes."""
    path.write_bytes(b"")


def of_another_kind(path: Path) -> None:
    """A list."""
    path.write_text("[1, 2]")


def odd_entries(path: Path) -> None:
    """Entries that are no figures."""
    path.write_text(path.read_text().replace("0.5", '"x"'))


@pytest.mark.parametrize("spoil", [emptied, of_another_kind, odd_entries, Path.unlink])
def test_a_spoilt_file_costs_only_time(tmp_path: Path, computing: Computing, spoil: Callable[[Path], None]) -> None:
    """The figures are computed, and stored, again."""
    cached_figures(PLAN, "images", tmp_path, computing)
    spoil(tmp_path / "figures.json")
    for _ in range(2):
        assert cached_figures(PLAN, "images", tmp_path, computing).std == (0.5,) * 3
    assert computing.calls == 2


def test_a_folder_that_cannot_be_written_to_costs_only_time(tmp_path: Path, computing: Computing) -> None:
    """A file in the way of the folder."""
    (tmp_path / "cache").touch()
    for _ in range(2):
        cached_figures(PLAN, "images", tmp_path / "cache", computing)
    assert computing.calls == 2


def test_the_file_does_not_grow_for_ever(tmp_path: Path, computing: Computing) -> None:
    """The oldest figures give way."""
    for number in range(KEPT + 1):
        cached_figures(PLAN, f"{number}", tmp_path, computing)
    cached_figures(PLAN, f"{KEPT}", tmp_path, computing)
    assert computing.calls == KEPT + 1
    cached_figures(PLAN, "0", tmp_path, computing)
    assert computing.calls == KEPT + 2
