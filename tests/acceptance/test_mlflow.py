"""Jobs written to a real MLflow server, and its runs kept as jobs: each once, wherever it is interrupted."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from flightline import Client, Conflict, NotReachable
from flightline.client.jobs import Job
from flightline.client.search.sweeps import Sweep
from flightline.mlflow.export import export
from flightline.mlflow.imports import import_runs
from flightline.mlflow.nesting import nest
from flightline.mlflow.server import Server
from tests.support.mlflow_server import MlflowServer
from tests.support.stacks import LONG, TINY, Stack, flightline

FIGURES = 8  # of an epoch, that are exported


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A real server of MLflow's."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service with a worker."""
    stack = Stack(tmp_path_factory.mktemp("stack") / "home")
    yield stack
    stack.close()


@pytest.fixture(scope="module")
def trained(stack: Stack) -> list[Job]:
    """Jobs that were trained, the last of them with a name, tags and notes."""
    with Client(stack.ready["url"]) as client:
        jobs = client.submit_many([TINY, {**TINY, "name": "wide", "tags": ["a", "b"]}])
        done = client.wait_all(jobs)
        assert [job.status for job in done] == ["succeeded"] * 2
        client.edit(done[1].id, notes="the first")
        return [client.job(job.id) for job in done]


class InTheMidst(httpx.HTTPTransport):
    """A connection to MLflow that has something else happen before its n-th request."""

    def __init__(self, number: int, other: Callable[[], None]) -> None:
        super().__init__()
        self.left, self.other = number, other

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, after the other thing where it is its turn."""
        if not self.left:
            self.other()
        self.left -= 1
        return super().handle_request(request)


@pytest.fixture(scope="module")
def searched(stack: Stack) -> Sweep:
    """A sweep of three jobs that has ended."""
    space = {"training.seed": {"kind": "int", "low": 7, "high": 9}}
    with Client(stack.ready["url"]) as client:
        return client.sweep(TINY, space, name="seeds", algorithm="grid").wait(progress=False)


class Interrupted(httpx.HTTPTransport):
    """A connection to MLflow whose program is interrupted at its n-th request."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.left = most

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, or be interrupted."""
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return super().handle_request(request)


class InStep(httpx.HTTPTransport):
    """A connection to MLflow that creates no run, or none of some, before all others are about to create theirs."""

    def __init__(self, others: threading.Barrier, some: bytes = b"") -> None:
        super().__init__()
        self.others, self.some = others, some

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, with the others where it creates a run."""
        if request.url.path.endswith("runs/create") and self.some in request.content:
            self.others.wait(60)
        return super().handle_request(request)


def nested(mlflow: MlflowServer, experiment: str, sweep: Sweep, jobs: int) -> dict[str, Any]:
    """The one run of a sweep, after a look at whether the runs of all its jobs are nested below it."""
    runs = mlflow.runs(experiment)
    [parent] = [run for run in runs if pairs(run, "tags").get("flightline.sweep_run") == sweep.id]
    below = [run for run in runs if pairs(run, "tags").get("mlflow.parentRunId") == parent["info"]["run_id"]]
    assert len(below) == jobs == len(runs) - 1
    assert {pairs(run, "tags")["flightline.sweep"] for run in below} == {sweep.id}
    return parent


def pairs(run: dict[str, Any], what: str) -> dict[str, str]:
    """The params or tags of a run."""
    return {one["key"]: one["value"] for one in run["data"].get(what, [])}


