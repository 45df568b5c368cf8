"""When a delivery is tried again."""

from __future__ import annotations

import pytest

from shared.webhooks.retry_schedule import RetrySchedule

SCHEDULE = RetrySchedule()


def test_a_delivery_is_tried_for_a_day() -> None:
    """Ever more seldom; the last attempt is made once a webhook that failed all the time is due to be disabled."""
    delays = [SCHEDULE.delay(attempts, 0.0) for attempts in range(1, 10)]
    waits = [delay for delay in delays if delay is not None]
    assert delays == [*sorted(waits), None]
    assert SCHEDULE.failing <= sum(waits) < 1.1 * SCHEDULE.failing


def test_what_failed_together_is_not_tried_together() -> None:
    """Up to a tenth is added, by a number that is each delivery's own."""
    assert SCHEDULE.delay(3, 0.0) == 300.0
    assert SCHEDULE.delay(3, 1.0) == pytest.approx(330.0)


@pytest.mark.parametrize("asked,waited", [(0.0, 5.0), (3.0, 5.0), (120.0, 120.0), (1e9, 3600.0)])
def test_a_receiver_may_ask_for_time(asked: float, waited: float) -> None:
    """Never for less than the schedule has, nor for more than an hour."""
    assert SCHEDULE.delay(1, 0.0, asked) == waited


def test_a_webhook_pauses_after_failures_in_a_row() -> None:
    """Doubled each time up to half a minute; not at all after a success."""
    pauses = [SCHEDULE.pause(failures) for failures in range(12)]
    assert pauses == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0, 30.0]
    assert SCHEDULE.pause(10**9) == 30.0
