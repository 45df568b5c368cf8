"""A finished job's network over HTTP: what the API decides itself, and how it passes on what a predictor says."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from api.services import Services
from shared.database.tables import Evaluation
from shared.delivery.questions import Answered, Classify, Export, Question, ReadImage
from shared.errors import FieldError, InvalidImage
from shared.fleet import predictions
from shared.storage.store import Stored

Json = Callable[..., dict[str, Any]]
Act = Callable[..., Any]
MISTAKE = {
    "split": "val",
    "index": 7,
    "file": "val/bird/0007.png",
    "true": "bird",
    "predicted": "airplane",
    "probabilities": {"airplane": 0.9, "bird": 0.1},
}


class Asked:
    """A predictor that answers every question with the same, and remembers the questions."""

    def __init__(self, answer: Answered | InvalidImage) -> None:
        self.answer = answer
        self.questions: list[tuple[Question, list[bytes]]] = []

    def __call__(self, question: Question, images: Sequence[bytes] = ()) -> Answered:
        self.questions.append((question, list(images)))
        if isinstance(self.answer, InvalidImage):
            raise self.answer
        return self.answer


@pytest.fixture
def asked(services: Services, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Who is asked in place of a predictor."""
    asked = Asked(Answered({"classes": ["airplane", "bird"], "probabilities": [[0.25, 0.75], [0.5, 0.5]]}))
    monkeypatch.setattr(services.predictors, "ask", asked)
    return asked


@pytest.fixture
def job_id(submit: Json, finish: Act) -> str:
    """A job with its best weights."""
    job_id = str(submit(name="My Net!", dataset="synthetic")["id"])
    finish(job_id)
    return job_id


def form(*files: tuple[str, bytes]) -> dict[str, Any]:
    """A form with these files, all in one field."""
    return {"data": {"image": [(io.BytesIO(content), name) for name, content in files]}}


