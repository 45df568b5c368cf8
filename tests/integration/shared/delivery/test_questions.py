"""Questions to predictors and their answers in a real Redis."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.database.engine import Database
from shared.delivery import predictors
from shared.delivery.broker import Broker
from shared.delivery.predictors import Predictors
from shared.delivery.questions import (
    EXPIRE_SECONDS,
    QUEUE,
    Answered,
    Classify,
    Exchange,
    Export,
    Question,
    ReadImage,
    Refused,
)
from shared.errors import (
    FieldError,
    FlightlineError,
    InvalidImage,
    JobNotFound,
    NoPredictor,
    PredictorUnavailable,
    QueueUnavailable,
    TooManyPredictions,
)
from shared.fleet import workers
from shared.fleet.workers import Identity
from shared.jobs.status import WorkerRole
from tests.support.servers import RedisServer, start_redis, wait_until

QUESTION = Classify("job", "best", ("a.png", "b.png"))
IMAGES = [b"\x00\xff one", b""]


@pytest.fixture
def exchange(redis_url: str) -> Iterator[Exchange]:
    """The questions of an empty Redis."""
    exchange = Exchange.connect(redis_url, longest_wait_seconds=2.0)
    yield exchange
    exchange.close()


@pytest.fixture
def keys(redis_server: RedisServer) -> Callable[[], set[str]]:
    """The keys in Redis that are no queue's."""

    def keys() -> set[str]:
        with redis_server.client() as client:
            found: Any = client.keys("flightline:*")
        return {key.decode() for key in found}

    return keys


class TestExchange:
    @pytest.mark.parametrize(
        "question, images",
        [
            (QUESTION, IMAGES),
            (Export("job", "last"), []),
            (ReadImage("shapes", "val", 7, None), []),
            (ReadImage("shapes", "train", 0, ((0.5,), (0.25,))), []),
        ],
    )
    def test_a_question_arrives_as_it_was_sent(
        self, exchange: Exchange, question: Question, images: list[bytes]
    ) -> None:
        """With every byte of its images, in their order."""
        assert exchange.take(exchange.put(question, images)) == (question, images)

    def test_a_question_is_taken_once(self, exchange: Exchange, keys: Callable[[], set[str]]) -> None:
        """Whoever comes second finds nothing, and Redis holds nothing of it."""
        question_id = exchange.put(QUESTION, IMAGES)
        assert exchange.take(question_id) is not None
        assert exchange.take(question_id) is None
        assert keys() == set()

    def test_an_answer_comes_after_signs_of_life(self, exchange: Exchange) -> None:
        """Each wait ends with one or the other."""
        question_id = exchange.put(QUESTION, IMAGES)
        exchange.show_life(question_id)
        exchange.answer(question_id, Answered({"classes": ["a"]}, b"\n\x00 content"))

        assert exchange.wait(question_id, 1.0) is None
        assert exchange.wait(question_id, 1.0) == Answered({"classes": ["a"]}, b"\n\x00 content")
        with pytest.raises(TimeoutError):
            exchange.wait(question_id, 0.1)

    def test_a_refusal_names_each_image(self, exchange: Exchange) -> None:
        """As the predictor said it."""
        refused = Refused("invalid_image", "two are bad", (FieldError("/0", "a.png"), FieldError("/1", "b.png")))
        question_id = exchange.put(QUESTION, IMAGES)
        exchange.answer(question_id, refused)
        assert exchange.wait(question_id, 1.0) == refused

    def test_nothing_stays_in_redis(
        self, exchange: Exchange, redis_server: RedisServer, keys: Callable[[], set[str]]
    ) -> None:
        """What nobody takes expires; what its asker gives up is gone at once."""
        given_up = exchange.put(QUESTION, IMAGES)
        exchange.answer(given_up, Answered({}))
        exchange.forget(given_up)
        assert keys() == set()
        exchange.answer(exchange.put(QUESTION, IMAGES), Answered({}))
        with redis_server.client() as client:
            assert all(0 < int(str(client.ttl(key))) <= EXPIRE_SECONDS for key in keys())
        assert len(keys()) == 2


class Answering:
    """A predictor that answers every message with the same, or never."""

    def __init__(self, broker: Broker, exchange: Exchange) -> None:
        self.taken: list[Any] = []
        self.ids: list[str] = []
        self.answer: Answered | Refused | None = None
        self.life = 0
        self._threads: list[threading.Thread] = []
        self._send, self._exchange = broker.send_question, exchange

    def __call__(self, question_id: str) -> None:
        self._send(question_id)  # the message itself, too
        self._threads.append(threading.Thread(target=self._work, args=(question_id,)))
        self._threads[-1].start()

    def _work(self, question_id: str) -> None:
        self.taken.append(self._exchange.take(question_id))
        for _ in range(self.life):
            self._exchange.show_life(question_id)
        if self.answer is not None:
            self._exchange.answer(question_id, self.answer)
        self.ids.append(question_id)

    def join(self) -> None:
        """Wait until every message has been worked on."""
        for thread in self._threads:
            thread.join()


