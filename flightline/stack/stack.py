"""What `flightline up` runs: Redis, the database's migrations, the API and the workers, until a stop signal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from flightline.client.addresses import service_url
from flightline.client.client import Client
from flightline.client.records import Dataset, Worker
from flightline.errors import FlightlineError, StackError
from flightline.stack import redis_server
from flightline.stack.addresses import free_port
from flightline.stack.home import clear_state, end_leftovers, home_lock, write_state
from flightline.stack.log_tail import LogTail, last_lines
from flightline.stack.processes import Program
from flightline.stack.programs import Layout
from flightline.stack.supervisor import LOOK_SECONDS, StopRequests, Supervisor
from shared.delivery.redis_socket import socket_path
from shared.processes import born
from shared.settings import Settings

REDIS_SECONDS = 60.0  # a large append-only file takes a while to load
REDIS_LEAST_SECONDS = 2.0  # however often a stop is asked for
READY_SECONDS = 180.0  # torch is loaded once a worker, and data may have to be decoded


class Stopped(Exception):
    """A stop signal came; it ends the start or the run of the stack."""


class Reporter(Protocol):
    """Prints what happens to a stack."""

    def line(self, name: str, text: str) -> None:
        """Print a message about the program `name`, or a line of its log."""

    def ready(self, stack: Stack, workers: list[Worker]) -> None:
        """Print that the stack is ready, with its workers."""


class Fleet(Protocol):
    """What is known of the machines, whether or not the API asks for a token."""

    def workers(self) -> list[Worker]:
        """The workers, those that are gone included."""

    def datasets(self) -> list[Dataset]:
        """The data sets, with the copies that live workers hold."""


class Stack:
    """One machine's whole Flightline. `run` is called from the main thread.

    Args:
        layout: what to run; a port of 0 is replaced by a free one.
        prepare: migrates and sweeps the database; called with Redis' URL.
        tidy: called at the end, after all programs that were started after `prepare` have stopped.
        fleet: the workers and data sets that the database knows.
        reporter: prints what happens.
        stops: the stop signals so far.
    """

    def __init__(
        self,
        layout: Layout,
        prepare: Callable[[str], object],
        tidy: Callable[[], object],
        fleet: Fleet,
        reporter: Reporter,
        stops: StopRequests,
    ) -> None:
        self.layout = layout
        self.fleet = fleet
        self._prepare = prepare
        self._tidy = tidy
        self._prepared = False
        self._reporter = reporter
        self._stops = stops
        self._supervisor = Supervisor(reporter.line, stops)
        self._tail = LogTail({})
        self._state_outdated = False
        self._ready = False

    @property
    def url(self) -> str:
        """The URL at which this machine reaches the API."""
        return service_url(self.layout.host, self.layout.port)

    def run(self) -> None:
        """Start all programs, keep them running until a stop signal, and stop them.

        Raises:
            StackError: a program cannot start; those that did are stopped again.
        """
        with home_lock(self.layout.home):
            for name in end_leftovers(self.layout.home, self.layout.stop_grace_seconds):
                self._reporter.line(name, "was left running by a stack that was killed; it has ended")
            try:
                # Only now: a killed stack's API may have held the port until a moment ago.
                self.layout = replace(self.layout, port=free_port(self.layout.host, self.layout.port))
                self._write_state()  # so that commands say "is starting" rather than "nothing answers"
                self._start()
                self._keep_running()
            except Stopped:
                pass
            finally:
                self._stop()

    def _start(self) -> None:
        self.layout.logs.mkdir(parents=True, exist_ok=True)
        self._reporter.line("stack", f"starting {self.layout.summary} …")
        self._tail = LogTail({name: self.layout.logs / f"{name}.log" for name in self._program_names()})
        if self.layout.redis_url is None:
            self._start_redis()
        self._prepare(self.layout.broker_url)
        self._prepared = True
        self._supervisor.start([self.layout.api(), *self._workers()])
        self._write_state()
        workers = self._wait_ready()
        self._ready = True
        self._write_state()
        self._reporter.ready(self, workers)

    def _program_names(self) -> list[str]:
        embedded = ["redis"] if self.layout.redis_url is None else []
        return [*embedded, "api", *(worker.name for worker in self._workers())]

    def _workers(self) -> list[Program]:
        return [*self.layout.workers(), *self.layout.predictor_programs()]

    def _start_redis(self) -> None:
        home = self.layout.home
        redis_server.prepare(home)
        try:
            self._wait_redis()
        except StackError:
            self._supervisor.stop(["redis"], self.layout.stop_seconds("redis"))
            aside = redis_server.set_aside_unreadable(home, last_lines(self.layout.logs / "redis.log"))
            if aside is None:
                raise
            self._reporter.line(
                "redis", f"could not read its files, which lie in {aside} now; queued jobs are sent again"
            )
            self._wait_redis()

    def _wait_redis(self) -> None:
        self._supervisor.start([self.layout.redis()])
        self._write_state()
        path = socket_path(self.layout.home)
        self._wait(lambda: redis_server.answers(path), REDIS_SECONDS, "redis", "Redis")

    def _wait_ready(self) -> list[Worker]:
        """Wait until the API is ready and all workers of this stack are registered; return the workers."""
        found: list[Worker] = []

        def all_there() -> bool:
            found[:] = self._registered()
            return len(found) >= len(self._workers())

        with Client(self.url, timeout=5.0) as client:
            self._wait(lambda: _is_ready(client), READY_SECONDS, "api", "The API")
        self._wait(all_there, READY_SECONDS, "worker-*", "A worker")
        return found

    def _registered(self) -> list[Worker]:
        """The workers in the database that this stack started."""
        groups = {pid for pid, _ in self._supervisor.pids().values()}
        try:
            return [worker for worker in self.fleet.workers() if worker.live and _group(worker.pid) in groups]
        except FlightlineError:
            return []

    def _wait(self, condition: Callable[[], bool], seconds: float, log: str, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            self._step()
            self._supervisor.check_start()
            if time.monotonic() > deadline:
                where = self.layout.logs / f"{log}.log"
                raise StackError(
                    f"{what} was not ready after {seconds:g} s. See {where}.\n{last_lines(where)}".rstrip()
                )

    def _keep_running(self) -> None:
        while True:
            self._step()

    def _step(self) -> None:
        if self._stops:
            raise Stopped
        if self._supervisor.restart_ended() or self._state_outdated:
            self._write_state()
        self._show_log()
        time.sleep(LOOK_SECONDS)

    def _show_log(self) -> None:
        for name, line in self._tail.interesting():
            self._reporter.line(name, line)

    @cached_property
    def _data_dir(self) -> Path:
        """The folder in which this stack's workers look for data sets: they read the same settings."""
        return Settings(home=self.layout.home).datasets_dir

    def _write_state(self) -> None:
        """Write URL, readiness and process ids into the home, for clients and for the stack after a killed one.

        A home that cannot be written (a full disk) ends no program: the state is written as soon as there is room.
        """
        pid = os.getpid()
        children = self._supervisor.pids()
        state = {
            "pid": pid,
            "born": born(pid),
            "url": self.url,
            "ready": self._ready,
            "data_dir": str(self._data_dir),
            "children": children,
        }
        try:
            write_state(self.layout.home, state)
        except OSError as error:
            if not self._state_outdated:
                self._reporter.line("stack", _cannot_write(self.layout.home, error))
            self._state_outdated = True
        else:
            if self._state_outdated:
                self._reporter.line("stack", f"the home {self.layout.home} can be written to again")
            self._state_outdated = False

    def _stop(self) -> None:
        """Stop the API first, so that no request comes in; then the workers, whose released jobs Redis still takes."""
        names = self._supervisor.names()
        workers = [name for name in names if name not in {"api", "redis"}]
        if names:
            self._reporter.line("stack", "stopping; Ctrl-C again hurries it")
        for group in (["api"], workers):
            self._supervisor.stop(group, max(map(self.layout.stop_seconds, group), default=0.0))
        # It stops within milliseconds, and kill -9 would cost the last second of what it has not written out.
        self._supervisor.stop(["redis"], self.layout.stop_seconds("redis"), least_seconds=REDIS_LEAST_SECONDS)
        self._show_log()
        if self._prepared:
            self._tidy_up()
        clear_state(self.layout.home)

    def _tidy_up(self) -> None:
        try:
            self._tidy()
        except FlightlineError as error:  # nothing is lost by it
            self._reporter.line("stack", error.detail)


def _cannot_write(home: Path, error: OSError) -> str:
    return (
        f"WARNING the home {home} cannot be written to ({error.strerror}); everything runs on, and what the disk "
        "cannot keep is refused until there is room"
    )


def _is_ready(client: Client) -> bool:
    try:
        client.ready()
    except FlightlineError:
        return False
    return True


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
