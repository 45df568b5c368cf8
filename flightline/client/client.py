"""The clients: ``from flightline import Client``, or ``AsyncClient`` for asyncio."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from flightline.client.addresses import default_url
from flightline.client.blocking import blocking, blocking_iterator, blocking_rows
from flightline.client.calls import Calls
from flightline.client.calls.sweeps import SweepCalls
from flightline.client.jobs import AsyncJob, Job
from flightline.client.search.sweeps import AsyncSweep, Sweep
from flightline.client.transport import AsyncTransport, BlockingTransport

P = ParamSpec("P")
T = TypeVar("T")


def of_sweeps(call: Callable[Concatenate[SweepCalls[Any], P], T]) -> Callable[Concatenate[Any, P], T]:
    """A call about sweeps as a method of the client whose calls it goes to."""

    @wraps(call)
    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return call(self._sweep_calls, *args, **kwargs)

    return method


class AsyncClient(Calls[AsyncJob]):
    """Talks to one Flightline service from asyncio: the calls of `Client`, to be awaited.

    >>> async with AsyncClient() as client:
    ...     job = await client.submit("notebook-tapered", training={"epochs": 20})
    ...     job = await job.wait()
    ...     async for event in job.events(): ...

    Arguments, results and errors are those of `Client`. One client belongs to one event loop.

    Args:
        base_url: where the service is, as `Client` finds it.
        token: what to sign in with, as `Client` finds it.
        timeout: seconds to wait for an answer.
        transport: another httpx transport, for tests.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        token: str | None = None,
        timeout: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        http = AsyncTransport(base_url or default_url(), timeout, transport, token=token)
        super().__init__(http, job=partial(AsyncJob, calls=self))
        self._sweep_calls: SweepCalls[AsyncSweep] = SweepCalls(http, self._as_sweep)

    def _as_sweep(self, raw: Mapping[str, Any]) -> AsyncSweep:
        return AsyncSweep(raw, calls=self._sweep_calls)

    sweep = of_sweeps(SweepCalls[AsyncSweep].sweep)
    check_sweep = of_sweeps(SweepCalls[AsyncSweep].check_sweep)
    sweeps = of_sweeps(SweepCalls[AsyncSweep].sweeps)
    find_sweep = of_sweeps(SweepCalls[AsyncSweep].find_sweep)
    trials = of_sweeps(SweepCalls[AsyncSweep].trials)
    sweep_events = of_sweeps(SweepCalls[AsyncSweep].sweep_events)
    watch_sweep = of_sweeps(SweepCalls[AsyncSweep].watch_sweep)
    wait_for_sweep = of_sweeps(SweepCalls[AsyncSweep].wait_for_sweep)
    pause_sweep = of_sweeps(SweepCalls[AsyncSweep].pause_sweep)
    resume_sweep = of_sweeps(SweepCalls[AsyncSweep].resume_sweep)
    cancel_sweep = of_sweeps(SweepCalls[AsyncSweep].cancel_sweep)
    delete_sweep = of_sweeps(SweepCalls[AsyncSweep].delete_sweep)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def of_client(call: Callable[Concatenate[Calls[Job], P], T]) -> Callable[Concatenate[Client, P], T]:
    """A call as a method of the client whose calls it goes to."""

    @wraps(call)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return call(self._calls, *args, **kwargs)

    return method


