"""Jobs that know their client: `job.wait()`, `job.epochs()`, `job.model()`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import Any, Concatenate, ParamSpec, TypeVar

from flightline.client.blocking import blocking, blocking_iterator, blocking_rows
from flightline.client.calls import Calls
from flightline.client.display.cells import job_cell
from flightline.client.display.curves import figure
from flightline.client.records import JobRecord
from flightline.errors import FlightlineError, UsageError

P = ParamSpec("P")
T = TypeVar("T")


class _BoundJob(JobRecord):
    """A job with the calls of the client that it came from."""

    _source: Calls[Any] | None

    def __init__(self, raw: Mapping[str, Any], calls: Calls[Any] | None = None) -> None:
        super().__init__(raw)
        object.__setattr__(self, "_source", calls)

    @property
    def _calls(self) -> Calls[Any]:
        if self._source is None:
            raise UsageError(
                "This job has no client: it was unpickled, or made of JSON. Ask a client for it: client.job(job.id)."
            )
        return self._source


def of_job(call: Callable[Concatenate[Any, str, P], T]) -> Callable[Concatenate[_BoundJob, P], T]:
    """A client's call about a job as a method of the job; its signature, for help and completion, lacks the id."""

    @wraps(call)
    def method(self: _BoundJob, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return call(self._calls, self.id, *args, **kwargs)

    whole = signature(call)
    mine = [parameter for parameter in whole.parameters.values() if parameter.name != "id"]
    vars(method)["__signature__"] = whole.replace(parameters=mine)
    return method


class AsyncJob(_BoundJob):
    """A job of an `AsyncClient`: `await job.wait()` and the like; each call is the client's of the same name.

    The job itself is what it was when it was read; `await job.refresh()` returns its present state.
    """

    refresh = of_job(Calls["AsyncJob"].job)
    wait = of_job(Calls["AsyncJob"].wait)
    watch = of_job(Calls["AsyncJob"].watch)
    edit = of_job(Calls["AsyncJob"].edit)
    cancel = of_job(Calls["AsyncJob"].cancel)
    retry = of_job(Calls["AsyncJob"].retry)
    replay = of_job(Calls["AsyncJob"].replay)  # type: ignore[assignment] # the JSON's key of this name is `compared`
    evaluate = of_job(Calls["AsyncJob"].evaluate)
    delete = of_job(Calls["AsyncJob"].delete)
    set_priority = of_job(Calls["AsyncJob"].set_priority)
    epochs = of_job(Calls["AsyncJob"].epochs)
    metrics = of_job(Calls["AsyncJob"].metrics)
    events = of_job(Calls["AsyncJob"].events)
    evaluation = of_job(Calls["AsyncJob"].evaluation)
    log = of_job(Calls["AsyncJob"].log)
    artifacts = of_job(Calls["AsyncJob"].artifacts)
    download = of_job(Calls["AsyncJob"].download)
    model = of_job(Calls["AsyncJob"].model)
    export = of_job(Calls["AsyncJob"].export)
    notebook = of_job(Calls["AsyncJob"].notebook)
    predict = of_job(Calls["AsyncJob"].predict)
    predict_many = of_job(Calls["AsyncJob"].predict_many)
    mistakes = of_job(Calls["AsyncJob"].mistakes)

    async def plot(self) -> Any:
        """The job's losses and accuracies so far as a `matplotlib.figure.Figure`, which notebooks show.

        Raises:
            UsageError: matplotlib is not installed.
        """
        return figure(await self.epochs(), self.title)

    def _repr_html_(self) -> str:
        return job_cell(self, None)  # nothing can be awaited here, so the curves are not


class Job(_BoundJob):
    """A job of a `Client`: `job.wait()` and the like; each call is the client's of the same name.

    The job itself is what it was when it was read; `job.refresh()` returns its present state.
    """

    refresh = blocking(of_job(Calls["Job"].job))
    wait = blocking(of_job(Calls["Job"].wait))
    watch = blocking_iterator(of_job(Calls["Job"].watch))
    edit = blocking(of_job(Calls["Job"].edit))
    cancel = blocking(of_job(Calls["Job"].cancel))
    retry = blocking(of_job(Calls["Job"].retry))
    replay = blocking(of_job(Calls["Job"].replay))  # type: ignore[assignment] # as for `AsyncJob`
    evaluate = blocking(of_job(Calls["Job"].evaluate))
    delete = blocking(of_job(Calls["Job"].delete))
    set_priority = blocking(of_job(Calls["Job"].set_priority))
    epochs = blocking(of_job(Calls["Job"].epochs))
    metrics = blocking(of_job(Calls["Job"].metrics))
    events = blocking_rows(of_job(Calls["Job"].events))
    evaluation = blocking(of_job(Calls["Job"].evaluation))
    log = blocking_rows(of_job(Calls["Job"].log))
    artifacts = blocking(of_job(Calls["Job"].artifacts))
    download = blocking(of_job(Calls["Job"].download))
    model = blocking(of_job(Calls["Job"].model))
    export = blocking(of_job(Calls["Job"].export))
    notebook = blocking(of_job(Calls["Job"].notebook))
    predict = blocking(of_job(Calls["Job"].predict))
    predict_many = blocking(of_job(Calls["Job"].predict_many))
    mistakes = blocking(of_job(Calls["Job"].mistakes))

    def plot(self) -> Any:
        """The job's losses and accuracies so far as a `matplotlib.figure.Figure`, which notebooks show.

        Raises:
            UsageError: matplotlib is not installed.
        """
        return figure(self.epochs(), self.title)

    def _repr_html_(self) -> str:
        try:
            return job_cell(self, self.epochs())
        except FlightlineError:  # no client, or its service has gone: the figures are here all the same
            return job_cell(self, None)
