"""Commands about many jobs at once: submitted as one batch, followed, cancelled and deleted."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from flightline.cli.jobs import batch
from tests.support.http_service import problem
from tests.support.http_team import TeamService
from tests.support.terminals import Terminal
from tests.unit.flightline.conftest import Run


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Three files with a job each; the second has a tag of its own."""
    jobs = [{"preset": "notebook-linear"}, {"preset": "notebook-linear", "tags": ["b"]}, {"preset": "notebook-tapered"}]
    for number, job in enumerate(jobs):
        (tmp_path / f"{number}.json").write_text(json.dumps(job))
    return [str(tmp_path / f"{number}.json") for number in range(3)]


def posted(team: TeamService, path: str) -> list[dict[str, object]]:
    """The bodies that were sent there."""
    return [json.loads(body) for method, target, body in team.requests if (method, target) == ("POST", path)]


class TestSubmitting:
    def test_several_files_are_one_batch(self, team: TeamService, run: Run, files: list[str]) -> None:
        """With the same settings and tags, beside those of each file; every id is printed, a warning once."""
        outcome = run("submit", *files, "--tag", "sweep1", "--tag", "b", "--set", "training.epochs=2")
        assert outcome.code == 0, outcome
        (sent,) = posted(team, "/v1/jobs/batch")
        assert [job["tags"] for job in sent["jobs"]] == [["sweep1", "b"], ["b", "sweep1"], ["sweep1", "b"]]  # type: ignore[attr-defined]
        assert all(job["training"] == {"epochs": 2} for job in sent["jobs"])  # type: ignore[attr-defined]
        assert "Submitted 3 jobs." in outcome.out
        assert all(one in outcome.out for one in team.jobs)
        assert outcome.err == "Warning: No live worker.\n"

    def test_json_has_all_of_them(self, team: TeamService, run: Run, files: list[str]) -> None:
        """At once, or with their ends where they are followed."""
        assert [job["id"] for job in run("submit", *files, "--json").json["items"]] == list(team.jobs)
        ended = run("submit", *files, "--json", "--watch")
        assert [job["status"] for job in ended.json["items"]] == ["succeeded"] * 3
        assert ended.code == 0

    def test_a_fault_names_its_file(self, team: TeamService, run: Run, files: list[str]) -> None:
        """Nothing is submitted, nor checked in vain."""
        Path(files[1]).write_text("{}")
        outcome = run("submit", *files)
        assert (outcome.code, team.jobs) == (3, {})
        assert f"{files[1]}: /architecture: is required" in outcome.err
        outcome = run("submit", *files, "--dry-run")
        assert (outcome.code, f"{files[1]}: /architecture" in outcome.err) == (3, True)

    def test_a_dry_run_of_many(self, team: TeamService, run: Run, files: list[str]) -> None:
        """What each costs, and nothing else."""
        outcome = run("submit", *files, "--dry-run")
        assert all(file in outcome.out for file in files)
        assert outcome.out.count("3,737,474") == 3
        assert len(run("submit", *files, "--dry-run", "--json").json["items"]) == 3
        assert team.jobs == {}

    @pytest.mark.parametrize(
        "arguments, said",
        [
            (["-", "-"], "give - once"),
            (["{0}", "{1}", "--name", "x"], "--name is for one job"),
            ([], "Say what to train"),
        ],
    )
    def test_what_makes_no_sense(
        self, team: TeamService, run: Run, files: list[str], arguments: list[str], said: str
    ) -> None:
        """Before anything is sent."""
        outcome = run("submit", *(one.format(*files) for one in arguments))
        assert (outcome.code, said in outcome.err, team.requests) == (2, True, [])

    def test_a_note_is_written_on_each(self, team: TeamService, run: Run, files: list[str]) -> None:
        """Notes belong to jobs, not to what they ask for: they are written once there are jobs."""
        for number, chosen in enumerate((files, files[:1])):
            assert run("submit", *chosen, "--note", f"Try {number}", "--json").code == 0
        notes = [job.get("notes") for job in team.jobs.values()]
        assert notes == ["Try 0"] * 3 + ["Try 1"]
        assert all(b"notes" not in body for method, _, body in team.requests if method == "POST")

    def test_jobs_whose_note_is_refused_are_named(self, team: TeamService, run: Run, files: list[str]) -> None:
        """They are queued all the same."""
        first = f"01936f00-0000-7000-8000-{0:04x}abcdef01"
        team.refuse[f"PATCH /v1/jobs/{first}"] = problem(422, "invalid_spec", "Too long.")
        outcome = run("submit", files[0], "--note", "x")
        assert (outcome.code, "Too long" in outcome.err, first in outcome.out) == (3, True, True)

    def test_a_tag_of_one_job(self, team: TeamService, run: Run) -> None:
        """Of a preset too; a tag that is there already is not doubled."""
        assert run("submit", "--preset", "notebook-linear", "--tag", "a", "--tag", "a").code == 0
        assert posted(team, "/v1/jobs") == [{"preset": "notebook-linear", "tags": ["a"]}]


