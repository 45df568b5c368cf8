"""The description is valid OpenAPI 3.1, complete, and readable as a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import create_app
from api.http import page
from shared.jobspec import PRESETS, Caps, parse_spec
from shared.settings import Settings


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application that is only looked at."""
    return create_app(Settings(home=tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    """A client of it."""
    return app.test_client()


@pytest.fixture(scope="module")
def document(client: FlaskClient) -> dict[str, Any]:
    """The description."""
    return dict(client.get("/openapi.json").json or {})


def test_it_is_valid(document: dict[str, Any]) -> None:
    """As the OpenAPI initiative's schema has it."""
    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_route_is_described_and_nothing_else(app: Flask, document: dict[str, Any]) -> None:
    """The description comes from the routes, so none is missing; the page is for people."""
    views = {re.sub(r"<(\w+)>", r"{\1}", path) for path in page.VIEWS}
    aside = views | {"/", "/openapi.json", "/docs", "/static/{filename}", "/static/page/{name}"}
    routed = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}

    assert {one for one in routed if one[0] not in aside} == described


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every operation of the description."""
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def test_every_operation_says_what_it_is(document: dict[str, Any]) -> None:
    """A summary, a description, a meaning of each parameter and answer, an error that is a problem."""
    for operation in operations(document):
        assert operation["summary"]
        assert operation["description"]
        assert all(parameter["description"] for parameter in operation["parameters"])
        assert all(response["description"] for response in operation["responses"].values())
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]
    names = [operation["operationId"] for operation in operations(document)]
    assert len(set(names)) == len(names)


def test_what_a_body_or_header_may_be_refused_for_is_said(document: dict[str, Any]) -> None:
    """Each with its code: a program reads that."""
    paths = document["paths"]
    submit, change = paths["/v1/jobs"]["post"], paths["/v1/jobs/{job_id}"]["patch"]
    retry, stream = paths["/v1/jobs/{job_id}/retry"]["post"], paths["/v1/jobs/{job_id}/events"]["get"]

    assert all("`malformed_json`" in operation["responses"]["422"]["description"] for operation in (submit, change))
    for operation in (submit, retry, stream):
        assert "`invalid_header`" in operation["responses"]["422"]["description"]
    assert "`idempotency_key_reused`" in retry["responses"]["422"]["description"]
    assert "`idempotency_key_in_use`" in retry["responses"]["409"]["description"]


@pytest.mark.parametrize("name", ["Artifact", "Attempt", "EpochColumns", "Failure", "Job", "LogLine"])
def test_every_field_of_a_job_says_what_it_is(document: dict[str, Any], name: str) -> None:
    """And of what it leaves behind."""
    properties = document["components"]["schemas"][name]["properties"]

    assert [field for field, about in properties.items() if not about.get("description")] == []


def test_numbers_are_written_for_people(client: FlaskClient) -> None:
    """A bound that a type states as 1e9 is a whole number."""
    page = client.get("/docs").text

    assert "≤ 1,000,000,000" in page
    assert not re.search(r"[≤≥<>] [0-9,]+[.]0\b", page)


def test_schema_names_are_plain(document: dict[str, Any]) -> None:
    """No module paths, brackets or hashes: people and generators read them."""
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]*", name) for name in document["components"]["schemas"])


def validator(document: dict[str, Any], name: str) -> OAS31Validator:
    """A validator of one component."""
    return OAS31Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]})


def test_the_examples_and_presets_are_submissions(document: dict[str, Any]) -> None:
    """What the reference shows is what the schema allows, short forms included."""
    body = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    submissions = [example["value"] for example in body["examples"].values()]
    for example in submissions:
        parse_spec(example, Caps())
    submissions += [{"preset": name} for name in PRESETS]
    submissions += [{"architecture": name, "dataset": "synthetic"} for name in PRESETS]
    submissions += [preset.document for preset in PRESETS.values()]

    for submission in submissions:
        validator(document, "Submission").validate(submission)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"preset": "nothing"},
        {"architecture": {"kind": "mlp", "hidden": [1], "depth": 3}},
        {"architecture": {"kind": "mlp", "hidden": "1"}},
        {"preset": "notebook-linear", "epochs": 3},
    ],
)
def test_the_schema_refuses_what_the_api_refuses(document: dict[str, Any], wrong: dict[str, Any]) -> None:
    """The schema is strict too."""
    assert not validator(document, "Submission").is_valid(wrong)


class Links(HTMLParser):
    """Collects what a page defines, links to, loads, and runs."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in {"href", "src"}:
                self.links.append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")
        if tag in {"script", "style"}:
            self.inline.append(tag)


def leads_somewhere(client: FlaskClient, link: str) -> bool:
    """Whether the application has an answer at that address, which stands on the reference page."""
    with client.get(urljoin("/docs", link)) as response:
        return response.status_code == 200


def test_the_reference_page_works_under_the_strict_policy(client: FlaskClient, document: dict[str, Any]) -> None:
    """Nothing inline, nothing from elsewhere, no dead link; every operation and schema is on it."""
    response = client.get("/docs")
    page = Links()
    page.feed(response.text)

    assert response.status_code == 200
    assert response.mimetype == "text/html"
    assert page.inline == []
    assert len(set(page.ids)) == len(page.ids)
    assert {operation["operationId"] for operation in operations(document)} <= set(page.ids)
    assert set(document["components"]["schemas"]) <= set(page.ids)
    for link in set(page.links):
        assert link[1:] in page.ids if link.startswith("#") else leads_somewhere(client, link)


def test_the_reference_page_escapes_what_it_shows(client: FlaskClient) -> None:
    """Texts with angle brackets stay texts."""
    assert "<code>{" in client.get("/docs").text
    assert "<JobStatus" not in client.get("/docs").text
