"""The fields of a job as it is answered, by dotted path, and what is said of a path that leads to none."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from shared import wire
from shared.documents.phrases import closest, show, some_of
from shared.jobs.search.paths import IMPORTED, declared
from shared.wire.answer import Answer, names

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_LISTED = 50
"""Fields that are named where none is like the one that was asked for."""
_SPEC = "spec."


@cache
def fields() -> Sequence[str]:
    """Return the path of every field, of those that have fields of their own, too, in the order of an answer."""
    hints = get_type_hints(wire.Job)
    inner = [f"{name}.{one}" for name in names(wire.Job) for kind in _answers(hints[name]) for one in names(kind)]
    return (*names(wire.Job), *inner, *(f"{_SPEC}{path}" for path in declared()))


def _answers(hint: Any) -> list[type[Answer]]:
    kinds = [hint] if get_origin(hint) is None else get_args(hint)
    return [one for one in kinds if isinstance(one, type) and issubclass(one, Answer)]


def unknown(path: str) -> str | None:
    """Return what is wrong with a path that leads to no field of any job, in a sentence; None of one that does.

    A spec has the fields of each kind of network and optimizer, that of an imported run also fields of its own.
    """
    own = path.removeprefix(_SPEC)
    if path in fields() or (own != path and f"{own}.".startswith(IMPORTED)):
        return None
    above = path.rpartition(".")[0]
    while above and not below(above):
        above = above.rpartition(".")[0]
    start, there = f"{above}." if above else "", below(above)
    likely = closest(path.removeprefix(start), there)
    ends = [one for one in fields() if one.endswith(f".{path}")]
    if likely or ends:
        hint = f"Did you mean {show(start + likely if likely else ends[0])}?"
    else:
        hint = f"{above or 'A job'} has {some_of(there, MOST_LISTED)}."
    return f"No job has a field {path[:80]!r}. {hint}"


def below(above: str) -> list[str]:
    """Return the names of the fields of a part of a job, of the job for no path; none where it has no parts."""
    start = f"{above}." if above else ""
    return [path.removeprefix(start) for path in fields() if path.startswith(start) and "." not in path[len(start) :]]
