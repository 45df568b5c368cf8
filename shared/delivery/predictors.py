"""Asking predictors: sends a question, waits for its answer, and says why there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import redis

from shared.delivery.questions import Answered, Exchange, Question, ReadImage, Refused
from shared.errors import (
    DatabaseUnavailable,
    FlightlineError,
    InvalidImage,
    JobNotFound,
    NoPredictor,
    NotExportable,
    NotFound,
    PredictorUnavailable,
    QueueUnavailable,
    StorageError,
    StorageUnavailable,
    TooManyPredictions,
)
from shared.fleet import predictions

if TYPE_CHECKING:
    from shared.database.engine import Database
    from shared.delivery.broker import Broker

SILENT_SECONDS = 8.0
"""How long a question waits for a sign of life; a predictor that is busy or was killed in mid-answer shows none."""
LONGEST_SECONDS = 120.0
"""How long a question waits in all."""
_SLICE_SECONDS = 2.0
"""How long one call to Redis waits for an answer, before it is made again."""

_REFUSALS: dict[str, type[FlightlineError]] = {
    kind.code: kind
    for kind in (InvalidImage, NotExportable, NotFound, DatabaseUnavailable, StorageUnavailable, StorageError)
}
"""The errors that a predictor may answer with, by their codes; any other one is a fault of the predictor."""


class Predictors:
    """The predictors as an API process sees them. Safe to share between threads.

    Args:
        db: the database, which lists the predictors.
        broker: sends the messages.
        redis_url: the Redis that questions and answers go through.
        silent_seconds: how long a predictor may not have reported and still counts as running.
        most: largest number of questions that this process waits for at once; each holds a thread and its images.
    """

    def __init__(self, db: Database, broker: Broker, redis_url: str, *, silent_seconds: float, most: int) -> None:
        self._db = db
        self._broker = broker
        self._exchange = Exchange.connect(redis_url, longest_wait_seconds=_SLICE_SECONDS)
        self._silent_seconds = silent_seconds
        self._most = most
        self._free = threading.BoundedSemaphore(most)

    def ask(self, question: Question, images: Sequence[bytes] = ()) -> Answered:
        """Send a question with its images, and wait for the answer.

        Raises:
            NoPredictor: none is running; nothing was sent.
            PredictorUnavailable: none has answered, or shown that it works on the answer, for `SILENT_SECONDS`.
            TooManyPredictions: this process waits for its largest number of answers.
            QueueUnavailable: Redis does not answer.
            DatabaseUnavailable: the database is unavailable.
            InvalidImage, NotFound, NotExportable, StorageUnavailable: what the predictor answered.
            JobNotFound: the job was deleted meanwhile.
        """
        with self._place():
            if not predictions.has_predictor(self._db, silent_seconds=self._silent_seconds):
                raise NoPredictor(
                    "No predictor is running. `flightline up` starts one unless it is told not to (--workers "
                    "cpu=2,predict=1), and `flightline predictor` starts one by itself."
                )
            try:
                answer = self._answer(question, images)
            except (redis.RedisError, OSError) as error:
                raise QueueUnavailable(f"Redis does not answer ({error}). Ask again once it is back.") from error
        if isinstance(answer, Refused):
            raise _error(answer, question)
        return answer

    def close(self) -> None:
        """Close this process' connections."""
        self._exchange.close()

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._free.acquire(blocking=False):
            raise TooManyPredictions(
                f"This process already waits for {self._most} answers of predictors. Try again in a moment."
            )
        try:
            yield
        finally:
            self._free.release()

    def _answer(self, question: Question, images: Sequence[bytes]) -> Answered | Refused:
        question_id = self._exchange.put(question, images)
        answer = None
        try:
            self._broker.send_question(question_id)
            answer = self._wait(question_id)
        finally:
            if answer is None:  # nobody shall work on it any more
                with suppress(redis.RedisError, OSError):
                    self._exchange.forget(question_id)
        return answer

    def _wait(self, question_id: str) -> Answered | Refused:
        began = heard = time.monotonic()
        while time.monotonic() - began < LONGEST_SECONDS:
            try:
                answer = self._exchange.wait(question_id, _SLICE_SECONDS)
            except TimeoutError:
                if time.monotonic() - heard >= SILENT_SECONDS:
                    raise PredictorUnavailable(
                        f"No predictor has answered for {SILENT_SECONDS:g} s: all are busy, or the one that took the "
                        "question has ended. Ask again in a moment."
                    ) from None
                continue
            if answer is not None:
                return answer
            heard = time.monotonic()
        raise PredictorUnavailable(
            f"The predictor has worked on this for {LONGEST_SECONDS:g} s. Ask again in a minute: a file that it has "
            "made by then is kept."
        )


def _error(refused: Refused, question: Question) -> FlightlineError:
    """Return the error that a predictor refused a question with."""
    if refused.code == JobNotFound.code and not isinstance(question, ReadImage):  # deleted since it was asked about
        return JobNotFound(question.job_id)
    return _REFUSALS.get(refused.code, FlightlineError)(refused.detail, refused.errors)
