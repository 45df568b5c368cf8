"""The fields of jobs that a list shows, by the names that people give them: `lr` is `spec.training.optimizer.lr`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from flightline.cli.columns import Columns
from flightline.cli.tables import COLOURS, moment
from flightline.client.display.tables import cell_text, flat
from flightline.errors import UsageError

GROUPS = ("spec.", "result.", "")
"""Where a short name is looked for first: what was asked for, then what came of it."""
SHORT_ID = 8

Flat = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """One column of a list.

    Attributes:
        name: as it was asked for.
        path: the dotted path in a job's JSON.
    """

    name: str
    path: str


def fields(names: str, jobs: Sequence[Mapping[str, Any]]) -> list[Field]:
    """The columns that a comma-separated list of names asks for.

    Args:
        names: dotted paths in a job's JSON, or their ends.
        jobs: jobs as JSON; a name without a dot must be the end of a path in one of them.

    Raises:
        UsageError: a name fits no field, or several equally well.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        raise UsageError("--columns takes names such as id,name,lr,val_accuracy.")
    paths = {path: None for job in jobs for path in flat(job)}
    return [Field(name, _path(name, list(paths))) for name in wanted]


def _path(name: str, paths: Sequence[str]) -> str:
    if name in paths:
        return name
    ends = [path for path in paths if path.endswith(f".{name}")]
    for group in GROUPS:
        found = [path for path in ends if path.startswith(group)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{name!r} may be {', '.join(sorted(found))}: write it so that it fits one of them.")
    if "." in name or not paths:
        return name
    raise UsageError(f"No job here has a field {name!r}. Write the path in a job's JSON, such as spec.training.seed.")


def values(job: Mapping[str, Any], wanted: Sequence[Field]) -> list[Any]:
    """The job's values of these fields, None where it has none."""
    known = flat(job)
    return [known.get(field.path) for field in wanted]


def header(wanted: Sequence[Field]) -> Columns:
    """The columns of a table of these fields; none of them is left out on a narrow terminal."""
    return Columns(tuple(field.name.upper() for field in wanted), shortened="NAME")


def row(job: Mapping[str, Any], wanted: Sequence[Field], *, short: bool) -> list[object]:
    """The job's cells of such a table; `short` is for terminals: ids by their ends, times without the year."""
    pairs = zip(wanted, values(job, wanted), strict=True)
    return [_cell(field.path, value, short=short) for field, value in pairs]


def _cell(path: str, value: Any, *, short: bool) -> object:
    if path == "status":
        return Text(str(value), COLOURS.get(str(value), ""))
    if short and path == "id":
        return str(value)[-SHORT_ID:]
    if short and path.endswith("_at") and value:
        return moment(value)
    return cell_text(value)