class TestPredict:
    def test_one_image_is_the_body(self, client: FlaskClient, asked: Asked, job_id: str) -> None:
        """Its bytes go on as they came."""
        asked.answer = Answered({"classes": ["airplane", "bird"], "probabilities": [[0.25, 0.75]]})
        answer = client.post(f"/v1/jobs/{job_id}/predict", data=b"\x00\xffimage", content_type="image/webp")
        assert answer.json == {
            "items": [{"class": "bird", "probabilities": {"airplane": 0.25, "bird": 0.75}}],
            "weights": "best",
        }
        assert asked.questions == [(Classify(job_id, "best", ("the image",)), [b"\x00\xffimage"])]

    def test_several_are_the_files_of_a_form(self, client: FlaskClient, asked: Asked, job_id: str) -> None:
        """In their order, under the names of their files; of equals the first class is said."""
        files = form(("a/one.png", b"1"), ("two.jpg", b"2"))
        answer = client.post(f"/v1/jobs/{job_id}/predict", **files)
        assert [item["class"] for item in (answer.json or {})["items"]] == ["bird", "airplane"]
        assert asked.questions == [(Classify(job_id, "best", ("one.png", "two.jpg")), [b"1", b"2"])]

    def test_a_bad_image_is_named(self, client: FlaskClient, asked: Asked, job_id: str) -> None:
        """422, with its number and its file."""
        asked.answer = InvalidImage("b.png: is none", (FieldError("/1", "b.png: is none"),))
        answer = client.post(f"/v1/jobs/{job_id}/predict", **form(("a.png", b"1"), ("b.png", b"2")))
        assert (answer.status_code, (answer.json or {})["code"]) == (422, "invalid_image")
        assert (answer.json or {})["errors"] == [{"pointer": "/1", "detail": "b.png: is none"}]

    @pytest.mark.parametrize(
        "sent, status, said",
        [
            ({"data": b"x", "content_type": "application/x-www-form-urlencoded"}, 415, "curl -F image=@bird.jpg"),
            ({"data": b"x"}, 415, "the header says nothing"),
            ({"json": {}}, 415, "application/json"),
            ({"data": {"image": "bird.jpg"}, "content_type": "multipart/form-data"}, 422, "'image' is no file"),
            ({"data": b"--x--\r\n", "content_type": "multipart/form-data; boundary=x"}, 422, "has no image"),
            ({"data": b"nonsense", "content_type": "multipart/form-data; boundary=x"}, 400, "no valid multipart"),
            ({"data": b"", "content_type": "multipart/form-data"}, 422, "has no image"),
            (form(*[("a.png", b"1")] * 65), 422, "65 images; at most 64"),
            (form(*[("a.png", b"1")] * 641), 422, "more than 640 parts; at most 64"),
            (
                {
                    "data": b"--x\r\nContent-Disposition: form-data\r\n\r\ny\r\n--x--\r\n",
                    "content_type": "multipart/form-data; boundary=x",
                },
                422,
                "The form's part without a name is no file",
            ),
            ({"data": b"x", "content_type": "image/png", "headers": {"Content-Encoding": "gzip"}}, 415, "compressed"),
        ],
    )
    def test_other_bodies_are_refused(
        self, client: FlaskClient, asked: Asked, job_id: str, sent: dict[str, Any], status: int, said: str
    ) -> None:
        """Before anybody is asked, with what would be right."""
        answer = client.post(f"/v1/jobs/{job_id}/predict", **sent)
        assert answer.status_code == status, answer.text
        assert said in (answer.json or {})["detail"]
        assert asked.questions == []

    @pytest.mark.parametrize("path", ["predict", "model"])
    def test_an_evaluation_names_the_job_that_has_the_network(
        self, client: FlaskClient, asked: Asked, job_id: str, path: str
    ) -> None:
        """It keeps no weights of its own, whatever the settings."""
        evaluation = client.post(f"/v1/jobs/{job_id}/evaluate", json={"dataset": "synthetic"}).json or {}
        call = client.get if path == "model" else client.post
        sent: dict[str, Any] = {} if path == "model" else {"data": b"1", "content_type": "image/png"}
        answer = call(f"/v1/jobs/{evaluation['id']}/{path}", **sent)
        assert (answer.status_code, (answer.json or {})["code"]) == (404, "not_found")
        assert f"Ask job {job_id}, whose network it scored." in (answer.json or {})["detail"]
        assert asked.questions == []

    def test_a_body_has_a_limit_of_its_own(
        self, client: FlaskClient, services: Services, asked: Asked, job_id: str
    ) -> None:
        """Larger than that of JSON."""
        most = services.settings.max_images_bytes
        assert most > services.settings.max_body_bytes
        for size, status in ((most, 200), (most + 1, 413)):
            answer = client.post(f"/v1/jobs/{job_id}/predict", data=bytes(size), content_type="image/png")
            assert answer.status_code == status
        assert "FLIGHTLINE_MAX_IMAGES_BYTES" in answer.text

    def test_a_job_without_a_network_is_said(
        self, client: FlaskClient, asked: Asked, submit: Json, job_id: str
    ) -> None:
        """Whether it has not succeeded or kept other weights."""
        image: dict[str, Any] = {"data": b"x", "content_type": "image/png"}
        queued = client.post(f"/v1/jobs/{submit()['id']}/predict", **image)
        last = client.post(f"/v1/jobs/{job_id}/predict?weights=last", **image)
        nothing = client.post(f"/v1/jobs/{'0' * 36}/predict", **image)
        assert (queued.status_code, last.status_code, nothing.status_code) == (404, 404, 404)
        assert "is queued; only a job that has succeeded" in queued.text
        assert "It kept best: ask with weights=best." in last.text
        assert asked.questions == []

    def test_without_a_predictor_it_is_said_at_once(self, client: FlaskClient, job_id: str) -> None:
        """503, and no retry will help."""
        answer = client.post(f"/v1/jobs/{job_id}/predict", data=b"x", content_type="image/png")
        assert (answer.status_code, (answer.json or {})["code"]) == (503, "no_predictor")
        assert (answer.json or {})["retryable"] is False
        assert "Retry-After" not in answer.headers


