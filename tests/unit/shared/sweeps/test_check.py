"""What is wrong with a sweep is said all at once, with pointers into the request."""

from __future__ import annotations

import math
import re
from statistics import fmean
from typing import Any

import orjson
import pytest

from shared.errors import InvalidSpec
from shared.jobspec import BUILT_IN, Caps
from shared.sweeps.check import MOST_OF_GRID, CheckedSweep, check_sweep, parse_sweep
from shared.sweeps.creation import preview
from shared.sweeps.points.repetition import by_chance
from shared.sweeps.points.sampling import random_point
from shared.sweeps.points.space import Choice, IntRange, Space, different

LR = "training.optimizer.lr"
FLOAT = {"kind": "float", "low": 0.001, "high": 0.1}


def _check(**asked: Any) -> CheckedSweep:
    whole = {"base": {"preset": "notebook-tapered", "dataset": "synthetic"}, "space": {LR: FLOAT}}
    return check_sweep(whole | asked, Caps(), BUILT_IN)


def _space(path: str = LR, **dimension: Any) -> dict[str, Any]:
    return {"space": {path: FLOAT | dimension}}


def _over(path: str = LR, **dimension: Any) -> dict[str, Any]:
    return {"space": {path: dimension}}


@pytest.mark.parametrize(
    "asked, where, what",
    [
        ({"wide": 1}, "/wide", 'no field "wide"'),
        ({"name": "  "}, "/name", "The name is blank."),
        ({"base": {"preset": "convnet", "name": " "}}, "/base/name", "The name is blank."),
        ({"max_trials": "5"}, "/max_trials", 'must be a whole number from 1 to 10,000, not "5"'),
        ({"max_trials": True}, "/max_trials", "must be a whole number"),
        ({"repeats": 1.5}, "/repeats", "must be a whole number"),
        ({"asha": {"eta": "3"}}, "/asha/eta", "must be a whole number"),
        ({"algorithm": {"kind": "tpe", "seed": "3"}}, "/algorithm/seed", "must be a whole number"),
        ({"space": {}}, "/space", "at least 1"),
        ({"base": 3}, "/base", "an object"),
        ({"base": "nope"}, "/base", 'no preset "nope"'),
        ({"algorithm": "gird"}, "/algorithm", 'Did you mean "grid"?'),
        ({"objective": "speed"}, "/objective", "val_accuracy"),
        ({"base": {"preset": "convnet", "name": 3}}, "/base/name", "must be a text"),
        ({"base": {"preset": "nope"}}, "/base/preset", 'no preset "nope"'),
        ({"base": {"preset": "notebook-tapered", "training": {"epochs": 0}}}, "/base/training/epochs", "1 or more"),
        (_space(low=0), f"/space/{LR}", "must be above 0"),
        (_space(low=2), f"/space/{LR}", "a `low` below its `high`."),
        (_space(low="a"), f"/space/{LR}/low", "must be a number"),
        (_space(kind="flaot"), f"/space/{LR}", 'Did you mean "float"?'),
        (_space(stepp=1), f"/space/{LR}/stepp", 'Did you mean "step"?'),
        (_space(low=-1e308, high=1e308, step=1e-300), f"/space/{LR}", "a larger `step`"),
        (_space(step=5e-324), f"/space/{LR}", "a larger `step`"),
        (_space(step=1.0), f"/space/{LR}/step", "at most 0.099"),
        (_over(kind="values", values=[0.1, math.nan]), f"/space/{LR}/values/1", "a finite number, not NaN"),
        (_space("training.batch_size", kind="int", low=8, high=64, step=100), "/space/training.batch_size/step", "56"),
        (_space("training.seed", kind="int", low=0, high=2**64), "/space/training.seed/high", "9,007,199,254,740,992"),
        (
            _space("training.seed", kind="int", low=1, high=10**400, log=True),
            "/space/training.seed/high",
            "must be from",
        ),
        (_space("training.optimzer.lr"), "/space/training.optimzer.lr", 'Did you mean "optimizer"?'),
        (_space("Not a path"), "/space/Not a path", "is no path into a job"),
        (_space("limits.timeout_seconds"), "/space/limits.timeout_seconds", "does not change what is trained"),
        (_space("resources.threads"), "/space/resources.threads", "changes at most how figures are rounded: put it"),
        (_space("preset"), "/space/preset", "stands for other fields: put it into base"),
        ({"space": {"training.optimizer": FLOAT, LR: FLOAT}}, f"/space/{LR}", "lies within training.optimizer"),
        ({"base": {"preset": "convnet", "training": {"optimizer": 3}}}, f"/space/{LR}", "/training/optimizer is 3"),
        ({"name": "n" * 99}, "/name", "The name of a sweep's jobs, NAME/POINT, has 102 characters; at most 100"),
        ({"base": {"preset": "convnet", "name": "n" * 98}, "repeats": 2}, "/base/name", "NAME/POINT-REPEAT, has 10"),
        ({"objective": {"metric": "speed"}}, "/objective/metric", "val_accuracy"),
        ({"asha": {"eta": 1}}, "/asha/eta", "from 2 to 100"),
        ({"asha": {"min_epochs": 100}}, "/asha/min_epochs", "below the 100 epochs"),
        (
            {"asha": {}, "base": {"preset": "convnet", "training": {"epochs": 1}}},
            "/asha/min_epochs",
            "below the 1 epoch of",
        ),
        ({"asha": {}, **_space("training.epochs", kind="int", low=1, high=9)}, "/space/training.epochs", "leave"),
        ({"repeats": 2, **_space("training.seed", kind="int", low=1, high=9)}, "/repeats", "training.seed already"),
        ({"algorithm": {"kind": "grid"}}, f"/space/{LR}", "needs a `step`"),
        ({"algorithm": {"kind": "grid"}, **_space("training.seed", kind="int", low=1, high=101)}, "/max_trials", "101"),
        ({"max_trials": 10_001}, "/max_trials", "from 1 to 10,000"),
        ({"repeats": 2, "base": {"preset": "convnet", "training": {"seed": 2**32 - 1}}}, "/base/training/seed", "seed"),
    ],
)
def test_problems_point_at_what_is_wrong(asked: dict[str, Any], where: str, what: str) -> None:
    """With a sentence that says what would be right."""
    with pytest.raises(InvalidSpec) as refused:
        _check(**asked)
    assert [(one.pointer, what in one.detail) for one in refused.value.errors][:1] == [(where, True)], (
        refused.value.errors
    )


