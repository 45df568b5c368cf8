"""Judging a spec by the data sets that there are, and by the images that live workers hold of them."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import InvalidSpec
from shared.jobspec import BUILT_IN, Caps, Catalog, Copy, parse_spec

Counts = dict[str, tuple[int, int]]


def held(*workers: list[Counts], name: str = "cifar10") -> Catalog:
    """Workers with copies of a data set of these sizes, in the order in which each looks for one."""
    return Catalog(BUILT_IN.datasets, tuple(tuple(Copy(name, counts) for counts in copies) for copies in workers))


def two(train: int, val: int = 10) -> Counts:
    """So many images of either class."""
    return {"airplane": (train, val), "bird": (train, val)}


def normed(batch_size: int, **dataset: Any) -> dict[str, Any]:
    """A job with a batchnorm over features, which a last batch of one image would stop."""
    layers = [{"kind": "flatten"}, {"kind": "batchnorm"}, {"kind": "linear", "out_features": 2}]
    architecture = {"kind": "layers", "layers": layers}
    return {"architecture": architecture, "training": {"batch_size": batch_size}, "dataset": dataset}


def refusal(document: dict[str, Any], catalog: Catalog) -> InvalidSpec:
    """The error that the document raises."""
    with pytest.raises(InvalidSpec) as caught:
        parse_spec(document, Caps(), catalog)
    return caught.value


def test_a_last_batch_is_judged_by_the_images_that_are_there() -> None:
    """Of 2 × 50 images in batches of 9 one is left over, of the 10,000 published ones too; of 2 × 51 three are."""
    parse_spec(normed(9), Caps(), held([two(51)]))
    assert "(100 images in batches of 9)" in refusal(normed(9), held([two(50)])).detail
    assert "(82 images in batches of 27)" in refusal(normed(27), held([two(41)])).detail
    parse_spec(normed(27), Caps())


def test_classes_may_differ_in_size() -> None:
    """A limit cuts only the classes that have more."""
    uneven: Counts = {"airplane": (40, 5), "bird": (7, 5), "cat": (1, 5)}
    assert "(47 images in batches of 46)" in refusal(normed(46), held([uneven])).detail
    assert "(17 images in batches of 8)" in refusal(normed(8, train_per_class=10), held([uneven])).detail
    parse_spec(normed(46, train_per_class=10), Caps(), held([uneven]))


def test_it_is_enough_that_one_worker_can() -> None:
    """Refused is what no live worker could train; the batch size that is offered suits all of them."""
    parse_spec(normed(9), Caps(), held([two(50)], [two(51)]))
    error = refusal(normed(9), held([two(5)], [two(50)]))
    assert "10 images in batches of 9" in error.detail
    assert "; 10 would do" in error.detail


def test_each_worker_counts_with_the_copy_that_it_would_take() -> None:
    """The first one with all of the job's classes."""
    three: Counts = {**two(51), "cat": (51, 10)}
    refusal(normed(9), held([two(50), three]))
    parse_spec(normed(9), Caps(), held([{"airplane": (50, 10)}, three]))


def test_other_classes_and_sets_say_nothing() -> None:
    """Where no live worker holds these classes, the published counts are judged by."""
    for catalog in (held(), held([{"cat": (51, 1), "dog": (51, 1)}]), held([two(51)], name="synthetic")):
        assert "(10000 images in batches of 9)" in refusal(normed(9), catalog).detail


def test_a_limit_may_reach_what_is_held() -> None:
    """More than the published number where a copy has more; not less than it where copies have fewer."""
    document = {"preset": "notebook-linear", "dataset": {"train_per_class": 6000, "val_per_class": 1001}}
    parse_spec(document, Caps(), held([two(6000, 1001)]))
    error = refusal(document, held([two(100, 2000)]))
    assert [(problem.pointer, problem.detail) for problem in error.errors] == [
        ("/dataset/train_per_class", "train_per_class must be from 1 to 5,000, as cifar10 has no more, not 6000.")
    ]
    parse_spec({"preset": "notebook-linear", "dataset": {"train_per_class": 5000}}, Caps(), held([two(100)]))


def test_the_cost_does_not_depend_on_who_holds_what() -> None:
    """Equal specs cost the same on every service, whatever its workers hold."""
    document = {"preset": "notebook-linear"}
    assert parse_spec(document, Caps(), held([two(3)])).cost == parse_spec(document, Caps()).cost


