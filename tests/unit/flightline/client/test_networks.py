"""The client's calls about a finished job's network, and how long they wait."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from flightline import Client
from flightline.errors import AnswerLost, UsageError
from tests.support.http_service import Answer, FakeService

PREDICTION = {"class": "bird", "probabilities": {"airplane": 0.25, "bird": 0.75}}


@pytest.fixture
def job_id(service: FakeService) -> str:
    """A finished job, whose network can be asked for and asked."""
    job_id = str(service.add(status="succeeded")["id"])
    service.refuse[f"GET /v1/jobs/{job_id}/model"] = 200, b"a network"
    service.refuse[f"POST /v1/jobs/{job_id}/predict"] = 200, {"items": [PREDICTION], "weights": "best"}
    return job_id


def test_predictions_are_records(client: Client, job_id: str, tmp_path: Path) -> None:
    """Probabilities by class, as attributes and items."""
    (tmp_path / "bird.jpg").write_bytes(b"pixels")
    for image in (tmp_path / "bird.jpg", str(tmp_path / "bird.jpg")):
        found = client.predict(job_id, image)
        assert (found["class"], found.probabilities.bird) == ("bird", 0.75)
    assert client.predict_many(job_id, []) == []
    with pytest.raises(UsageError, match=r"gone\.jpg' cannot be read: No such file"):
        client.predict(job_id, tmp_path / "gone.jpg")


def test_a_network_that_is_made_slowly(service: FakeService, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A predictor may work for longer than other answers may take; all else is given up as before."""
    answer, over = service.answer, threading.Event()

    def slow(method: str, target: str, body: bytes, last_event_id: int = 0) -> Answer:
        over.wait(0.5)
        return answer(method, target, body, last_event_id)

    monkeypatch.setattr(service, "answer", slow)
    with Client(service.url, timeout=0.1) as client:
        assert client.export(job_id, "onnx").content == b"a network"
        with pytest.raises(AnswerLost, match=r"took longer than 0\.1 s"):
            client.job(job_id)
    over.set()
