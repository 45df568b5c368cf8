"""Rows on a terminal of any width: which columns give way, so that no id and no figure is ever cut or broken."""

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
class Layout:
    """Which columns, by their headers, give way where a terminal is too narrow for all; no other one does.

    Attributes:
        shortened: cut with an ellipsis.
        wrapped: goes over several lines.
        dropped: left out where that is not enough, in this order.
    """

    shortened: str | None = None
    wrapped: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    def least(self, header: str, width: int) -> int:
        """The least width of a column that would fill `width`."""
        if header not in {self.shortened, *self.wrapped}:
            return width
        return min(width, max(cell_len(header), NARROWEST if header in self.wrapped else SHORTEST))


RIGID = Layout()


def fitted(headers: Sequence[str], rows: Sequence[Sequence[Text]], layout: Layout, width: int) -> RenderableType:
    """The rows under their headers in `width` columns; one below the other where no table of them is as narrow."""
    columns = {header: [row[number] for row in rows] for number, header in enumerate(headers)}
    for dropped in (None, *layout.dropped):
        columns.pop(dropped or "", None)
        if _least(columns, layout) <= width:
            return Group(Text(), _table(columns, layout, width), Text())
    return Group(Text(), *_records(headers, rows, width))


def _widths(columns: dict[str, list[Text]]) -> dict[str, int]:
    return {header: max(cell_len(header), *(cell.cell_len for cell in cells)) for header, cells in columns.items()}


def _least(columns: dict[str, list[Text]], layout: Layout) -> int:
    """What a table of these columns takes when those that give way do so."""
    least = [layout.least(header, width) for header, width in _widths(columns).items()]
    return sum(least) + GAP * (len(least) - 1)


def _table(columns: dict[str, list[Text]], layout: Layout, width: int) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    widths = _widths(columns)
    rest = width - sum(widths.values()) - GAP * (len(widths) - 1)
    for header in columns:
        wrapped = header in layout.wrapped
        fixed = widths[header] + min(0, rest) if header == layout.shortened else None
        table.add_column(header, width=fixed, no_wrap=not wrapped, overflow="fold" if wrapped else "ellipsis")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _records(headers: Sequence[str], rows: Sequence[Sequence[Text]], width: int) -> Iterable[Text]:
    indent = max(map(cell_len, headers)) + GAP
    for row in rows:
        for header, cell in zip(headers, row, strict=True):
            gap = " " * (indent - cell_len(header)) if indent + cell.cell_len <= width else "\n" + " " * GAP
            yield Text.assemble((header, "dim"), gap, cell)
        yield Text()