class TestFollowing:
    def test_all_of_a_tag(self, team: TeamService, run: Run) -> None:
        """Those that are not finished; the exit code is that of all."""
        for number in range(3):
            team.add(tags=["a"], name=f"job{number}")
        team.add(status="failed", tags=["a"])
        outcome = run("watch", "--tag", "a")
        assert outcome.code == 0, outcome
        assert all(f"job{number}  succeeded" in outcome.out for number in range(3))
        outcome = run("watch", "--tag", "a")
        assert (outcome.code, outcome.err) == (0, "No job that matches is queued, running or paused.\n")
        failed = team.add(status="failed")["id"]
        assert run("watch", team.add()["id"], failed, "--json").code == 1

    def test_many_are_told_by_their_ends(self, team: TeamService, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """One stream for all of them, and a line for each that ends."""
        monkeypatch.setattr(batch, "FOLLOWED_SINGLY", 2)
        for number in range(3):
            team.add(tags=["a"], name=f"job{number}", epochs=2)
        outcome = run("watch", "--tag", "a")
        assert (outcome.code, outcome.out.count("succeeded: accuracy"), "epoch 1/2" in outcome.out) == (0, 3, False)
        assert [path for _, path, _ in team.requests if path.endswith("/events")] == ["/v1/events"]

    def test_many_are_one_bar_on_a_terminal(self, team: TeamService, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """And a table once they have ended."""
        monkeypatch.setattr(batch, "FOLLOWED_SINGLY", 2)
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "100")
        for number in range(3):
            team.add(tags=["a"], name=f"job{number}", epochs=2)
        outcome = run("watch", "--tag", "a")
        assert (outcome.code, "3 of 3 jobs finished" in outcome.err) == (0, True)
        assert all(f"job{number}" in outcome.out for number in range(3))


class TestEnding:
    def test_a_tag_is_cancelled_and_deleted(self, team: TeamService, run: Run) -> None:
        """What runs, what waits and what is paused, then all of it; others stay."""
        queued, running = team.add(status="queued", tags=["a"])["id"], team.add(tags=["a"])["id"]
        paused = team.add(status="paused", tags=["a"])["id"]
        other = team.add(tags=["b"])["id"]
        team.add(status="succeeded", tags=["a"])
        outcome = run("cancel", "--tag", "a", "--yes")
        assert (outcome.code, outcome.out) == (
            0,
            "Cancelled 3 jobs. Those that run (1) stop within about a second.\n",
        )
        assert posted(team, "/v1/jobs/cancel") == [{"ids": [paused, running, queued]}]
        assert run("delete", "--tag", "a", "--yes").out == "Deleted 4 jobs.\n"
        assert list(team.jobs) == [other]

    def test_without_a_terminal_the_answer_must_be_there(self, team: TeamService, run: Run) -> None:
        """A script says --yes; one job is never asked about."""
        ids = [team.add(status="queued")["id"] for _ in range(2)]
        for action in ("cancel", "delete"):
            outcome = run(action, *ids)
            assert (outcome.code, "2 jobs are meant. Add --yes" in outcome.err) == (2, True)
        assert all(method == "GET" for method, _, _ in team.requests)
        assert run("cancel", ids[0]).code == 0

    def test_what_is_refused_is_said(self, team: TeamService, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """The others are done; the exit code says that not all are."""
        team.tokens = {"fl_ada": ("ada", "submit")}
        monkeypatch.setenv("FLIGHTLINE_TOKEN", "fl_ada")
        team.add(owner="ada", tags=["a"])
        other = team.add(owner="bob", tags=["a"], epochs=1000)["id"]
        outcome = run("cancel", *team.jobs, "--yes")
        assert (outcome.code, outcome.err) == (3, f"Not done: Job {other} belongs to bob.\n")
        assert outcome.out.startswith("Cancelled 1 job.")
        answer = run("delete", "--tag", "a", "--owner", "ada", "--json")
        assert [one["outcome"] for one in answer.json["items"]] == ["deleted"]
        assert list(team.jobs) == [other]

    def test_nothing_matches(self, team: TeamService, run: Run) -> None:
        """That is no error, and sends nothing that changes."""
        assert run("cancel", "--tag", "a").err == "No job that matches is queued, running or paused.\n"
        assert run("delete", "--where", "training.epochs>3", "--json").json == {"items": []}

    def test_nothing_of_ones_own_matches(self, team: TeamService, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whose jobs were looked at is said, as those of others may well match."""
        team.tokens = {"fl_ada": ("ada", "submit")}
        monkeypatch.setenv("FLIGHTLINE_TOKEN", "fl_ada")
        team.add(owner="bob", tags=["a"], status="succeeded")
        assert run("delete", "--tag", "a").err == "No job of ada's that matches is finished.\n"
        assert run("cancel", "--tag", "a").err == "No job of ada's that matches is queued, running or paused.\n"
        assert run("delete", "--tag", "b", "--owner", "bob").err == "No job of bob's that matches is finished.\n"

    @pytest.mark.parametrize(
        "arguments, said",
        [
            (["cancel"], "Say which jobs"),
            (["delete", "abcd", "--tag", "a"], "not both"),
            (["submit", "--preset", "convnet", "--dry-run", "--watch"], "not both"),
            (["compare"], "Say which jobs"),
        ],
    )
    def test_which_jobs(self, team: TeamService, run: Run, arguments: list[str], said: str) -> None:
        """All of them are never meant, and two ways to say it are one too many."""
        outcome = run(*arguments)
        assert (outcome.code, said in outcome.err, team.requests) == (2, True, [])

    @pytest.mark.parametrize(
        "typed, code, status", [("n\n", 130, "running"), ("\n", 130, "running"), ("y\n", 0, "cancelled")]
    )
    def test_a_person_is_asked(self, team: TeamService, typed: str, code: int, status: str) -> None:
        """With the number of jobs and whose they are; whoever does not say yes changes nothing."""
        jobs = [team.add(owner=owner, tags=["a"], epochs=1000) for owner in ("ada", "ada", "bob")]
        terminal = Terminal(
            [sys.executable, "-m", "flightline", "cancel", "--tag", "a"], {**os.environ, "NO_COLOR": "1"}
        )
        try:
            terminal.wait_for(lambda drawn: "Cancel 3 jobs (2 of ada, 1 of bob)? [y/N]" in drawn, "the question")
            terminal.type(typed)
            assert terminal.end() == code, terminal.drawn
        finally:
            terminal.close()
        assert {job["status"] for job in jobs} == {status}
