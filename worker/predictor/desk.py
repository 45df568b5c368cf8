"""Where a predictor's questions arrive: takes each out of Redis, has it answered, and sends the answer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Self, assert_never

import redis

from shared.daemon_thread import DaemonThread
from shared.database.engine import Database
from shared.delivery.questions import Answered, Classify, Exchange, Export, Question, ReadImage, Refused
from shared.errors import FlightlineError
from shared.settings import Settings
from shared.storage.store import Storage
from worker.predictor import classification, dataset_images, exports
from worker.predictor.networks import Networks
from worker.processes import memory
from worker.training.data import Datasets
from worker.training.errors import TrainingError

logger = logging.getLogger(__name__)

LONG_SECONDS = 0.2
"""The shortest answer after which free memory is returned to the system: it held many images, or a large network's."""


class Desk:
    """Answers questions, one after another; exports have a thread and processes of their own, so that nothing waits.

    Args:
        exchange: the questions and answers.
        networks: the networks in memory.
        data: the data sets of this machine.
        most_pixels: most pixels of the images of one question.
    """

    def __init__(self, exchange: Exchange, networks: Networks, data: Datasets, most_pixels: int) -> None:
        self._data = data
        self._most_pixels = most_pixels
        self.exchange = exchange
        self._networks = networks
        self._exports = DaemonThread()
        self._lock = threading.Lock()
        self._open: set[str] = set()
        self._began: float | None = None
        self.taken = 0
        """How many messages have been taken."""

    @classmethod
    def build(cls, settings: Settings) -> Self:
        """A desk of the real parts that the settings ask for."""
        db, storage = Database(settings.sqlalchemy_url), Storage(settings.storage_url)
        data = Datasets(settings.datasets_dir, settings.cache_dir)
        return cls(Exchange.connect(settings.broker_url), Networks(data, db, storage), data, settings.max_images_pixels)

    def handle(self, question_id: str) -> None:
        """Answer the question of one message. Never raises: Celery would only log the error."""
        self.taken += 1
        try:
            taken = self.exchange.take(question_id)
            if taken is None:
                logger.info("question_given_up", extra={"question": question_id})
            elif isinstance(taken[0], Export):
                self._add(question_id)
                self._exports.submit(lambda: self._respond(question_id, *taken))
            else:
                self._add(question_id)
                self._began = time.monotonic()
                self._respond(question_id, *taken)
        except redis.RedisError as error:
            logger.warning("question_lost", extra={"question": question_id, "reason": str(error)})
        except Exception:
            logger.exception("question_crashed", extra={"question": question_id})
        finally:
            if self.seconds > LONG_SECONDS:
                memory.give_back()
            self._began = None

    def show_life(self) -> None:
        """Tell all askers whose questions have been taken that they are being answered. Raises redis.RedisError."""
        with self._lock:
            taken = list(self._open)
        for question_id in taken:
            self.exchange.show_life(question_id)

    @property
    def seconds(self) -> float:
        """How long the main thread has been at work on its question; 0 while it waits for one."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    @property
    def working(self) -> bool:
        """Whether the main thread is at work on a question."""
        return self._began is not None

    @property
    def idle(self) -> bool:
        """Whether the main thread could take a message now."""
        return not self.working

    def _add(self, question_id: str) -> None:
        with self._lock:
            self._open.add(question_id)

    def _respond(self, question_id: str, question: Question, images: Sequence[bytes]) -> None:
        began = time.monotonic()
        try:
            answer = self._answer(question, images)
        finally:
            with self._lock:
                self._open.remove(question_id)
        self.exchange.answer(question_id, answer)
        milliseconds = round(1000 * (time.monotonic() - began), 1)
        refused = {"refused": answer.code} if isinstance(answer, Refused) else {}
        logger.info("answered", extra={"kind": question.kind, "milliseconds": milliseconds, **refused})

    def _answer(self, question: Question, images: Sequence[bytes]) -> Answered | Refused:
        try:
            match question:
                case Classify():
                    return classification.classify(self._networks, question, images, self._most_pixels)
                case Export():
                    return exports.export(question)
                case ReadImage():
                    return dataset_images.read(self._data, question)
                case _:
                    assert_never(question)
        except FlightlineError as error:
            return Refused(error.code, error.detail, error.errors)
        except TrainingError as error:  # the data set, which this machine lacks or cannot read
            return Refused("not_found", error.detail)
        except Exception:
            logger.exception("question_failed", extra={"kind": question.kind})
            return Refused("internal_error", "The predictor's log has the cause.")
