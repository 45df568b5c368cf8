"""Imported runs: what their params and metrics become."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from shared.jobs.imports.figures import FIGURES, Curves, curve
from shared.jobs.imports.insertion import job_id_of
from shared.jobs.imports.run import Run, RunMetric, nested, number_or_text


def run(**fields: Any) -> Run:
    """A run of MLflow's with these fields."""
    return Run.model_validate({"source": "mlflow", "id": "a1"} | fields)


def metric(*values: float | None, first: int = 1) -> RunMetric:
    """A metric with a value at each step from `first` on."""
    return RunMetric(steps=list(range(first, first + len(values))), figures=list(values))


class TestParams:
    @pytest.mark.parametrize(
        "text, value",
        [("0.01", 0.01), ("3", 3), ("1e-3", 0.001), ("adam", "adam"), ("true", "true"), ("", ""), ("NaN", "NaN")],
    )
    def test_a_number_is_a_number_and_all_else_is_text(self, text: str, value: object) -> None:
        """So that it is found and sorted as one."""
        assert number_or_text(text) == value
        assert type(number_or_text(text)) is type(value)

    @pytest.mark.parametrize("text", ["1e999", "9" * 30, "[1, 2]", '{"a": 1}', "007"])
    def test_what_no_float_holds_exactly_stays_text(self, text: str) -> None:
        """Digits are not lost, and no list is taken apart."""
        assert number_or_text(text) == text

    def test_dotted_names_are_objects(self) -> None:
        """As in the specs of jobs that were trained here."""
        assert nested({"a.b": 1, "a.c.d": 2, "e": 3}) == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}

    def test_names_that_exclude_each_other_stay_whole(self) -> None:
        """None of them is lost."""
        assert nested({"a": 1, "a.b": 2, ".x": 3, "c..d": 4}) == {"a": 1, "a.b": 2, ".x": 3, "c..d": 4}

    def test_runs_with_equal_params_have_equal_hashes_seeds_apart(self) -> None:
        """Whatever the order of their params."""
        one = run(params={"lr": "0.1", "seed": "1"}).hashes()
        again = run(id="b2", params={"seed": "1", "lr": "0.1"}).hashes()
        other = run(id="c3", params={"seed": "2", "lr": "0.1"}).hashes()
        assert one == again
        assert one[0] != other[0]
        assert one[1] == other[1]


class TestCurves:
    def test_other_programs_names_are_known(self) -> None:
        """Keras counts epochs from 0 and calls the training's loss `loss`."""
        curves = Curves({"loss": metric(0.9, 0.8, first=0), "val_acc": metric(0.5, 0.7, 0.6, first=0)})
        assert curves.by_figure == {"train_loss": [0.9, 0.8], "val_accuracy": [0.5, 0.7, 0.6]}
        assert curves.epochs == 3
        assert not curves.complete
        assert curves.result() == {
            "train_loss": 0.8,
            "val_accuracy": 0.6,
            "best_val_accuracy": 0.7,
            "best_epoch": 2,
        }

    def test_our_own_name_comes_first(self) -> None:
        """A run that has both means ours."""
        curves = Curves({"loss": metric(9.0), "train_loss": metric(0.5)})
        assert curves.by_figure == {"train_loss": [0.5]}

    @pytest.mark.parametrize(
        "steps, values",
        [
            ([100, 200], [1.0, 0.5]),
            ([1, 3], [1.0, 0.5]),
            ([2, 3], [1.0, 0.5]),
            ([], []),
            ([1, 2], [1.0, None]),
            ([1, 2], [1.0, math.inf]),
        ],
    )
    def test_steps_that_are_no_epochs_are_none(self, steps: list[int], values: list[float | None]) -> None:
        """Batches, gaps, and values that are no numbers."""
        assert curve(steps, values) == ()

    def test_of_several_values_at_a_step_the_last_counts(self) -> None:
        """A run that was resumed logs an epoch again."""
        assert curve([1, 2, 2, 3], [0.9, 0.8, 0.7, 0.6]) == [0.9, 0.7, 0.6]

    def test_percentages_are_no_shares(self) -> None:
        """They would lead every list."""
        assert Curves({"val_accuracy": metric(93.5)}).result() == {}

    def test_a_run_with_every_figure_has_epochs(self) -> None:
        """As one that was exported from here."""
        curves = Curves({name: metric(0.5, 0.25) for name in FIGURES})
        assert curves.complete
        assert curves.rows()[1] == dict.fromkeys(FIGURES, 0.25)
        assert not Curves({name: metric(0.5) if name == "lr" else metric(0.5, 0.25) for name in FIGURES}).complete


class TestRun:
    def test_the_document_has_the_last_finite_values(self) -> None:
        """They are found by `where=`."""
        document = run(metrics={"f1": metric(0.1, 0.2), "lost": metric(0.1, None)}, experiment="x").document()
        assert document["metrics"] == {"f1": 0.2}
        assert document["run"] == {"source": "mlflow", "id": "a1", "experiment": "x", "user": None, "tags": {}}

    def test_the_id_is_the_same_however_often_it_is_made(self) -> None:
        """And another one for another run or tracker; later runs have larger ones."""
        one = run(started_at="2026-01-31T12:00:00Z")
        others = [
            run(id="a2", started_at="2026-01-31T12:00:00Z"),
            run(source="wandb", started_at="2026-01-31T12:00:00Z"),
        ]
        assert job_id_of(one) == job_id_of(run(started_at="2026-01-31T12:00:00Z", name="renamed"))
        assert len({job_id_of(one), *map(job_id_of, others)}) == 3
        assert job_id_of(one) < job_id_of(run(started_at="2026-02-01T12:00:00Z"))

    @pytest.mark.parametrize(
        "fields",
        [
            {"status": "running"},
            {"params": {"a": "\0"}},
            {"params": {"a": "x" * 8001}},
            {"params": {"": "x"}},
            {"params": {"a": 1}},
            {"metrics": {"a": {"steps": [1], "figures": []}}},
            {"metrics": {"a": {"steps": [2**60], "figures": [1.0]}}},
            {"started_at": "2026-01-31T12:00:00"},
            {"started_at": "0001-01-01T00:00:00Z"},
            {"unknown": 1},
        ],
    )
    def test_what_cannot_be_kept_is_refused(self, fields: dict[str, Any]) -> None:
        """Before anything is stored."""
        with pytest.raises(ValidationError):
            run(**fields)