SMALL = {"preset": "convnet", "dataset": "synthetic"}
DEEP = {"architecture": {"kind": "torchvision", "network": "vgg11_bn"}}
WARMED = {"preset": "notebook-tapered", "training": {"schedule": {"kind": "warmup_cosine", "warmup_epochs": 5}}}


@pytest.mark.parametrize(
    "base, varied, values, what",
    [
        (SMALL, "dataset.image_size", [32, 2], r"Layer 3 .*, dataset.image_size = 2\.\)"),
        (SMALL, "dataset.image_size", [2, 3], "Layer 3 "),
        (DEEP, "dataset.image_size", [8], "vgg11_bn shrinks"),
        (WARMED, "training.epochs", [4, 9], r"warmup_epochs must be less .*, training.epochs = 4\.\)"),
    ],
)
def test_what_a_point_does_to_its_base_is_said_of_the_space(
    base: dict[str, Any], varied: str, values: list[int], what: str
) -> None:
    """Where the base is sound by itself, the path whose value spoils it is pointed at, whatever varies beside it."""
    with pytest.raises(InvalidSpec) as refused:
        _check(base={"dataset": "synthetic"} | base, space={LR: FLOAT, varied: {"kind": "values", "values": values}})
    assert {one.pointer for one in refused.value.errors} == {f"/space/{varied}"}
    assert re.match(what, refused.value.errors[0].detail)


