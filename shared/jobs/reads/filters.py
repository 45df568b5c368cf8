"""Filters of the list of jobs, each as SQL in two forms: a test of one job, and the jobs that pass it from an index.

The SQL names its values as parameters. So one filter serves all values, and statements that have it are built once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sqlalchemy import ColumnElement, bindparam, func, null, select

from shared.database.tables import Job, JobValue, JobWord
from shared.jobs.guarded_write import table_of
from shared.jobs.search.index import first_number, stored_text, tag_word, words
from shared.jobs.search.paths import RESULTS

if TYPE_CHECKING:
    from sqlalchemy import Select

    from shared.jobs.search.conditions import Condition
    from shared.jobs.search.paths import Field

SORTS = ("created_at", "val_accuracy", "best_val_accuracy", "val_loss", "finished_at")
"""The orders that are columns of `jobs`."""
_JOBS = table_of(Job)
_MOST_KEPT = 500
"""Filters of each kind that are kept."""
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
    tag: tuple[str, ...] = ()
    """Tags, each of which the job must have."""
    name: str | None = None
    owner: str | None = None
    text: str | None = None
    """Words, each of which must be one of the job's name or tags."""
    where: tuple[Condition, ...] = ()
    """Conditions on the fields of the job's spec, and on its results."""
    min_val_accuracy: float | None = None
    min_best_val_accuracy: float | None = None
    created_after: dt.datetime | None = None
    created_before: dt.datetime | None = None
    config_hash: str | None = None
    sweep: str | None = None
    """Whole id of the sweep that made the job."""
    tried_by: str | None = None
    """Whole id of a sweep that has made a job of the same configuration, this one or another."""


@dataclass(frozen=True, eq=False)
class Filter:
    """One condition on jobs, whatever its value.

    Attributes:
        test: SQL that is true of a row of `jobs` that passes. It uses no index of `jobs`, so that a list which walks
            an index in its own order is not led astray.
        found: the numbers of the jobs that pass, as column `number`, read from an index; None where no index has them.
        in_order: whether `found` reads them in the order of creation.
        limits: the name of the value that `compare` is about, as `Order.name`; None for none.
        compare: the condition on any column that has that value, so that the walk of an index begins or ends with it.
        is_least: whether `compare` is true of all larger values too (or of all smaller ones); None for an equation.
        covered_by: names of the orders, as `Order.name`, whose index has what `test` asks for.
    """

    test: ColumnElement[bool]
    of_number: Callable[[Any], ColumnElement[bool]] | None = None
    found: Select[Any] | None = None
    in_order: bool = False
    limits: str | None = None
    compare: Callable[[Any], ColumnElement[bool]] | None = None
    is_least: bool | None = None
    covered_by: tuple[str, ...] = ()


class Many(Protocol):
    """Filters, each with its values, that many jobs passed when they were counted."""

    def __contains__(self, whole: Hashable, /) -> bool:
        """Whether a filter is one of them."""

    def add(self, whole: Hashable, /) -> None:
        """Note that many jobs pass a filter."""


def plain(column: Any) -> Any:
    """Return a column of `jobs` as an expression that no index is looked up by, though an index may hold it."""
    return func.coalesce(column, null(), type_=column.type)


class Valued(NamedTuple):
    """A filter, with the values of its parameters."""

    filter: Filter
    values: dict[str, object]


def filters_of(wanted: JobFilter) -> list[Valued]:
    """Return the filters that are set; equal ones are the same objects, whatever their values."""
    return [*_of_columns(wanted), *_of_ranges(wanted), *_of_words(wanted), *_of_conditions(wanted.where)]


def _of_columns(wanted: JobFilter) -> Iterator[Valued]:
    one_device = wanted.device is not None and ":" in wanted.device
    for name in ("kind", "architecture_kind", "preset", "name", "owner", "config_hash", "sweep", "device"):
        value = getattr(wanted, name)
        if value is not None:
            yield Valued(_equal("device_kind" if name == "device" and not one_device else name), {name: value})
    if wanted.tried_by is not None:
        yield Valued(_tried_by(), {"tried_by": wanted.tried_by})
    if wanted.id:
        yield Valued(_one_of("id"), {"id": wanted.id})
    if len(wanted.status) == 1:
        yield Valued(_equal("status"), {"status": wanted.status[0]})
    elif wanted.status:
        yield Valued(_one_of("status"), {"status": wanted.status})


_COVERED = ("kind", "architecture_kind", "preset", "owner", "device", "device_kind", "status")
"""Columns that the indexes of the orders hold."""


@cache
def _equal(name: str) -> Filter:
    column: Any = _JOBS.c[name]
    value: Any = bindparam("device" if name == "device_kind" else name)
    covered_by = SORTS if name in _COVERED else ()
    found = select(_JOBS.c.number).where(column == value)
    return Filter(plain(column) == value, found=found, in_order=True, covered_by=covered_by)


@cache
def _one_of(name: str) -> Filter:
    column: Any = _JOBS.c[name]
    values: Any = bindparam(name, expanding=True)
    found = select(_JOBS.c.number).where(column.in_(values))
    return Filter(plain(column).in_(values), found=found, covered_by=SORTS if name in _COVERED else ())


@cache
def _tried_by() -> Filter:
    made = _JOBS.alias("made")
    configurations = select(made.c.config_hash).where(made.c.sweep == bindparam("tried_by"))
    found = select(_JOBS.c.number).where(_JOBS.c.config_hash.in_(configurations))
    return Filter(plain(_JOBS.c.config_hash).in_(configurations), found=found)


