"""Lists of jobs: by conditions, with the columns that are asked for, as CSV; and jobs side by side."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flightline.cli.jobs.comparison import comparison_table
from flightline.cli.jobs.fields import Field, condition, fields, order, values
from flightline.client.search.comparison import Comparison
from flightline.errors import UsageError
from tests.support.http_team import TeamService
from tests.unit.flightline.conftest import Run

RESULT = {
    "train_loss": 0.5,
    "train_accuracy": 0.8,
    "val_loss": 0.6,
    "val_accuracy": 0.8125,
    "best_val_accuracy": 0.9,
    "best_epoch": 1,
}


def spec(lr: float, **fields: object) -> dict[str, Any]:
    """What a job asked for, with that learning rate."""
    return {"architecture": {"kind": "mlp"}, "training": {"epochs": 3, "optimizer": {"kind": "sgd", "lr": lr}}} | fields


def query(team: TeamService) -> dict[str, list[str]]:
    """What the latest request asked for."""
    return parse_qs(urlsplit(team.requests[-1][1]).query)


JOB = {"id": "x", "name": "n", "result": RESULT, "spec": spec(0.1), "progress": {"epochs": 3}, "tags": ["a", "b"]}


class TestFields:
    @pytest.mark.parametrize(
        "name, path",
        [
            ("lr", "spec.training.optimizer.lr"),
            ("optimizer.lr", "spec.training.optimizer.lr"),
            ("training.optimizer.lr", "spec.training.optimizer.lr"),
            ("spec.training.optimizer.lr", "spec.training.optimizer.lr"),
            ("val_accuracy", "result.val_accuracy"),
            ("epochs", "spec.training.epochs"),
            ("name", "name"),
            ("spec.training.schedule.warmup_epochs", "spec.training.schedule.warmup_epochs"),
            ("warmup_epochs", "spec.training.schedule.warmup_epochs"),
        ],
    )
    def test_a_name_is_a_path_or_its_end(self, name: str, path: str) -> None:
        """What was asked for goes before what became of it; a whole path may be of other jobs alone."""
        assert fields(f" {name} ,", [JOB]) == [Field(name, path)]

    @pytest.mark.parametrize(
        "name, said",
        [
            ("kind", "may be spec.architecture.kind, spec.training.optimizer.kind"),
            ("zzz", "No job has a field 'zzz'. A job has id, "),
            ("spec.training.epochz", 'Did you mean "spec.training.epochs"?'),
            ("spec.training.optimizer", "has fields of its own: kind, lr, momentum"),
            (",", "takes names"),
        ],
    )
    def test_a_name_that_fits_no_field_or_several(self, name: str, said: str) -> None:
        """The message has what to write."""
        with pytest.raises(UsageError, match=said):
            fields(name, [JOB])

    def test_values(self) -> None:
        """As they are; what a job has not is None."""
        assert values(JOB, fields("id,lr,tags,spec.params.y", [JOB])) == ["x", 0.1, ("a", "b"), None]


@pytest.mark.parametrize(
    "typed, sent",
    [
        ("lr<=0.01", "training.optimizer.lr<=0.01"),
        ("lr = 3", "training.optimizer.lr = 3"),
        ("seed!=1", "training.seed!=1"),
        ("priority>5", "priority>5"),
        ("best_val_accuracy>0.8", "best_val_accuracy>0.8"),
        ("training.optimizer.lr<=0.01", "training.optimizer.lr<=0.01"),
        ("spec.training.seed=1", "spec.training.seed=1"),
        ("unknown=1", "unknown=1"),
        ("<3", "<3"),
        ("", ""),
    ],
)
def test_a_condition_may_name_a_field_by_its_end(typed: str, sent: str) -> None:
    """As columns do; what this release does not know is the service's to understand."""
    assert condition(typed) == sent


@pytest.mark.parametrize(
    "typed, sent",
    [
        ("lr", "spec.training.optimizer.lr"),
        ("-batch_size", "-spec.training.batch_size"),
        ("-val_accuracy", "-val_accuracy"),
        ("-spec.training.seed", "-spec.training.seed"),
        ("unknown", "unknown"),
    ],
)
def test_so_may_an_order(typed: str, sent: str) -> None:
    """With its sign."""
    assert order(typed) == sent


@pytest.mark.parametrize(
    "typed, said",
    [
        ("lr<=small", 'lr is a number; "small" is not.'),
        ("hidden<[8]", "hidden < [8]: only numbers are ordered"),
        ("lr", '; "lr" is not.'),
    ],
)
def test_a_condition_that_none_can_meet_is_quoted_as_it_was_typed(typed: str, said: str) -> None:
    """Not by the whole path, which nobody wrote."""
    with pytest.raises(UsageError) as refused:
        condition(typed)
    assert said in str(refused.value)
    assert "training.optimizer.lr" not in str(refused.value)


def test_an_end_that_several_fields_have() -> None:
    """They are listed."""
    for ask in (condition, order):
        with pytest.raises(UsageError, match=r"architecture\.kind.*write it so that it fits one"):
            ask("kind")


def test_columns_of_a_table(team: TeamService, run: Run) -> None:
    """In the order asked for, under the names that were typed."""
    job = team.add(spec=spec(0.01), result=RESULT, name="wide")["id"]
    outcome = run("jobs", "--columns", "id,name,lr,val_accuracy,status")
    assert outcome.code == 0, outcome
    assert [line.split() for line in outcome.out.splitlines()] == [
        ["ID", "NAME", "LR", "VAL_ACCURACY", "STATUS"],
        [job, "wide", "0.01", "0.8125", "running"],
    ]


