"""The space of a sweep: its points, its corners, and the jobs there."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.sweeps.points.sampling import random_point
from shared.sweeps.points.space import Dimension, Space, corners, count, grid, job_at

SPACE: dict[str, dict[str, Any]] = {
    "training.optimizer.lr": {"kind": "float", "low": 1e-4, "high": 1.0, "log": True},
    "training.batch_size": {"kind": "values", "values": [16, 64, 256]},
    "architecture.hidden": {"kind": "choice", "values": [[512], [1024, 512, 128]]},
    "training.epochs": {"kind": "int", "low": 1, "high": 9},
}


def space_of(document: dict[str, Any]) -> Space:
    """Return the space that a document describes."""
    return TypeAdapter(dict[str, Dimension]).validate_python(document)


def test_a_random_point_depends_on_seed_and_number_alone() -> None:
    """Asked in another order, and beside another path, each value is the same; another seed gives others."""
    whole = space_of(SPACE)
    points = [random_point(whole, 7, number) for number in range(50)]
    assert [random_point(whole, 7, number) for number in reversed(range(50))] == points[::-1]
    part = {"training.batch_size": whole["training.batch_size"]}
    assert [random_point(part, 7, n)["training.batch_size"] for n in range(50)] == [
        point["training.batch_size"] for point in points
    ]
    assert points != [random_point(whole, 8, number) for number in range(50)]


def test_random_values_cover_their_dimension_evenly() -> None:
    """By logarithm where asked, each end of whole numbers as often as the others."""
    points = [random_point(space_of(SPACE), 0, number) for number in range(3000)]
    decades = Counter(int(f"{point['training.optimizer.lr']:e}"[-2:]) for point in points)
    assert all(600 < decades[decade] < 900 for decade in (1, 2, 3, 4))
    epochs = Counter(point["training.epochs"] for point in points)
    assert set(epochs) == set(range(1, 10))
    assert all(250 < number < 420 for number in epochs.values())
    log = space_of({"n": {"kind": "int", "low": 1, "high": 8, "log": True}})
    drawn = Counter(random_point(log, 0, number)["n"] for number in range(3000))
    assert set(drawn) == set(range(1, 9))
    assert drawn[1] > drawn[2] > drawn[8] > 0


def test_a_grid_has_every_point_once() -> None:
    """Steps include both ends; a range without steps has no grid."""
    finite = {**SPACE, "training.optimizer.lr": {"kind": "float", "low": 0.1, "high": 0.5, "step": 0.1}}
    points = list(grid(space_of(finite), range(5 * 3 * 2 * 9)))
    assert len(points) == count(space_of(finite)) == 5 * 3 * 2 * 9
    assert len({str(point) for point in points}) == len(points)
    assert list(grid(space_of(finite), [7, 0])) == [points[7], points[0]]
    assert [point["training.epochs"] for point in points[:10]] == [*range(1, 10), 1]
    assert {round(point["training.optimizer.lr"], 9) for point in points} == {0.1, 0.2, 0.3, 0.4, 0.5}
    assert count(space_of(SPACE)) is None
    with pytest.raises(ValueError, match=r"training\.optimizer\.lr has a value between any two"):
        list(grid(space_of(SPACE), [0]))


def test_small_steps_reach_the_end_of_their_range() -> None:
    """However many values there are, each is a value of the range; none is left out."""
    fine = space_of({"training.optimizer.lr": {"kind": "float", "low": 0.0, "high": 1.0, "step": 0.0001}})
    assert count(fine) == 10_001
    assert fine["training.optimizer.lr"].ends() == (0.0, 1.0)
    drawn = [random_point(fine, 0, number)["training.optimizer.lr"] for number in range(200)]
    assert max(drawn) > 0.9
    endless = space_of({"training.optimizer.lr": {"kind": "float", "low": 0.0, "high": 1.0, "step": 1e-12}})
    assert count(endless) == 10**12 + 1
    steps = endless["training.optimizer.lr"].values()
    assert steps is not None
    assert [steps.index(steps[number]) for number in (0, 123_456_789, 10**12)] == [0, 123_456_789, 10**12]
    with pytest.raises(ValueError, match="is not there"):
        steps.index(0.1 + 3e-13)


def test_corners_reach_each_end_of_each_dimension() -> None:
    """All combinations while they are few, else each end beside the others' first."""
    space = space_of(SPACE)
    every = corners(space, 100)
    assert len(every) == 2 * 3 * 2 * 2
    few = corners(space, 10)
    for path, dimension in space.items():
        assert {str(point[path]) for point in few} == {str(value) for value in dimension.ends()}


@pytest.mark.parametrize(
    "dimension, says",
    [
        ({"kind": "float", "low": 1.0, "high": 1.0}, "a `low` below its `high`"),
        ({"kind": "float", "low": 0.0, "high": 1.0, "log": True}, "a `low` above 0"),
        ({"kind": "float", "low": 0.1, "high": 1.0, "log": True, "step": 0.1}, "either `log` or `step`"),
        ({"kind": "float", "low": "0.1", "high": 1.0}, "a valid number"),
        ({"kind": "int", "low": False, "high": 3}, "a valid integer"),
        ({"kind": "choice", "values": []}, "at least 1"),
        ({"kind": "float", "low": 0.0, "high": float("inf")}, "finite"),
    ],
)
def test_a_dimension_without_a_sense_is_refused(dimension: dict[str, Any], says: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(ValidationError, match=says):
        space_of({"training.optimizer.lr": dimension})


def test_a_point_is_set_into_a_copy_of_the_job() -> None:
    """Parts that are not there yet come to be, the base stays as it is."""
    base: dict[str, Any] = {"preset": "notebook-linear", "training": {"epochs": 5}}
    made = job_at(base, {"training.optimizer.lr": 0.1, "architecture.hidden": [512], "training.epochs": 9})
    assert made == {
        "preset": "notebook-linear",
        "training": {"epochs": 9, "optimizer": {"lr": 0.1}},
        "architecture": {"hidden": [512]},
    }
    assert base == {"preset": "notebook-linear", "training": {"epochs": 5}}
