"""How equal two jobs are, epoch by epoch."""

from __future__ import annotations

from typing import Any

import pytest

from shared.jobs.replay.verdict import EPSILON, compare, environments_differ
from tests.support.factories import epoch_row


def epochs(count: int = 4, **changes: Any) -> list[dict[str, Any]]:
    """The epochs of a job; those from the third on with these figures."""
    return [epoch_row(number, **(changes if number >= 3 else {})) for number in range(1, count + 1)]


def test_the_same_states_and_figures_are_the_same_bits() -> None:
    """No epoch differs, and all were compared by their states."""
    found = compare(epochs(), epochs())
    assert (found.verdict, found.epoch, found.apart_epoch) == ("bit_equal", None, None)
    assert (found.epochs, found.digests) == (4, 4)
    assert set(found.differences.values()) == {0.0}


def test_another_state_with_close_losses_is_within_epsilon() -> None:
    """Even where all figures are the same; the first epoch that differs is said."""
    found = compare(epochs(), epochs(digest="f" * 64))
    assert (found.verdict, found.epoch, found.apart_epoch) == ("within_epsilon", 3, None)
    close = epochs()
    close[3]["val_loss"] *= 1 + EPSILON / 2
    found = compare(epochs(), close)
    assert (found.verdict, found.epoch) == ("within_epsilon", 4)
    assert found.differences["val_loss"] == pytest.approx(epochs()[3]["val_loss"] * EPSILON / 2)


def test_a_loss_that_is_too_far_is_named_by_its_epoch() -> None:
    """As is the first epoch that is not the same, which comes before."""
    far = epochs(digest="f" * 64)
    far[3]["train_loss"] *= 1.1
    found = compare(epochs(), far)
    assert (found.verdict, found.epoch, found.apart_epoch) == ("differs_at_epoch", 3, 4)


def test_another_number_of_epochs_differs_at_the_first_that_one_lacks() -> None:
    """A run that stopped earlier is not the same run."""
    for one, two in ((3, 4), (4, 3)):
        found = compare(epochs(one), epochs(two))
        assert (found.verdict, found.epoch, found.apart_epoch, found.epochs) == ("differs_at_epoch", 4, 4, 3)


def test_without_digests_equal_figures_prove_no_equal_bits() -> None:
    """An epoch of an earlier release has none."""
    found = compare(epochs(digest=None), epochs())
    assert (found.verdict, found.epoch, found.digests) == ("within_epsilon", None, 2)


def test_environments_differ_in_what_only_one_has_too() -> None:
    """Each field with both values."""
    one, two = {"torch": "2.9", "threads": 1, "engine": "fused"}, {"torch": "2.10", "threads": 1, "cuda": "13"}
    assert environments_differ(one, two) == {"torch": ["2.9", "2.10"], "engine": ["fused", None], "cuda": [None, "13"]}
