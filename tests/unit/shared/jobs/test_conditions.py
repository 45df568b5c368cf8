"""Conditions on fields of jobs' specs: what is refused, and in which words."""

from __future__ import annotations

import pytest

from shared.errors import InvalidQuery
from shared.jobs.search import paths
from shared.jobs.search.conditions import read_condition


@pytest.mark.parametrize(
    "condition, says",
    [
        ("trainin.epochs=3", "Did you mean"),
        ("owner=bob", "Lists have a filter of their own for it: owner.$"),
        ("tags=x", "Lists have a filter of their own for it: tag.$"),
        ("best_val_accuracy>much", "best_val_accuracy is a number"),
        ("best_val_accuracy>null", "null can only"),
        ("best_val_acuracy>0.8", 'Did you mean "best_val_accuracy"'),
        ("training.optimizer=sgd", "kind, lr"),
        ("training.epochs=many", "is a number"),
        ("training.shuffle=1", "true or false"),
        ("training.optimizer.kind<sgd", "only numbers are ordered"),
        ("training.epochs>null", "null can only"),
        ("training.optimizer.kind=addam", "is one of sgd, adam, adamw, rmsprop, nadam; .*addam.* is none"),
        ("resources.device!=gpu", "is one of any, cpu, cuda"),
        ("lr>3", r"Write the whole path: training\.optimizer\.lr\."),
        ("training.epochs", "must be a field"),
        ("=3", "must be a field"),
    ],
)
def test_a_condition_that_cannot_be(condition: str, says: str) -> None:
    """The error says what there is."""
    with pytest.raises(InvalidQuery, match=says):
        read_condition(condition)


@pytest.mark.parametrize("written", ["82%", "82 %", "82.0%", "0.82", "8.2e1 %"])
def test_a_number_may_be_written_in_percent(written: str) -> None:
    """As accuracies are shown."""
    assert read_condition(f"best_val_accuracy>={written}").value == pytest.approx(0.82)


@pytest.mark.parametrize("written", ["%", "much%", "8%2", "82%%", "true%"])
def test_a_percentage_that_is_none(written: str) -> None:
    """It is named as it was written."""
    with pytest.raises(InvalidQuery, match=f'best_val_accuracy is a number; "{written}" is not'):
        read_condition(f"best_val_accuracy>{written}")


def test_an_unlike_field_names_the_three_nearest() -> None:
    """Not all that there are, which are several lines on a terminal."""
    with pytest.raises(InvalidQuery) as caught:
        read_condition("zzz_rate>3")
    said, nearest = caught.value.detail.split(" The nearest are ")
    assert said == "No job's spec has a field 'zzz_rate' that can be searched."
    assert set(nearest.removesuffix(".").split(", ")) <= set(paths.fields())
    assert nearest.count(",") == 2
