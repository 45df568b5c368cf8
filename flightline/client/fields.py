"""JSON objects within a record: dicts whose keys are attributes too, all the way down."""

from __future__ import annotations

from typing import Any


class Fields(dict[str, Any]):
    """A JSON object without a record of its own, such as a job's spec: ``spec.training.epochs``, or by keys.

    A key that is called like a method of dicts (``items``) is read by ``[…]`` alone; so is everything set.
    """

    __slots__ = ()

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(f"There is no {key!r} here; there is {known(self)}.") from None

    def __setattr__(self, key: str, value: object) -> None:
        raise AttributeError(f"Fields are set by their keys: [{key!r}] = {value!r:.60}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]


def with_attributes(value: object) -> object:
    """A copy of a JSON value in which every object is a `Fields`."""
    if isinstance(value, dict):
        return Fields({key: with_attributes(inner) for key, inner in value.items()})
    if isinstance(value, list):
        return [with_attributes(inner) for inner in value]
    return value


def known(names: dict[str, Any]) -> str:
    """The keys in alphabetical order, separated by commas, for an error message; `nothing` where there are none."""
    return ", ".join(sorted(names)) or "nothing"
