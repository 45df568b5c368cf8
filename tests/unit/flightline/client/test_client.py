"""The client against a service that speaks the API's JSON."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from flightline import ApiError, Client, Conflict, InvalidRequest, Job, NotFound, NotReachable, Unavailable
from flightline.client.addresses import default_url, service_url
from flightline.client.records import Worker
from flightline.errors import ChecksumMismatch, UsageError
from flightline.stack.home import write_state
from shared.processes import born
from tests.support.http_service import FakeService, problem


def last_body(service: FakeService) -> dict[str, object]:
    """What was last sent."""
    document: dict[str, object] = json.loads(service.requests[-1][2])
    return document


def test_submit_by_preset_name_merges_overrides(client: Client, service: FakeService) -> None:
    """A preset's name and keyword overrides become one document."""
    job = client.submit("notebook-tapered", training={"epochs": 20}, name="mine")
    assert last_body(service) == {"preset": "notebook-tapered", "training": {"epochs": 20}, "name": "mine"}
    assert (job.name, job.status, job.progress.epochs) == ("mine", "running", 20)


def test_submit_merges_into_a_spec_without_changing_it(client: Client, service: FakeService) -> None:
    """Overrides go into the nested objects of a copy; what the caller passed stays as it was."""
    spec = {
        "architecture": {"kind": "mlp", "hidden": [8]},
        "training": {"epochs": 2, "optimizer": {"lr": 0.1, "kind": "sgd"}},
    }
    before = copy.deepcopy(spec)
    client.submit(spec, training={"optimizer": {"lr": 0.2}})
    assert last_body(service)["training"] == {"epochs": 2, "optimizer": {"lr": 0.2, "kind": "sgd"}}
    assert spec == before


def test_check_asks_for_a_dry_run(client: Client, service: FakeService) -> None:
    """A check answers the cost and stores nothing."""
    check = client.check("notebook-linear")
    assert check.cost.parameters == 3737474
    assert check.warnings == ["No worker."]
    assert not service.jobs
    assert service.requests[-1][1] == "/v1/jobs?dry_run=true"


def test_wrong_spec_raises_with_pointers(client: Client) -> None:
    """A refused spec is an InvalidRequest that carries status, code and where."""
    with pytest.raises(InvalidRequest) as caught:
        client.submit({"training": {}})
    error = caught.value
    assert (error.status, error.code, error.retryable) == (422, "invalid_spec", False)
    assert [(one.pointer, one.detail) for one in error.errors] == [("/architecture", "is required")]
    assert error.problem["type"] == "about:blank"


def test_nan_reaches_the_service(client: Client, service: FakeService) -> None:
    """NaN is sent as it is, so that the service can point at its place."""
    client.submit({"architecture": {}, "training": {"lr": float("nan")}})
    assert b"NaN" in service.requests[-1][2]


def test_values_that_are_no_json_are_named() -> None:
    """A value that JSON does not know is refused before anything is sent."""
    with pytest.raises(UsageError, match="A job cannot hold a object"):
        Client("http://127.0.0.1:9").submit({"architecture": object()})


def test_numbers_of_numpy_and_torch_are_taken(client: Client, service: FakeService) -> None:
    """As what loops over arrays gives, and as lists of them."""
    client.submit({"architecture": {"hidden": list(np.array([16, 64]))}, "training": {"lr": np.float32(0.5)}})
    assert json.loads(service.requests[-1][2])["architecture"] == {"hidden": [16, 64]}
    assert json.loads(service.requests[-1][2])["training"] == {"lr": 0.5}


@pytest.mark.parametrize(
    "status, kind",
    [
        (400, InvalidRequest),
        (404, NotFound),
        (409, Conflict),
        (413, InvalidRequest),
        (503, Unavailable),
        (500, ApiError),
    ],
)
def test_each_status_has_its_exception(client: Client, service: FakeService, status: int, kind: type[ApiError]) -> None:
    """The HTTP status decides the exception, the code comes from the answer."""
    service.refuse["GET /v1/workers"] = problem(status, "some_code", "Because.")
    with pytest.raises(kind, match="Because") as caught:
        client.workers()
    assert caught.value.code == "some_code"
    assert type(caught.value) is kind


def test_an_answer_that_is_no_json_is_an_api_error(client: Client, service: FakeService) -> None:
    """A proxy's HTML page becomes an error that names the address, whatever the status."""
    service.refuse["GET /v1/workers"] = (502, b"<html>Bad gateway</html>")
    with pytest.raises(ApiError, match="/v1/workers answered 502"):
        client.workers()
    service.refuse["GET /v1/workers"] = (200, b"<html>Hello</html>")
    with pytest.raises(ApiError, match="did not answer with JSON"):
        client.workers()


