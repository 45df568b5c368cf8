"""Homes that stacks of earlier releases left when they were killed: a stack of this code takes each over in one go."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from PIL import Image
from safetensors import safe_open
from sqlalchemy import Connection, text, update

import migrations
from shared.database import clock
from shared.database.engine import Database
from shared.database.tables import IdempotencyKey
from tests.golden.releases import homes
from tests.golden.releases.make import RELEASES
from tests.support.notebooks import Kernel
from tests.support.processes import PATIENCE
from tests.support.servers import PostgresServer, wait_until

HOMES = sorted(path for name in homes.DATABASES for path in RELEASES.glob(f"*/{name}.tar.xz"))


@dataclass(frozen=True)
class Upgraded:
    """A home of another release over which a stack of this code runs."""

    stack: homes.Stack
    database_url: str
    before: dict[str, Any]
    """Answers of the release's own API."""


@pytest.fixture(scope="module", params=HOMES, ids=lambda path: f"{path.parent.name}-{path.name.partition('.')[0]}")
def upgraded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    """Each home of each release, unpacked, its database loaded, and started as it is."""
    home = homes.unpacked(request.param, tmp_path_factory.mktemp("release"))
    url, settings = f"sqlite:///{home / 'flightline.db'}", {}
    if (home / homes.DUMP).is_file():
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.create(f"release_{request.param.parent.name}")
        homes.load_dump(home, url)
        settings = {"database_url": url}
    before = json.loads((home / homes.ANSWERS).read_text())
    _renew_its_key(url)
    stack = homes.Stack(home, **settings)
    yield Upgraded(stack, url, before)
    stack.close()


def _renew_its_key(url: str) -> None:
    """Have the key be of a moment ago, whenever the home was made: it counts for a day."""

    def work(connection: Connection) -> None:
        connection.execute(update(IdempotencyKey).values(created_at=clock.database_now(connection)))

    db = Database(url)
    db.write(work)
    db.dispose()


def assert_holds(now: Any, before: Any, where: str = "") -> None:
    """Whatever stood in an answer stands in it still; a later release may add to it."""
    if isinstance(before, dict):
        assert before.keys() <= now.keys(), where
        for name, value in before.items():
            assert_holds(now[name], value, f"{where}.{name}")
    elif isinstance(before, list):
        assert len(now) == len(before), where
        for number, value in enumerate(before):
            assert_holds(now[number], value, f"{where}[{number}]")
    else:
        assert now == before, where


def test_the_schema_is_todays(upgraded: Upgraded) -> None:
    """Every migration has run."""
    db = Database(upgraded.database_url)
    with db.read() as connection:
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    db.dispose()
    assert revision == ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head()


def test_what_had_ended_is_answered_as_before(upgraded: Upgraded) -> None:
    """Jobs, epochs, evaluations, attempts, log, artifacts and events; and they are listed among all others."""
    jobs = upgraded.before["jobs"]
    assert {answers[""]["status"] for answers in jobs.values()} == {"succeeded", "failed", "cancelled"}
    listed = {job.id: job.raw for job in upgraded.stack.client.jobs()}
    for job_id, answers in jobs.items():
        assert_holds(upgraded.stack.answers(job_id), answers, job_id)
        assert_holds(listed[job_id], {name: value for name, value in answers[""].items() if name in listed[job_id]})
    assert listed.keys() >= {*jobs, upgraded.before["queued"], upgraded.before["running"]}


def test_artifacts_are_whole(upgraded: Upgraded, tmp_path: Path) -> None:
    """The command that downloads them finds the sha256 of then."""
    found = 0
    for job_id, answers in upgraded.before["jobs"].items():
        for artifact in answers["/artifacts"]["items"]:
            path = upgraded.stack.client.download(job_id, artifact["name"], tmp_path)
            assert hashlib.sha256(path.read_bytes()).hexdigest() == artifact["sha256"]
            found += 1
    assert found >= 3 * 4


def test_a_key_still_stands_for_its_job(upgraded: Upgraded) -> None:
    """What was sent before the upgrade and is sent again makes no second job."""
    assert upgraded.stack.client.submit(homes.KEYED, idempotency_key=homes.KEY).id == upgraded.before["keyed"]


