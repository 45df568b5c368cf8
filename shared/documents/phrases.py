"""Short phrases for values, names and numbers in messages."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.errors import FieldError


def show(value: object) -> str:
    """Show any value in a few ASCII characters."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "an array"
    if isinstance(value, str):
        return json.dumps(value if len(value) <= 60 else value[:57] + "…")
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}"
    return json.dumps(value) if value is None or isinstance(value, bool | int | float) else type(value).__name__


def summary(problems: Sequence[FieldError]) -> str:
    """Summarise one or more problems in a sentence: the first one, its pointer, and the number of others."""
    first = problems[0]
    where = f" (at {first.pointer})" if first.pointer else ""
    more = len(problems) - 1
    also = f" And {more} more problem{'s' if more > 1 else ''}." if more else ""
    return f"{first.detail}{where}{also}"


def plain(number: Any) -> str:
    """Write a number as people do, such as 1,000,000,000 for 1e9."""
    return f"{int(number):,}" if number == int(number) else f"{number:,}"


def listed(names: Sequence[str]) -> str:
    """Join names as `a, b or c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def some_of(names: Sequence[str], most: int = 20) -> str:
    """Join names as `a, b, c`; of more than `most` only the first, and how many others there are."""
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def ignored_files(place: str, by_kind: Mapping[str, int], most: int = 6) -> str:
    """Summarise ignored files of class folders: `3 files ignored in /data/cifar2: 2 × .heic, 1 without a suffix`.

    Args:
        place: the data set's folder.
        by_kind: numbers of files by suffix; `folder` and `no suffix` are kinds too. At least one.
        most: largest number of kinds to name, the most frequent first.
    """
    kinds = sorted(by_kind.items(), key=lambda pair: (-pair[1], pair[0]))
    named = [_of_kind(kind, number) for kind, number in kinds[:most]]
    if rest := sum(number for _, number in kinds[most:]):
        named.append(f"{rest:,} of other kinds")
    total = sum(by_kind.values())
    what = "entry" if total == 1 else "entries"
    if "folder" not in by_kind:
        what = "file" if total == 1 else "files"
    return f"{total:,} {what} ignored in {place}: {', '.join(named)}"


def _of_kind(kind: str, number: int) -> str:
    if kind == "no suffix":
        return f"{number:,} without a suffix"
    if kind == "folder":
        return f"{number:,} folder{'s' if number > 1 else ''}"
    return f"{number:,} × {kind}" if kind.startswith(".") else f"{number:,} {kind}"


def did_you_mean(given: object, names: Iterable[str]) -> str:
    """Return ` Did you mean …?` to append to a message; empty where no known name is similar."""
    likely = closest(given, names) if isinstance(given, str) else None
    return f" Did you mean {show(likely)}?" if likely else ""


def nearest(name: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Return the names that are most similar, however little they are, the most similar first."""
    return difflib.get_close_matches(name[:100].lower(), names, n=most, cutoff=0.0)


def closest(name: str, names: Iterable[str]) -> str | None:
    """Return the most similar of `names`; None where none is similar enough."""
    known = {known.lower(): known for known in names}
    match = difflib.get_close_matches(name[:100].lower(), known, n=1, cutoff=0.6)
    return known[match[0]] if match else None
