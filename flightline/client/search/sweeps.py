"""Sweeps that know their client: `sweep.wait()`, `sweep.trials()`, `sweep.cancel()`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from html import escape
from inspect import signature
from typing import Any, Concatenate, ParamSpec, TypeVar

from flightline.client.blocking import blocking, blocking_iterator, blocking_rows
from flightline.client.calls.sweeps import SweepCalls
from flightline.client.search.sweep_records import SweepRecord
from flightline.errors import UsageError

P = ParamSpec("P")
T = TypeVar("T")


class _BoundSweep(SweepRecord):
    """A sweep with the calls of the client that it came from."""

    _source: SweepCalls[Any] | None

    def __init__(self, raw: Mapping[str, Any], calls: SweepCalls[Any] | None = None) -> None:
        super().__init__(raw)
        object.__setattr__(self, "_source", calls)

    @property
    def _calls(self) -> SweepCalls[Any]:
        if self._source is None:
            raise UsageError(
                "This sweep has no client: it was unpickled, or made of JSON. Ask a client for it: "
                "client.find_sweep(sweep.id)."
            )
        return self._source

    def _repr_html_(self) -> str:
        share = f'<progress max="{max(1, self.points)}" value="{self.points_tried}"></progress>'
        best = "".join(f"<th>{escape(path)}</th><td>{escape(str(value))}</td>" for path, value in self._best())
        return f"<div>{escape(self.words)} {share}</div><table><tr>{best}</tr></table>"

    def _best(self) -> list[tuple[str, object]]:
        return list(self.best.params.items()) if self.best else []


def of_sweep(call: Callable[Concatenate[Any, str, P], T]) -> Callable[Concatenate[_BoundSweep, P], T]:
    """A client's call about a sweep as a method of the sweep; its signature lacks the id."""

    @wraps(call)
    def method(self: _BoundSweep, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return call(self._calls, self.id, *args, **kwargs)

    whole = signature(call)
    mine = [parameter for parameter in whole.parameters.values() if parameter.name != "id"]
    vars(method)["__signature__"] = whole.replace(parameters=mine)
    return method


class AsyncSweep(_BoundSweep):
    """A sweep of an `AsyncClient`: `await sweep.wait()` and the like; each call is the client's of a like name.

    The sweep itself is what it was when it was read; `await sweep.refresh()` returns its present state.
    """

    refresh = of_sweep(SweepCalls["AsyncSweep"].find_sweep)
    wait = of_sweep(SweepCalls["AsyncSweep"].wait_for_sweep)
    watch = of_sweep(SweepCalls["AsyncSweep"].watch_sweep)
    events = of_sweep(SweepCalls["AsyncSweep"].sweep_events)
    trials = of_sweep(SweepCalls["AsyncSweep"].trials)
    pause = of_sweep(SweepCalls["AsyncSweep"].pause_sweep)
    resume = of_sweep(SweepCalls["AsyncSweep"].resume_sweep)
    cancel = of_sweep(SweepCalls["AsyncSweep"].cancel_sweep)
    delete = of_sweep(SweepCalls["AsyncSweep"].delete_sweep)

    async def to_pandas(self) -> Any:
        """All trials as a `pandas.DataFrame`, the best first. Raises UsageError where pandas is not installed."""
        return await self.trials().to_pandas()


class Sweep(_BoundSweep):
    """A sweep of a `Client`: `sweep.wait()` and the like; each call is the client's of a like name.

    The sweep itself is what it was when it was read; `sweep.refresh()` returns its present state.
    """

    refresh = blocking(of_sweep(SweepCalls["Sweep"].find_sweep))
    wait = blocking(of_sweep(SweepCalls["Sweep"].wait_for_sweep))
    watch = blocking_iterator(of_sweep(SweepCalls["Sweep"].watch_sweep))
    events = blocking_rows(of_sweep(SweepCalls["Sweep"].sweep_events))
    trials = blocking_rows(of_sweep(SweepCalls["Sweep"].trials))
    pause = blocking(of_sweep(SweepCalls["Sweep"].pause_sweep))
    resume = blocking(of_sweep(SweepCalls["Sweep"].resume_sweep))
    cancel = blocking(of_sweep(SweepCalls["Sweep"].cancel_sweep))
    delete = blocking(of_sweep(SweepCalls["Sweep"].delete_sweep))

    def to_pandas(self) -> Any:
        """All trials as a `pandas.DataFrame`, the best first. Raises UsageError where pandas is not installed."""
        return self.trials().to_pandas()