def _of_ranges(wanted: JobFilter) -> Iterator[Valued]:
    for name in ("min_val_accuracy", "min_best_val_accuracy"):
        if (least := getattr(wanted, name)) is not None:
            yield Valued(_of_result(name.removeprefix("min_"), ">=", name), {name: least})
    for name, operator in (("created_after", ">="), ("created_before", "<")):
        if (instant := getattr(wanted, name)) is not None:
            yield Valued(_of_creation(operator, name), {name: first_number(instant)})


@cache
def _of_creation(operator: str, parameter: str) -> Filter:
    compare = _comparing(operator, parameter)
    return Filter(
        compare(plain(_JOBS.c.number)),
        compare,
        select(_JOBS.c.number).where(compare(_JOBS.c.number)),
        in_order=True,
        limits="created_at",
        compare=compare,
        is_least=operator == ">=",
        covered_by=("created_at",),
    )


_KEPT_BY_CREATION = ("val_accuracy", "best_val_accuracy")
"""Results that the index by creation holds."""


@lru_cache(_MOST_KEPT)
def _of_result(name: str, operator: str, parameter: str, *, is_null: bool = False) -> Filter:
    """Return the condition on one of `RESULTS`, each of which is an order too."""
    column, compare = _JOBS.c[name], _comparing(operator, parameter)
    covered_by = ("created_at",) if name in _KEPT_BY_CREATION else ()
    if is_null:
        value = plain(column)
        return Filter(value.is_(None) if operator == "=" else value.is_not(None), covered_by=covered_by)
    if operator == "!=":
        return Filter(compare(plain(column)), covered_by=covered_by)
    return Filter(
        compare(plain(column)),
        found=select(_JOBS.c.number).where(compare(column)),
        in_order=operator == "=",
        limits=name,
        compare=compare,
        is_least=None if operator == "=" else operator.startswith(">"),
        covered_by=covered_by,
    )


def _comparing(operator: str, parameter: str) -> Callable[[Any], ColumnElement[bool]]:
    """Return the condition on any column that it compares so with a parameter."""

    def compare(column: Any) -> ColumnElement[bool]:
        return _OPERATORS[operator](column, bindparam(parameter, type_=column.type))

    return compare


def _of_words(wanted: JobFilter) -> Iterator[Valued]:
    every = set() if wanted.text is None else words(wanted.text)
    if wanted.text is not None and not every:
        every = {wanted.text}  # signs alone: a word of nobody
    for number, word in enumerate(sorted(every | {tag_word(tag) for tag in wanted.tag})):
        yield Valued(_word(f"word{number}"), {f"word{number}": word})


@lru_cache(_MOST_KEPT)
def _word(parameter: str) -> Filter:
    word: Any = bindparam(parameter)
    found = select(JobWord.job.label("number")).where(JobWord.word == word)

    def holds(number: Any) -> ColumnElement[bool]:
        held = select(JobWord.job).where(JobWord.word == word, JobWord.job == number)
        return held.correlate_except(table_of(JobWord)).scalar_subquery().is_not(None)

    return Filter(holds(Job.number), holds, found, in_order=True)


def value_column(kind: str) -> Any:
    """Return the column of `job_values` that has the values of a field of this kind."""
    return JobValue.number if kind == "number" else JobValue.text


def value_of(wanted: Field, number: Any = Job.number) -> Any:
    """Return the value of a field as an expression over a row with a job's number; null where the job has none."""
    return _own(wanted, number, value_column(wanted.kind).name)


def _own(wanted: Field, number: Any, name: str) -> Any:
    """Return a column of a job's row for a field; of an imported run it may hold text where the field has a number."""
    own = table_of(JobValue).alias("own")  # the row with the job's number may be one of the same table
    column = own.c[name]
    # For an equation SQLite would take the primary key, where the values of one path lie far apart.
    of_job = own.c.job.between(number, number) if wanted.kind == "number" else own.c.job == number
    value = select(column).where(own.c.path == wanted.key, column.is_not(None), of_job)
    return value.correlate_except(own).scalar_subquery()


def _of_conditions(where: tuple[Condition, ...]) -> Iterator[Valued]:
    for number, one in enumerate(where):
        value = stored_text(one.value) if isinstance(one.value, str) else one.value
        about, parameter = one.field.path, f"where{number}"
        if about in RESULTS:
            found = _of_result(about, one.operator, parameter, is_null=value is None)
        else:
            found = _condition(one.field, one.operator, parameter, is_null=value is None)
        yield Valued(found, {} if value is None else {parameter: value})


@lru_cache(_MOST_KEPT)
def _condition(wanted: Field, operator: str, parameter: str, *, is_null: bool) -> Filter:
    column, path = value_column(wanted.kind), JobValue.path == wanted.key
    compare = _comparing(operator, parameter)

    def passes(number: Any) -> ColumnElement[bool]:
        if is_null:
            row: ColumnElement[int] = _own(wanted, number, "job")
            return row.is_(None) if operator == "=" else row.is_not(None)
        return compare(value_of(wanted, number))

    if is_null or operator == "!=":
        return Filter(passes(Job.number), passes)
    found = select(JobValue.job.label("number")).where(path, compare(column))
    return Filter(
        passes(Job.number),
        passes,
        found,
        in_order=operator == "=",
        limits=f"spec.{wanted.path}",
        compare=compare,
        is_least=None if operator == "=" else operator.startswith(">"),
    )
