"""Jobs that know their client: each call of theirs is the client's, about them."""

from __future__ import annotations

import copy
import inspect
import pickle
from pathlib import Path

import pytest
from PIL import Image

from flightline import AsyncJob, Client, Conflict, Job, NotFound, UsageError
from flightline.client.calls import Calls
from flightline.client.display import cells
from tests.support.http_service import FakeService

ABOUT_JOBS = ("cancel", "delete", "download", "edit", "epochs", "evaluation", "events", "log", "model", "retry", "wait")


def test_a_job_from_start_to_end(client: Client, service: FakeService, tmp_path: Path) -> None:
    """Submitted, waited for, looked at: all without naming an id."""
    job = client.submit("notebook-tapered", training={"epochs": 3})
    seen: list[int] = []
    ended = job.wait(on_epoch=lambda epoch: seen.append(epoch.epoch))
    assert (ended.succeeded, seen, job.status) == (True, [1, 2, 3], "running")
    assert job.refresh() == ended
    assert ended.epochs().epoch == [1, 2, 3]
    assert ended.epochs(after=2).epoch == [3]
    assert [event.seq for event in ended.events(after=4)] == [5, 6]
    assert [line.line for line in ended.log()] == [1, 2, 3]
    assert [update.job.status for update in ended.watch()] == ["succeeded"]
    assert ended.evaluation("last").accuracy == 0.85
    assert [item.name for item in ended.artifacts()] == ["best.safetensors"]
    assert ended.model().save(tmp_path).read_bytes() == b"weights"
    again = ended.retry()
    assert (again.retry_of, again.cancel().status) == (job.id, "cancelled")
    ended.delete()
    with pytest.raises(NotFound):
        ended.refresh()
    assert isinstance(ended, Job)


def test_every_job_that_a_client_returns_knows_it(client: Client, service: FakeService) -> None:
    """From lists, updates, changes and waits alike."""
    job_id = service.add(epochs=2)["id"]
    queued = service.add(status="queued")["id"]
    jobs = [client.job(job_id), *client.jobs(), client.set_priority(queued, 7), *client.wait_all([job_id])]
    jobs += [update.job for update in client.watch(job_id)]
    for job in jobs:
        assert len(job.epochs()) <= 2
    assert client.job(queued).set_priority(1).priority == 1
    with pytest.raises(Conflict):
        client.job(job_id).set_priority(1)


def test_a_job_without_a_client_says_so(client: Client, service: FakeService) -> None:
    """One that was pickled, copied or made of JSON is a record as before; its calls say where to get it."""
    job = client.job(service.add()["id"])
    for alone in (pickle.loads(pickle.dumps(job)), copy.deepcopy(job), Job(job.raw)):
        assert alone == job
        with pytest.raises(UsageError, match=r"This job has no client.*client\.job\(job\.id\)"):
            alone.wait()
        assert job.id in alone._repr_html_()


@pytest.mark.parametrize("name", ABOUT_JOBS)
def test_help_and_completion_know_the_calls(name: str) -> None:
    """Text and arguments are those of the client's call, without the id; the same for both kinds of jobs."""
    call = inspect.signature(getattr(Calls, name))
    for kind in (Job, AsyncJob):
        method = getattr(kind, name)
        assert method.__doc__ == getattr(Calls, name).__doc__
        assert list(inspect.signature(method).parameters) == [one for one in call.parameters if one != "id"]
    assert getattr(Client, name).__doc__ == getattr(Calls, name).__doc__
    assert inspect.signature(getattr(Client, name)) == call


def test_a_repr_is_short(client: Client, service: FakeService) -> None:
    """The id's end, by which every call finds the job, its name and how far it is."""
    job = client.submit({"architecture": {}}, name="first")
    assert repr(job) == f"<Job …{job.id[-8:]} 'first': running, epoch 0/3>"
    assert repr(job.wait()) == f"<Job …{job.id[-8:]} 'first': succeeded, epoch 3/3, best accuracy 0.8300>"
    assert client.job(repr(job)[6:14]).id == job.id
    assert len(repr(Job({**job.raw, "name": "n" * 1000}))) < 110
    assert repr(client.epochs(job.id)) == "<Epochs: 3; the last has a validation accuracy of 0.3333>"


