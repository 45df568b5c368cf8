"""Tables on a terminal of any width: columns are shortened, wrapped or dropped so that ids and figures stay whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

SHORTEST, NARROWEST = 8, 20
"""What is kept at least of a column that is shortened, and of one that goes over several lines."""
GAP = 2


@dataclass(frozen=True)
class Columns:
    """A table's headers, and how its columns become narrower where the terminal has no room for all.

    Attributes:
        headers: the columns' headers, from left to right.
        shortened: the column whose cells are cut with an ellipsis.
        wrapped: columns whose cells go over several lines.
        dropped: columns left out where that is not enough, in this order; a line below the table names them.
    """

    headers: tuple[str, ...]
    shortened: str | None = None
    wrapped: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    def least(self, header: str, width: int) -> int:
        """The least width that a column can be given, whose widest cell takes `width`."""
        if header not in {self.shortened, *self.wrapped}:
            return width
        return min(width, max(cell_len(header), NARROWEST if header in self.wrapped else SHORTEST))


def compact(columns: Columns, rows: Sequence[Sequence[Text]], width: int) -> Table:
    """A table of at most `width` characters, one line a row: columns that have no room are left out silently."""
    cells = _cells(columns, rows)
    for dropped in columns.dropped:
        if _least(cells, columns) > width:
            del cells[dropped]
    return _table(cells, columns, width)


def _cells(columns: Columns, rows: Sequence[Sequence[Text]]) -> dict[str, list[Text]]:
    return {header: [row[number] for row in rows] for number, header in enumerate(columns.headers)}


def fitted(columns: Columns, rows: Sequence[Sequence[Text]], width: int) -> RenderableType:
    """A table of at most `width` characters; the cells one below the other where no table is as narrow."""
    cells = _cells(columns, rows)
    left_out: list[str] = []
    for dropped in (None, *columns.dropped):
        if dropped is not None:
            del cells[dropped]
            left_out.append(dropped)
        if _least(cells, columns) <= width:
            return Group(Text(), _table(cells, columns, width), *_left_out_note(left_out), Text())
    return Group(Text(), *_records(columns.headers, rows, width))


def _left_out_note(left_out: Sequence[str]) -> Iterable[Text]:
    """A line that names the columns left out, and how to see them; none where all are shown."""
    if left_out:
        yield Text(f"Left out: {', '.join(left_out)}. A wider terminal shows them, and so does --json.", "dim")


def _widths(cells: dict[str, list[Text]]) -> dict[str, int]:
    return {header: max(cell_len(header), *(cell.cell_len for cell in column)) for header, column in cells.items()}


def _least(cells: dict[str, list[Text]], columns: Columns) -> int:
    """The least width of a table, with its shortened and wrapped columns as narrow as they can be."""
    least = [columns.least(header, width) for header, width in _widths(cells).items()]
    return sum(least) + GAP * (len(least) - 1)


def _table(cells: dict[str, list[Text]], columns: Columns, width: int) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    widths = _widths(cells)
    rest = width - sum(widths.values()) - GAP * (len(widths) - 1)
    for header in cells:
        wrapped = header in columns.wrapped
        least = columns.least(header, widths[header])  # what is still too much goes over several lines elsewhere
        fixed = max(least, widths[header] + min(0, rest)) if header == columns.shortened else None
        table.add_column(header, width=fixed, no_wrap=not wrapped, overflow="fold" if wrapped else "ellipsis")
    for row in zip(*cells.values(), strict=True):
        table.add_row(*row)
    return table


def _records(headers: Sequence[str], rows: Sequence[Sequence[Text]], width: int) -> Iterable[Text]:
    indent = max(map(cell_len, headers)) + GAP
    for row in rows:
        for header, cell in zip(headers, row, strict=True):
            gap = " " * (indent - cell_len(header)) if indent + cell.cell_len <= width else "\n" + " " * GAP
            yield Text.assemble((header, "dim"), gap, cell)
        yield Text()
