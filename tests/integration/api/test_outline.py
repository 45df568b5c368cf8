"""What is particular about a job, over HTTP: what was chosen, and its network layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import update

from api.services import Services
from shared.database.tables import Job

Submit = Callable[..., dict[str, Any]]
Act = Callable[..., Any]
Json = Callable[..., dict[str, Any]]


def test_it_says_what_was_chosen_beyond_the_defaults(get: Json, submit: Submit) -> None:
    """Each field with its value and the default, a layer as one; labels are none of it."""
    layers = [{"kind": "flatten"}, {"kind": "linear", "out_features": 2}]
    job_id = submit(
        name="mine",
        dataset="synthetic",
        architecture={"kind": "layers", "layers": layers},
        training={"epochs": 5, "optimizer": {"kind": "adam", "lr": 0.02}},
    )["id"]
    outline = get(f"/v1/jobs/{job_id[-8:]}/outline")
    found = {one["path"]: (one["value"], one["base"]) for one in outline["differences"]}
    assert found["training.optimizer.lr"] == (0.02, 0.001)
    assert found["architecture.layers.1"] == ({"kind": "linear", "out_features": 2}, None)
    assert found["training.epochs"][0] == 5
    assert "name" not in found
    assert outline["preset"] is None


def test_it_says_what_was_chosen_beyond_a_preset(get: Json, submit: Submit) -> None:
    """With what the preset has there; what the preset says already is left out."""
    changed = {"architecture": {"kind": "mlp", "hidden": [4]}, "training": {"optimizer": {"kind": "sgd", "lr": 0.5}}}
    outline = get(f"/v1/jobs/{submit(preset='notebook-linear', **changed)['id']}/outline")
    assert outline["preset"] == "notebook-linear"
    assert outline["differences"] == [
        {"path": "architecture.hidden", "value": [4], "base": [512]},
        {"path": "training.optimizer.lr", "value": 0.5, "base": 0.01},
    ]


def test_it_has_the_layers_with_shapes_and_parameters(get: Json, submit: Submit) -> None:
    """As the submission had them, and none once the data set is another one."""
    submitted = submit(preset="convnet")
    outline = get(f"/v1/jobs/{submitted['id']}/outline")
    assert outline["layers"] == submitted["cost"]["layers"]
    assert sum(layer["parameters"] for layer in outline["layers"]) == submitted["cost"]["parameters"]


def test_a_job_of_a_later_release_still_has_an_outline(client: FlaskClient, submit: Submit, services: Services) -> None:
    """All of its spec counts as chosen, and its layers are unknown."""
    job_id = submit(dataset="synthetic")["id"]
    spec = client.get(f"/v1/jobs/{job_id}").json["spec"]  # type: ignore[index]
    later = {**spec, "training": {**spec["training"], "warp": 9}}
    services.db.write(lambda connection: connection.execute(update(Job).where(Job.id == job_id).values(spec=later)))
    outline = client.get(f"/v1/jobs/{job_id}/outline").json
    assert outline is not None
    assert outline["layers"] is None
    assert {"path": "training.warp", "value": 9, "base": None} in outline["differences"]


def test_a_job_that_is_not_there_has_none(client: FlaskClient) -> None:
    """404."""
    response = client.get("/v1/jobs/00000000-0000-7000-8000-000000000000/outline")
    assert response.status_code == 404
