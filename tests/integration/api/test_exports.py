"""A job as a notebook, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from api.services import Services
from shared.database.tables import Attempt, Job
from shared.fleet import workers
from shared.fleet.workers import Identity

Submit = Callable[..., dict[str, Any]]
Act = Callable[..., Any]
Json = Callable[..., dict[str, Any]]


def text_of(notebook: dict[str, Any]) -> str:
    """All cells of a notebook as one text."""
    return "\n".join("".join(cell["source"]) for cell in notebook["cells"])


def test_a_notebook_is_a_file(client: FlaskClient, submit: Submit, finish: Act) -> None:
    """A Jupyter notebook as an attachment whose name tells which job it is."""
    job_id = submit(name="My first: größe 1/2", dataset="synthetic")["id"]
    finish(job_id)
    response = client.get(f"/v1/jobs/{job_id[-8:]}/notebook")
    assert response.mimetype == "application/x-ipynb+json"
    assert f"attachment; filename=my-first-gr-e-1-2-{job_id[-6:]}.ipynb" == response.headers["Content-Disposition"]
    nbformat.validate(response.json)


def test_a_notebook_holds_what_the_job_recorded(get: Json, submit: Submit, finish: Act) -> None:
    """Every figure of its epochs, and its evaluation; a queued job has neither."""
    job_id = submit(dataset="synthetic")["id"]
    assert "recorded" not in text_of(get(f"/v1/jobs/{job_id}/notebook"))
    finish(job_id, accuracy=0.6875)
    text = text_of(get(f"/v1/jobs/{job_id}/notebook"))
    assert '"val_accuracy": [0.6875],' in text
    assert "[800, 200], [200, 800]" in text


@pytest.mark.parametrize("loaded, read", [("torchvision", "datasets.CIFAR10"), ("folder", 'DATA_DIR / "cifar2"')])
def test_images_are_read_from_where_the_worker_read_them(
    get: Json, submit: Submit, run: Act, services: Services, loaded: str, read: str
) -> None:
    """Of a worker's two copies the one with the fingerprint that the attempt recorded."""
    held: dict[str, Any] = {
        "name": "cifar10",
        "classes": ["airplane", "bird"],
        "counts": {"airplane": [5, 5], "bird": [5, 5]},
    }
    surveyed: list[dict[str, Any]] = [
        {**held, "source": source, "place": place, "ready": True, "fingerprint": None, "input_shape": [3, 32, 32]}
        for source, place in (("torchvision", "/data/cifar-10-batches-py"), ("folder", "/data/cifar2"))
    ]
    report = [*surveyed, {**held, "source": loaded, "fingerprint": "f" * 64}]
    identity = Identity("host:cpu:1", "host", 1, "cpu", "cpu")
    workers.register(services.db, identity, device_name=None, versions={}, datasets=report)
    job_id = submit()["id"]
    run(job_id, 0.5)
    recorded = update(Attempt).values(environment={"device": "cpu", "data_fingerprint": "f" * 64})
    services.db.write(lambda connection: connection.execute(recorded))

    text = text_of(get(f"/v1/jobs/{job_id}/notebook"))
    assert read in text
    assert 'DATA_DIR = Path("/data")' in text
    assert f'hexdigest() == "{"f" * 64}"' in text


@pytest.mark.parametrize(
    "values, reason",
    [
        ({"kind": "evaluate"}, "only a job that trains has a notebook"),
        ({"spec": {"architecture": {"kind": "transformer"}}}, "later release"),
    ],
)
def test_a_job_that_cannot_be_written_out(
    get: Json, submit: Submit, services: Services, values: dict[str, Any], reason: str
) -> None:
    """404 with the reason: jobs of other kinds, and specs of a later release."""
    job_id = submit()["id"]
    services.db.write(lambda connection: connection.execute(update(Job).values(values)))
    assert reason in get(f"/v1/jobs/{job_id}/notebook", 404)["detail"]