class TestHtml:
    def test_a_cell_has_figures_and_curves(self, client: Client, service: FakeService) -> None:
        """The status, the epochs so far, the accuracies, and a line for each split in each picture."""
        job = client.job(service.add(epochs=5)["id"]).wait()
        html = job._repr_html_()
        assert html.count("<svg") == 2
        assert html.count("<polyline") == 4
        assert "0.8300 (epoch 1)" in html
        assert ">succeeded</span>" in html
        assert "epoch 5/5" in html

    def test_names_are_text(self, client: Client, service: FakeService) -> None:
        """Whatever somebody calls a job."""
        html = client.job(service.add(name="<script>alert(1)</script>", status="queued")["id"])._repr_html_()
        assert "<script" not in html
        assert "&lt;script&gt;" in html

    def test_a_failed_job_says_why(self, client: Client, service: FakeService) -> None:
        """Before its figures; without epochs there is no curve."""
        error = {"code": "non_finite_loss", "detail": "Loss is NaN in epoch 1."}
        html = client.job(service.add(status="failed", error=error)["id"])._repr_html_()
        assert "Loss is NaN in epoch 1." in html
        assert "<svg" not in html

    def test_without_the_service_the_figures_stay(self, client: Client, service: FakeService) -> None:
        """A notebook that is opened again shows what it knows."""
        job = client.job(service.add(epochs=1)["id"])
        client.close()
        job = Job(job.raw)
        assert job._repr_html_() == cells.job_cell(job, None)


class TestPredictions:
    @pytest.fixture
    def job(self, client: Client, service: FakeService) -> Job:
        """A job whose network finds everything a bird."""
        job = client.job(service.add(status="succeeded")["id"])
        bird = {"class": "bird", "probabilities": {"airplane": 0.25, "bird": 0.75}}
        service.refuse[f"POST /v1/jobs/{job.id}/predict"] = 200, {"items": [bird], "weights": "last"}
        return job

    def test_a_file_its_content_and_a_picture(self, job: Job, service: FakeService, tmp_path: Path) -> None:
        """Each is sent as a file; what comes back has the class and probabilities."""
        picture = Image.new("RGB", (8, 8), "red")
        picture.save(tmp_path / "robin.png")
        for image, name in (
            (tmp_path / "robin.png", b'filename="robin.png"'),
            (str(tmp_path / "robin.png"), b'filename="robin.png"'),
            ((tmp_path / "robin.png").read_bytes(), b'filename="image 1"'),
            (picture, b'filename="image 1"'),
        ):
            prediction = job.predict(image, weights="last")
            assert (prediction.class_, prediction["class"], prediction.probabilities.airplane) == ("bird", "bird", 0.25)
            _, target, body = service.requests[-1]
            assert target.endswith("/predict?weights=last")
            assert name in body
            assert b"\x89PNG" in body

    def test_many(self, job: Job, service: FakeService, tmp_path: Path) -> None:
        """A list of them, some to a request; one text is no list."""
        assert [one.class_ for one in job.predict_many([b"a"] * 65)] == ["bird"] * 2
        assert [body.count(b"filename=") for _, target, body in service.requests[-2:]] == [64, 1]
        assert job.predict_many([]) == []
        with pytest.raises(TypeError, match="`predict` takes a single one"):
            job.predict_many("robin.png")

    @pytest.mark.parametrize(
        "image, message",
        [
            ("nowhere.png", "The image 'nowhere.png' cannot be read: No such file"),
            (7, "Image 1 is a int, not a path, bytes or an image of Pillow's"),
            (Image.new("F", (2, 2)), "Image 1 cannot be sent"),
        ],
    )
    def test_what_is_no_image_is_not_sent(self, job: Job, service: FakeService, image: object, message: str) -> None:
        """It is named."""
        sent = len(service.requests)
        with pytest.raises(UsageError, match=message):
            job.predict(image)
        assert len(service.requests) == sent


def test_what_a_finished_run_is_good_for(client: Client, service: FakeService, tmp_path: Path) -> None:
    """Its network in two formats, its notebook, its mistakes, and its data set."""
    job = client.job(service.add(status="succeeded")["id"])
    path = f"GET /v1/jobs/{job.id}"
    mistake = {"split": "val", "index": 7, "file": None, "true": "bird", "predicted": "airplane", "probabilities": {}}
    service.refuse |= {
        f"{path}/model": (200, b"network"),
        f"{path}/notebook": (200, b"{}"),
        f"{path}/mistakes": (200, {"items": [mistake], "next_cursor": None}),
        "GET /v1/datasets/my%20set": (200, {"name": "my set", "classes": ["a"]}),
    }
    assert job.model("last").content == job.export("onnx").content == b"network"
    assert [target.partition("?")[2] for _, target, _ in service.requests[-2:]] == [
        "format=safetensors&weights=last",
        "format=onnx&weights=best",
    ]
    assert job.notebook().save(tmp_path / "run.ipynb").read_bytes() == b"{}"
    assert [(one.true, one.predicted, one.file) for one in job.mistakes(limit=5)] == [("bird", "airplane", None)]
    assert client.dataset("my set").classes == ["a"]
