"""A thread for calls that may take long or never return, while the caller's own thread stays responsive."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonThread:
    """Runs calls one after another in a daemon thread, which unlike a ThreadPoolExecutor's lets the process exit.

    A call that is no longer awaited still runs to its end, and the next call waits for it: two jobs never decode the
    same files at once.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        threading.Thread(target=self._run, name="calls", daemon=True).start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Queue a call; the future that is returned holds its result or its exception."""
        future: Future[T] = Future()
        self._waiting.put((future, work))
        return future

    def _run(self) -> None:
        while True:
            future, work = self._waiting.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 -- raised again by the future
                    future.set_exception(error)
