"""The client and the command may be upgraded before the service: answers of the last release are read as ever."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flightline.client.client import Client  # with every record that a client reads
from flightline.client.older import ADDED
from flightline.client.records import JobRecord, View
from flightline.client.search.leaderboard import Settlement
from flightline.client.search.sweep_records import Trial
from shared import wire
from shared.wire.answer import Answer, names
from tests.golden.releases.make import FIELDS, RELEASES
from tests.support.http_service import Answer as Response
from tests.support.http_service import serving
from tests.support.http_sweeps import SweepService

KNOWN = {file.parent.name: json.loads(file.read_text()) for file in RELEASES.glob(f"*/{FIELDS}")}
NEWER = {"owner", "notes", "cache", "estimate", "sweep", "replay", "replay_of", "not_before"} | {
    *("following", "served_from", "continued_from", "role", "digest", "reason", "deleted", "reached")
}
"""Names that no answer of an earlier release had."""


def subclasses(kind: type[View]) -> Iterator[type[View]]:
    """Every record below a class."""
    for one in kind.__subclasses__():
        yield from (one, *subclasses(one))


def answer_of(record: type[View]) -> type[Answer]:
    """The answer that a record reads."""
    return next(kind for kind in record.__mro__ if kind in vars(wire).values())


RECORDS = {one.__name__: one for one in subclasses(View) if one.__module__.startswith("flightline.")}
READ = {name: one for name, one in RECORDS.items() if any(kind in vars(wire).values() for kind in one.__mro__)}


@pytest.mark.parametrize("release", KNOWN)
@pytest.mark.parametrize("name", READ)
def test_every_field_of_every_answer_can_be_read(release: str, name: str) -> None:
    """A field that is new since may be null, or `ADDED` says what stands for it."""
    record = READ[name]
    sent = KNOWN[release].get(answer_of(record).__name__, names(answer_of(record)))
    found = record(dict.fromkeys(sent))
    for field in names(answer_of(record)):
        assert hasattr(found, field), field


def test_there_are_releases() -> None:
    """The test above is about something: about an answer that has grown, too."""
    assert KNOWN
    assert any(set(names(wire.Job)) - set(fields["Job"]) for fields in KNOWN.values())


@pytest.mark.parametrize("kind", ADDED, ids=lambda kind: kind.__name__)
def test_what_stands_for_a_field_names_one(kind: type[Answer]) -> None:
    """A field that is renamed or taken away is seen here."""
    assert ADDED[kind].keys() <= set(names(kind))


def test_what_is_new_since_sweeps_are_there() -> None:
    """Nothing was deleted, nothing is said."""
    trial = Trial({"point": 0, "params": {}, "status": "running", "jobs": [], "created_at": ""})
    assert [*trial.deleted, *trial.reached, *trial["deleted"]] == []
    assert trial.error is None
    asked = dict.fromkeys(("metric", "mode", "dry_run", "jobs", "capped", "groups", "pairs"))
    assert Settlement(asked).reason is None


def test_a_field_that_was_not_asked_for_is_no_older_services() -> None:
    """As of jobs of which only some fields are listed: nobody is told that a job has no error."""
    with pytest.raises(AttributeError, match="has no 'error'; it has id, result"):
        _ = JobRecord({"id": "1", "result": {"val_loss": 0.5}}).error
    with pytest.raises(AttributeError, match="has no 'val_accuracy'"):
        _ = JobRecord({"id": "1", "result": {"val_loss": 0.5}}).result.val_accuracy  # type: ignore[union-attr]


class OlderService(SweepService):
    """A service whose answers lack what is newer than the last release."""

    def routed(self, method: str, path: str, asked: dict[str, list[str]], body: bytes, last_event_id: int) -> Response:
        status, answer = super().routed(method, path, asked, body, last_event_id)
        gone = NEWER | ({"error", "warnings"} if path.startswith("/v1/sweeps") else set())
        return status, without(answer, gone)


def without(value: Any, gone: set[str]) -> Any:
    """JSON without some fields, at any depth but in specs."""
    if isinstance(value, dict):
        gone = gone | {"kind"} if "queued_at" in value else gone
        return {key: one if key == "spec" else without(one, gone) for key, one in value.items() if key not in gone}
    return [without(one, gone) for one in value] if isinstance(value, list) else value


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[OlderService]:
    """Such a service, with a finished job and a sweep of which two points have ended."""
    with serving(OlderService()) as fake:
        monkeypatch.setenv("FLIGHTLINE_URL", fake.url)
        monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path))
        fake.add(status="succeeded", epoch=3)
        sweep = fake.add_sweep(name="rates")
        for _ in range(2):
            fake.move_on(sweep)
        yield fake


COMMANDS = (
    *("jobs", "jobs --csv", "show last", "show last --part attempts", "show last --part epochs", "watch last"),
    *("logs last", "workers", "datasets", "queues", "submit FILE --dry-run", "top --json"),
    *("sweeps", "sweep show last", "sweep show last --importance"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(older: OlderService, run: Callable[..., Any], tmp_path: Path, command: str) -> None:
    """Each shows what there is."""
    assert older.jobs
    file = tmp_path / "job.json"
    file.write_text(json.dumps({"architecture": {"kind": "mlp", "hidden": [8]}}))
    outcome = run(*command.replace("FILE", str(file)).split())
    assert outcome.code == 0, outcome


def test_a_sweep(older: OlderService, run: Callable[..., Any], tmp_path: Path) -> None:
    """Checked, started and followed."""
    file = tmp_path / "sweep.json"
    file.write_text(json.dumps({"base": {"preset": "notebook-linear"}, "space": {"training.seed": {"kind": "int"}}}))
    assert run("sweep", str(file), "--dry-run").code == 0
    assert run("sweep", str(file), "--watch").code == 0
    with Client(older.url) as client:
        assert client.check_sweep("notebook-linear", {"training.seed": {"kind": "int"}}).warnings == ()
        assert [(trial.deleted, trial.error) for trial in next(client.sweeps()).trials()]