def test_conditions_owners_and_sorts_reach_the_service(team: TeamService, run: Run) -> None:
    """As they were typed; what was not typed is not sent."""
    conditions = ["--where", "training.optimizer.lr<=0.01", "--where", "training.epochs>3"]
    assert run("jobs", *conditions, "--owner", "ada", "--text", "good", "--sort=-spec.training.seed").code == 0
    assert query(team) == {
        "where": ["training.optimizer.lr<=0.01", "training.epochs>3"],
        "owner": ["ada"],
        "text": ["good"],
        "sort": ["-spec.training.seed"],
        "limit": ["20"],
    }


def test_mine(team: TeamService, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose token is sent; where there are no owners that is said."""
    outcome = run("jobs", "--mine")
    assert (outcome.code, "leave out --mine" in outcome.err) == (2, True)
    team.tokens = {"fl_ada": ("ada", "submit")}
    monkeypatch.setenv("FLIGHTLINE_TOKEN", "fl_ada")
    assert run("jobs", "--mine").code == 0
    assert query(team)["owner"] == ["ada"]
    assert "you are ada" in run("jobs", "--mine", "--owner", "bob").err


def test_owners_are_shown_where_there_are_any(team: TeamService, run: Run) -> None:
    """On one's own machine a column of dashes would say nothing."""
    team.add(name="first")
    assert "OWNER" not in run("jobs").out
    team.add(name="second", owner="ada")
    lines = [line.split()[2] for line in run("jobs").out.splitlines()]
    assert lines == ["OWNER", "ada", "–"]


def test_csv_of_chosen_columns(team: TeamService, run: Run) -> None:
    """With every digit, under the names that were typed; what a spreadsheet or pandas reads back."""
    team.add(spec=spec(1 / 3), name='a "b", c', tags=["x", "y"])
    outcome = run("jobs", "--csv", "--columns", "name,lr,tags,result.val_accuracy")
    assert list(csv.reader(io.StringIO(outcome.out))) == [
        ["name", "lr", "tags", "result.val_accuracy"],
        ['a "b", c', str(1 / 3), '["x","y"]', ""],
    ]


def test_csv_of_everything(team: TeamService, run: Run) -> None:
    """A column for each field by its path; an empty list of jobs has a header no less."""
    jobs = [team.add(spec=spec(lr), name=f"job{lr}") for lr in (0.1, 0.2)]
    first, *rest = csv.DictReader(io.StringIO(run("jobs", "--csv", "-n", "1000").out))
    assert (first["id"], first["spec.training.optimizer.lr"]) == (jobs[1]["id"], "0.2")
    assert [row["name"] for row in rest] == ["job0.1"]


@pytest.mark.parametrize(
    "arguments",
    [["jobs", "--csv", "--json"], ["jobs", "--columns", "id", "--json"], ["compare", "a", "--csv", "--json"]],
)
def test_one_format_at_a_time(team: TeamService, run: Run, arguments: list[str]) -> None:
    """Before anything is asked."""
    outcome = run(*arguments)
    assert (outcome.code, team.requests) == (2, [])


class TestComparing:
    @pytest.fixture
    def ids(self, team: TeamService) -> list[str]:
        """Two jobs that differ in their learning rates and their lengths."""
        jobs = [
            team.add(
                status="succeeded", epochs=4, epoch=epoch, spec={"training": {"lr": lr}}, name=f"lr{lr}", result=RESULT
            )
            for lr, epoch in ((0.1, 4), (0.2, 2))
        ]
        return [job["id"] for job in jobs]

    def test_side_by_side(self, team: TeamService, run: Run, ids: list[str]) -> None:
        """What differs first, then the figures, then curves on one scale, each as long as its epochs."""
        outcome = run("compare", *ids)
        assert outcome.code == 0, outcome
        lines = {line[:18].strip(): line[18:].split() for line in outcome.out.splitlines()}
        assert list(lines) == [
            "JOB",
            "name",
            "status",
            "training.lr",
            "parameters",
            "epochs",
            "val accuracy",
            "best",
            "val loss",
            "train loss",
            "time",
            "val loss curve",
            "val accuracy curve",
        ]
        assert lines["JOB"] == [one[-8:] for one in ids]
        assert lines["training.lr"] == ["0.1", "0.2"]
        assert lines["val loss curve"] == ["█▃▂▁", "█▃"]

    def test_json_and_csv(self, team: TeamService, run: Run, ids: list[str]) -> None:
        """The service's own JSON; a row for each job."""
        assert run("compare", *ids, "--json").json["differing"] == {"training.lr": [0.1, 0.2]}
        rows = list(csv.DictReader(io.StringIO(run("compare", *ids, "--csv").out)))
        assert [(row["name"], row["spec.training.lr"], row["result.best_val_accuracy"]) for row in rows] == [
            ("lr0.1", "0.1", "0.9"),
            ("lr0.2", "0.2", "0.9"),
        ]

    def test_one_job_a_line_where_there_is_no_room(self, team: TeamService, run: Run, ids: list[str]) -> None:
        """On a narrow terminal, and for more than a few jobs."""
        found = Comparison(json.loads(run("compare", *ids, "--json").out))
        columns, rows = comparison_table(found, width=40)
        assert (columns.headers[:2], [row[0] for row in rows]) == (("JOB", "NAME"), [one[-8:] for one in ids])
        columns, _ = comparison_table(found, width=80)
        assert columns.headers == ("JOB", *(one[-8:] for one in ids))

    def test_one_job_is_no_comparison(self, team: TeamService, run: Run, ids: list[str]) -> None:
        """The same one twice neither."""
        outcome = run("compare", ids[0], ids[0])
        assert (outcome.code, "2 to 200 jobs, not 1" in outcome.err) == (2, True)
