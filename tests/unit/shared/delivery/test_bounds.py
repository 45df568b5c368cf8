"""The bounds before which messages in Redis are delivered or lost."""

from __future__ import annotations

import datetime as dt

from shared.delivery.reconciler import Delivered, bounds


def at(minute: int) -> dt.datetime:
    """Some minute past ten o'clock."""
    return dt.datetime(2026, 1, 31, 10, minute, tzinfo=dt.UTC)


def test_nothing_delivered() -> None:
    """Without running jobs there is nothing to conclude about any list."""
    assert bounds([]) == {}


def test_own_and_more_urgent_lists() -> None:
    """A list delivers in order, and the more urgent lists were empty when the job started."""
    assert bounds([Delivered("train", "cpu", 6, at(0), at(3))]) == {
        ("train", "cpu", 6): at(0),
        ("train", "cpu", 7): at(3),
        ("train", "cpu", 8): at(3),
        ("train", "cpu", 9): at(3),
    }


def test_the_later_bound_of_a_list_holds() -> None:
    """It is the start of a less urgent job, or the publishing of its own newest job, in either order."""
    less, more = Delivered("train", "cpu", 8, at(0), at(3)), Delivered("train", "cpu", 9, at(5), at(6))
    assert bounds([less, more]) == bounds([more, less]) == {("train", "cpu", 8): at(0), ("train", "cpu", 9): at(5)}

    earlier = more._replace(published_at=at(1))
    assert bounds([less, earlier]) == {("train", "cpu", 8): at(0), ("train", "cpu", 9): at(3)}


def test_queues_and_kinds_are_apart() -> None:
    """A delivery says nothing about the lists of another queue or kind."""
    found = bounds([Delivered("train", "cpu", 9, at(0), at(1)), Delivered("train", "any", 9, at(2), at(3))])
    assert found == {("train", "cpu", 9): at(0), ("train", "any", 9): at(2)}

    assert bounds([Delivered("predict", "cpu", 9, at(4), at(5))]) == {("predict", "cpu", 9): at(4)}
