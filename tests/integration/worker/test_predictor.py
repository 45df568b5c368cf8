"""A predictor's desk and its presence, over a real Redis and a real database."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from shared.database.engine import Database
from shared.delivery.questions import Answered, Classify, Exchange, Export, ReadImage, Refused
from shared.errors import NotExportable
from shared.fleet import predictions, workers
from shared.fleet.workers import Identity
from shared.jobs.reads import queries
from shared.jobs.status import WorkerRole, WorkerState
from shared.settings import Settings
from shared.storage.store import Storage
from tests.support.servers import wait_until
from worker.predictor import dataset_images, exports
from worker.predictor.desk import Desk
from worker.predictor.networks import Networks
from worker.predictor.presence import Presence
from worker.training.data import Datasets

IMAGE = ReadImage("synthetic", "val", 0, None)


@pytest.fixture
def exchange(redis_url: str) -> Iterator[Exchange]:
    """The questions of an empty Redis."""
    exchange = Exchange.connect(redis_url, longest_wait_seconds=10.0)
    yield exchange
    exchange.close()


@pytest.fixture
def desk(exchange: Exchange, sqlite_database: Database, tmp_path: Path) -> Desk:
    """A desk on a machine without images of its own, which decodes 5,000 pixels for one question."""
    data = Datasets(tmp_path, tmp_path / "cache")
    return Desk(exchange, Networks(data, sqlite_database, Storage(str(tmp_path / "artifacts"))), data, 5000)


def square(side: int) -> bytes:
    """A black PNG, which is small however many pixels it has."""
    content = io.BytesIO()
    Image.new("1", (side, side)).save(content, "PNG")
    return content.getvalue()


def answer_of(exchange: Exchange, question_id: str) -> Answered | Refused | None:
    """What the asker gets next."""
    return exchange.wait(question_id, 10.0)


class TestDesk:
    def test_a_question_is_answered(self, desk: Desk, exchange: Exchange) -> None:
        """And its message counted."""
        question_id = exchange.put(IMAGE)
        desk.handle(question_id)
        answer = answer_of(exchange, question_id)
        assert isinstance(answer, Answered)
        assert answer.content.startswith(b"\x89PNG")
        assert (desk.taken, desk.idle, desk.seconds) == (1, True, 0.0)

    @pytest.mark.parametrize(
        "question, code, said",
        [
            (ReadImage("synthetic", "val", 99_999, None), "not_found", "no image 99,999"),
            (ReadImage("cifar10", "val", 0, None), "not_found", "is not on this machine"),
            (Classify("0" * 36, "best", ()), "job_not_found", "There is no job"),
        ],
    )
    def test_a_refusal_says_why(
        self, desk: Desk, exchange: Exchange, question: ReadImage | Classify, code: str, said: str
    ) -> None:
        """By a code of its own, or as not found where this machine lacks the data."""
        question_id = exchange.put(question)
        desk.handle(question_id)
        answer = answer_of(exchange, question_id)
        assert isinstance(answer, Refused)
        assert answer.code == code
        assert said in answer.detail

    @pytest.mark.parametrize("sides, refused", [((50, 50), False), ((50, 50, 1), True), ((9000,), True)])
    def test_images_of_too_many_pixels_are_not_decoded(
        self, desk: Desk, exchange: Exchange, sides: tuple[int, ...], refused: bool
    ) -> None:
        """Their headers say how many there are; the answer names the image that is one too many."""
        question = Classify("0" * 36, "best", tuple(f"{side}.png" for side in sides))
        question_id = exchange.put(question, [square(side) for side in sides])
        desk.handle(question_id)
        answer = answer_of(exchange, question_id)
        assert isinstance(answer, Refused)
        assert (answer.code == "invalid_image") is refused
        if refused:
            assert answer.errors[0].pointer == f"/{len(sides) - 1}"
            assert "at most 5,000 are decoded for one request (FLIGHTLINE_MAX_IMAGES_PIXELS)" in answer.detail

    def test_a_fault_of_its_own_is_only_named(
        self, desk: Desk, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The predictor's log has the rest, and it goes on."""

        def broken(*_told: object) -> Answered:
            raise ZeroDivisionError

        monkeypatch.setattr(dataset_images, "read", broken)
        question_id = exchange.put(IMAGE)
        desk.handle(question_id)
        assert answer_of(exchange, question_id) == Refused("internal_error", "The predictor's log has the cause.")
        assert desk.idle

    def test_what_was_given_up_is_dropped(self, desk: Desk, exchange: Exchange) -> None:
        """A message that outlived its question does no harm."""
        question_id = exchange.put(IMAGE)
        exchange.forget(question_id)
        desk.handle(question_id)
        with pytest.raises(TimeoutError):
            exchange.wait(question_id, 0.1)

    def test_predictions_go_on_beside_an_export(
        self, desk: Desk, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whose asker, and that of the one that waits for it, are shown that it is being worked on."""
        done = threading.Event()

        def export(question: Export) -> Answered:
            done.wait()
            return Answered({"exported": question.job_id})

        monkeypatch.setattr(exports, "export", export)
        first, second, image = exchange.put(Export("a", "best")), exchange.put(Export("b", "best")), exchange.put(IMAGE)
        for question_id in (first, second, image):
            desk.handle(question_id)
        assert isinstance(answer_of(exchange, image), Answered)
        desk.show_life()
        assert [answer_of(exchange, first), answer_of(exchange, second)] == [None, None]
        done.set()
        assert answer_of(exchange, first) == Answered({"exported": "a"})
        assert answer_of(exchange, second) == Answered({"exported": "b"})

    def test_an_export_whose_process_dies_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With where to look."""
        monkeypatch.setattr(sys, "executable", "/bin/false")
        with pytest.raises(NotExportable, match="predictor's log has the cause"):
            exports.export(Export("a", "best"))


class TestPresence:
    @pytest.fixture
    def presence(
        self, settings: Callable[..., Settings], sqlite_url: str, desk: Desk
    ) -> Iterator[tuple[Presence, Identity]]:
        """A predictor's presence, with reports in quick succession."""
        identity = Identity.of_this_process("cpu", "cpu", WorkerRole.PREDICT)
        quick = settings(lease_seconds=1.0, heartbeat_seconds=0.1)
        presence = Presence(quick, identity, desk, Database(sqlite_url))
        yield presence, identity
        presence.close()

    def test_it_is_listed_as_long_as_it_runs(
        self, presence: tuple[Presence, Identity], sqlite_database: Database
    ) -> None:
        """As a predictor, which no job waits for; again where the database has forgotten it."""
        running, identity = presence
        assert not predictions.has_predictor(sqlite_database, silent_seconds=30.0)
        running.start()
        wait_until(lambda: predictions.has_predictor(sqlite_database, silent_seconds=30.0))
        (listed,) = queries.workers(sqlite_database, silent_seconds=30.0)
        assert (listed.id, listed.role, listed.state) == (identity.id, "predict", WorkerState.IDLE)
        assert ":predict:" in listed.id
        assert queries.live_workers(sqlite_database, silent_seconds=30.0) == []

        workers.leave(sqlite_database, identity.id)
        wait_until(lambda: predictions.has_predictor(sqlite_database, silent_seconds=30.0))
        running.close()
        assert not predictions.has_predictor(sqlite_database, silent_seconds=30.0)

    def test_one_that_is_silent_does_not_count(self, sqlite_database: Database, jump: Callable[[float], None]) -> None:
        """By the database's clock."""
        identity = Identity.of_this_process("cpu", "cpu", WorkerRole.PREDICT)
        workers.register(sqlite_database, identity, device_name=None, versions={}, datasets=[])
        assert predictions.has_predictor(sqlite_database, silent_seconds=30.0)
        jump(31.0)
        assert not predictions.has_predictor(sqlite_database, silent_seconds=30.0)
