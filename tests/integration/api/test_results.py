"""What a job leaves behind, over HTTP."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.services import Services
from shared.jobs.running import attempts

Submit = Callable[..., dict[str, Any]]
Act = Callable[..., Any]
Json = Callable[..., dict[str, Any]]
CONTENT = bytes(range(256)) * 1000


def test_epochs_come_as_columns(get: Json, submit: Submit, run: Act) -> None:
    """Columns of equal length, and only what is new with `after`."""
    path = f"/v1/jobs/{submit()['id']}/epochs"
    assert get(path)["epoch"] == []
    run(path.split("/")[3], 0.5, 0.6, 0.7)

    assert get(path)["val_accuracy"] == [0.5, 0.6, 0.7]
    assert get(f"{path}?after=1")["epoch"] == [2, 3]
    assert get(f"{path}?after=3")["epoch"] == []


def test_attempts_tell_who_tried(get: Json, submit: Submit, run: Act) -> None:
    """An attempt that runs has no outcome yet."""
    job_id = submit()["id"]
    assert get(f"/v1/jobs/{job_id}/attempts") == {"items": [], "next_cursor": None}
    run(job_id)

    (attempt,) = get(f"/v1/jobs/{job_id}/attempts")["items"]
    assert (attempt["attempt"], attempt["worker"], attempt["outcome"]) == (1, "host:cpu:1", None)


def test_an_evaluation_is_there_once_the_job_succeeded(get: Json, submit: Submit, finish: Act) -> None:
    """404 before, and of weights that were not kept."""
    job_id = submit()["id"]
    assert get(f"/v1/jobs/{job_id}/evaluation", 404)["code"] == "not_found"
    finish(job_id)

    assert get(f"/v1/jobs/{job_id}/evaluation")["confusion_matrix"] == [[800, 200], [200, 800]]
    assert get(f"/v1/jobs/{job_id}/evaluation?weights=best")["weights"] == "best"
    assert get(f"/v1/jobs/{job_id}/evaluation?weights=last", 404)["code"] == "not_found"
    assert get(f"/v1/jobs/{job_id}/evaluation?weights=first", 422)["errors"][0]["pointer"] == "/weights"


def test_log_lines_come_in_order(get: Json, submit: Submit, run: Act, services: Services) -> None:
    """Oldest first, a part of them with `after` and `limit`."""
    job_id = submit()["id"]
    claim = run(job_id)
    attempts.log(
        services.db,
        claim,
        [attempts.Line("INFO", "one"), attempts.Line("INFO", "two"), attempts.Line("INFO", "three")],
        keep=10,
    )

    def messages(query: str = "") -> list[str]:
        return [line["message"] for line in get(f"/v1/jobs/{job_id}/log{query}")["items"]]

    assert messages()[-3:] == ["one", "two", "three"]
    last = get(f"/v1/jobs/{job_id}/log")["items"][-1]["line"]
    assert messages(f"?after={last - 1}") == ["three"]
    assert messages(f"?after={last - 3}&limit=2") == ["one", "two"]


def test_log_pages_lead_to_the_end(get: Json, submit: Submit, run: Act, services: Services) -> None:
    """`next_cursor` leads to every line once; at the end it is null, and `after` goes on once there is more."""
    job_id = submit()["id"]
    claim = run(job_id)
    attempts.log(services.db, claim, [attempts.Line("INFO", str(number)) for number in range(5)], keep=10)
    whole = get(f"/v1/jobs/{job_id}/log")
    pages = [get(f"/v1/jobs/{job_id}/log?limit=2")]
    while pages[-1]["next_cursor"] is not None:
        pages.append(get(f"/v1/jobs/{job_id}/log?limit=2&cursor={pages[-1]['next_cursor']}"))

    assert [line for page in pages for line in page["items"]] == whole["items"]
    assert whole["next_cursor"] is None
    attempts.log(services.db, claim, [attempts.Line("INFO", "more")], keep=10)
    later = get(f"/v1/jobs/{job_id}/log?after={whole['items'][-1]['line']}")
    assert [line["message"] for line in later["items"]] == ["more"]
    assert get(f"/v1/jobs/{job_id}/log?cursor=x", 422)["errors"][0]["pointer"] == "/cursor"


@pytest.fixture
def artifact(submit: Submit, finish: Act) -> str:
    """The address of an artifact."""
    job_id = submit()["id"]
    finish(job_id, content=CONTENT)
    return f"/v1/jobs/{job_id}/artifacts/best.safetensors"


def test_artifacts_are_listed_and_downloaded(client: FlaskClient, get: Json, artifact: str) -> None:
    """The bytes are those that the list's sha256 says."""
    (listed,) = get(artifact.rpartition("/")[0])["items"]
    response = client.get(artifact)

    assert listed["name"] == "best.safetensors"
    assert response.data == CONTENT
    assert hashlib.sha256(response.data).hexdigest() == listed["sha256"]
    assert response.content_length == listed["bytes"] == len(CONTENT)
    assert response.mimetype == "application/octet-stream"
    assert response.headers["Content-Disposition"] == "attachment; filename=best.safetensors"
    assert response.headers["ETag"] == f'"{listed["sha256"]}"'
    response.close()


def test_a_download_goes_on_where_it_broke_off(client: FlaskClient, artifact: str) -> None:
    """Ranges are served, and nothing is sent again that has not changed."""
    part = client.get(artifact, headers={"Range": "bytes=1000-"})
    assert part.status_code == 206
    assert part.data == CONTENT[1000:]
    part.close()
    etag = client.get(artifact, method="HEAD").headers["ETag"]
    unchanged = client.get(artifact, headers={"If-None-Match": etag})
    assert unchanged.status_code == 304
    beyond = client.get(artifact, headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416
    assert beyond.json is not None
    assert beyond.json["code"] == "range_not_satisfiable"


@pytest.mark.parametrize("name", ["other", "../best.safetensors", "1/best.safetensors", "%2e%2e/x", "%00"])
def test_an_artifact_that_is_not_listed_is_not_there(client: FlaskClient, artifact: str, name: str) -> None:
    """A name is looked up among the job's own; no path is ever made of it."""
    response = client.get(artifact.removesuffix("best.safetensors") + name)

    assert response.status_code == 404


def test_an_artifact_whose_file_was_removed_is_404(client: FlaskClient, services: Services, artifact: str) -> None:
    """The record alone is no file, and that is no fault of the server's."""
    services.storage.delete_below(artifact.split("/")[3])
    response = client.get(artifact)

    assert response.status_code == 404
    assert response.json is not None
    assert "removed" in response.json["detail"]


def test_an_artifact_whose_storage_does_not_answer_is_503(
    client: FlaskClient, services: Services, artifact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Retry-After: it is not gone, and the same request succeeds later."""

    def fail(*_: object, **_options: object) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    with monkeypatch.context() as patch:
        patch.setattr(services.storage._fs, "open", fail)
        response = client.get(artifact)
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert response.json is not None
    assert response.json["code"] == "storage_unavailable"
    assert "does not answer" in response.json["detail"]
    found = client.get(artifact)
    assert found.status_code == 200
    found.close()
