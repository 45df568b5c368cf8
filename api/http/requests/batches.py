"""The bodies of requests about many jobs: jobs to submit, and ids of jobs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.http.description.components import reference_to
from api.http.operations import Json
from api.http.requests.bodies import submission_schemas
from api.http.requests.documents import Document, read_document
from shared.documents.reader import decode

MOST_JOBS = 1000
"""Most jobs of one request."""
_SOME = Field(min_length=1, max_length=MOST_JOBS)


class JobBatch(Document):
    """Jobs to submit, all of them or none: each as in a submission of its own."""

    jobs: Annotated[list[Any], _SOME]


class JobIds(Document):
    """Ids of jobs, or at least the last four characters of each."""

    ids: Annotated[list[Annotated[str, Field(max_length=100)]], _SOME]


def read_batch(body: bytes) -> list[Any]:
    """Return the decoded documents of a batch, which are not checked yet.

    Raises:
        InvalidSpec: the body is no batch; `errors` point at what is wrong.
    """
    return read_document(JobBatch, decode(body), "A batch", '{"jobs": […]}').jobs


def read_ids(body: bytes) -> list[str]:
    """Return the ids that a request names; they may name no jobs.

    Raises:
        InvalidSpec: the body has no list of ids; `errors` point at what is wrong.
    """
    return read_document(JobIds, decode(body), "The body", '{"ids": […]}').ids


def _batch_schemas() -> dict[str, Any]:
    schema = JobBatch.model_json_schema()
    schema["properties"]["jobs"]["items"] = reference_to("Submission")
    return {**submission_schemas(), JobBatch.__name__: schema}


BATCH = Json(
    JobBatch.__name__,
    _batch_schemas,
    {
        "rates": {
            "summary": "Three learning rates",
            "value": {
                "jobs": [
                    {"preset": "notebook-tapered", "training": {"epochs": 20, "optimizer": {"kind": "sgd", "lr": lr}}}
                    for lr in (0.003, 0.01, 0.03)
                ]
            },
        }
    },
    most_bytes="max_batch_bytes",
)
"""The body of a batch: a `JobBatch` as JSON."""
IDS = Json(
    JobIds.__name__,
    lambda: {JobIds.__name__: JobIds.model_json_schema()},
    {
        "two": {
            "summary": "A whole id, and the end of another",
            "value": {"ids": ["01976b9c-5d2e-7c3a-9f1e-0a1b2c3d4e5f", "4e60"]},
        }
    },
)
"""The body of a request about some jobs: `JobIds` as JSON."""
