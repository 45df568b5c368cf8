"""Parts that behave like the real ones, without a server; each is held to the same tests as what it stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection

from shared.database.engine import Database
from shared.delivery.broker import Broker
from shared.errors import DatabaseUnavailable, QueueUnavailable
from shared.jobs.status import JobKind, Queue, message_queue

T = TypeVar("T")


class FakeBroker(Broker):
    """Redis in a list.

    Attributes:
        messages: (job id, queue, priority) of what waits, in the order published.
        down: set it, and nothing answers.
    """

    def __init__(self) -> None:  # no super().__init__: that one makes connections
        self.messages: list[tuple[str, str, int]] = []
        self.down = False

    def enqueue_many(self, messages: Sequence[tuple[str, str, int]]) -> None:
        """Append the messages, all or none."""
        self.ping()
        for _, queue, _ in messages:
            Queue(queue.rpartition(".")[2])
        self.messages += [(job_id, str(queue), priority) for job_id, queue, priority in messages]

    def ping(self) -> None:
        """Raise when down."""
        if self.down:
            message = "Redis does not answer (it is a fake, and told so)."
            raise QueueUnavailable(message)

    def depths(self, kind: str = JobKind.TRAIN) -> dict[Queue, int] | None:
        """Count the messages."""
        places = {queue: message_queue(kind, queue) for queue in Queue}
        return (
            None if self.down else {queue: sum(m[1] == place for m in self.messages) for queue, place in places.items()}
        )

    def flush(self) -> None:
        """Lose everything, as FLUSHALL does."""
        self.messages.clear()

    def take(self, *queues: str) -> str | None:
        """The id that a worker of these queues would get next: the most urgent, then the oldest; None when idle."""
        waiting = [message for message in self.messages if not queues or message[1] in queues]
        if not waiting:
            return None
        first = max(waiting, key=lambda message: message[2])  # max takes the earliest of equals
        self.messages.remove(first)
        return first[0]

    def close(self) -> None:
        """Nothing to close."""


class FlakyDatabase(Database):
    """A real database that can be away, and that can lose its answers: it commits, and the caller never hears of it."""

    away = False
    answers_lost = 0

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """As the real one, unless it is away."""
        self._require()
        with super().read() as connection:
            yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """As the real one, unless it is away."""
        self._require()
        result = super().write(work)
        if self.answers_lost:
            self.answers_lost -= 1
            raise DatabaseUnavailable("The answer was lost.")
        return result

    def _require(self) -> None:
        if self.away:
            raise DatabaseUnavailable("It is away.")
