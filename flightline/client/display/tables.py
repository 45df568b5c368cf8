"""Records as a table: one row each, fields by their dotted paths, those that differ first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, overload

from flightline.client.display.optional import optional

Row = dict[str, Any]
SHOWN_COLUMNS, SHOWN_ROWS = 12, 100
"""What a notebook shows of a table: the first columns and rows."""
FIRST = ("id", "name", "status")
LEFT_OUT = frozenset({"cost.layers", "reached", "spec.name", "spec.tags"})
"""The cost of each layer and the course of a sweep's point, tables in themselves; what jobs have beside their specs."""


class Table(Sequence[Row]):
    """Records as rows: ``pandas.DataFrame(table)`` and `to_pandas` have all of it, and ``table["column"]`` is a column.

    A field within a field is called by its path as in JSON (``spec.training.optimizer.lr``), a list of plain values is
    one tuple, and a list of objects has a number in the path (``spec.architecture.layers.0.out_channels``). `id`,
    `name` and `status` come first, then the fields that differ, then those that all rows share.

    Attributes:
        columns: the names of all columns, in order.
        differing: those among them whose values differ between the rows.
    """

    def __init__(self, records: Iterable[Mapping[str, Any]]) -> None:
        found = [flat(getattr(record, "raw", record)) for record in records]
        paths = list(dict.fromkeys(path for row in found for path in row))
        varying = {path for path in paths if _differs(row.get(path) for row in found)}
        first = [path for path in FIRST if path in paths]
        rest = sorted(
            (path for path in paths if path not in FIRST), key=lambda path: (path not in varying, _place(path))
        )
        self.columns: tuple[str, ...] = (*first, *rest)
        self.differing: tuple[str, ...] = tuple(path for path in self.columns if path in varying)
        self._rows: list[Row] = [{path: row.get(path) for path in self.columns} for row in found]

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    @overload
    def __getitem__(self, index: str) -> list[Any]: ...
    def __getitem__(self, index: int | slice | str) -> Row | list[Any]:
        if isinstance(index, str):
            if index not in self.columns:
                raise KeyError(f"There is no column {index!r}; `columns` has them all.")
            return [row[index] for row in self._rows]
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        asked = [path for path in self.differing if path.startswith("spec.")]
        differ = ", ".join(asked[:SHOWN_COLUMNS]) or "nothing that was asked for"
        return f"<Table of {len(self)} rows; they differ in {differ}>"

    def to_pandas(self) -> Any:
        """The table as a `pandas.DataFrame`; instants (``…_at``) are timestamps in UTC.

        Raises:
            UsageError: pandas is not installed.
        """
        return data_frame(self.columns, self._rows, "to_pandas()")

    def _repr_html_(self) -> str:
        shown = self.columns[:SHOWN_COLUMNS]
        head = "".join(f"<th>{escape(path)}</th>" for path in shown)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell_text(row[path]))}</td>' for path in shown)}</tr>"
            for row in self._rows[:SHOWN_ROWS]
        )
        more = f"<p>{len(self)} rows × {len(self.columns)} columns; those that differ come first.</p>"
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def data_frame(columns: Iterable[str], rows: Iterable[Row], needed_by: str) -> Any:
    """A `pandas.DataFrame` of rows, with instants as timestamps in UTC. Raises UsageError where pandas is missing."""
    pandas = optional("pandas", needed_by)
    frame = pandas.DataFrame(list(rows), columns=list(columns))
    for path in frame.columns:
        if path.endswith("_at"):
            frame[path] = pandas.to_datetime(frame[path], utc=True)
    return frame


def cell_text(value: object) -> str:
    """A value in a cell: numbers with four digits, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(cell_text, value)) if isinstance(value, tuple) else str(value)


def flat(record: Mapping[str, Any]) -> Row:
    """The plain values of a record by their dotted paths, as the columns of a `Table` are called."""
    return dict(_flat(record)) if record else {}


def _flat(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    if path in LEFT_OUT:
        return
    if isinstance(value, list) and not any(isinstance(item, Mapping) for item in value):
        value = tuple(value)
    if isinstance(value, Mapping | list) and value:
        items: Iterable[tuple[object, object]] = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, inner in items:
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _differs(values: Iterable[object]) -> bool:
    return len({repr(value) for value in values}) > 1


def _place(path: str) -> int:
    """What was asked for comes before what became of it, and both before the rest."""
    return {"spec": 0, "result": 1}.get(path.partition(".")[0], 2)
