"""What a worker reports of its data sets, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.errors import DatabaseUnavailable
from tests.unit.training.data.test_own_folders import draw, pets
from worker.run_job.data.dataset_reports import DatasetReports, Report
from worker.training.data import Datasets


class Desk:
    """Takes reports, unless it is closed."""

    def __init__(self) -> None:
        self.reports: list[list[Report]] = []
        self.closed = False

    def take(self, reports: list[Report]) -> None:
        """A report."""
        if self.closed:
            raise DatabaseUnavailable("away")
        self.reports.append(reports)

    def latest(self, name: str) -> dict[str, Any]:
        """What was said last about a data set."""
        return next(one for one in self.reports[-1] if one["name"] == name)


@pytest.fixture
def desk() -> Desk:
    """A desk that is open."""
    return Desk()


@pytest.fixture
def reports(tmp_path: Path, desk: Desk) -> DatasetReports:
    """The reports of a data directory with the set `pets` in it."""
    pets(tmp_path / "data", {"cat": [(8, 8)] * 2, "dog": [(8, 8)] * 2})
    return DatasetReports(Datasets(tmp_path / "data", tmp_path / "cache"), desk.take)


def test_a_worker_starts_with_what_is_built_in(reports: DatasetReports) -> None:
    """Headers of a person's own images are not read then."""
    assert [one["name"] for one in reports.survey()] == ["synthetic"]


def test_own_sets_follow_at_the_first_look(reports: DatasetReports, desk: Desk) -> None:
    """With their shape, sizes and counts; a second look at the same folders says nothing."""
    reports.survey()
    for _ in range(2):
        reports.look()
    assert len(desk.reports) == 1
    one = desk.latest("pets")
    assert (one["input_shape"], one["decoded_bytes"], one["has_val"]) == ((3, 8, 8), 4 * 192, False)
    assert (one["counts"], one["fingerprint"]) == ({"cat": (2, 0), "dog": (2, 0)}, None)
    assert [each["name"] for each in desk.reports[0]] == ["synthetic", "pets"]


def test_a_change_is_reported_once_the_folder_is_at_rest(reports: DatasetReports, desk: Desk, tmp_path: Path) -> None:
    """While files come in, nothing is read; another set, another image, and one that is gone are noticed."""
    reports.look()
    for number in range(3):
        draw(tmp_path / "data" / "pets" / "train" / "cat" / f"new{number}.png", 8, 8)
        reports.look()
    assert len(desk.reports) == 1
    reports.look()
    assert desk.latest("pets")["counts"]["cat"] == (5, 0)
    (tmp_path / "data" / "pets").rename(tmp_path / "data" / "beasts")
    reports.look()
    reports.look()
    assert [one["name"] for one in desk.reports[-1]] == ["synthetic", "beasts"]


def test_copies_of_built_in_sets_are_noticed_too(reports: DatasetReports, desk: Desk, tmp_path: Path) -> None:
    """A folder that comes while the worker runs is reported without a restart."""
    reports.survey()
    reports.look()
    for split in ("train", "val"):
        for name in ("airplane", "bird"):
            draw(tmp_path / "data" / "cifar2" / split / name / "1.png", 32, 32)
    reports.look()
    reports.look()
    assert desk.latest("cifar10")["counts"] == {"airplane": (1, 1), "bird": (1, 1)}


def test_what_could_not_be_reported_is_reported_later(reports: DatasetReports, desk: Desk) -> None:
    """A database that is away loses nothing."""
    desk.closed = True
    with pytest.raises(DatabaseUnavailable):
        reports.look()
    desk.closed = False
    reports.look()
    assert desk.latest("pets")["counts"] == {"cat": (2, 0), "dog": (2, 0)}
