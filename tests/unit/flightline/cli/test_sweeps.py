"""The commands about sweeps: started, checked, listed, followed, changed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from flask import Flask
from rich.cells import cell_len
from rich.console import Console

from api.http.tables import as_csv
from flightline.cli.commands.training import sweeps as commands
from flightline.cli.sweeps import tables
from flightline.cli.sweeps.progress import SweepView, follow_sweep
from flightline.client.client import Client
from flightline.client.search.sweep_records import SweepRecord, Trial
from shared.sweeps.points import suggestions
from tests.support.http_answers import CREATED
from tests.support.http_sweeps import LR, SweepService

Run = Callable[..., Any]
DOCUMENT = {"name": "rates", "base": {"preset": "notebook-linear"}, "space": {LR: {"kind": "float"}}}


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file that describes a sweep."""
    path = tmp_path / "rates.json"
    path.write_text(json.dumps(DOCUMENT))
    return str(path)


class TestStarting:
    @pytest.mark.parametrize("word", [[], ["start"]], ids=["a file alone", "start"])
    def test_a_file_starts_a_sweep(self, searching: SweepService, run: Run, file: str, word: list[str]) -> None:
        """With what is set on the command line; its id and how to watch it are said."""
        outcome = run("sweep", *word, file, "--set", "max_trials=3", "--name", "mine")
        assert outcome.code == 0, outcome
        [sweep] = searching.sweeps.values()
        assert (sweep["name"], sweep["max_trials"], sweep["space"]) == ("mine", 3, DOCUMENT["space"])
        assert outcome.out == (
            f"Started mine: 3 points. Sweep {sweep['id']}\nWatch it with `flightline sweep watch {sweep['id']}`.\n"
        )
        assert outcome.err == "Warning: The space is small.\n"
        assert "\nwarning     The space is small.\n" in run("sweep", "show", "last").out

    def test_the_help_of_the_group_names_every_option_of_a_start(self, run: Run) -> None:
        """As a file may stand where its commands do."""
        started = typer.main.get_command(commands.group).commands["start"]  # type: ignore[attr-defined]
        options = [one.opts[0] for one in started.params if one.opts[0].startswith("--") and one.name != "help"]
        said = " ".join(run("sweep", "--help").out.split())
        assert len(options) > 4
        assert [one for one in options if f"[{one}" not in said] == []

    def test_a_dry_run_shows_points_and_cost(self, searching: SweepService, run: Run, file: str) -> None:
        """An option may come before the file; nothing is started."""
        outcome = run("sweep", "--dry-run", file)
        assert outcome.out == (
            "lr=0.1\nlr=0.01\n…\n4 points, 8 jobs, 72 epochs at most, stops after 1, 3; 10 to 2,000 parameters. "
            "Nothing was started.\n"
        )
        assert outcome.err == "Warning: The space is small.\n"
        assert searching.sweeps == {}
        assert run("sweep", file, "--dry-run", "--json").json["jobs"] == 8

    def test_a_dry_run_is_not_followed(self, searching: SweepService, run: Run, file: str) -> None:
        """It starts nothing that could be."""
        outcome = run("sweep", file, "--dry-run", "--watch")
        assert (outcome.code, searching.sweeps) == (2, {})
        assert "Give --dry-run or --watch, not both" in outcome.err

    def test_it_is_followed(self, searching: SweepService, run: Run, file: str) -> None:
        """A line for each new best; the exit code says that there is one."""
        outcome = run("sweep", file, "--watch")
        assert outcome.code == 0, outcome
        lines = outcome.out.splitlines()
        assert "rates  running" in lines
        assert lines[-1] == "rates finished: 4 points, best 70.0 % at lr=0.001"
        assert any("best 70.0 % at lr=0.001 (point 2)" in line for line in lines)
        followed = run("sweep", file, "--watch", "--json")
        assert (followed.json["status"], followed.code) == ("finished", 0)

    def test_ctrl_c_leaves_it_running(
        self, searching: SweepService, run: Run, file: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And says how to see it again."""

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(commands, "follow_sweep", interrupted)
        outcome = run("sweep", file, "-w")
        [sweep] = searching.sweeps
        assert (outcome.code, f"`flightline sweep watch {sweep}`" in outcome.err) == (130, True)
        assert searching.sweeps[sweep]["status"] == "running"

    @pytest.mark.parametrize(
        "words, code, said",
        [
            (["sweep", "nowhere.json"], 2, "The sweep in 'nowhere.json' cannot be read"),
            (["sweep", "cancell", "abcd"], 2, "cancel"),
            (["sweep", "./other.json"], 2, "cannot be read"),
            (["sweep", "show", "ab!"], 2, "is no sweep's id"),
            (["sweep", "show", "abcd"], 3, "`flightline sweeps` lists the sweeps."),
            (["sweep", "show", "last"], 2, "There is no sweep yet"),
            (["jobs", "--sweep", "last"], 2, "There is no sweep yet"),
        ],
    )
    def test_what_goes_wrong(self, searching: SweepService, run: Run, words: list[str], code: int, said: str) -> None:
        """It is said with what to do."""
        outcome = run(*words)
        assert (outcome.code, said in outcome.err) == (code, True), outcome
        assert searching.sweeps == {}

    def test_a_job_is_no_sweep(self, searching: SweepService, run: Run, tmp_path: Path) -> None:
        """Its file is not sent."""
        (tmp_path / "job.json").write_text('{"preset": "notebook-linear"}')
        outcome = run("sweep", str(tmp_path / "job.json"))
        assert (outcome.code, "A sweep has a `base` and a `space`" in outcome.err) == (2, True)
        assert searching.requests == []

    def test_a_base_with_many_classes(self, searching: SweepService, run: Run, tmp_path: Path) -> None:
        """Its lists may be as long as those of a job; a list that is too long for any field is named."""
        base = {"preset": "x", "dataset": {"name": "own", "classes": [f"class {n}" for n in range(400)]}}
        (tmp_path / "s.json").write_text(json.dumps(DOCUMENT | {"base": base}))
        assert run("sweep", str(tmp_path / "s.json")).code == 0
        (tmp_path / "s.json").write_text(json.dumps(DOCUMENT | {"base": {"training": {"augment": [{}] * 200}}}))
        outcome = run("sweep", str(tmp_path / "s.json"))
        assert (outcome.code, "is no sweep" in outcome.err, "/base/training/augment" in outcome.err) == (
            2,
            True,
            True,
        ), outcome
        assert len(searching.sweeps) == 1

    def test_what_the_service_refuses(self, searching: SweepService, run: Run, tmp_path: Path) -> None:
        """Each problem with its place."""
        (tmp_path / "s.json").write_text(json.dumps(DOCUMENT | {"space": {}}))
        outcome = run("sweep", str(tmp_path / "s.json"))
        assert (outcome.code, "/space: space takes at least 1." in outcome.err) == (3, True)


class TestReading:
    def test_the_list(self, searching: SweepService, run: Run) -> None:
        """Newest first; owners where there are any; filtered."""
        assert "Start one: `flightline sweep FILE`" in run("sweeps").err
        first = searching.add_sweep(name="one")
        assert "OWNER" not in run("sweeps").out
        second = searching.add_sweep(name="two", status="paused", owner="ada")
        searching.move_on(first)
        lines = run("sweeps").out.splitlines()
        assert [line.split()[:2] for line in lines[1:]] == [[second["id"], "two"], [first["id"], "one"]]
        assert "OWNER" in lines[0]
        assert "1/4" in lines[2]
        assert "50.0 %" in lines[2]
        assert [one["id"] for one in run("sweeps", "--status", "paused", "--json").json["items"]] == [second["id"]]
        assert run("sweeps", "--owner", "bob").err == "No sweep matches these filters.\n"

    def test_one_with_its_points(self, searching: SweepService, run: Run) -> None:
        """The facts, then the best points first; as JSON and CSV with everything."""
        sweep = searching.add_sweep(name="rates", asha={"min_epochs": 1, "eta": 3})
        assert "No points yet." in run("sweep", "show", "last").err
        assert "not known: it takes 20 points" in run("sweep", "show", "last", "--importance").out
        for _ in range(4):
            searching.move_on(sweep)
        shown = run("sweep", "show", sweep["id"][-8:]).out
        assert "after 1, 3 of 9 epochs; the best 1/3 go on" in shown
        assert "70.0 % at lr=0.001 (point 2)" in shown
        rows = [line.split()[0] for line in shown.splitlines() if line[:1].isdigit()]
        assert rows == ["2", "1", "3", "0"]
        assert len(run("sweep", "show", "last", "--json", "-n", "2").json["trials"]) == 2
        assert "importance" not in shown
        matters = run("sweep", "show", "last", "--importance").out
        assert "importance  75.0 % training.optimizer.lr\n            25.0 % training.seed\n" in matters

    def test_its_csv_is_that_of_the_service(self, searching: SweepService, run: Run) -> None:
        """Its columns in their order, each param in one, lists as the service writes them."""
        searching.add_sweep(max_trials=2)
        sweep = searching.sweeps[next(iter(searching.sweeps))]
        searching.move_on(sweep)
        searching.move_on(sweep)
        first, second = points = searching.points[sweep["id"]]
        first["params"] = {LR: 0.1, "architecture.hidden": [64, 16], "training.ema": True}
        second["params"] = {LR: 0.2, "training.seed": 7}
        printed = run("sweep", "show", "last", "--csv", "--sort", "number").out
        with Flask("test").test_request_context():
            answered = as_csv(points).get_data(as_text=True)
        assert printed == answered.replace("\r\n", "\n")
        assert '"[64,16]"' in printed

    def test_more_points_than_a_table_shows(self, searching: SweepService, run: Run) -> None:
        """How many there are is said with the table, and how to see them; programs get all without asking."""
        sweep = searching.add_sweep(max_trials=23)
        for _ in range(23):
            searching.move_on(sweep)
        shown = run("sweep", "show", "last")
        assert shown.err == "20 of 23 points are shown: `-n 23` shows all of them.\n"
        assert len(shown.out.partition("\nPOINT")[2].splitlines()) == 21
        whole = run("sweep", "show", "last", "-n", "23")
        assert (whole.err, len(whole.out.partition("\nPOINT")[2].splitlines())) == ("", 24)
        assert len(run("sweep", "show", "last", "--csv").out.splitlines()) == 24
        assert len(run("sweep", "show", "last", "--json").json["trials"]) == 23
        assert len(run("sweep", "show", "last", "--csv", "-n", "5").out.splitlines()) == 6

    def test_one_whose_best_job_was_deleted(self, searching: SweepService, run: Run) -> None:
        """Its id stays, and says that nothing is there any more; the others are named as before."""
        sweep = searching.add_sweep(max_trials=1)
        searching.move_on(sweep)
        job = sweep["best"]["jobs"][0]
        assert f"best job    {job}\n" in run("sweep", "show", "last").out
        for point in (sweep["best"], searching.points[sweep["id"]][0]):
            point["deleted"] = [job]
        shown = run("sweep", "show", "last").out
        assert f"best job    {job} (deleted)\n" in shown
        assert shown.count("(deleted)") == 2

    def test_one_that_failed_says_why(self, searching: SweepService, run: Run) -> None:
        """How many and the first error stand among the facts, and at the end of one that is followed."""
        sweep = searching.add_sweep(name="rates", status="finished")
        sweep["counts"] |= {"failed": 3, "cancelled": 1, "stopped": 2}
        sweep |= dict.fromkeys(("points_tried", "points_done", "points_failed"), 4)
        sweep |= {"error": "non_finite_loss: NaN", "finished_at": sweep["created_at"]}
        shown = run("sweep", "show", "last").out
        assert "points      4 of 4 tried, 4 failed, 0 made\n" in shown
        assert "jobs        3 failed, 1 cancelled, 2 stopped\nerror       non_finite_loss: NaN\n" in shown
        watched = run("sweep", "watch", "last")
        said = "rates finished: 4 points, no point has a value; 4 points failed. The first error: non_finite_loss: NaN"
        assert (watched.code, watched.out.splitlines()[-1]) == (1, said)
        sweep["counts"]["running"] = 2
        assert tables.jobs_text(SweepRecord(sweep)) == "2 running, 3 failed"

    def test_points_that_failed_say_why(self, searching: SweepService, run: Run) -> None:
        """Each in the table, without the id of its job, which stands there already; a narrow terminal leaves it out."""
        sweep = searching.add_sweep()
        for _ in range(3):
            searching.move_on(sweep)
        assert "ERROR" not in run("sweep", "show", "last").out
        points = searching.points[sweep["id"]]
        points[0] |= {"status": "failed", "value": None, "error": f"Its job {points[0]['jobs'][0]} failed: NaN."}
        points[1] |= {"status": "failed", "value": None, "jobs": [], "error": "No job can be made of it: 7."}
        shown = run("sweep", "show", "last", "--sort", "number").out
        rows = {line.split()[0]: line for line in shown.splitlines() if line[:1].isdigit()}
        assert rows["0"].endswith(f"{points[0]['jobs'][0]}  NaN.")
        assert rows["1"].endswith("No job can be made of it: 7.")
        columns, found = tables.trial_table(SweepRecord(sweep), [Trial(point) for point in points], short=True)
        assert (columns.dropped[0], [len(row) for row in found]) == ("ERROR", [len(columns.headers)] * 3)

    def test_one_with_undecided_points(self, searching: SweepService, run: Run) -> None:
        """What they wait for is said beside the table, and how a paused sweep goes on."""
        sweep = searching.add_sweep()
        for _ in range(3):
            searching.move_on(sweep)
        shown = run("sweep", "show", "last")
        assert shown.err == ""
        for point in searching.points[sweep["id"]][:2]:
            point["status"] = "undecided"
        said = "2 points undecided: the jobs of each have stopped, and its result waits"
        assert run("sweep", "show", "last").err == f"{said} for its turn.\n"
        sweep["status"] = "paused"
        assert run("sweep", "show", "last").err == f"{said} until `flightline sweep resume {sweep['id'][-8:]}`.\n"

    @pytest.mark.parametrize(
        "points, status, said",
        [
            (19, "running", "not known: it takes 20 points with different values, and this sweep has 19\n"),
            (20, "running", "not known yet: it takes 20 points with different values\n"),
            (20, "finished", "not known: it takes 20 points with different values, and too few have one\n"),
        ],
    )
    def test_one_that_does_not_say_what_matters(
        self, searching: SweepService, run: Run, points: int, status: str, said: str
    ) -> None:
        """How many points it takes, and whether they may still come."""
        assert tables.LEAST_POINTS == suggestions.LEAST_POINTS
        sweep = searching.add_sweep(max_trials=points, status=status)
        sweep["finished_at"] = sweep["created_at"] if status == "finished" else None
        assert run("sweep", "show", "last", "--importance").out.partition("importance  ")[2].startswith(said)

    def test_the_jobs_of_one(self, searching: SweepService, run: Run) -> None:
        """The end of its id will do."""
        sweep = searching.add_sweep()
        run("jobs", "--sweep", "last")
        assert f"sweep={sweep['id']}" in searching.requests[-1][1]


def test_changes(searching: SweepService, run: Run) -> None:
    """Each says what it did; what is refused exits with 3."""
    sweep = searching.add_sweep(name="rates")
    for action, said in [("pause", "is paused"), ("resume", "goes on"), ("cancel", "is cancelled")]:
        outcome = run("sweep", action, "last")
        assert (outcome.code, outcome.out.startswith(f"rates {said}")) == (0, True), outcome
    assert run("sweep", "resume", "last").code == 3
    assert run("sweep", "watch", "last").code == 1
    assert run("sweep", "delete", "last").out == f"Deleted sweep {sweep['id']}; its jobs stay.\n"
    assert searching.sweeps == {}


def test_a_live_view_on_a_terminal(searching: SweepService) -> None:
    """How far it is, and the course of the best so far; never wider than the terminal."""
    text = io.StringIO()
    with Client(searching.url) as client:
        sweep = client.sweep("notebook-linear", DOCUMENT["space"], name="rates")  # type: ignore[arg-type]
        ended = follow_sweep(client, sweep, Console(file=text, force_terminal=True, width=70))
    assert ended.ended
    assert "4/4 points" in text.getvalue()
    assert "best 70.0 %" in text.getvalue()


def test_a_view_before_the_first_result(searching: SweepService) -> None:
    """It says so, and nothing twice."""
    raw = searching.add_sweep(name="rates")
    view = SweepView(SweepRecord(raw))
    assert view.add(SweepRecord(raw)) == ["rates  running"]
    assert view.add(SweepRecord(raw)) == []
    text = io.StringIO()
    Console(file=text, width=60).print(view.drawn(60))
    assert "no result yet" in text.getvalue()


@pytest.mark.parametrize("width", [80, 100, 132])
def test_a_view_cuts_nothing_but_the_name(searching: SweepService, width: int) -> None:
    """However many paths there are: the best point's values go on in the next line; each line fits the terminal."""
    values = {f"training.part_{number}.of_a_long_name": number for number in range(9)}
    best = {"point": 21, "params": values, "value": 0.8125, "jobs": ["1"], "deleted": []}
    counts = {"queued": 0, "running": 8, "paused": 112, "succeeded": 0, "failed": 34, "cancelled": 0}
    raw = searching.add_sweep(name="a-name-that-is-much-too-long-for-a-line" * 2, max_trials=1000)
    view = SweepView(SweepRecord(raw))
    view.add(SweepRecord(raw | {"best": best, "counts": counts, "points_tried": 34, "points_made": 154}))
    text = io.StringIO()
    Console(file=text, width=width).print(view.drawn(width))
    lines = text.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    assert "34/1000 points  8 running, 112 paused, 34 failed" in lines[0]
    assert all(f"part_{number}.of_a_long_name={number}" in text.getvalue() for number in values.values())
    assert "(point 21)" in " ".join(text.getvalue().split())


def test_a_view_of_points_that_may_go_on_counts_those_that_were_tried(searching: SweepService) -> None:
    """With `asha` none has ended before the sweep does. Lists and facts say the same figure."""
    raw = searching.add_sweep(name="rates", asha={"min_epochs": 1, "eta": 3}, max_trials=30)
    view, text = SweepView(SweepRecord(raw)), io.StringIO()
    best = {"point": 2, "params": {LR: 0.1}, "value": 0.8125, "jobs": ["1"], "deleted": []}
    lines = view.add(SweepRecord(raw | {"points_made": 14, "points_tried": 12, "best": best}))
    assert lines[0] == "rates  12/30  best 81.3 % at lr=0.1 (point 2)"
    Console(file=text, width=80).print(view.drawn(80))
    assert "12/30 points" in text.getvalue()
    sweep = SweepRecord(raw | {"points_made": 14, "points_tried": 12})
    assert "12/30" in tables.sweep_table([sweep], short=True)[1][0]
    assert ("points", "12 of 30 tried, 14 made") in tables.sweep_facts(sweep)
    assert "12 of 30 points tried" in sweep.words


def test_one_that_has_ended_says_how_long_it_took(searching: SweepService) -> None:
    """And not how many of its points were made, which all were."""
    made = dict.fromkeys(("points", "points_made", "points_tried"), 6)
    ended = {"created_at": "2026-11-28T21:17:40.874Z", "finished_at": "2026-11-28T21:18:01.810Z"}
    facts = dict(tables.sweep_facts(SweepRecord(searching.add_sweep() | made | ended)))
    assert facts["points"] == "6 of 6 tried"
    assert facts["finished"] == "2026-11-28T21:18:01.810Z, 21 s after its start"


def test_a_point_without_a_value_has_none_after_any_epoch(searching: SweepService) -> None:
    """As one that failed in its first."""
    sweep = SweepRecord(searching.add_sweep(name="rates"))
    failed = {"point": 0, "params": {LR: 9.0}, "status": "failed", "value": None, "epoch": 0, "jobs": ["1"]}
    trial = Trial(failed | {"std": None, "error": "nan", "rung": None, "deleted": [], "created_at": CREATED})
    columns, [row] = tables.trial_table(sweep, [trial], short=True)
    assert dict(zip(columns.headers, row, strict=True))["EPOCH"] == "–"


@pytest.mark.parametrize(
    "paths, names",
    [
        (["training.optimizer.lr", "training.batch_size"], ["lr", "batch_size"]),
        (["architecture.kind", "training.optimizer.kind"], ["architecture.kind", "optimizer.kind"]),
        (["dataset", "training.dataset"], ["dataset", "training.dataset"]),
    ],
)
def test_short_names_of_paths(paths: list[str], names: list[str]) -> None:
    """The shortest ends that tell them apart; a path that is the end of another is itself."""
    assert list(tables.short_names(paths).values()) == names


@pytest.mark.parametrize(
    "value, metric, text",
    [(0.8125, "val_accuracy", "81.3 %"), (0.12345, "val_loss", "0.1235"), (None, "val_loss", "–")],
)
def test_figures(value: float | None, metric: str, text: str) -> None:
    """Accuracies are percentages."""
    assert tables.figure(value, metric) == text