FLOWERS: dict[str, Any] = {
    "name": "flowers",
    "classes": ["daisy", "poppy", "tulip"],
    "counts": {"daisy": [60, 10], "poppy": [40, 10], "tulip": [21, 5]},
    "input_shape": [3, 48, 64],
    "source": "folder",
    "ready": True,
}
"""A folder of one's own, as a worker reports it."""
LINEAR: dict[str, Any] = {"kind": "layers", "layers": [{"kind": "flatten"}, {"kind": "linear"}]}


class TestAReportedDataSet:
    """A data set that is not built in: a worker's report is all that it takes."""

    def test_gives_its_classes_shape_and_counts(self) -> None:
        """All of its classes are trained on, which also sets the width of the last layer."""
        submission = parse_spec({"dataset": "flowers", "architecture": LINEAR}, Caps(), Catalog.of_reports([FLOWERS]))
        assert submission.document["dataset"] == {
            "name": "flowers",
            "classes": ["daisy", "poppy", "tulip"],
            "normalize": "computed",
            "train_per_class": None,
            "val_per_class": None,
            "image_size": None,
            "channels": 3,
            "val_fraction": None,
            "holdout_fraction": 0.0,
        }
        assert submission.cost.parameters == 3 * 48 * 64 * 3 + 3
        assert submission.cost.flops_per_epoch == 2 * 2 * 3 * 48 * 64 * 3 * (60 + 40 + 21)

    def test_is_the_same_by_its_name_in_an_object(self) -> None:
        """The short form and the object say the same, and what is stored parses to itself."""
        catalog = Catalog.of_reports([FLOWERS])
        short, long = (
            parse_spec({"dataset": dataset, "architecture": LINEAR}, Caps(), catalog)
            for dataset in ("flowers", {"name": "flowers"})
        )
        assert short.document == long.document == parse_spec(short.document, Caps(), catalog).document

    def test_has_no_published_moments(self) -> None:
        """Asked for by name they are refused, where they stand."""
        document = {"dataset": {"name": "flowers", "normalize": "published"}, "architecture": LINEAR}
        (problem,) = refusal(document, Catalog.of_reports([FLOWERS])).errors
        assert problem.pointer == "/dataset/normalize"
        assert 'flowers has no published mean and deviation: normalize must be "computed" or "none"' in problem.detail

    def test_counts_each_class_by_itself(self) -> None:
        """A limit cuts only the classes that have more, and may reach the largest."""
        catalog = Catalog.of_reports([FLOWERS])
        dataset = {"name": "flowers", "train_per_class": 30}
        limited = parse_spec({"dataset": dataset, "architecture": LINEAR}, Caps(), catalog)
        assert limited.cost.flops_per_epoch == 2 * 2 * 3 * 48 * 64 * 3 * (30 + 30 + 21)
        (problem,) = refusal({"dataset": dataset | {"train_per_class": 61}, "architecture": LINEAR}, catalog).errors
        assert problem.detail == "train_per_class must be from 1 to 60, as flowers has no more, not 61."

    def test_is_unknown_until_a_worker_reports_it(self) -> None:
        """The refusal lists the data sets that are known."""
        error = refusal({"dataset": {"name": "flowers"}, "architecture": LINEAR}, Catalog.of_reports())
        assert error.errors[0].pointer == "/dataset/name"
        assert "Known: cifar10, synthetic, mnist" in error.detail
        error = refusal({"dataset": {"name": "flower"}, "architecture": LINEAR}, Catalog.of_reports([FLOWERS]))
        assert 'Did you mean "flowers"?' in error.detail

    def test_does_not_replace_a_built_in_one(self) -> None:
        """What every service agrees on stays, however a worker describes it."""
        catalog = Catalog.of_reports([FLOWERS | {"name": "cifar10"}, FLOWERS])
        assert catalog.datasets["cifar10"] == BUILT_IN.datasets["cifar10"]
        assert catalog.datasets["flowers"].input_shape == (3, 48, 64)
        assert list(catalog.datasets) == [*BUILT_IN.datasets, "flowers"]


@pytest.mark.parametrize("dataset", [None, "cifar2", {}, {"name": "cifar10"}, "synthetic", {"name": "synthetic"}])
def test_the_classes_of_version_1_stay(dataset: Any) -> None:
    """A job on CIFAR-10 or the drawn images that names no class is on airplanes and birds, for good."""
    document: dict[str, Any] = {"architecture": LINEAR} | ({} if dataset is None else {"dataset": dataset})
    stored: Any = parse_spec(document, Caps(), Catalog.of_reports([FLOWERS])).document
    assert stored["dataset"]["classes"] == ["airplane", "bird"]
    assert stored["dataset"]["normalize"] == "published"