@pytest.fixture
def answering(broker: Broker, exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    """A predictor in place of the message's way to one."""
    answering = Answering(broker, exchange)
    monkeypatch.setattr(broker, "send_question", answering)
    yield answering
    answering.join()


def register(db: Database, role: WorkerRole) -> str:
    """A worker of this role that has just reported; returns its id."""
    identity = Identity(f"box:{role}", "box", 7, "cpu", "cpu", role=role)
    workers.register(db, identity, device_name=None, versions={}, datasets=[])
    return identity.id


class TestAsking:
    @pytest.fixture
    def asking(self, sqlite_database: Database, broker: Broker, redis_url: str) -> Iterator[Predictors]:
        """An API process, and a predictor that is known to run."""
        register(sqlite_database, WorkerRole.PREDICT)
        asking = Predictors(sqlite_database, broker, redis_url, silent_seconds=30.0, most=1)
        yield asking
        asking.close()

    def test_the_answer_comes_back(
        self,
        asking: Predictors,
        answering: Answering,
        exchange: Exchange,
        redis_server: RedisServer,
    ) -> None:
        """The message in Celery's queue carries an id alone; the images are where it points."""
        answering.answer, answering.life = Answered({"yes": 1}), 3
        assert asking.ask(QUESTION, IMAGES) == Answered({"yes": 1})
        assert answering.taken == [(QUESTION, IMAGES)]
        assert exchange.waiting() == 1
        with redis_server.client() as client:
            (message,) = client.lrange(QUEUE, 0, -1)
        assert b"flightline.predict" in message
        assert len(message) < 2000

    @pytest.mark.parametrize(
        "code, raised",
        [("invalid_image", InvalidImage), ("not_found", FlightlineError), ("internal_error", FlightlineError)],
    )
    def test_a_refusal_is_raised(
        self,
        asking: Predictors,
        answering: Answering,
        code: str,
        raised: type[FlightlineError],
    ) -> None:
        """As the error that its code names."""
        answering.answer = Refused(code, "because")
        with pytest.raises(raised, match="because") as caught:
            asking.ask(QUESTION, IMAGES)
        assert caught.value.code == code

    def test_a_job_deleted_before_the_answer_is_not_found(self, asking: Predictors, answering: Answering) -> None:
        """As it would have been a moment later; it is no fault of the server."""
        answering.answer = Refused("job_not_found", "There is no such job.")
        with pytest.raises(JobNotFound, match=QUESTION.job_id):
            asking.ask(QUESTION, IMAGES)

    def test_without_a_predictor_nothing_is_sent(
        self, sqlite_database: Database, broker: Broker, redis_url: str, keys: Callable[[], set[str]]
    ) -> None:
        """A worker that trains is none, and one that left in good order is none any more."""
        asking = Predictors(sqlite_database, broker, redis_url, silent_seconds=30.0, most=1)
        register(sqlite_database, WorkerRole.TRAIN)
        with pytest.raises(NoPredictor, match="flightline predictor"):
            asking.ask(QUESTION)
        workers.leave(sqlite_database, register(sqlite_database, WorkerRole.PREDICT))
        with pytest.raises(NoPredictor):
            asking.ask(QUESTION)
        assert keys() == set()

    def test_a_predictor_that_shows_no_life_is_given_up(
        self, asking: Predictors, keys: Callable[[], set[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its question is taken back, so that nobody answers it for nothing."""
        monkeypatch.setattr(predictors, "SILENT_SECONDS", 0.2)
        monkeypatch.setattr(predictors, "_SLICE_SECONDS", 0.1)
        with pytest.raises(PredictorUnavailable, match=r"0\.2 s"):
            asking.ask(QUESTION, IMAGES)
        assert keys() == set()

    def test_one_that_works_for_too_long_is_given_up_too(
        self, asking: Predictors, answering: Answering, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever life it shows."""
        monkeypatch.setattr(predictors, "LONGEST_SECONDS", 0.2)
        monkeypatch.setattr(predictors, "_SLICE_SECONDS", 0.1)
        answering.life = 20
        with pytest.raises(PredictorUnavailable, match="has worked on this for"):
            asking.ask(QUESTION, IMAGES)

    def test_no_more_wait_than_the_process_has_places_for(
        self, asking: Predictors, answering: Answering, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The next one is refused at once, and has its place as soon as one is free."""
        monkeypatch.setattr(predictors, "SILENT_SECONDS", 60.0)
        first = threading.Thread(target=lambda: asking.ask(QUESTION, IMAGES))
        first.start()
        wait_until(lambda: answering.ids)
        with pytest.raises(TooManyPredictions):
            asking.ask(QUESTION)
        exchange.answer(answering.ids[0], Answered({}))
        first.join()
        answering.answer = Answered({"second": True})
        assert asking.ask(QUESTION) == Answered({"second": True})

    def test_a_redis_that_goes_away_in_the_middle_is_said(
        self, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A lost connection ends the wait at once."""
        server = start_redis()
        broker = Broker(server.url)
        register(sqlite_database, WorkerRole.PREDICT)
        asking = Predictors(sqlite_database, broker, server.url, silent_seconds=30.0, most=1)
        send, killing = broker.send_question, threading.Timer(0.3, server.kill)

        def send_and_kill(question_id: str) -> None:
            send(question_id)
            killing.start()

        monkeypatch.setattr(broker, "send_question", send_and_kill)
        with pytest.raises(QueueUnavailable, match="Ask again"):
            asking.ask(QUESTION, IMAGES)
        killing.join()
        asking.close()
        broker.close()
        server.remove()

    def test_an_idle_connection_that_redis_dropped_is_replaced(
        self, exchange: Exchange, redis_server: RedisServer
    ) -> None:
        """A restarted Redis costs no request."""
        exchange.put(QUESTION)
        with redis_server.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
        assert exchange.take(exchange.put(QUESTION)) == (QUESTION, [])
