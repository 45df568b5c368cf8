"""The command without a terminal, against a service that speaks the API's JSON."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from flightline.client.following.watch import Following
from tests.support.http_answers import CATALOG, layer_cost
from tests.support.http_service import FakeService, problem
from tests.unit.flightline.conftest import Run


def sent(service: FakeService) -> dict[str, Any]:
    """The last submission."""
    body = [body for method, path, body in service.requests if method == "POST" and path.startswith("/v1/jobs")][-1]
    document: dict[str, Any] = json.loads(body)
    return document


def test_submit_a_file_with_overrides(run: Run, service: FakeService, tmp_path: Path) -> None:
    """A file, --preset, --set and --name make one document; the job's id and what to do next are printed."""
    file = tmp_path / "job.json"
    file.write_text('{"architecture": {"kind": "layers", "layers": [{"kind": "flatten"}, {"kind": "linear"}]}}')
    sets = ["--set", "training.epochs=20", "--set", "architecture.layers.1.kind=tanh", "--set", "dataset=synthetic"]
    outcome = run("submit", str(file), *sets, "--name", "mine")
    assert outcome.code == 0
    assert sent(service) == {
        "architecture": {"kind": "layers", "layers": [{"kind": "flatten"}, {"kind": "tanh"}]},
        "training": {"epochs": 20},
        "dataset": "synthetic",
        "name": "mine",
    }
    job_id = next(iter(service.jobs))
    assert f"Job {job_id}" in outcome.out
    assert f"flightline watch {job_id}" in outcome.out
    assert outcome.err == "Warning: No live worker.\n"


