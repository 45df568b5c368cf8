"""The body of an import: runs of another tracker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from api.http.description.components import reference_to
from api.http.operations import Json
from api.http.requests.documents import Document, read_document
from shared.documents.phrases import show
from shared.documents.pointers import Token, pointer
from shared.documents.reader import GivenTwice, decode
from shared.errors import FieldError
from shared.jobs.imports.run import Run
from shared.jobspec import Caps
from shared.jobspec.checks.rules import Finding, label_findings
from shared.jobspec.parser import refusal

MOST_RUNS = 100
"""Most runs of one request."""
_DEEPEST = 5  # /runs/0/metrics/loss/steps
_EXAMPLE = '{"runs": [{"source": "mlflow", "id": "…"}]}'


class Runs(Document):
    """Runs of another tracker that have ended, to be kept as finished jobs."""

    runs: Annotated[list[Run], Field(min_length=1, max_length=MOST_RUNS)]


def read_runs(body: bytes, caps: Caps) -> list[Run]:
    """Parse and check an import.

    Raises:
        InvalidSpec: the body is none; `errors` point at what is wrong.
    """
    document = decode(body)
    if twice := list(_given_twice(document, ())):
        raise refusal(twice)
    runs = read_document(Runs, document, "An import", _EXAMPLE).runs
    found = [
        FieldError(pointer(["runs", number, *path]), detail)
        for number, run in enumerate(runs)
        for path, detail in _findings(run, caps)
    ]
    if found:
        raise refusal(found)
    return runs


def _given_twice(value: object, path: tuple[Token, ...]) -> Iterator[FieldError]:
    """Find objects with a field that is given twice, as deep as an import has objects."""
    if isinstance(value, GivenTwice):
        yield FieldError(pointer((*path, value.key)), f"The field {show(value.key)} is given twice; keep one.")
    if len(path) > _DEEPEST:
        return
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for token, inner in children:
        if isinstance(inner, dict | list):
            yield from _given_twice(inner, (*path, token))


def _findings(run: Run, caps: Caps) -> Iterator[Finding]:
    yield from label_findings(run.name, run.tags, caps)
    if len(run.tags) > caps.max_tags:
        yield ["tags"], f"{len(run.tags):,} tags; at most {caps.max_tags} are allowed (FLIGHTLINE_MAX_TAGS)."


def _schemas() -> dict[str, Any]:
    schema = Runs.model_json_schema(ref_template=reference_to("{model}")["$ref"])
    named: dict[str, Any] = schema.pop("$defs")
    return {**named, Runs.__name__: schema}


IMPORT = Json(
    Runs.__name__,
    _schemas,
    {
        "one": {
            "summary": "One run with two metrics",
            "value": {
                "runs": [
                    {
                        "source": "mlflow",
                        "id": "0c8a5f0e7b1d4d0fa7a3f1f9f0f7c1de",
                        "name": "resnet-try",
                        "started_at": "2026-01-31T12:00:00Z",
                        "finished_at": "2026-01-31T12:30:00Z",
                        "params": {"lr": "0.01", "optimizer": "adam"},
                        "metrics": {
                            "val_loss": {"steps": [1, 2], "figures": [0.6, 0.5]},
                            "val_acc": {"steps": [1, 2], "figures": [0.71, 0.75]},
                        },
                    }
                ]
            },
        }
    },
    most_bytes="max_batch_bytes",
)
"""The body of an import: `Runs` as JSON."""
