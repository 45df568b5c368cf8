"""Requests made up from the description, right and wrong ones: no answer is undocumented, none is 500."""

from __future__ import annotations

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from api.app import ROUTES
from api.http.requests.parsing import NoQuery

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


OPERATIONS = [operation for routes in ROUTES for operation in routes.operations if "/events" not in operation.path]
RIGHT = [(operation.name, schemathesis.GenerationMode.POSITIVE) for operation in OPERATIONS]
WRONG = [
    (operation.name, schemathesis.GenerationMode.NEGATIVE)
    for operation in OPERATIONS
    if operation.body or operation.query is not NoQuery or "<" in operation.path
]


@pytest.mark.parametrize("name, mode", [*RIGHT, *WRONG])
def test_every_answer_is_one_that_is_described(app: Flask, name: str, mode: schemathesis.GenerationMode) -> None:
    """Whatever is sent, as described or not."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    operation = schema.find_operation_by_id(name)

    @given(operation.as_strategy(generation_mode=mode))
    @settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    check()