def test_nobody_listening_says_how_to_start() -> None:
    """A refused connection names the address and the command that starts the service."""
    with Client("http://127.0.0.1:9") as client, pytest.raises(NotReachable, match=r"127\.0\.0\.1:9.*flightline up"):
        client.job("x")


@pytest.mark.parametrize("url", ["ftp://host", "no-address", "http://[::"])
def test_an_address_that_is_none_is_named(url: str) -> None:
    """A base URL that means nothing is an error of ours, not of httpx."""
    with pytest.raises(UsageError, match=r"is not a service URL, such as http://127\.0\.0\.1:8470\."):
        Client(url)


def test_no_answer_in_time() -> None:
    """A timeout says how long was waited."""

    def late(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late", request=request)

    with pytest.raises(NotReachable, match="longer than"):
        Client("http://x", timeout=3, transport=httpx.MockTransport(late)).job("x")


def test_jobs_goes_over_the_pages(client: Client, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """The iterator fetches page after page, and no further than it is taken."""
    monkeypatch.setattr("flightline.client.calls.jobs.PAGE", 2)
    ids = [service.add()["id"] for _ in range(5)][::-1]
    assert [job.id for job in client.jobs()] == ids
    assert len(service.requests) == 3
    assert [job.id for job in client.jobs(limit=3)] == ids[:3]
    assert next(client.jobs()).id == ids[0]
    assert len(service.requests) == 6


def test_filters_are_repeated_and_none_is_left_out(client: Client, service: FakeService) -> None:
    """Several values of a filter are repeated parameters; what is None is not sent."""
    list(client.jobs(status=["queued", "running"], tag=None, min_val_accuracy=0.8, limit=5))
    assert service.requests[-1][1] == "/v1/jobs?limit=5&status=queued&status=running&min_val_accuracy=0.8"


def test_wait_calls_back_once_an_epoch(client: Client, service: FakeService) -> None:
    """Waiting returns the finished job, and every epoch is seen exactly once, in order."""
    job = service.add(epochs=5)
    seen: list[int] = []
    ended = client.wait(job["id"], on_epoch=lambda epoch: seen.append(epoch.epoch))
    assert ended.succeeded
    assert seen == [1, 2, 3, 4, 5]
    assert client.wait(job["id"]).succeeded


def test_short_ids(client: Client, service: FakeService) -> None:
    """Every call takes an end of an id; those that ask several times do so by the whole one."""
    job = service.add(epochs=2)
    short = job["id"][-10:]
    assert client.job(short).id == job["id"]
    assert client.wait(short).id == job["id"]
    assert [event.kind for event in client.events(short)][-1] == "status"
    assert len(list(client.log(short))) == 3
    asked = [path for _, path, _ in service.requests if path.startswith(f"/v1/jobs/{short}")]
    assert set(asked) == {f"/v1/jobs/{short}"}


def test_a_short_id_that_several_have(client: Client, service: FakeService) -> None:
    """Nothing is done to any of them."""
    jobs = [service.add(status="queued") for _ in range(2)]
    for act in (client.cancel, client.delete, client.wait):
        with pytest.raises(Conflict, match=jobs[0]["id"]):
            act("cdef01")
    assert [job["status"] for job in service.jobs.values()] == ["queued", "queued"]


@pytest.mark.parametrize("id", [["a"], b"abcdef", None, 7, Job({"id": "abcdef"})])
def test_what_is_no_id(id: object) -> None:
    """A list of ids, a job, nothing: the error says what is wanted, before anything is asked."""
    with Client("http://127.0.0.1:9") as client:
        calls: list[Callable[..., object]] = [client.job, client.wait, client.cancel, client.delete, client.epochs]
        calls += [client.artifacts, client.retry, client.model]
        calls += [lambda one, many=many: next(many(one)) for many in (client.watch, client.events, client.log)]
        for call in calls:
            with pytest.raises(TypeError, match=r"A job is called by its id, a text such as job\.id, one at a time"):
                call(id)
        with pytest.raises(TypeError, match="A file is called by its artifact's name"):
            client.download("abcdef", id)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["\udcff", "x" * 70_000])
def test_a_filter_that_cannot_be_sent(client: Client, value: str) -> None:
    """Bytes of the command line that are no text, and a text that no address can hold."""
    with pytest.raises(UsageError, match=r"is not text that can be sent|too long"):
        next(client.jobs(tag=value))


@pytest.mark.parametrize("id", ["", ".", ".."])
def test_an_id_that_is_a_step_in_a_path(id: str) -> None:
    """It would call for something else than a job."""
    with Client("http://127.0.0.1:9") as client, pytest.raises(ValueError, match="is no job's id"):
        client.delete(id)


def test_epochs_as_columns_and_rows(client: Client, service: FakeService) -> None:
    """Epochs come as columns; rows() turns them; `after` leaves out what is known."""
    job = service.add(status="succeeded", epoch=4, epochs=4)
    epochs = client.epochs(job["id"], after=1)
    assert epochs.epoch == [2, 3, 4]
    assert len(epochs) == 3
    assert [(row.epoch, row.val_loss) for row in epochs.rows()] == [(2, 1 / 2), (3, 1 / 3), (4, 1 / 4)]
    assert client.epochs(job["id"], after=4).rows() == []


def test_log_is_read_to_its_end(client: Client, service: FakeService) -> None:
    """A log longer than one answer is fetched in parts."""
    assert [line.line for line in client.log(service.add()["id"])] == [1, 2, 3]


def test_evaluation_and_attempts_are_nested_records(client: Client, service: FakeService) -> None:
    """Nested objects and lists of them have attributes too."""
    job_id = service.add()["id"]
    assert [one.recall for one in client.evaluation(job_id).per_class] == [0.9, 0.9]
    assert client.attempts(job_id)[0].raw["error"]["code"] == "non_finite_loss"
    client.evaluation(job_id, "last")
    assert service.requests[-1][1].endswith("/evaluation?weights=last")


def test_a_queued_jobs_priority_can_be_changed(client: Client, service: FakeService) -> None:
    """The new priority comes back with the job; a job that is not queued is a conflict."""
    assert client.set_priority(service.add(status="queued")["id"], 9).priority == 9
    assert service.requests[-1][0] == "PATCH"
    assert last_body(service) == {"priority": 9}
    with pytest.raises(Conflict, match="is running"):
        client.set_priority(service.add()["id"], 9)


def test_cancel_retry_delete(client: Client, service: FakeService) -> None:
    """The three changes of a job, and the conflict where one is not allowed."""
    job_id = service.add()["id"]
    assert client.cancel(job_id).status == "cancelled"
    assert client.retry(job_id).retry_of == job_id
    client.delete(job_id)
    with pytest.raises(NotFound, match=job_id):
        client.job(job_id)
    with pytest.raises(Conflict):
        client.cancel(service.add(status="failed")["id"])


@pytest.mark.parametrize("dataset", ["shapes", {"name": "shapes", "val_fraction": 0.2}], ids=str)
def test_an_evaluation_is_a_new_job(client: Client, service: FakeService, dataset: Any) -> None:
    """Of the finished one, under a key, with what was asked for beside the data set."""
    job_id = service.add(status="succeeded")["id"]
    new = client.evaluate(job_id, dataset, weights="last", name="check")
    assert (new.kind, new.spec.job) == ("evaluate", job_id)
    method, target, body = service.requests[-1]
    assert (method, target) == ("POST", f"/v1/jobs/{job_id}/evaluate")
    assert json.loads(body) == {"dataset": dataset, "weights": "last", "name": "check"}
    assert (new.title, client.job(job_id).evaluate("shapes").spec.job) == ("evaluate", job_id)


def test_download_checks_the_sum(client: Client, service: FakeService, tmp_path: Path) -> None:
    """A file arrives whole with the right sum, or leaves nothing behind."""
    job_id = service.add()["id"]
    with pytest.raises(ChecksumMismatch, match=r"best\.safetensors"):
        client.download(job_id, "best.safetensors", tmp_path)
    assert list(tmp_path.iterdir()) == []
    service.sha256 = hashlib.sha256(b"weights").hexdigest()
    path = client.download(job_id, "best.safetensors", tmp_path)
    assert (path.name, path.read_bytes()) == ("best.safetensors", b"weights")
    assert client.download(job_id, "best.safetensors", tmp_path / "mine").read_bytes() == b"weights"
    with pytest.raises(NotFound):
        client.download(job_id, "other", tmp_path)


def test_catalog(client: Client) -> None:
    """Workers, queues, presets and data sets come as records."""
    assert client.workers()[0].live
    assert client.queues()[0].messages is None
    assert client.presets()[0].cost.parameters == 1574402
    assert [bool(dataset.held) for dataset in client.datasets()] == [True, False]
    assert client.ready() == {"status": "ready"}


def test_records_are_read_only_views() -> None:
    """A record shows its JSON, names what it has, refuses changes, compares by content, and survives pickling."""
    job = Job({"id": "1", "result": None, "new_key": 7})
    assert (job.id, job.result, job.new_key, job.raw["id"]) == ("1", None, 7, "1")
    with pytest.raises(AttributeError, match="has no 'name'; it has id, new_key, result"):
        _ = job.name
    anything: Any = job
    with pytest.raises(AttributeError, match="read-only"):
        anything.id = "2"
    assert job == Job({"id": "1", "result": None, "new_key": 7}) != Job({"id": "2"})
    assert pickle.loads(pickle.dumps(job)) == copy.deepcopy(job) == job
    assert repr(Worker({"id": "w", "pid": 7, "versions": {}, "host": "x" * 99})).startswith(
        "Worker(id='w', pid=7, host='xxx"
    )


def test_where_the_service_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An explicit URL wins, then a stack that runs in the home, then host and port, then the default."""
    for name in ("FLIGHTLINE_URL", "FLIGHTLINE_HOST", "FLIGHTLINE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path))
    assert default_url() == "http://127.0.0.1:8470"
    monkeypatch.setenv("FLIGHTLINE_PORT", "9000")
    assert default_url() == "http://127.0.0.1:9000"
    write_state(tmp_path, {"pid": os.getpid(), "born": born(os.getpid()), "url": "http://127.0.0.1:9001"})
    assert default_url() == "http://127.0.0.1:9001"
    write_state(tmp_path, {"pid": os.getpid(), "born": "another process", "url": "http://127.0.0.1:9001"})
    assert default_url() == "http://127.0.0.1:9000"
    monkeypatch.setenv("FLIGHTLINE_URL", "http://elsewhere")
    assert Client().base_url == "http://elsewhere"


def test_a_home_that_does_not_exist_means_no_other_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A mistyped one, or one whose stack is just being started: the default port may be that of another home."""
    for name in ("FLIGHTLINE_URL", "FLIGHTLINE_HOST", "FLIGHTLINE_PORT"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "tpyo"
    monkeypatch.setenv("FLIGHTLINE_HOME", str(home))
    with pytest.raises(NotReachable, match=f"No stack runs in {home} .*, which does not exist"):
        Client()
    monkeypatch.setenv("FLIGHTLINE_PORT", "9000")
    assert default_url() == "http://127.0.0.1:9000"
    monkeypatch.delenv("FLIGHTLINE_PORT")
    home.mkdir()
    assert default_url() == "http://127.0.0.1:8470"


@pytest.mark.parametrize(
    "ready, said",
    [
        (
            {"ready": False},
            "is starting and does not answer at {url} yet. Wait until `flightline up` says that it runs",
        ),
        ({"ready": True}, "runs, but its API at {url} does not answer. It is being restarted"),
        ({}, "runs, but its API at {url} does not answer. It is being restarted"),
    ],
)
def test_a_stack_of_this_home_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ready: dict[str, bool], said: str
) -> None:
    """Somebody who has just started it waits; the state that release 0.1 writes does not say whether it is ready."""
    monkeypatch.delenv("FLIGHTLINE_URL", raising=False)
    monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path))
    url = "http://127.0.0.1:9"
    write_state(tmp_path, {"pid": os.getpid(), "born": born(os.getpid()), "url": url, **ready})
    with pytest.raises(NotReachable) as refused, Client() as client:
        client.ready()
    assert str(refused.value).startswith(f"The stack in {tmp_path} (process {os.getpid()}) {said.format(url=url)}")
    with (
        pytest.raises(NotReachable, match=r"Nothing answers at http://127\.0\.0\.1:8\."),
        Client("http://127.0.0.1:8") as client,
    ):
        client.ready()


@pytest.mark.parametrize("port", ["xx", "-1", "65536", "8470.0", "²"])
def test_a_port_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, port: str) -> None:
    """Falling back to the usual port in silence would talk to another service."""
    monkeypatch.delenv("FLIGHTLINE_URL", raising=False)
    monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path))
    monkeypatch.setenv("FLIGHTLINE_PORT", port)
    with pytest.raises(UsageError, match=f"FLIGHTLINE_PORT must be a whole number from 0 to 65535, not '{port}'"):
        Client()


@pytest.mark.parametrize(
    "host, url",
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::", "http://[::1]:1"),
        ("box", "http://box:1"),
    ],
)
def test_service_url_is_one_that_can_be_called(host: str, url: str) -> None:
    """A service that listens everywhere is called on the loopback."""
    assert service_url(host, 1) == url
