"""The body of a change of a job: new labels, or a new priority."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from api.http.operations import Json
from api.http.requests.documents import Document, read_document
from shared.documents.phrases import listed
from shared.documents.pointers import pointer
from shared.documents.reader import decode, sift
from shared.errors import FieldError
from shared.jobspec import Caps
from shared.jobspec.checks.rules import label_findings
from shared.jobspec.fields.job import Priority
from shared.jobspec.parser import refusal

MOST_NOTES = 10_000
_EXAMPLE = '{"notes": "the first with dropout"}'


class JobChange(Document):
    """The fields of a job that can be changed. What is left out stays as it is; null removes a name, tags or notes."""

    name: str | None = Field(None, description="A name for people; need not be unique.")
    tags: Annotated[tuple[str, ...], Field(strict=False)] | None = Field(
        None, description="Labels to find the job by, in place of those that it has."
    )
    notes: Annotated[str, Field(max_length=MOST_NOTES)] | None = Field(
        None, description="What people write about the job, as Markdown text."
    )
    priority: Priority = Field(0, description="0 to 9; 9 is the most urgent. Only while the job is queued.")


def read_change(body: bytes, caps: Caps) -> Mapping[str, Any]:
    """Parse and check a change; return the fields that it sets, as `shared.jobs.edits.edit` takes them.

    Raises:
        InvalidSpec: the body is not a valid change; `errors` point at what is wrong.
    """
    document = decode(body)
    if problems := sift(document, caps):
        raise refusal(problems)
    change = read_document(JobChange, document, "A change", _EXAMPLE)
    if not change.model_fields_set:
        raise refusal([FieldError("", f"This changes nothing. Give {listed([*JobChange.model_fields])}.")])
    findings = label_findings(change.name, change.tags or (), caps)
    if problems := [FieldError(pointer(path), detail) for path, detail in findings]:
        raise refusal(problems)
    given = change.model_dump(exclude_unset=True)
    if "tags" in given:
        given["tags"] = list(change.tags or ())
    if "notes" in given:
        given["notes"] = change.notes or None
    return given


def _schemas() -> dict[str, Any]:
    schema = JobChange.model_json_schema()
    for field in schema["properties"].values():
        field.pop("default")  # a field that is left out stays as it is
    return {JobChange.__name__: {**schema, "minProperties": 1}}


CHANGE = Json(
    JobChange.__name__,
    _schemas,
    {
        "urgent": {"summary": "The most urgent priority", "value": {"priority": 9}},
        "labels": {
            "summary": "Another name and notes, no tags",
            "value": {"name": "wide", "tags": [], "notes": "the first with dropout"},
        },
    },
)
"""The body of a change: a `JobChange` as JSON."""