class TestExport:
    def test_a_job_is_a_run_with_all_that_is_known_of_it(
        self, stack: Stack, mlflow: MlflowServer, trained: list[Job]
    ) -> None:
        """Params, metrics by step, tags, times and files; a second export finds it there."""
        first = flightline(stack.home, "export", "mlflow", "--to", mlflow.url, "--experiment", "whole")
        assert first.stdout == f"Exported 2 jobs to {mlflow.url}.\n", first.stderr
        again = flightline(stack.home, "export", "mlflow", "--to", mlflow.url, "--experiment", "whole")
        assert again.stdout == f"Exported 0 jobs to {mlflow.url}; 2 there already.\n"
        run = next(one for one in mlflow.runs("whole") if one["info"]["run_name"] == "wide")
        assert run["info"]["status"] == "FINISHED"
        assert pairs(run, "params")["training.epochs"] == "2"
        tags = pairs(run, "tags")
        job = trained[1]
        assert (tags["flightline.job"], tags["flightline.tags"]) == (job.id, '["a", "b"]')
        assert tags["mlflow.note.content"] == "the first"
        assert tags["flightline.environment.engine"] == job.engine
        history = mlflow.get("metrics/get-history", run_id=run["info"]["run_id"], metric_key="val_loss")["metrics"]
        with Client(stack.ready["url"]) as client:
            epochs = client.epochs(job.id)
            content = client.model(job.id).content
        assert [(one["step"], one["value"]) for one in history] == list(zip(epochs.epoch, epochs.val_loss, strict=True))
        path = run["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
        stored = httpx.get(f"{mlflow.url}/api/2.0/mlflow-artifacts/artifacts/{path}/best.safetensors")
        assert stored.content == content

    @pytest.mark.parametrize("requests", [1, 3, 5, 8, 12, 15])
    def test_an_interrupted_export_is_finished_by_the_next(
        self, stack: Stack, mlflow: MlflowServer, trained: list[Job], requests: int
    ) -> None:
        """With one run for each job, and each value once."""
        name = f"interrupted at {requests}"
        with Client(stack.ready["url"]) as client:
            with pytest.raises(KeyboardInterrupt), Server(mlflow.url, Interrupted(requests)) as server:
                export(client, server, trained, experiment=name)
            with Server(mlflow.url) as server:
                export(client, server, trained, experiment=name)
                assert export(client, server, trained, experiment=name) == {"there": 2}
        runs = mlflow.runs(name)
        assert sorted(pairs(run, "tags")["flightline.job"] for run in runs) == sorted(job.id for job in trained)
        for run in runs:
            assert (run["info"]["status"], pairs(run, "tags")["flightline.exported"]) == ("FINISHED", "whole")
            asked = partial(mlflow.get, "metrics/get-history", run_id=run["info"]["run_id"])
            values = [asked(metric_key=one["key"])["metrics"] for one in run["data"]["metrics"]]
            assert [len(each) for each in values] == [2] * FIGURES

    def test_two_exports_at_once_leave_one_run_of_a_job(
        self, stack: Stack, mlflow: MlflowServer, trained: list[Job]
    ) -> None:
        """As from two schedulers: each creates a run of its own, and one of them stays; later exports find it."""
        barrier = threading.Barrier(2 * len(trained))

        def once(_number: int) -> Counter[str]:
            with Client(stack.ready["url"]) as client, Server(mlflow.url, InStep(barrier)) as server:
                return export(client, server, trained, experiment="twice")

        with Client(stack.ready["url"]) as client, Server(mlflow.url) as server, ThreadPoolExecutor(2) as pool:
            export(client, server, [], experiment="twice")
            fates = sum(pool.map(once, range(2)), Counter())
            assert export(client, server, trained, experiment="twice") == {"there": 2}
        assert fates == {"exported": 2, "there": 2}
        runs = mlflow.runs("twice")
        assert sorted(pairs(run, "tags")["flightline.job"] for run in runs) == sorted(job.id for job in trained)
        assert {pairs(run, "tags")["flightline.exported"] for run in runs} == {"whole"}

    def test_a_deleted_experiment_is_said(self, stack: Stack, mlflow: MlflowServer, trained: list[Job]) -> None:
        """MLflow would not say it: it takes no runs, for a reason that nobody sees."""
        assert trained
        created = mlflow.post("experiments/create", name="gone")
        mlflow.post("experiments/delete", experiment_id=created["experiment_id"])
        done = flightline(stack.home, "export", "mlflow", "--to", mlflow.url, "--experiment", "gone")
        assert done.returncode == 2
        assert "The experiment 'gone' is deleted" in done.stderr


class TestSweeps:
    def test_its_jobs_are_nested_below_a_run_of_its_own(
        self, stack: Stack, mlflow: MlflowServer, searched: Sweep
    ) -> None:
        """Which says what was searched and what was best; a second export changes nothing."""
        asked = ("export", "mlflow", "--to", mlflow.url, "--experiment", "nested", "--where", "training.seed>=7")
        assert flightline(stack.home, *asked).stdout == f"Exported 3 jobs to {mlflow.url}.\n"
        before = mlflow.runs("nested")
        assert flightline(stack.home, *asked).stdout == f"Exported 0 jobs to {mlflow.url}; 3 there already.\n"
        assert mlflow.runs("nested") == before
        parent = nested(mlflow, "nested", searched, 3)
        assert searched.best is not None
        assert (parent["info"]["run_name"], parent["info"]["status"]) == ("seeds", "FINISHED")
        metrics = {one["key"]: one["value"] for one in parent["data"]["metrics"]}
        assert metrics == {"best_val_accuracy": searched.best.value}
        params = pairs(parent, "params")
        assert (params["algorithm.kind"], params["objective.metric"]) == ("grid", "val_accuracy")
        assert params["best.training.seed"] == str(searched.best.params["training.seed"])
        assert json.loads(params["space.training.seed"])["high"] == 9
        assert pairs(parent, "tags")["flightline.url"].endswith(f"/sweeps/{searched.id}")

    def test_the_jobs_of_one_sweep(self, stack: Stack, mlflow: MlflowServer, searched: Sweep) -> None:
        """Named as it is for a list of its jobs, and no jobs beside it."""
        asked = ("export", "mlflow", "--to", mlflow.url, "--experiment", "by sweep", "--sweep", searched.id[-8:])
        assert flightline(stack.home, *asked).stdout == f"Exported 3 jobs to {mlflow.url}.\n"
        nested(mlflow, "by sweep", searched, 3)
        assert "not both" in flightline(stack.home, *asked, "last").stderr

    @pytest.mark.parametrize("requests", [27, 29, 30, 31, 32, 34, 36])
    def test_an_interrupted_export_is_finished_by_the_next(
        self, stack: Stack, mlflow: MlflowServer, searched: Sweep, requests: int
    ) -> None:
        """Whether the sweep's run was there by then or not."""
        name = f"nested at {requests}"
        with Client(stack.ready["url"]) as client:
            jobs = list(client.jobs(sweep=searched.id))
            with pytest.raises(KeyboardInterrupt), Server(mlflow.url, Interrupted(requests)) as server:
                export(client, server, jobs, experiment=name, artifacts=False)
            with Server(mlflow.url) as server:
                export(client, server, jobs, experiment=name, artifacts=False)
        nested(mlflow, name, searched, 3)

    def test_two_exports_at_once_leave_one_run_of_a_sweep(
        self, stack: Stack, mlflow: MlflowServer, searched: Sweep
    ) -> None:
        """Below which all jobs are; each has created one."""
        barrier = threading.Barrier(2)

        def once(number: int) -> Counter[str]:
            with (
                Client(stack.ready["url"]) as client,
                Server(mlflow.url, InStep(barrier, b"flightline.sweep_run")) as server,
            ):
                jobs = list(client.jobs(sweep=searched.id))[number : number + 2]
                return export(client, server, jobs, experiment="nested twice")

        with Client(stack.ready["url"]) as client, Server(mlflow.url) as server, ThreadPoolExecutor(2) as pool:
            export(client, server, [], experiment="nested twice")
            list(pool.map(once, range(2)))
            nested(mlflow, "nested twice", searched, 3)
            jobs = list(client.jobs(sweep=searched.id))
            assert export(client, server, jobs, experiment="nested twice") == {"there": 3}
            fates = import_runs(client, server, experiment="nested twice")
        assert fates == {"other": 1, "from_here": 3}
        nested(mlflow, "nested twice", searched, 3)

    @pytest.mark.parametrize("requests", range(12))
    def test_another_export_in_the_midst_of_one_leaves_one_run_of_a_sweep(
        self, stack: Stack, mlflow: MlflowServer, searched: Sweep, requests: int
    ) -> None:
        """From its beginning to its end, before each request of the other."""
        name = f"in the midst {requests}"
        experiment = mlflow.post("experiments/create", name=name)["experiment_id"]
        for number in range(2):
            mlflow.log_run(experiment, str(number), tags=[{"key": "flightline.sweep", "value": searched.id}])

        def other() -> None:
            with Client(stack.ready["url"]) as client, Server(mlflow.url) as server:
                nest(client, server, experiment, [searched.id])

        with Client(stack.ready["url"]) as client, Server(mlflow.url, InTheMidst(requests, other)) as server:
            nest(client, server, experiment, [searched.id])
        nested(mlflow, name, searched, 2)

    def test_a_sweep_that_goes_on_is_written_to_its_end_later(self, stack: Stack, mlflow: MlflowServer) -> None:
        """Until then its run goes on too; one that was deleted there stays deleted, and one deleted here has none."""
        with Client(stack.ready["url"]) as client, Server(mlflow.url) as server:
            busy = client.submit(LONG)  # the only worker, so that the sweep does not end before it is paused
            sweep = client.sweep(TINY, {"training.seed": {"kind": "values", "values": [20, 21]}}, max_trials=9)
            sweep.pause()
            busy.cancel()
            jobs = client.wait_all(client.jobs(sweep=sweep.id))
            export(client, server, jobs, experiment="going on")
            parent = nested(mlflow, "going on", sweep, len(jobs))
            assert parent["info"]["status"] == "RUNNING"
            sweep.cancel()
            export(client, server, client.jobs(sweep=sweep.id), experiment="going on")
            after = nested(mlflow, "going on", sweep, len(jobs))
            assert (after["info"]["run_id"], after["info"]["status"]) == (parent["info"]["run_id"], "KILLED")
            mlflow.post("runs/delete", run_id=parent["info"]["run_id"])
            export(client, server, client.jobs(sweep=sweep.id), experiment="going on")
            assert all("flightline.job" in pairs(run, "tags") for run in mlflow.runs("going on"))
            sweep.delete()
            export(client, server, jobs, experiment="gone here")
            assert len(mlflow.runs("gone here")) == len(jobs)


class TestImport:
    def test_a_run_is_a_job_beside_the_others(self, stack: Stack, mlflow: MlflowServer, trained: list[Job]) -> None:
        """Found by its params, compared with jobs that were trained here, and never run."""
        experiment = mlflow.post("experiments/create", name="theirs")["experiment_id"]
        accuracy = [{"key": "val_acc", "value": 0.5 + n / 10, "timestamp": n, "step": n} for n in range(3)]
        lost = [{"key": "loss", "value": "NaN", "timestamp": 1, "step": 0}]
        params = [{"key": "lr", "value": "0.01"}, {"key": "text", "value": "x" * 5000}]
        tags = [{"key": "team", "value": "vision"}, {"key": "mlflow.note.content", "value": "# why"}]
        mlflow.log_run(experiment, "resnet", metrics=[*accuracy, *lost], params=params, tags=tags)
        mlflow.log_run(experiment, "broken", status="FAILED")
        mlflow.log_run(experiment, "stopped", status="KILLED")
        mlflow.log_run(experiment, "going", status="RUNNING")
        asked = ("import", "mlflow", "--from", mlflow.url, "--experiment", "theirs")
        first = flightline(stack.home, *asked)
        assert first.stdout == f"Imported 3 runs from {mlflow.url}; 1 left out, as not finished.\n", first.stderr
        again = flightline(stack.home, *asked)
        assert again.stdout.startswith(f"Imported 0 runs from {mlflow.url}; 3 there already")
        with Client(stack.ready["url"]) as client:
            [job] = client.jobs(where=["params.lr<0.1", "run.experiment=theirs"])
            assert (job.name, job.kind, job.tags, job.notes) == ("resnet", "imported", ["team=vision"], "# why")
            assert (job.started_at, job.finished_at) == ("2026-01-31T12:00:00.000Z", "2026-01-31T12:30:00.000Z")
            assert job.result is not None
            assert (job.result.best_val_accuracy, job.result.val_loss) == (0.7, None)
            figures = {one.name: one.figures for one in job.metrics()}
            assert figures == {"val_acc": [0.5, 0.6, 0.7], "loss": [None]}
            statuses = {one.name: one.status for one in client.jobs(kind="imported")}
            assert statuses == {"resnet": "succeeded", "broken": "failed", "stopped": "cancelled"}
            compared = client.compare([job, trained[0]])
            assert compared.curves.val_accuracy[0] == [0.5, 0.6, 0.7]
            with pytest.raises(Conflict, match="it ran elsewhere"):
                job.retry()
            assert "resnet" in flightline(stack.home, "jobs", "--csv").stdout
            assert f"mlflow run {job.spec['run']['id']}" in flightline(stack.home, "show", job.id).stdout
            client.delete_many([one.id for one in client.jobs(kind="imported")])

    def test_what_was_exported_comes_back_as_it_was(
        self, stack: Stack, mlflow: MlflowServer, trained: list[Job], tmp_path: Path
    ) -> None:
        """In another service, with its epochs; the service that has the job itself keeps no copy."""
        with Client(stack.ready["url"]) as client, Server(mlflow.url) as server:
            export(client, server, trained, experiment="round")
            assert import_runs(client, server, experiment="round") == {"from_here": 2}
            epochs = client.epochs(trained[1].id)
        other = Stack(tmp_path / "other", "none")
        try:
            with Client(other.ready["url"]) as client, Server(mlflow.url) as server:
                assert import_runs(client, server, experiment="round")["imported"] == 2
                [job] = client.jobs(name="wide")
                known = job.epochs()
                params = job.spec["params"]
                tags = job.tags
                was = job.result
        finally:
            other.close()
        for name in ("epoch", "train_loss", "val_loss", "val_accuracy", "lr", "seconds"):
            assert known.raw[name] == epochs.raw[name]
        assert params["training"]["epochs"] == 2
        assert tags == ["a", "b"]
        assert was == trained[1].result

    @pytest.mark.parametrize("requests", [3, 6, 20])
    def test_an_interrupted_import_is_finished_by_the_next(
        self, stack: Stack, mlflow: MlflowServer, requests: int
    ) -> None:
        """With one job for each run."""
        name = f"many {requests}"
        experiment = mlflow.post("experiments/create", name=name)["experiment_id"]
        for number in range(8):
            values = [{"key": key, "value": 0.5, "timestamp": 1, "step": 1} for key in ("a", "b")]
            mlflow.log_run(experiment, f"run {number}", metrics=values)
        with Client(stack.ready["url"]) as client:
            with pytest.raises(KeyboardInterrupt), Server(mlflow.url, Interrupted(min(requests, 12))) as server:
                import_runs(client, server, experiment=name)
            with Server(mlflow.url) as server:
                import_runs(client, server, experiment=name)
                assert import_runs(client, server, experiment=name)["there"] == 8
            found = list(client.jobs(where=[f"run.experiment={name}"]))
            assert len(found) == 8
            client.delete_many([job.id for job in found])


def test_an_address_where_nothing_listens(stack: Stack) -> None:
    """The message names it, and nothing is written."""
    with Client(stack.ready["url"]) as client, Server("http://127.0.0.1:9") as server:
        with pytest.raises(NotReachable, match=r"No MLflow server answers at http://127\.0\.0\.1:9"):
            import_runs(client, server)
        with pytest.raises(NotReachable):
            export(client, server, [], experiment="x")


def test_what_is_no_mlflow_server(stack: Stack) -> None:
    """Such as Flightline itself."""
    done = flightline(stack.home, "import", "mlflow", "--from", stack.ready["url"])
    assert done.returncode == 3
    assert "is no MLflow server" in done.stderr
