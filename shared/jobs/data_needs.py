"""The images that a job needs where it runs, and whether a worker holds them or may download them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from shared.jobspec.catalog import is_usable

UNKNOWN_KEY = ""
"""The key of a queued job whose needs are not written down: it was queued by the release before."""


class DataNeed(NamedTuple):
    """One data set that a job needs, and the classes of it, in the order of their names."""

    name: str
    classes: tuple[str, ...]


Needs = tuple[DataNeed, ...]
"""Everything that a job needs, in the order of the data sets' names."""


def needs_of(*datasets: Mapping[str, Any]) -> Needs:
    """Return what is needed for the data sets of specs, each with its `name` and `classes`."""
    return tuple(sorted({DataNeed(one["name"], tuple(sorted(one["classes"]))) for one in datasets}))


def needs_of_spec(spec: Mapping[str, Any]) -> Needs:
    """Return what a stored spec of any kind of job needs; nothing where it names no data set."""
    return needs_of(spec["dataset"]) if "dataset" in spec else ()


def needs_columns(needs: Needs) -> dict[str, Any]:
    """Return the columns of a job with these needs: the needs themselves, and the key that jobs are found by."""
    listed = [[name, list(classes)] for name, classes in needs]
    # A digest, as the names of classes may be too long for an index.
    return {"data": listed, "data_key": hashlib.sha256(orjson.dumps(listed)).hexdigest()[:32]}


def read_needs(column: Iterable[Sequence[Any]]) -> Needs:
    """Return the needs that `needs_columns` wrote."""
    return tuple(DataNeed(name, tuple(classes)) for name, classes in column)


class Holdings:
    """The images that a worker holds or may download, by its reports of its data sets.

    Args:
        reports: the reports, in any order.
    """

    def __init__(self, reports: Iterable[Mapping[str, Any]] = ()) -> None:
        self._classes: dict[str, list[frozenset[str]]] = {}
        for report in reports:
            if classes := _usable_classes(report):
                self._classes.setdefault(report["name"], []).append(classes)

    def meet(self, needs: Needs) -> bool:
        """Whether the worker could begin a job with these needs; each data set must come from one copy."""
        return all(any(classes.issuperset(need.classes) for classes in self._held(need)) for need in needs)

    def classes_of(self, name: str) -> list[str]:
        """Return the classes of a data set that the worker holds in any copy, by name."""
        return sorted(frozenset[str]().union(*self._classes.get(name, ())))

    def _held(self, need: DataNeed) -> list[frozenset[str]]:
        return self._classes.get(need.name, [])


def _usable_classes(report: Mapping[str, Any]) -> frozenset[str]:
    """Return the classes of a copy that a job could use: all of a whole one; of a folder those with images."""
    if is_usable(report):
        return frozenset(report["classes"])
    if report.get("source") != "folder" or "ready" not in report:  # part of another kind of copy, or what a job loaded
        return frozenset()
    needs_val = report.get("has_val", True)
    counts: Mapping[str, Sequence[int]] = report["counts"]
    return frozenset(name for name, (train, val) in counts.items() if train and (val or not needs_val))