def test_values_that_fit_the_base_but_not_each_other_are_said_of_the_whole_space() -> None:
    """With the first point at which they meet."""
    space = {
        path: {"kind": "values", "values": values}
        for path, values in (("dataset.image_size", [32, 64]), ("dataset.train_per_class", [100, 2_000]))
    }
    caps = Caps(max_flops_per_epoch=2 * 10**11)
    base = {"architecture": {"kind": "mlp", "hidden": [1024]}, "dataset": {"name": "synthetic", "train_per_class": 9}}
    with pytest.raises(InvalidSpec) as refused:
        check_sweep({"base": base, "space": space}, caps, BUILT_IN)
    [problem] = refused.value.errors
    assert problem.pointer == "/space"
    assert "(At dataset.image_size = 64, dataset.train_per_class = 2000.)" in problem.detail


def test_every_point_of_a_grid_is_checked() -> None:
    """One that cannot be trained is named."""
    space = {"architecture.hidden": {"kind": "values", "values": [[8], [0], [4]]}}
    with pytest.raises(InvalidSpec, match=r"\(At architecture.hidden = \[0\].\)"):
        _check(space=space, algorithm={"kind": "grid"})


def test_of_a_large_grid_every_value_of_a_list_and_some_combinations_are_checked() -> None:
    """A value that can never be trained is found, wherever it stands; what the check costs does not grow any more."""
    widths = [[width] for width in range(1, 101)]
    sizes = {"kind": "values", "values": widths}
    space: dict[str, Any] = {"architecture.hidden": sizes, "training.epochs": {"kind": "int", "low": 1, "high": 99}}
    asked = {"space": space, "algorithm": {"kind": "grid"}, "max_trials": 10_000}
    checked = _check(**asked)
    points = [point for point, _ in checked.checked]
    assert (checked.points, len(points)) == (9_900, MOST_OF_GRID)
    assert points[0] == {"architecture.hidden": [1], "training.epochs": 1}
    assert {point["architecture.hidden"][0] for point in points} == set(range(1, 101))
    assert {point["training.epochs"] for point in points} == set(range(1, 100))
    assert preview(checked).epochs == 9_900 * 50
    widths[50] = [0]
    with pytest.raises(InvalidSpec, match=r"\(At architecture.hidden = \[0\], training.epochs"):
        _check(**asked)


@pytest.mark.parametrize(
    "space, algorithm, said",
    [
        (_over(kind="values", values=[0.1]), "random", "one point, so at least 5 of 6 are repeats: the algorithm"),
        (
            _over(kind="choice", values=[1, 1.0, 0.5]),
            "grid",
            "2 different points, so at least 1 of 3 are repeats: give",
        ),
        (_over("architecture.hidden", kind="values", values=[[8], [4], [8]]), "tpe", "2 different points"),
        (_over(kind="choice", values=[1, 0.5]), "grid", None),
        (_over("training.batch_size", kind="int", low=16, high=21), "tpe", None),
        (_space(), "random", None),
    ],
)
def test_points_that_are_repeated_for_certain_are_said(space: dict[str, Any], algorithm: str, said: str | None) -> None:
    """A space with fewer points than there would be; equal numbers are one value, however they are written."""
    found = preview(_check(**space, algorithm=algorithm, max_trials=6)).warnings
    assert [said in one for one in found if said] == [True] * (said is not None), found
    assert len(found) == (said is not None)


@pytest.mark.parametrize(
    "algorithm, points, different, said",
    [
        (
            "random",
            20,
            20,
            "Of 20 points about 7 will repeat others, as each is drawn from 20 by chance: the",
        ),
        ("random", 20, 100, "Of 20 points about 2 will"),  # 1.79: 20 - 100 * (1 - 0.99 ** 20)
        ("random", 20, 191, None),  # 0.96
        ("random", 20, 5, "at least 15 of 20"),
        ("random", 100, 5_000, None),  # 0.98
        ("random", 100, 4_000, "Of 100 points about 1 will"),  # 1.23
        ("tpe", 20, 20, None),
        ("grid", 20, 20, None),
    ],
)
def test_points_that_are_repeated_by_chance_are_said(
    algorithm: str, points: int, different: int, said: str | None
) -> None:
    """Where one at least is to be expected; what is repeated for certain is said alone."""
    space = _over("training.seed", kind="int", low=1, high=different)
    found = preview(_check(**space, algorithm=algorithm, max_trials=points)).warnings
    assert [said in one for one in found if said] == [True] * (said is not None), found
    assert len(found) == (said is not None)


