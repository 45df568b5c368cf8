"""A wrong spec is answered with a problem that points at the field; nothing is queued, nothing answers 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.services import Services
from tests.support import factories

MLP: dict[str, Any] = {"kind": "mlp", "hidden": [4]}


def layers(*kinds: dict[str, Any]) -> dict[str, Any]:
    """An architecture of these layers."""
    return {"architecture": {"kind": "layers", "layers": list(kinds)}}


FLATTEN = {"kind": "flatten"}
WRONG: dict[str, tuple[object, str]] = {
    "nothing": ({}, ""),
    "a list": ([1], ""),
    "a word": ("job", ""),
    "a wrong type": ({"architecture": MLP, "training": {"epochs": "ten"}}, "/training/epochs"),
    "a boolean for a number": ({"architecture": MLP, "training": {"epochs": True}}, "/training/epochs"),
    "an unknown field": ({"architecture": MLP, "training": {"epoch": 3}}, "/training/epoch"),
    "an unknown field at the top": ({"architecture": MLP, "colour": "blue"}, "/colour"),
    "out of range": ({"architecture": MLP, "priority": 10}, "/priority"),
    "below the range": ({"architecture": MLP, "training": {"batch_size": 0}}, "/training/batch_size"),
    "an unknown preset": ({"preset": "notebook-tappered"}, "/preset"),
    "an unknown class": ({"architecture": MLP, "dataset": {"classes": ["airplane", "brid"]}}, "/dataset/classes/1"),
    "an unknown data set": ({"architecture": MLP, "dataset": "imagenet"}, "/dataset"),
    "an unknown kind": ({"architecture": {"kind": "transformer"}}, "/architecture"),
    "a billion units": ({"architecture": {"kind": "mlp", "hidden": [10**9]}}, "/architecture/hidden/0"),
    "more digits than a number has": ({"architecture": MLP, "training": {"seed": 10**300}}, "/training/seed"),
    "shapes that do not fit": (
        layers(
            {"kind": "conv2d", "out_channels": 4, "kernel_size": 99}, FLATTEN, {"kind": "linear", "out_features": 2}
        ),
        "/architecture/layers/0",
    ),
    "too few outputs": (layers(FLATTEN, {"kind": "linear", "out_features": 3}), "/architecture/layers/1"),
    "a NUL in a name": ({"architecture": MLP, "name": "a\0b"}, "/name"),
    "half a character": ({"architecture": MLP, "name": "\ud800"}, "/name"),
}


def refused(client: FlaskClient, services: Services, body: bytes) -> dict[str, Any]:
    """The problem that `body` answers; nothing may have been stored."""
    for query in ("", "?dry_run=true"):
        response = client.post(f"/v1/jobs{query}", data=body, content_type="application/json")
        assert response.status_code == 422, response.text
    assert factories.listed(services.db) == []
    return dict(response.json or {})


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_spec_is_refused_where_it_is_wrong(client: FlaskClient, services: Services, name: str) -> None:
    """The pointer leads to the field that was sent, the detail says what would be right."""
    document, pointer = WRONG[name]
    problem = refused(client, services, json.dumps(document).encode())

    assert problem["code"] == "invalid_spec"
    assert all(error["pointer"].startswith(pointer) for error in problem["errors"])
    assert all(error["detail"] for error in problem["errors"])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(client: FlaskClient, services: Services, number: str) -> None:
    """JSON has no NaN, and no learning rate is infinite."""
    text = '{"preset": "notebook-linear", "training": {"optimizer": {"kind": "sgd", "lr": NUMBER}}}'
    problem = refused(client, services, text.replace("NUMBER", number).encode())

    assert problem["errors"][0]["pointer"] == "/training/optimizer/lr"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"preset": }',
        b"\xff\xfe",
        b"\x00",
        b'{"preset": "notebook-linear"} x',
        b"[" * 9000,
        b"{'a': 1}",
    ],
)
def test_what_is_no_json_is_refused_with_its_position(client: FlaskClient, services: Services, body: bytes) -> None:
    """A stable code of its own, for clients that build JSON by hand."""
    assert refused(client, services, body)["code"] == "malformed_json"


def test_a_hundred_thousand_layers_are_refused_quickly(client: FlaskClient, services: Services) -> None:
    """The body is too large before anybody looks at its layers; within the limit the count is."""
    layer = {"kind": "relu"}
    response = client.post("/v1/jobs", json=layers(*[layer] * 100_000))
    problem = refused(client, services, json.dumps(layers(*[layer] * 1000)).encode())

    assert response.status_code == 413
    assert problem["errors"][0]["pointer"] == "/architecture/layers"


def test_a_body_of_fifty_megabytes_is_refused(client: FlaskClient, services: Services) -> None:
    """413 with the limit in it, and nothing stored."""
    response = client.post("/v1/jobs", data=b" " * 50_000_000, content_type="application/json")

    assert response.status_code == 413
    assert response.json is not None
    assert "20000 bytes" in response.json["detail"]
    assert factories.listed(services.db) == []


def test_a_number_beyond_all_bounds_is_refused(client: FlaskClient) -> None:
    """Also where a key for repetitions has the request hashed before it is compared with the data set."""
    request = {"dataset": {"name": "synthetic", "val_per_class": 2**70}}
    path = f"/v1/jobs/{'0' * 8}-0000-7000-8000-{'0' * 12}/evaluate"
    response = client.post(path, json=request, headers={"Idempotency-Key": "huge"})

    assert response.status_code == 422
    assert response.json is not None
    assert response.json["errors"][0]["pointer"] == "/dataset/val_per_class"
