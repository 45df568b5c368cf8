"""Following several jobs at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from queue import SimpleQueue

from flightline.client.client import Client
from flightline.client.watch import Update

_Item = Update | BaseException | None


class Following:
    """An iterator over the updates of several jobs, as they come, until all are finished.

    Each job is watched by a daemon thread, so that the one who iterates can be interrupted at any moment.
    """

    def __init__(self, client: Client, ids: Sequence[str]) -> None:
        self._client = client
        self._items: SimpleQueue[_Item] = SimpleQueue()
        self._open = len(ids)
        for one in ids:
            threading.Thread(target=self._watch, args=(one,), daemon=True, name=f"watch-{one}").start()

    def __iter__(self) -> Following:
        return self

    def __next__(self) -> Update:
        while self._open:
            item = self._items.get()
            if isinstance(item, BaseException):
                raise item
            if item is not None:
                return item
            self._open -= 1
        raise StopIteration

    def _watch(self, id: str) -> None:
        try:
            for update in self._client.watch(id):
                self._items.put(update)
            self._items.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the updates are taken
            self._items.put(error)