class TestModel:
    def test_the_weights_have_a_name_that_tells(self, client: FlaskClient, job_id: str) -> None:
        """What the job is called, and the end of its id, by which it can be asked for."""
        answer = client.get(f"/v1/jobs/{job_id}/model")
        assert answer.data == b"weights"
        assert answer.headers["Content-Disposition"] == f"attachment; filename=my-net-{job_id[-6:]}.safetensors"
        answer.close()

    def test_onnx_is_made_once(
        self, client: FlaskClient, services: Services, job_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By a predictor, at the first request; listed with the job's files from then on, and deleted with them."""
        asked: list[Question] = []

        def ask(question: Question) -> Answered:
            asked.append(question)
            stored = services.storage.put(f"{job_id}/exports/0123.onnx", b"onnx")
            assert predictions.add_artifact(services.db, job_id, "best.onnx", stored) == stored
            return Answered({})

        monkeypatch.setattr(services.predictors, "ask", ask)
        for _ in range(2):
            answer = client.get(f"/v1/jobs/{job_id}/model?format=onnx")
            assert (answer.status_code, answer.data) == (200, b"onnx")
            assert f"my-net-{job_id[-6:]}.onnx" in answer.headers["Content-Disposition"]
            answer.close()
        assert asked == [Export(job_id, "best")]
        names = [one["name"] for one in (client.get(f"/v1/jobs/{job_id}/artifacts").json or {})["items"]]
        assert names == ["best.onnx", "best.safetensors"]

        assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
        assert services.storage.page("", 10) == []

    def test_a_file_stored_while_the_job_is_deleted_goes_with_it(
        self, client: FlaskClient, services: Services, job_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody would find it any more."""
        delete = services.storage.delete_below

        def delete_then_store(prefix: str) -> None:
            delete(prefix)
            monkeypatch.setattr(services.storage, "delete_below", delete)
            stored = services.storage.put(f"{job_id}/exports/0123.onnx", b"onnx")
            assert predictions.add_artifact(services.db, job_id, "best.onnx", stored) == stored

        monkeypatch.setattr(services.storage, "delete_below", delete_then_store)
        assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
        assert services.storage.page("", 10) == []
        assert predictions.add_artifact(services.db, job_id, "best.onnx", Stored("x", "0" * 64, 1)) is None

    def test_of_two_exports_at_once_the_first_is_kept(self, services: Services, job_id: str) -> None:
        """The second one is told which that is."""
        first, second = Stored("one", "1" * 64, 1), Stored("two", "2" * 64, 2)
        assert predictions.add_artifact(services.db, job_id, "best.onnx", first) == first
        assert predictions.add_artifact(services.db, job_id, "best.onnx", second) == first

    def test_other_formats_and_missing_weights_are_refused(self, client: FlaskClient, job_id: str) -> None:
        """With those that there are."""
        assert client.get(f"/v1/jobs/{job_id}/model?format=pickle").status_code == 422
        assert "It kept best" in client.get(f"/v1/jobs/{job_id}/model?weights=last").text


class TestMistakes:
    def test_they_come_as_they_were_recorded(self, get: Json, services: Services, job_id: str) -> None:
        """At most as many as were asked for."""
        rows = [MISTAKE, MISTAKE | {"index": 8, "file": None}]
        services.db.write(lambda connection: connection.execute(update(Evaluation).values(mistakes=rows)))
        assert get(f"/v1/jobs/{job_id}/mistakes") == {"items": rows, "next_cursor": None}
        assert get(f"/v1/jobs/{job_id}/mistakes?limit=1")["items"] == rows[:1]
        assert get(f"/v1/jobs/{job_id}/mistakes?limit=101", 422)["errors"][0]["pointer"] == "/limit"

    def test_a_job_of_an_earlier_release_says_that_it_has_none(self, get: Json, submit: Json, job_id: str) -> None:
        """And what would bring some; a job that has not succeeded has no evaluation."""
        assert "kept no list of mistakes" in get(f"/v1/jobs/{job_id}/mistakes", 404)["detail"]
        assert "until it has succeeded" in get(f"/v1/jobs/{submit()['id']}/mistakes", 404)["detail"]


class TestImages:
    @pytest.mark.parametrize(
        "query, moments", [("", None), ("?normalized=true", ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)))]
    )
    def test_an_image_comes_as_png(self, client: FlaskClient, asked: Asked, query: str, moments: Any) -> None:
        """As it is, or by the data set's moments."""
        asked.answer = Answered({}, b"png")
        answer = client.get(f"/v1/datasets/cifar10/images/val/17{query}")
        assert (answer.data, answer.mimetype) == (b"png", "image/png")
        assert asked.questions == [(ReadImage("cifar10", "val", 17, moments), [])]

    @pytest.mark.parametrize(
        "path", ["cifar10/images/test/1", "cifar10/images/val/-1", "cifar10/images/val/x", "no/images/val/1"]
    )
    def test_what_there_is_not_is_said(self, client: FlaskClient, asked: Asked, path: str) -> None:
        """Before a predictor is asked."""
        assert client.get(f"/v1/datasets/{path}").status_code == 404
        assert asked.questions == []