def test_as_many_points_are_repeated_by_chance_as_were_expected() -> None:
    """On average, over many seeds."""
    space: Space = {
        "x": IntRange(kind="int", low=1, high=4),
        "y": Choice(kind="choice", values=[[1], [2], [3], [4], [5]]),
    }
    repeats = [
        20 - len({(point["x"], point["y"][0]) for point in (random_point(space, seed, number) for number in range(20))})
        for seed in range(500)
    ]
    assert fmean(repeats) == pytest.approx(by_chance(20, 20), abs=0.3)


def test_huge_spaces_repeat_nothing() -> None:
    """Also where no float is as large as the number of their points; a single point repeats none."""
    assert by_chance(10_000, 10**400) == pytest.approx(0, abs=0.1)
    assert by_chance(1, 1) == 0


def test_what_has_the_same_json_is_the_same_value() -> None:
    """Whatever the order of an object's fields; true is no number."""
    values = [True, 1, 1.0, {"a": [1], "b": None}, {"b": None, "a": [1.0]}, "1", None]
    assert different({"x": Choice(kind="choice", values=values)}) == 5


def test_where_lengths_differ_the_most_epochs_count() -> None:
    """The last rung is the longest job's end; all together take what they take on average."""
    found = preview(_check(**_over("training.epochs", kind="values", values=[1, 3, 2]), max_trials=10))
    assert (list(found.rungs), found.epochs) == ([3], 20)
    whole: dict[str, Any] = _over("training", kind="choice", values=[{"epochs": 1}, {"epochs": 3}])
    assert preview(_check(**whole, max_trials=10)).epochs == 20
    with pytest.raises(InvalidSpec, match="schedules of one length: give each the same epochs"):
        _check(**whole, asha={})


def test_a_short_form_is_spelled_out_where_the_space_varies_a_part() -> None:
    """The data set's name in `base` stays what it is beside a path into the data set."""
    space = {"dataset.train_per_class": {"kind": "int", "low": 10, "high": 20}}
    checked = _check(space=space)
    assert {job.spec.dataset.name for _, job in checked.checked} == {"synthetic"}


def test_a_name_stands_for_an_object_that_has_nothing_else() -> None:
    """A preset's, an algorithm's, a metric's; what is stored has the objects."""
    short = _check(base="notebook-linear", algorithm="tpe", objective="val_loss").request
    assert (short.base, short.algorithm.kind, short.objective.metric) == (
        {"preset": "notebook-linear"},
        "tpe",
        "val_loss",
    )
    whole = {"algorithm": {"kind": "tpe"}, "objective": {"metric": "val_loss"}}
    assert short == _check(base={"preset": "notebook-linear"}, **whole).request


def test_all_problems_come_at_once() -> None:
    """Those of the space and those of the rest."""
    with pytest.raises(InvalidSpec) as refused:
        _check(max_trials=0, repeats=0, **_space(low=7))
    assert {one.pointer for one in refused.value.errors} == {"/max_trials", "/repeats", f"/space/{LR}"}


def test_bytes_are_read_as_a_submission_is() -> None:
    """What is no JSON, and what was given twice, is said."""
    body = orjson.dumps({"base": {"preset": "convnet"}, "space": {LR: FLOAT}})
    assert parse_sweep(body, Caps(), BUILT_IN).points == 100
    with pytest.raises(InvalidSpec, match="is not JSON"):
        parse_sweep(body[:-1], Caps(), BUILT_IN)
    with pytest.raises(InvalidSpec, match="given twice"):
        parse_sweep(body[:-1] + b',"space":{}}', Caps(), BUILT_IN)
    with pytest.raises(InvalidSpec, match="A sweep is an object"):
        parse_sweep(b"[]", Caps(), BUILT_IN)
