"""Cursors: opaque, safe in an address, bound to their sort."""

from __future__ import annotations

import base64
import datetime as dt
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.requests.pagination import decode_cursor, encode_cursor
from shared.errors import InvalidQuery
from shared.jobs.reads import orders

MILLISECOND = dt.timedelta(milliseconds=1)
JOB = 866_000_000_000_000_123
SORTS = [
    sign + name for name in (*orders.SORTS, "spec.training.optimizer.lr", "spec.dataset.name") for sign in ("", "-")
]
instants = st.integers(1, 30_000 * 86_400_000).map(lambda ms: dt.datetime(1971, 1, 1, tzinfo=dt.UTC) + ms * MILLISECOND)
accuracies = st.floats(0, 1)


@given(st.sampled_from(["finished_at", "-finished_at"]), st.none() | instants)
def test_an_instant_comes_back_as_it_was(sort: str, value: dt.datetime | None) -> None:
    """A page by time goes on exactly where the last one ended."""
    cursor = encode_cursor(sort, (value, JOB))

    assert cursor is not None
    assert re.fullmatch(r"[A-Za-z0-9_-]+", cursor)
    assert decode_cursor(sort, cursor) == (value, JOB)


@given(
    st.sampled_from(["val_accuracy", "-val_accuracy", "best_val_accuracy", "-best_val_accuracy"]),
    st.none() | accuracies,
)
def test_an_accuracy_comes_back_to_the_last_bit(sort: str, value: float | None) -> None:
    """A page by accuracy neither repeats nor skips a job."""
    assert decode_cursor(sort, encode_cursor(sort, (value, JOB))) == (value, JOB)


@given(st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_of_the_spec_comes_back_to_the_last_bit(value: float | None) -> None:
    """A page by a field of the spec goes on exactly where the last one ended."""
    sort = "-spec.training.optimizer.lr"
    assert decode_cursor(sort, encode_cursor(sort, (value, JOB))) == (value, JOB)


def test_no_key_is_no_cursor() -> None:
    """The last page has no cursor, and the first needs none."""
    assert encode_cursor("created_at", None) is None
    assert decode_cursor("created_at", None) is None


def test_a_cursor_of_another_sort_is_refused_and_says_of_which() -> None:
    """A cursor means nothing in another order."""
    cursor = encode_cursor("-created_at", (None, JOB))

    with pytest.raises(InvalidQuery, match="belongs to sort=-created_at") as caught:
        decode_cursor("created_at", cursor)
    assert caught.value.errors[0].pointer == "/cursor"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"[]",
        b"null",
        b'["created_at", 1]',
        b'["created_at", "2026", "x"]',
        b'["created_at", true, ' + str(JOB).encode() + b"]",
        b'["created_at", "2026-01-01T00:00:00", ' + str(JOB).encode() + b"]",
        b'["created_at", "0001-01-01T00:00:00+14:00", ' + str(JOB).encode() + b"]",
        b'["val_accuracy", NaN, ' + str(JOB).encode() + b"]",
        b'["val_accuracy", 2, ' + str(JOB).encode() + b"]",
        b"\xff\xfe",
    ],
)
def test_a_forged_cursor_is_refused(content: bytes) -> None:
    """Only what this server gave out is understood; nothing else reaches the database."""
    cursor = base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    for sort in SORTS:
        with pytest.raises(InvalidQuery):
            decode_cursor(sort, cursor)


@given(st.sampled_from(SORTS), st.text(string.ascii_letters + string.digits + "_-", max_size=80))
def test_no_cursor_breaks_the_decoder(sort: str, cursor: str) -> None:
    """Noise is refused, whatever it is."""
    with pytest.raises(InvalidQuery):
        decode_cursor(sort, cursor)
