"""Orders of the list of jobs: by a column, or by a field of the jobs' specs; jobs without the value come last."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, bindparam, true, tuple_

from shared.database.tables import Job, JobValue
from shared.documents.phrases import did_you_mean
from shared.errors import FieldError, InvalidQuery
from shared.jobs.guarded_write import table_of
from shared.jobs.reads.filters import SORTS, plain, value_column, value_of
from shared.jobs.search.paths import field

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import FromClause

__all__ = ["SORTS", "SPEC", "Key", "Order", "Sorting", "key_values", "order_of"]

SPEC = "spec."
_MOST_KEPT = 500
"""Orders that are kept, so that statements in them are built once."""
Key = tuple[float | str | dt.datetime | None, int]
"""A place in an order: the value, and the job's number, which decides between equal values."""


@dataclass(frozen=True, eq=False)
class Order:
    """An order of jobs.

    Attributes:
        name: the sort without its sign.
        descending: whether the largest value comes first.
        value: the column of the values in the order's index; None for the order of creation, which is that of `number`.
        number: the column of the jobs' numbers in that index.
        source: the table that has the index.
        within: the condition on its rows.
        of_job: the value as an expression over a row of `jobs` that no index of `jobs` is looked up by.
        of_number: returns it as an expression over any row with the given column of the job's number; None where only a
            row of `jobs` has it.
    """

    name: str
    descending: bool
    value: Any
    number: Any
    source: FromClause
    within: ColumnElement[bool]
    of_job: Any
    of_number: Callable[[Any], Any] | None = None


@dataclass(frozen=True, eq=False)
class Sorting:
    """The order of rows with these columns for value and number; without a value by number alone."""

    value: Any
    number: Any
    descending: bool

    @property
    def clauses(self) -> tuple[Any, ...]:
        """Return the `ORDER BY`."""
        columns = (self.number,) if self.value is None else (self.value, self.number)
        return tuple(one.desc() if self.descending else one.asc() for one in columns)

    def after(self) -> ColumnElement[bool]:
        """Return the condition that a row comes after a key, which `key_values` gives as the parameters."""
        left: Any
        right: Any
        left, right = self.number, bindparam("after_number", type_=self.number.type)
        if self.value is not None:
            left, right = tuple_(self.value, left), tuple_(bindparam("after_value", type_=self.value.type), right)
        return left < right if self.descending else left > right  # type: ignore[no-any-return]


def key_values(key: Key | None) -> dict[str, object]:
    """Return the parameters of the condition of `Sorting.after`."""
    return {} if key is None else {"after_value": key[0], "after_number": key[1]}


@lru_cache(_MOST_KEPT)
def order_of(sort: str) -> Order:
    """Return the order of one of `SORTS`, or of ``spec.PATH``; a leading ``-`` makes it descending.

    Raises:
        InvalidQuery: there is no such order.
    """
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    if name.startswith(SPEC):
        return _of_field(name, descending=descending)
    if name not in SORTS:
        detail = (
            f"Jobs cannot be sorted by {name[:100]!r}.{did_you_mean(name, SORTS)} Choose {', '.join(SORTS)}, or a "
            "field of the spec such as spec.training.optimizer.lr, prefixed with - for descending."
        )
        raise InvalidQuery(detail, (FieldError("/sort", detail),))
    jobs = table_of(Job)
    if name == "created_at":
        return Order(name, descending, None, jobs.c.number, jobs, true(), None)
    column = jobs.c[name]
    return Order(name, descending, column, jobs.c.number, jobs, column.is_not(None), plain(column))


def _of_field(name: str, *, descending: bool) -> Order:
    wanted = field(name.removeprefix(SPEC), "sort")
    column = value_column(wanted.kind)
    within = and_(JobValue.path == wanted.key, column.is_not(None))
    of_number = partial(value_of, wanted)
    return Order(name, descending, column, JobValue.job, table_of(JobValue), within, value_of(wanted), of_number)
