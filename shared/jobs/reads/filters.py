"""Filters of the list of jobs, each as SQL in two forms: a test of one job, and the jobs that pass it from an index."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, func, null, select

from shared.database.tables import Job, JobValue, JobWord
from shared.jobs.guarded_write import table_of
from shared.jobs.search.index import first_number, stored_text, tag_word, words

if TYPE_CHECKING:
    from sqlalchemy import Select

    from shared.jobs.search.conditions import Condition
    from shared.jobs.search.paths import Field

SORTS = ("created_at", "val_accuracy", "best_val_accuracy", "finished_at")
"""The orders that are columns of `jobs`."""
_JOBS = table_of(Job)
_OPERATORS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "=": lambda column, value: column == value,
    "!=": lambda column, value: column != value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
}


@dataclass(frozen=True)
class JobFilter:
    """Conditions on the listed jobs; every field that is set must match."""

    id: tuple[str, ...] = ()
    """Whole ids; empty for all jobs."""
    status: tuple[str, ...] = ()
    kind: str | None = None
    device: str | None = None
    """Kind of device (``cpu``, ``cuda``) or one device (``cuda:1``) of the latest attempt."""
    architecture_kind: str | None = None
    preset: str | None = None
    tag: str | None = None
    name: str | None = None
    owner: str | None = None
    text: str | None = None
    """Words, each of which must be one of the job's name or tags."""
    where: tuple[Condition, ...] = ()
    """Conditions on the fields of the job's spec."""
    min_val_accuracy: float | None = None
    min_best_val_accuracy: float | None = None
    created_after: dt.datetime | None = None
    created_before: dt.datetime | None = None
    config_hash: str | None = None


@dataclass(frozen=True)
class Filter:
    """One condition on jobs.

    Attributes:
        test: SQL that is true of a row of `jobs` that passes. It uses no index of `jobs`, so that a list which walks
            an index in its own order is not led astray.
        found: the numbers of the jobs that pass, as column `number`, read from an index; None where no index has them.
        in_order: whether `found` reads them in the order of creation.
        limits: the name of the value that `compare` is about, as `Order.name`; None for none.
        compare: the condition on any column that has that value, so that the walk of an index begins or ends with it.
        covered_by: names of the orders, as `Order.name`, whose index has what `test` asks for.
    """

    test: ColumnElement[bool]
    found: Select[Any] | None = None
    in_order: bool = False
    limits: str | None = None
    compare: Callable[[Any], ColumnElement[bool]] | None = None
    covered_by: tuple[str, ...] = ()


def plain(column: Any) -> Any:
    """Return a column of `jobs` as an expression that no index is looked up by, though an index may hold it."""
    return func.coalesce(column, null(), type_=column.type)


def filters_of(wanted: JobFilter) -> list[Filter]:
    """Return the filters that are set."""
    return [*_of_columns(wanted), *_of_ranges(wanted), *_of_words(wanted), *map(_of_condition, wanted.where)]


def _of_columns(wanted: JobFilter) -> Iterator[Filter]:
    one_device = wanted.device is not None and ":" in wanted.device
    equal: list[tuple[Any, str | None, tuple[str, ...]]] = [
        (Job.kind, wanted.kind, SORTS),
        (Job.architecture_kind, wanted.architecture_kind, SORTS),
        (Job.preset, wanted.preset, SORTS),
        (Job.name, wanted.name, ()),
        (Job.owner, wanted.owner, SORTS),
        (Job.config_hash, wanted.config_hash, ()),
        (Job.device if one_device else Job.device_kind, wanted.device, SORTS),
    ]
    for column, value, covered_by in equal:
        if value is not None:
            found = select(Job.number).where(column == value)
            yield Filter(plain(column) == value, found, in_order=True, covered_by=covered_by)
    if wanted.id:
        yield Filter(plain(Job.id).in_(wanted.id), select(Job.number).where(Job.id.in_(wanted.id)))
    if wanted.status:
        condition = Job.status.in_(wanted.status) if len(wanted.status) > 1 else Job.status == wanted.status[0]
        one = len(wanted.status) == 1
        yield Filter(
            plain(Job.status).in_(wanted.status), select(Job.number).where(condition), in_order=one, covered_by=SORTS
        )


def _of_ranges(wanted: JobFilter) -> Iterator[Filter]:
    if wanted.min_val_accuracy is not None:
        yield _range("val_accuracy", Job.val_accuracy, ">=", wanted.min_val_accuracy)
    if wanted.min_best_val_accuracy is not None:
        yield _range("best_val_accuracy", Job.best_val_accuracy, ">=", wanted.min_best_val_accuracy)
    if wanted.created_after is not None:
        yield _range("created_at", Job.number, ">=", first_number(wanted.created_after))
    if wanted.created_before is not None:
        yield _range("created_at", Job.number, "<", first_number(wanted.created_before))


def _range(name: str, column: Any, operator: str, value: float) -> Filter:
    def compare(one: Any) -> ColumnElement[bool]:
        return _OPERATORS[operator](one, value)

    found = select(Job.number).where(compare(column))
    in_order = name == "created_at"
    return Filter(compare(plain(column)), found, in_order, limits=name, compare=compare, covered_by=("created_at",))


def _of_words(wanted: JobFilter) -> Iterator[Filter]:
    every = set() if wanted.text is None else words(wanted.text)
    if wanted.text is not None and not every:
        every = {wanted.text}  # signs alone: a word of nobody
    for word in sorted(every | (set() if wanted.tag is None else {tag_word(wanted.tag)})):
        found = select(JobWord.job.label("number")).where(JobWord.word == word)
        held = select(JobWord.job).where(JobWord.word == word, JobWord.job == Job.number).correlate(_JOBS)
        yield Filter(held.scalar_subquery().is_not(None), found, in_order=True)


def value_column(kind: str) -> Any:
    """Return the column of `job_values` that has the values of a field of this kind."""
    return JobValue.number if kind == "number" else JobValue.text


def value_of(wanted: Field, number: Any = Job.number) -> Any:
    """Return the value of a field as an expression over a row with a job's number; null where the job has none."""
    of_path = (JobValue.path == wanted.key, JobValue.job == number)
    return select(value_column(wanted.kind)).where(*of_path).correlate_except(table_of(JobValue)).scalar_subquery()


def _of_condition(condition: Condition) -> Filter:
    column, path = value_column(condition.field.kind), JobValue.path == condition.field.key
    value = value_of(condition.field)
    if condition.value is None:
        return Filter(value.is_(None) if condition.operator == "=" else value.is_not(None))

    wanted = stored_text(condition.value) if isinstance(condition.value, str) else condition.value

    def compare(one: Any) -> ColumnElement[bool]:
        return _OPERATORS[condition.operator](one, wanted)

    if condition.operator == "!=":
        return Filter(compare(value))
    found = select(JobValue.job.label("number")).where(path, compare(column))
    name = f"spec.{condition.field.path}"
    return Filter(compare(value), found, in_order=condition.operator == "=", limits=name, compare=compare)


def all_of(filters: list[Filter]) -> ColumnElement[bool]:
    """Return the SQL that is true of a row of `jobs` that passes every filter."""
    return and_(True, *(one.test for one in filters))
