"""Judging a spec by the images that live workers hold, instead of by the published counts."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import InvalidSpec
from shared.jobspec import Caps, Copy, Holdings, parse_spec

Counts = dict[str, tuple[int, int]]


def held(*workers: list[Counts]) -> Holdings:
    """Workers with copies of CIFAR-10 of these sizes, in the order in which each looks for one."""
    return Holdings(tuple(tuple(Copy("cifar10", counts) for counts in copies) for copies in workers))


def two(train: int, val: int = 10) -> Counts:
    """So many images of either class."""
    return {"airplane": (train, val), "bird": (train, val)}


def normed(batch_size: int, **dataset: Any) -> dict[str, Any]:
    """A job with a batchnorm over features, which a last batch of one image would stop."""
    layers = [{"kind": "flatten"}, {"kind": "batchnorm"}, {"kind": "linear", "out_features": 2}]
    architecture = {"kind": "layers", "layers": layers}
    return {"architecture": architecture, "training": {"batch_size": batch_size}, "dataset": dataset}


def refusal(document: dict[str, Any], holdings: Holdings) -> InvalidSpec:
    """The error that the document raises."""
    with pytest.raises(InvalidSpec) as caught:
        parse_spec(document, Caps(), holdings)
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
    for holdings in (held(), held([{"cat": (51, 1), "dog": (51, 1)}]), Holdings(((Copy("synthetic", two(51)),),))):
        assert "(10000 images in batches of 9)" in refusal(normed(9), holdings).detail


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