class Client:
    """Talks to one Flightline service.

    >>> client = Client()
    >>> job = client.submit("notebook-tapered", training={"epochs": 20})
    >>> job = job.wait(on_epoch=lambda epoch: print(epoch.epoch, epoch.val_accuracy))
    >>> job.result.best_val_accuracy

    What comes back has JSON's keys as attributes and the JSON itself as `raw`. Every call raises `ApiError` when the
    service refuses a request (`InvalidRequest.errors` point at each reason) and `NotReachable` when nothing answers.
    A job's `id` may be shortened to four or more characters of its end; where several jobs' ids end so, `Conflict`
    lists them. One client may be shared by threads.

    Args:
        base_url: where the service is; default `FLIGHTLINE_URL`, else the stack that runs in `FLIGHTLINE_HOME`, else
            `FLIGHTLINE_HOST` and `FLIGHTLINE_PORT` (http://127.0.0.1:8470).
        token: what to sign in with, at a service that asks for it; default `FLIGHTLINE_TOKEN`, else the token that
            `flightline login` stored for this URL. It is sent to `base_url` alone: redirects are not followed.
        timeout: seconds to wait for an answer.
        transport: another httpx transport, for tests.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        token: str | None = None,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        http = BlockingTransport(base_url or default_url(), timeout, transport, token=token)
        self._calls: Calls[Job] = Calls(http, job=self._as_job)
        self._sweep_calls: SweepCalls[Sweep] = SweepCalls(http, self._as_sweep)

    def _as_job(self, raw: Mapping[str, Any]) -> Job:
        return Job(raw, calls=self._calls)

    def _as_sweep(self, raw: Mapping[str, Any]) -> Sweep:
        return Sweep(raw, calls=self._sweep_calls)

    @property
    def base_url(self) -> str:
        """The service's URL without user and password, as messages show it."""
        return self._calls.base_url

    @property
    def signed_in(self) -> bool:
        """Whether requests carry a token; whether the service accepts it shows with the first of them."""
        return self._calls.signed_in

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    close = blocking(of_client(Calls[Job].close))

    submit = blocking(of_client(Calls[Job].submit))
    submit_many = blocking(of_client(Calls[Job].submit_many))
    check = blocking(of_client(Calls[Job].check))
    job = blocking(of_client(Calls[Job].job))
    jobs = blocking_rows(of_client(Calls[Job].jobs))
    page = blocking(of_client(Calls[Job].page))
    table = blocking(of_client(Calls[Job].table))
    compare = blocking(of_client(Calls[Job].compare))
    leaderboard = blocking(of_client(Calls[Job].leaderboard))
    settle = blocking(of_client(Calls[Job].settle))
    import_runs = blocking(of_client(Calls[Job].import_runs))

    wait = blocking(of_client(Calls[Job].wait))
    wait_all = blocking(of_client(Calls[Job].wait_all))
    watch = blocking_iterator(of_client(Calls[Job].watch))
    events = blocking_rows(of_client(Calls[Job].events))

    epochs = blocking(of_client(Calls[Job].epochs))
    metrics = blocking(of_client(Calls[Job].metrics))
    evaluation = blocking(of_client(Calls[Job].evaluation))
    attempts = blocking(of_client(Calls[Job].attempts))
    log = blocking_rows(of_client(Calls[Job].log))
    artifacts = blocking(of_client(Calls[Job].artifacts))
    download = blocking(of_client(Calls[Job].download))
    model = blocking(of_client(Calls[Job].model))
    export = blocking(of_client(Calls[Job].export))
    notebook = blocking(of_client(Calls[Job].notebook))
    predict = blocking(of_client(Calls[Job].predict))
    predict_many = blocking(of_client(Calls[Job].predict_many))
    mistakes = blocking(of_client(Calls[Job].mistakes))

    edit = blocking(of_client(Calls[Job].edit))
    cancel = blocking(of_client(Calls[Job].cancel))
    cancel_many = blocking(of_client(Calls[Job].cancel_many))
    retry = blocking(of_client(Calls[Job].retry))
    replay = blocking(of_client(Calls[Job].replay))
    evaluate = blocking(of_client(Calls[Job].evaluate))
    delete = blocking(of_client(Calls[Job].delete))
    delete_many = blocking(of_client(Calls[Job].delete_many))
    set_priority = blocking(of_client(Calls[Job].set_priority))

    sweep = blocking(of_sweeps(SweepCalls[Sweep].sweep))
    check_sweep = blocking(of_sweeps(SweepCalls[Sweep].check_sweep))
    sweeps = blocking_rows(of_sweeps(SweepCalls[Sweep].sweeps))
    find_sweep = blocking(of_sweeps(SweepCalls[Sweep].find_sweep))
    trials = blocking_rows(of_sweeps(SweepCalls[Sweep].trials))
    sweep_events = blocking_rows(of_sweeps(SweepCalls[Sweep].sweep_events))
    watch_sweep = blocking_iterator(of_sweeps(SweepCalls[Sweep].watch_sweep))
    wait_for_sweep = blocking(of_sweeps(SweepCalls[Sweep].wait_for_sweep))
    pause_sweep = blocking(of_sweeps(SweepCalls[Sweep].pause_sweep))
    resume_sweep = blocking(of_sweeps(SweepCalls[Sweep].resume_sweep))
    cancel_sweep = blocking(of_sweeps(SweepCalls[Sweep].cancel_sweep))
    delete_sweep = blocking(of_sweeps(SweepCalls[Sweep].delete_sweep))

    whoami = blocking(of_client(Calls[Job].whoami))
    workers = blocking(of_client(Calls[Job].workers))
    queues = blocking(of_client(Calls[Job].queues))
    presets = blocking(of_client(Calls[Job].presets))
    datasets = blocking(of_client(Calls[Job].datasets))
    dataset = blocking(of_client(Calls[Job].dataset))
    image = blocking(of_client(Calls[Job].image))
    ready = blocking(of_client(Calls[Job].ready))

    webhooks = blocking(of_client(Calls[Job].webhooks))
    add_webhook = blocking(of_client(Calls[Job].add_webhook))
    delete_webhook = blocking(of_client(Calls[Job].delete_webhook))
    rotate_webhook = blocking(of_client(Calls[Job].rotate_webhook))
    enable_webhook = blocking(of_client(Calls[Job].enable_webhook))
    test_webhook = blocking(of_client(Calls[Job].test_webhook))
    deliveries = blocking(of_client(Calls[Job].deliveries))
    redeliver = blocking(of_client(Calls[Job].redeliver))

    tokens = blocking(of_client(Calls[Job].tokens))
    create_token = blocking(of_client(Calls[Job].create_token))
    revoke_token = blocking(of_client(Calls[Job].revoke_token))