def test_networks_of_the_release_are_scored_as_then(upgraded: Upgraded) -> None:
    """On the images that they were validated on; a retry of their jobs asks for the same, and gives it."""
    client, jobs = upgraded.stack.client, upgraded.before["jobs"]
    ended = [job_id for job_id, answers in jobs.items() if answers[""]["status"] == "succeeded"]
    for job_id in ended[:2]:
        before = jobs[job_id]["/evaluation"]
        images = {name: homes.DATASET[name] for name in ("name", "val_per_class")}
        scored = client.wait(client.evaluate(job_id, images).id)
        assert scored.succeeded, scored.error
        assert_holds(client.evaluation(scored.id).raw, before)
    again = client.wait(client.retry(ended[0]).id)
    assert (again.spec_hash, again.config_hash) == tuple(
        jobs[ended[0]][""][name] for name in ("spec_hash", "config_hash")
    )
    assert_holds(again.raw["spec"], jobs[ended[0]][""]["spec"])
    assert_holds(again.raw["result"], jobs[ended[0]][""]["result"])


def test_notebooks_repeat_the_jobs_of_the_release(upgraded: Upgraded) -> None:
    """As close as another engine or processor comes to what the release recorded."""
    jobs = upgraded.before["jobs"]
    with Kernel() as kernel:
        for job_id, answers in jobs.items():
            notebook = upgraded.stack.get(f"/v1/jobs/{job_id}/notebook")
            if answers[""]["status"] == "succeeded":
                ran = kernel.run(notebook)
                assert "These are the job's images." in ran.printed
                for name, figures in ran.history.items():
                    assert figures == pytest.approx(answers["/epochs"][name], rel=0.05, abs=0.05)


def test_a_folder_of_ones_own_is_trained_on(upgraded: Upgraded) -> None:
    """Put into the data directory of the home, it is reported, named by jobs, and known by its name."""
    client, root = upgraded.stack.client, upgraded.stack.home / "datasets"
    for label, name in enumerate(("circle", "square")):
        for number in range(4):
            path = root / ".shapes" / "train" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16 + number, 12), (100 * label, 50 * number, 90)).save(path)
    (root / ".shapes").rename(root / "shapes")
    wait_until(lambda: "shapes" in {one.name for one in client.datasets()}, "the folder being reported", PATIENCE)
    assert client.dataset("shapes").input_shape is None
    mlp = {"architecture": {"kind": "mlp", "hidden": []}, "training": {"epochs": 1}}
    job = client.submit({**mlp, "dataset": {"name": "shapes", "image_size": 8, "val_fraction": 0.25}})
    assert client.wait(job.id).succeeded
    assert [figures.support for figures in client.evaluation(job.id).per_class] == [1, 1]


def test_the_job_that_ran_goes_on_from_its_checkpoint(upgraded: Upgraded) -> None:
    """Its second attempt begins where the last checkpoint was, and the epochs before that stand."""
    client, job_id = upgraded.stack.client, upgraded.before["running"]
    ended = client.wait(job_id)
    assert (ended.status, ended.attempts) == ("succeeded", 2)
    first, second = client.attempts(job_id)
    assert (first.outcome, second.outcome) == ("lost", "succeeded")
    assert second.resumed_from_epoch is not None
    assert second.resumed_from_epoch > 1
    epochs, before = client.epochs(job_id).raw, upgraded.before["epochs"]
    assert epochs["epoch"] == list(range(1, homes.LONG["training"]["epochs"] + 1))
    standing = sum(epoch < second.resumed_from_epoch for epoch in before["epoch"])
    assert standing
    assert_holds({k: v[:standing] for k, v in epochs.items()}, {k: v[:standing] for k, v in before.items()})


def test_weights_made_after_the_upgrade_say_what_they_are(upgraded: Upgraded, tmp_path: Path) -> None:
    """Those of the job that was resumed, whose spec the release had stored."""
    client, job_id = upgraded.stack.client, upgraded.before["running"]
    job = client.wait(job_id)
    with safe_open(client.download(job_id, "best.safetensors", tmp_path), "pt") as file:
        about = file.metadata()
    assert (about["job_id"], about["attempt"], about["spec_hash"]) == (job_id, "2", job.spec_hash)
    assert json.loads(about["spec"]) == job.raw["spec"]
    assert job.result is not None
    assert json.loads(about["val_accuracy"]) == job.result.best_val_accuracy


def test_the_job_that_waited_is_trained(upgraded: Upgraded) -> None:
    """Its message was Redis', or is sent again."""
    ended = upgraded.stack.client.wait(upgraded.before["queued"])
    assert (ended.status, ended.attempts) == ("succeeded", 1)


def test_there_are_homes() -> None:
    """Of one release at least, on both databases."""
    assert {path.name for path in HOMES} == {"postgresql.tar.xz", "sqlite.tar.xz"}
