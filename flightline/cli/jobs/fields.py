"""The fields of jobs that a list shows, by the names that people give them: `lr` is `spec.training.optimizer.lr`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from flightline.cli.columns import Columns
from flightline.cli.tables import COLOURS, moment
from flightline.client.display.tables import cell_text, flat
from flightline.errors import UsageError
from shared.documents.phrases import some_of
from shared.errors import InvalidQuery

GROUPS = ("spec.", "result.", "")
"""Where a short name is looked for first: what was asked for, then what came of it."""
SHORT_ID = 8

ORDERS = frozenset({"created_at", "finished_at", "val_accuracy", "best_val_accuracy", "val_loss"})
"""The orders of a list that are no fields of a spec."""
_NAME = re.compile(r"[^\s=!<>]+")


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
        jobs: jobs as JSON; a name that none of them has must be that of a field that others have.

    Raises:
        UsageError: a name fits no field, or several equally well, or one that has fields of its own.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        raise UsageError("--columns takes names such as id,name,lr,val_accuracy.")
    paths = {path: None for job in jobs for path in flat(job)}
    return [Field(name, _path(name, list(paths))) for name in wanted]


def _path(name: str, paths: Sequence[str]) -> str:
    if (path := _among(name, paths)) is not None:
        return path
    if not paths:
        return name
    from shared.jobs.search import answers  # pydantic takes a while to load

    parts = answers.below(name)
    if parts:
        raise UsageError(f"{name} has fields of its own: {some_of(parts)}. Name one of them.")
    values = [path for path in answers.fields() if not answers.below(path)]
    if (path := _among(name, values)) is not None:  # as of a network that none of these jobs has
        return path
    if wrong := answers.unknown(name):
        raise UsageError(wrong)
    return name


def _among(name: str, paths: Sequence[str]) -> str | None:
    """The path that a name is, or is the end of; None for none. Raises UsageError where it is that of several."""
    if name in paths:
        return name
    ends = [path for path in paths if path.endswith(f".{name}")]
    for group in GROUPS:
        found = [path for path in ends if path.startswith(group)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{name!r} may be {', '.join(sorted(found))}: write it so that it fits one of them.")
    return None


def condition(text: str) -> str:
    """A condition as the service takes it: ``lr<=0.01`` is ``training.optimizer.lr<=0.01``.

    Raises:
        UsageError: the short name of a field stands for several, or no value of the field can meet the condition.
    """
    name = _NAME.match(text)
    path = _spec_path(name[0]) if name and "." not in name[0] else None
    if path is None or name is None:
        return text
    from shared.jobs.search.conditions import read_condition  # pydantic takes a while to load

    whole = path + text[name.end() :]
    try:
        read_condition(whole)
    except InvalidQuery as refused:
        raise UsageError(str(refused).replace(path, name[0])) from None
    return whole


def order(text: str) -> str:
    """An order as the service takes it: ``-lr`` is ``-spec.training.optimizer.lr``.

    Raises:
        UsageError: the short name of a field stands for several.
    """
    name = text.removeprefix("-")
    if "." in name or name in ORDERS:
        return text
    path = _spec_path(name)
    return text if path is None else f"{'-' if text.startswith('-') else ''}spec.{path}"


def _spec_path(name: str) -> str | None:
    """The path of the spec's field whose short name this is; None where this release knows none.

    Raises:
        UsageError: several fields have this name.
    """
    from shared.jobs.search.paths import fields as searched  # pydantic takes a while to load

    known = list(searched())
    found = [path for path in known if path == name or path.endswith(f".{name}")]
    if len(found) > 1 and name not in found:
        raise UsageError(f"{name!r} may be {', '.join(found)}: write it so that it fits one of them.")
    return name if name in found else next(iter(found), None)


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