def test_submit_reads_standard_input(run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` takes the job from standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"preset": "notebook-linear"}')))
    assert run("submit", "-").code == 0
    assert sent(service) == {"preset": "notebook-linear"}


def test_submit_json_is_the_services_json(run: Run, service: FakeService) -> None:
    """With --json standard output is the job as the service sent it, and nothing else."""
    outcome = run("submit", "--preset", "notebook-linear", "--json")
    assert outcome.json == next(iter(service.jobs.values()))


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["submit"], "a JSON file, - for standard input, or --preset"),
        (["submit", "notebook-tapered"], "For a preset write `--preset notebook-tapered`"),
        (["submit", "missing/file.json"], "cannot be read: No such file"),
        (["submit", "--preset", "x", "--set", "training"], "Write path=value"),
        (["submit", "--preset", "x", "--set", "preset.y=1"], "preset is \"x\", not an object: it has no field 'y'"),
        (["show", "ab"], "Write four or more characters of its end, or `last`"),
        (["delete", "a/b/c/d"], "is no job's id"),
        (["show", "\udcff"], "is no job's id"),
        (["show", "last"], "There is no job yet"),
        (["up", "--workers", "many"], "Write cpu=2"),
        (["jobs", "--limit", "0"], "--limit must be at least 1, not 0."),
        (
            ["show", "last", "--part", "foo"],
            "--part must be job, epochs, evaluation, attempts, log or artifacts, not foo.",
        ),
        (["priority", "last", "10"], "N must be at most 9, not 10."),
        (["priority", "last", "x"], "N must be a whole number, not x."),
        (["jobs", "--min-val-accuracy", "good"], "--min-val-accuracy must be a number, not good."),
        (["jobs", "--limit"], "requires an argument"),
        (["nonsense"], "No such command"),
    ],
)
def test_wrong_usage(run: Run, service: FakeService, arguments: list[str], text: str) -> None:
    """What is typed wrongly ends with exit code 2 and says what would be right, without a traceback."""
    outcome = run(*arguments)
    assert outcome.code == 2
    assert text in " ".join(outcome.err.replace("│", " ").split())
    assert "Traceback" not in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize(
    "content, text",
    [("{", "line 1, column 2"), ("[1]", "no JSON object"), ("\udcff", "not UTF-8")],
)
def test_unreadable_job_file(run: Run, tmp_path: Path, content: str, text: str) -> None:
    """A file that holds no job says where it is wrong."""
    file = tmp_path / "job.json"
    file.write_bytes(content.encode(errors="surrogateescape"))
    outcome = run("submit", str(file))
    assert (outcome.code, text in outcome.err) == (2, True)


def test_refused_spec_shows_pointers(run: Run, service: FakeService) -> None:
    """A refusal prints every pointer on standard error and exits with 3."""
    outcome = run("submit", "--set", "training.epochs=1", "-")
    assert outcome.code == 2
    service.refuse["POST /v1/jobs"] = problem(422, "invalid_spec", "Two things.", ("/a", "is wrong"), ("/b", "too"))
    outcome = run("submit", "--preset", "x", "--json")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err == "Error: Two things.\n  /a: is wrong\n  /b: too\n"


def test_a_refusal_of_one_thing_is_said_once(run: Run, service: FakeService) -> None:
    """The message has it already, with its place: a parameter's name, or a pointer."""
    for pointer, place in (("/status", "status"), ("/a/b", "(at /a/b)")):
        detail = f"{place} must be one that --help lists"
        service.refuse["GET /v1/jobs"] = problem(422, "invalid_query", f"{detail}.", (pointer, detail))
        assert run("jobs", "--status", "done").err == f"Error: {detail}.\n"


def test_datasets_names_the_classes_where_not_all_are_held(
    run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers with the same part are one entry; one that has all of it stands by itself."""
    parts = [(["a", "b"], ["w1"]), (["a", "b", "c"], ["w2"]), (["a", "b"], ["w0"])]
    held = [{"classes": classes, "workers": workers} for classes, workers in parts]
    items = [{"name": "letters", "classes": ["a", "b", "c"], "held": held}]
    monkeypatch.setitem(CATALOG, "/v1/datasets", {"items": items, "next_cursor": None})
    assert "letters   –       a, b, c  w0, w1 (a, b); w2\n" in run("datasets").out


@pytest.mark.usefixtures("service")
def test_datasets_counts_classes_where_there_are_many(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred names would hide everything else; and images of several sizes say so."""
    names = [f"class-{number}" for number in range(100)]
    items: list[dict[str, object]] = [
        {"name": "many", "classes": names, "held": [], "input_shape": None},
        {"name": "digits", "classes": ["0", "1"], "held": [], "input_shape": [1, 28, 28]},
    ]
    monkeypatch.setitem(CATALOG, "/v1/datasets", {"items": items, "next_cursor": None})
    assert "several sizes  class-0, class-1, class-2 … class-99 (100 classes)  –" in run("datasets").out
    assert "28 × 28 grey   0, 1" in run("datasets").out


@pytest.mark.usefixtures("service")
def test_datasets_names_what_is_passed_over(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are no images by their names, and copies that lack files."""
    copy = {"source": "folder", "place": "/data/letters", "classes": ["a", "b"], "workers": ["w0"], "ready": True}
    broken = {**copy, "source": "torchvision", "place": "/data/broken", "workers": ["w1"], "ready": False}
    held = [{**copy, "ignored": {".gif": 1200, "no suffix": 1}}, {**copy, "ignored": {}}, broken]
    items = [{"name": "letters", "classes": ["a", "b"], "held": held}]
    monkeypatch.setitem(CATALOG, "/v1/datasets", {"items": items, "next_cursor": None})
    ignored = "1,201 files ignored in /data/letters: 1,200 × .gif, 1 without a suffix"
    assert f"letters   –       a, b     w0; {ignored}; incomplete: /data/broken\n" in run("datasets").out


def test_no_service(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a service the exit code is 4 and the message says how to start one."""
    monkeypatch.setenv("FLIGHTLINE_URL", "http://127.0.0.1:9")
    outcome = run("jobs")
    assert (outcome.code, "flightline up" in outcome.err) == (4, True)
    assert run("--url", "http://127.0.0.1:8", "jobs").err.startswith("Error: Nothing answers at http://127.0.0.1:8.")


def test_dry_run(run: Run, service: FakeService) -> None:
    """A dry run shows the cost of each layer; with --json the service's answer."""
    outcome = run("submit", "--preset", "x", "--dry-run")
    assert "linear  3072  2    6,146" in outcome.out
    assert "14.9 MB of weights, 161.2 GFLOP per epoch. Nothing was submitted." in outcome.out
    assert run("submit", "--preset", "x", "--dry-run", "--json").json["cost"]["layers"][0]["parameters"] == 6146
    assert not service.jobs


def test_dry_run_shows_the_layers_of_an_mlp_in_their_order(run: Run, service: FakeService) -> None:
    """Some of its layers share a pointer, and one is that of the whole network; none of them is a block."""
    service.layers = [
        layer_cost("/architecture", "flatten", [3, 32, 32], [3072], 0),
        layer_cost("/architecture/hidden/0", "linear", [3072], [512], 1),
        layer_cost("/architecture/activation", "tanh", [512], [512], 0),
        layer_cost("/architecture", "linear", [512], [2], 2),
    ]
    rows = [line.split()[0] for line in run("submit", "--preset", "x", "--dry-run").out.splitlines()]
    assert rows[1:5] == ["flatten", "linear", "tanh", "linear"]


def test_dry_run_shows_what_a_residual_block_is_made_of(run: Run, service: FakeService) -> None:
    """The block, the sum of two rows of layers, stands above them, and each says in which row it is."""
    block = "/architecture/layers/1"
    service.layers = [
        layer_cost("/architecture/layers/0", "conv2d", [3, 8, 8], [4, 8, 8], 112),
        layer_cost(f"{block}/layers/0", "conv2d", [4, 8, 8], [8, 8, 8], 296),
        layer_cost(f"{block}/layers/1", "relu", [8, 8, 8], [8, 8, 8], 0),
        layer_cost(f"{block}/shortcut/0", "conv2d", [4, 8, 8], [8, 8, 8], 40),
        layer_cost(block, "residual", [4, 8, 8], [8, 8, 8], 0),
        layer_cost("/architecture/layers/2", "flatten", [8, 8, 8], [512], 0),
    ]
    rows = [line[:20].rstrip() for line in run("submit", "--preset", "x", "--dry-run").out.splitlines()]
    assert rows[1:7] == [
        "conv2d",
        "residual",
        "  layers.0 conv2d",
        "  layers.1 relu",
        "  shortcut.0 conv2d",
        "flatten",
    ]


def test_watch_prints_a_line_an_epoch(run: Run, service: FakeService) -> None:
    """Without a terminal, watching prints a plain line for each epoch and how it ended."""
    outcome = run("submit", "--preset", "p", "--set", "training.epochs=2", "--watch")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[-3] == "p  epoch 1/2  train loss 1.0000  validation loss 1.0000  accuracy 100.0 %"
    assert lines[-1] == "p  succeeded: accuracy 81.0 %, best 83.0 % after epoch 1"


def test_watch_says_when_a_job_goes_on_from_a_checkpoint(run: Run, service: FakeService) -> None:
    """A second attempt, and the epochs that it runs again, each have their line."""
    service.resume = 3
    service.add(name="p", epochs=4)
    lines = run("watch", "last").out.splitlines()
    told = [line.split("train")[0].strip() for line in lines]
    assert told[:3] == [f"p  epoch {epoch}/4" for epoch in (1, 2, 3)]
    assert told[3] == "p  attempt 2 resumes from its checkpoint with epoch 2"
    assert told[4:7] == [f"p  epoch {epoch}/4" for epoch in (2, 3, 4)]


def test_watch_json_prints_the_finished_job(run: Run, service: FakeService) -> None:
    """With --json standard output holds the finished job alone; the progress goes to standard error."""
    job = service.add(epochs=2)
    outcome = run("watch", job["id"], "--json")
    assert outcome.json == service.jobs[job["id"]]
    assert "epoch 2/2" in outcome.err


def test_watch_of_a_failed_job_exits_with_1(run: Run, service: FakeService) -> None:
    """A job that failed is printed with its reason, and the exit code says so."""
    service.add(status="failed", error={"code": "non_finite_loss", "detail": "Loss is NaN in epoch 2."})
    assert run("watch", "last").code == 1


def test_ctrl_c_leaves_the_job_running(run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while watching says that the job goes on, and exits with 130."""

    def interrupted(_: Following) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Following, "__next__", interrupted)
    job = service.add(status="queued")
    outcome = run("watch", job["id"])
    assert outcome.code == 130
    assert f"The job keeps running. `flightline watch {job['id']}` shows it again" in outcome.err


def test_jobs_lists_with_filters(run: Run, service: FakeService) -> None:
    """The list shows whole ids in aligned columns; filters go to the service; --json is its page."""
    first, second = service.add(status="succeeded", name="a"), service.add(name="b")
    lines = run("jobs").out.splitlines()
    assert lines[0].split() == ["ID", "NAME", "STATUS", "EPOCH", "VAL", "ACC", "BEST", "DEVICE", "AGE"]
    assert [line.split()[:3] for line in lines[1:]] == [[second["id"], "b", "running"], [first["id"], "a", "succeeded"]]
    page = run("jobs", "--status", "succeeded", "--min-val-accuracy", "0.5", "--kind", "mlp", "--json").json
    assert page == {"items": [first], "next_cursor": None}
    query = "sort=-created_at&limit=20&status=succeeded&architecture_kind=mlp&min_val_accuracy=0.5"
    assert service.requests[-1][1] == f"/v1/jobs?{query}"


def test_jobs_goes_over_pages_up_to_the_limit(run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit above a page is fetched in several."""
    monkeypatch.setattr("flightline.cli.commands.training.jobs.PAGE_LIMIT", 2)
    for _ in range(6):
        service.add()
    page = run("jobs", "-n", "5", "--json").json
    assert [len(page["items"]), page["next_cursor"]] == [5, "5"]


def test_no_jobs(run: Run, service: FakeService) -> None:
    """An empty list says so on standard error, so that a pipe gets nothing."""
    outcome = run("jobs")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.startswith("No jobs.")


@pytest.mark.parametrize("filters", [["--tag", "nothere"], ["--status", "failed"], ["--min-val-accuracy", "0"]])
def test_no_jobs_that_match(run: Run, service: FakeService, filters: list[str]) -> None:
    """With filters, others may be there."""
    service.refuse["GET /v1/jobs"] = (200, {"items": [], "next_cursor": None})
    outcome = run("jobs", *filters)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "No job matches these filters.\n")


def test_ids_by_their_end(run: Run, service: FakeService) -> None:
    """An end that only one job has is enough; one that several have, and a beginning, are refused by the service."""
    jobs = [service.add(name=name) for name in "ab"]
    assert run("show", jobs[0]["id"][-12:], "--json").json["name"] == "a"
    assert run("show", jobs[1]["id"].upper(), "--json").json["name"] == "b"
    assert run("show", "last", "--json").json["name"] == "b"
    outcome = run("show", "cdef01")
    assert (outcome.code, "Traceback" in outcome.err) == (3, False)
    assert all(job["id"] in outcome.err for job in jobs)
    assert run("show", "01936f00").code == 3


@pytest.mark.parametrize("command", ["cancel", "delete"])
def test_what_cannot_be_taken_back_is_done_to_the_whole_id(run: Run, service: FakeService, command: str) -> None:
    """The short one is looked up first, and the whole one is printed; one that several have does nothing."""
    first, second, _ = [service.add(status="queued") for _ in range(3)]
    outcome = run(command, first["id"][-10:])
    assert (outcome.code, first["id"] in outcome.out) == (0, True)
    assert service.requests[-1][1].startswith(f"/v1/jobs/{first['id']}")
    before = dict(second)
    assert run(command, "cdef01").code == 3
    assert service.jobs[second["id"]] == before


def test_cancel_retry_delete(run: Run, service: FakeService) -> None:
    """The three changes say what they did; a conflict exits with 3."""
    job_id = service.add(name="mine")["id"]
    assert run("cancel", job_id).out == f"mine is cancelled. Job {job_id}\n"
    assert run("cancel", job_id, "--json").json["status"] == "cancelled"
    assert run("retry", job_id, "--json").json["retry_of"] == job_id
    assert run("delete", job_id).out == f"Deleted job {job_id}\n"
    assert run("delete", service.add()["id"], "--json").out == ""
    assert run("delete", job_id).code == 3
    service.add(status="succeeded")
    outcome = run("cancel", "last")
    assert (outcome.code, "already succeeded" in outcome.err) == (3, True)


def test_cancel_of_a_running_job(run: Run, service: FakeService) -> None:
    """It is asked to stop, and stops in a moment."""
    job = service.add(name="näme ☃")
    service.refuse[f"POST /v1/jobs/{job['id']}/cancel"] = (202, job | {"cancel_requested": True})
    assert run("cancel", "last").out == f"Cancelling näme ☃; it stops within about a second. Job {job['id']}\n"


def test_priority(run: Run, service: FakeService) -> None:
    """A queued job's priority is changed and said; a number out of range is wrong usage, a running job a conflict."""
    job_id = service.add(status="queued", name="mine")["id"]
    assert run("priority", "last", "8").out == f"mine has priority 8. Job {job_id}\n"
    assert run("priority", job_id, "0", "--json").json["priority"] == 0
    assert run("priority", job_id, "10").code == 2
    service.add()
    assert run("priority", "last", "1").code == 3


@pytest.mark.parametrize(
    "command, text",
    [
        ("workers", "host-1:cpu:1  cpu     idle   –    cifar10 (airplane, bird)  "),
        ("queues", "flightline.any  2        1 m 1 s  Redis is down"),
        ("presets", "notebook-linear  1,574,402   Two layers"),
        ("datasets", "cifar10    –       airplane, bird  w"),
    ],
)
def test_catalog(run: Run, service: FakeService, command: str, text: str) -> None:
    """Each list as a table and as the service's JSON."""
    assert text in run(command).out
    assert run(command, "--json").json == service.answer("GET", f"/v1/{command}", b"")[1]


@pytest.mark.parametrize("name", ["FLIGHTLINE_PORT", "FLIGHTLINE_LEASE_SECONDS"])
def test_a_wrong_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A variable that means nothing ends with its name, not with a traceback."""
    monkeypatch.setenv(name, "many")
    outcome = run("up")
    assert (outcome.code, name in outcome.err) == (2, True)


def test_help_lists_every_command_and_the_exit_codes(run: Run) -> None:
    """--help names all commands and what the exit codes mean."""
    out = " ".join(run("--help").out.split())
    commands = (
        "up worker api migrate demo backup restore submit watch retry evaluate jobs priority cancel delete show "
        "download workers queues presets datasets"
    )
    assert all(f"│ {command} " in out for command in commands.split())
    assert "1 the job failed or was cancelled" in out


def test_version(run: Run) -> None:
    """--version prints a version."""
    outcome = run("--version")
    assert (outcome.code, bool(outcome.out.strip())) == (0, True)
