"""What becomes of a job when an attempt ends: the whole table."""

from __future__ import annotations

import pytest

from shared.database.text import clean, clean_all
from shared.jobs.running.retry_policy import LONGEST_DELAY_SECONDS, Ending, next_status, retry_delay_seconds
from shared.jobs.status import JobKind, Outcome, Queue, celery_name, message_queue


@pytest.mark.parametrize(
    "outcome,retryable,spent,cancel,status",
    [
        (Outcome.SUCCEEDED, False, True, True, "succeeded"),
        (Outcome.CANCELLED, False, False, True, "cancelled"),
        (Outcome.TIMED_OUT, False, False, False, "failed"),
        (Outcome.TIMED_OUT, False, False, True, "failed"),
        (Outcome.FAILED, False, False, False, "failed"),
        (Outcome.FAILED, False, False, True, "failed"),
        (Outcome.FAILED, True, False, False, "queued"),
        (Outcome.FAILED, True, True, False, "failed"),
        (Outcome.FAILED, True, True, True, "cancelled"),
        (Outcome.LOST, True, False, False, "queued"),
        (Outcome.LOST, True, True, False, "failed"),
        (Outcome.LOST, True, False, True, "cancelled"),
        (Outcome.PAUSED, False, False, False, "paused"),
        (Outcome.PAUSED, False, True, False, "paused"),
        (Outcome.PAUSED, False, False, True, "cancelled"),
        (Outcome.RELEASED, False, False, False, "queued"),
        (Outcome.RELEASED, False, True, False, "queued"),
        (Outcome.RELEASED, False, False, True, "cancelled"),
    ],
)
def test_the_next_status(outcome: Outcome, retryable: bool, spent: bool, cancel: bool, status: str) -> None:
    """By outcome, whether it may be tried again, whether the tries are spent, whether somebody wants it cancelled."""
    ending = Ending(outcome, retryable=retryable)

    assert next_status(ending, failures=3, max_attempts=3 if spent else 4, cancel_requested=cancel) == status


def test_each_failure_is_waited_for_longer() -> None:
    """Six times as long after each, up to ten minutes, or the first delay where that is set to more."""
    failed = Ending(Outcome.FAILED, retryable=True)

    delays = [retry_delay_seconds(failed, failures=n, retry_seconds=10.0) for n in (1, 2, 3, 4, 1000)]
    assert delays == [10.0, 60.0, 360.0, LONGEST_DELAY_SECONDS, LONGEST_DELAY_SECONDS]
    assert [retry_delay_seconds(failed, failures=n, retry_seconds=3600.0) for n in (1, 2)] == [3600.0] * 2
    assert retry_delay_seconds(failed, failures=5, retry_seconds=0.0) == 0.0


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.RELEASED])
def test_what_says_nothing_against_the_job_is_tried_again_at_once(outcome: Outcome) -> None:
    """A killed worker's job, and one that a worker gave back."""
    assert retry_delay_seconds(Ending(outcome, retryable=True), failures=2, retry_seconds=10.0) == 0.0


def test_queues_have_names_of_their_own_in_redis() -> None:
    """So that others may use the same server; each kind of job has its own, those of training the shortest names."""
    names = {kind: [celery_name(message_queue(kind, queue)) for queue in Queue] for kind in (JobKind.TRAIN, "later")}
    assert names == {
        "train": ["flightline.any", "flightline.cpu", "flightline.cuda"],
        "later": ["flightline.later.any", "flightline.later.cpu", "flightline.later.cuda"],
    }


@pytest.mark.parametrize("text", ["", "plain", "emoji 🐦 é", "tab\tnew\nline"])
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Only what no database stores is replaced."""
    assert clean(text) == text


def test_the_rest_is_replaced_everywhere() -> None:
    """In keys and in lists too."""
    assert clean("a\x00b") == "a\ufffdb"
    dirty = {"k\x00": ["v\x00", {"n": "\udcff"}, 1, None, 2.5, True]}
    cleaned = clean_all(dirty)
    assert cleaned["k\ufffd"][0] == "v\ufffd"
    assert cleaned["k\ufffd"][1]["n"].encode()
    assert cleaned["k\ufffd"][2:] == [1, None, 2.5, True]
