"""A thread for calls that may take long, or never return, while the caller's own thread goes on listening."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonThread:
    """Does one thing after another in a daemon thread: unlike a ThreadPoolExecutor's, it keeps no process from ending.

    What nobody waits for any more goes on there; the next job waits for it, and does not decode the same files beside
    it.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        threading.Thread(target=self._run, name="calls", daemon=True).start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Have it done; what it raises is in the future."""
        future: Future[T] = Future()
        self._waiting.put((future, work))
        return future

    def _run(self) -> None:
        while True:
            future, work = self._waiting.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 -- raised again where it is waited for
                    future.set_exception(error)
