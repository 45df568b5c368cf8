"""Query strings, ids and bodies are checked before anything acts on them."""

from __future__ import annotations

import contextlib
import datetime as dt
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from api.http.requests.parameters import EpochsQuery, JobsQuery, SubmitQuery
from api.http.requests.parsing import NoQuery, QueryModel, parse_job_id, parse_query
from shared.errors import InvalidQuery, JobNotFound
from shared.jobs.status import JobStatus


def parameters(text: str) -> MultiDict[str, str]:
    """A query string as Flask gives it."""
    return MultiDict(parse_qsl(text, keep_blank_values=True))


def refusal(model: type[QueryModel], text: str) -> InvalidQuery:
    """The error that `text` answers."""
    with pytest.raises(InvalidQuery) as caught:
        parse_query(model, parameters(text))
    return caught.value


def test_nothing_given_means_the_defaults() -> None:
    """Every parameter has a default."""
    query = parse_query(JobsQuery, parameters(""))

    assert query.sort == "-created_at"
    assert query.limit == 50
    assert query.filter().status == ()


def test_a_repeated_status_means_any_of_them() -> None:
    """`status=a&status=b` is a list."""
    query = parse_query(JobsQuery, parameters("status=queued&status=running&tag=x"))

    assert query.status == (JobStatus.QUEUED, JobStatus.RUNNING)
    assert query.filter().status == ("queued", "running")
    assert query.filter().tag == ("x",)


def test_instants_become_utc() -> None:
    """Any offset is understood."""
    query = parse_query(JobsQuery, parameters("created_after=2026-01-31T12:00:00%2B02:00"))

    assert query.created_after == dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
    assert query.created_after.tzinfo is dt.UTC


def test_a_misspelt_parameter_is_named_with_what_was_meant() -> None:
    """An unknown name is an error that helps, not silence."""
    error = refusal(JobsQuery, "limti=5")

    assert [(one.pointer, one.detail) for one in error.errors] == [
        ("/limti", 'There is no parameter "limti". Did you mean "limit"?'),
    ]
    assert error.detail == f"{error.errors[0].detail} (at {error.errors[0].pointer})"


def test_an_unknown_parameter_far_from_any_lists_those_that_there_are() -> None:
    """When nothing is close, everything is named."""
    assert "Known here: after." in refusal(EpochsQuery, "zzzzzz=1").errors[0].detail
    assert "There are none here." in refusal(NoQuery, "x=1").errors[0].detail


@pytest.mark.parametrize(
    "text",
    [
        "limit=0",
        "limit=501",
        "limit=ten",
        "limit=",
        "limit=1e30",
        "limit=" + "9" * 400,
        "limit=5&limit=6",
        "status=done",
        "status=",
        "sort=name",
        "sort=",
        "min_val_accuracy=nan",
        "min_val_accuracy=inf",
        "min_val_accuracy=1.5",
        "min_best_val_accuracy=-0.1",
        "created_after=yesterday",
        "created_after=2026-01-31T12:00:00",
        "created_after=0001-01-01T00:00:00%2B14:00",
        "created_before=9999-12-31T23:59:59-14:00",
        "device=tpu",
        "device=cuda:",
        "name=",
        "name=%00",
        "tag=a%00b",
        "na%00me=x",
        "cursor=a b",
        "cursor=",
        "name=" + "x" * 201,
    ],
)
def test_a_value_that_means_nothing_is_refused_by_name(text: str) -> None:
    """The error points at the parameter."""
    error = refusal(JobsQuery, text)

    name = next(iter(parameters(text)))
    assert {one.pointer for one in error.errors} == {f"/{name}"}
    assert all(one.detail for one in error.errors)


@pytest.mark.parametrize(
    "text, detail",
    [
        ("limit=0", "limit must be from 1 to 500, not 0."),
        ("limit=ten", 'limit must be a whole number from 1 to 500, not "ten".'),
        ("limit=5&limit=6", "limit is given more than once; keep one."),
        ("device=tpu", 'device must be cpu, cuda or one GPU such as cuda:1, not "tpu".'),
        (
            "status=done",
            'status must be "queued", "running", "paused", "succeeded", "failed" or "cancelled", not "done".',
        ),
        ("min_val_accuracy=high", 'min_val_accuracy must be a number from 0 to 1, not "high".'),
        ("min_val_accuracy=nan", 'min_val_accuracy must be a finite number, not "nan".'),
        (
            "created_after=yesterday",
            'created_after must be an instant with its offset, such as 2026-01-31T12:00:00Z, not "yesterday".',
        ),
        (
            "created_after=2026-01-31T12",
            'created_after must be an instant with its offset, such as 2026-01-31T12:00:00Z, not "2026-01-31T12".',
        ),
        ("name=", "name is empty: give one, or leave the field out."),
        ("name=" + "x" * 201, "name may have at most 200 characters."),
        ("cursor=a b", 'cursor must be the next_cursor of a page, not "a b".'),
    ],
)
def test_a_refusal_says_what_would_be_right(text: str, detail: str) -> None:
    """Query strings are answered in the words of a refused job, never in a library's."""
    assert [one.detail for one in refusal(JobsQuery, text).errors] == [detail]


@pytest.mark.parametrize("text, expected", [("", False), ("dry_run=true", True), ("dry_run=false", False)])
def test_a_flag_is_true_or_false(text: str, expected: bool) -> None:
    """A flag has two spellings."""
    assert parse_query(SubmitQuery, parameters(text)).dry_run is expected


@pytest.mark.parametrize("value", ["1", "yes", "True", "", "on"])
def test_other_spellings_of_a_flag_are_refused(value: str) -> None:
    """Nobody should have to guess what `dry_run=no` does."""
    assert refusal(SubmitQuery, f"dry_run={value}").errors[0].detail.startswith("dry_run must be true or false, not")


def test_every_fault_is_reported_at_once() -> None:
    """Two mistakes are two errors."""
    error = refusal(JobsQuery, "limit=0&colour=blue")

    assert {one.pointer for one in error.errors} == {"/limit", "/colour"}


def test_a_pointer_is_escaped() -> None:
    """RFC 6901 has two escapes."""
    assert refusal(NoQuery, "a/b~c=1").errors[0].pointer == "/a~1b~0c"


def test_an_id_is_a_uuid_or_an_end_of_one_in_either_case() -> None:
    """What people paste is understood, and comes back in the form that is stored."""
    given_id = "0192ABCD-0000-7000-8000-00000000000F"

    assert parse_job_id(given_id) == given_id.lower()
    assert parse_job_id(given_id[-4:]) == "000f"


@pytest.mark.parametrize(
    "text", ["", "1", "x" * 5000, "0192abcd-0000-7000-8000-0000000000xy", "abc", "../../etc/passwd", "\x00"]
)
def test_what_is_no_end_of_a_uuid_is_no_job(text: str) -> None:
    """A wrong id is a job that does not exist."""
    with pytest.raises(JobNotFound) as caught:
        parse_job_id(text)
    assert len(caught.value.detail) < 500


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=5))
def test_no_query_string_breaks_the_parser(pairs: list[tuple[str, str]]) -> None:
    """Whatever is sent, the answer is a query or an InvalidQuery."""
    with contextlib.suppress(InvalidQuery):
        assert parse_query(JobsQuery, MultiDict(pairs)).limit
