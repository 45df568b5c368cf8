"""Jobs as runs of MLflow's and back: within the limits of both, whatever they are called."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from flightline.client.jobs import Job
from flightline.client.records import Epochs
from flightline.mlflow import exported, imported
from shared.jobs.imports import run as limits
from shared.jobs.imports.run import Run


def job(**fields: Any) -> Job:
    """A finished job with these fields."""
    whole: dict[str, Any] = {
        "id": "01976b9c-5d2e-7c3a-9f1e-0a1b2c3d4e5f",
        "kind": "train",
        "status": "succeeded",
        "name": "wide",
        "owner": None,
        "preset": None,
        "notes": None,
        "error": None,
        "tags": [],
        "device": "cpu",
        "spec_hash": "a",
        "config_hash": "b",
        "created_at": "2026-01-31T12:00:00.000Z",
        "started_at": "2026-01-31T12:00:01.000Z",
        "finished_at": "2026-01-31T12:00:09.000Z",
        "spec": {"name": "wide", "tags": [], "training": {"epochs": 2, "clip": None}},
    }
    return Job(whole | fields)


def run(**fields: Any) -> dict[str, Any]:
    """A finished run as MLflow answers it, with these params, tags or metrics."""
    info = {"run_id": "a1", "status": "FINISHED", "start_time": 1_769_860_800_000, "end_time": 1_769_862_600_000}
    pairs = {what: [{"key": key, "value": value} for key, value in of.items()] for what, of in fields.items()}
    return {"info": info | {"run_name": "wide"}, "data": pairs}


class TestExported:
    def test_a_spec_is_params(self) -> None:
        """Labels are shown elsewhere, and null is no value."""
        params = exported.params_of(
            job(spec={"name": "x", "tags": [], "a": {"b": True, "c": None}, "d": [1, 2], "e": [{"kind": "relu"}]})
        )
        assert params == {"a.b": "true", "d": "[1, 2]", "e.0.kind": "relu"}

    def test_keys_and_values_fit_mlflow(self) -> None:
        """It refuses a whole batch for one that does not."""
        [pair] = exported.pairs({f"a+b{'x' * 300}": "ä" * 7000}, exported.LONGEST_PARAM)
        assert pair["key"].startswith("a_b")
        assert (len(pair["key"]), len(pair["value"]), pair["value"][-1]) == (250, 6000, "…")

    def test_an_epochs_time_is_the_same_however_often_it_is_computed(self) -> None:
        """MLflow then stores its values once."""
        columns: dict[str, list[Any]] = {name: [0.5, 0.25] for name in exported.FIGURES}
        epochs = Epochs({**columns, "epoch": [1, 2], "seconds": [1.5, 2.0], "attempt": [1, 1], "seq": [1, 2]})
        values = list(exported.metrics_of(job(), epochs))
        assert values == list(exported.metrics_of(job(), epochs))
        assert len(values) == 2 * len(exported.FIGURES)
        began = exported.milliseconds("2026-01-31T12:00:01.000Z")
        assert [(one["step"], one["timestamp"] - began) for one in values if one["key"] == "lr"] == [
            (1, 1500),
            (2, 3500),
        ]

    def test_tags_say_which_job_it_is(self) -> None:
        """And leave out what is not known."""
        tags = exported.tags_of(job(tags=["a"], error={"code": "timed_out", "detail": "Too slow."}), "http://x")
        assert tags[exported.JOB] == job().id
        assert (tags["flightline.tags"], tags["flightline.error"]) == ('["a"]', "timed_out: Too slow.")
        assert "flightline.owner" not in tags
        assert "mlflow.note.content" not in tags


class TestImported:
    def test_it_is_a_run_that_the_service_takes(self) -> None:
        """Times in UTC, labels of the tags that people set."""
        tags = {"team": "vision", "best": "true", "mlflow.user": "ada", "mlflow.note.content": "# hi"}
        taken = Run.model_validate(imported.import_of(run(params={"lr": "0.1"}, tags=tags), "x", {}))
        assert (taken.name, taken.user, taken.notes, taken.tags) == ("wide", "ada", "# hi", ["team=vision", "best"])
        assert taken.started_at is not None
        assert taken.started_at.isoformat() == "2026-01-31T12:00:00+00:00"
        assert set(taken.run_tags) == {"team", "best"}

    def test_values_are_in_the_order_of_their_steps(self) -> None:
        """Those at one step in the order of their times; what MLflow stores for infinity is null."""
        points: list[dict[str, Any]] = [
            {"step": 1, "timestamp": 2, "value": 0.2},
            {"step": 0, "timestamp": 1, "value": "NaN"},
            {"step": 1, "timestamp": 1, "value": sys.float_info.max},
        ]
        sent = imported.import_of(run(), "x", {"loss": points})
        assert sent["metrics"] == {"loss": {"steps": [0, 1, 1], "figures": [None, None, 0.2]}}

    def test_tags_of_an_exported_job_come_back(self) -> None:
        """In place of those that MLflow shows."""
        sent = imported.import_of(run(tags={"flightline.tags": '["a", "b"]', "team": "x"}), "x", {})
        assert sent["tags"] == ["a", "b"]

    @pytest.mark.parametrize("text", ["a\nb", "\0", " ", "x" * 500, "\u2028"])
    def test_any_name_and_tag_is_taken(self, text: str) -> None:
        """None of them keeps the other runs out."""
        odd = run(tags={text: text, f"{text}2": "y"}, params={f"p{text}": text})
        odd["info"]["run_name"] = text
        taken = Run.model_validate(imported.import_of(odd, text, {}))
        assert taken.name is None or (taken.name.isprintable() and len(taken.name) <= imported.LONGEST_LABEL)

    def test_a_long_run_is_thinned(self) -> None:
        """Evenly, with the last value of each metric."""
        points = [{"step": step, "timestamp": step, "value": step} for step in range(60_000)]
        sent = imported.import_of(run(), "x", {"a": points, "b": points})["metrics"]
        assert sum(len(one["steps"]) for one in sent.values()) <= imported.MOST_POINTS + 2
        assert sent["a"]["steps"][:3] == [0, 2, 4]
        assert sent["b"]["steps"][-1] == 59_999

    def test_its_limits_are_those_of_the_service(self) -> None:
        """A run that is cut by them is taken."""
        assert (imported.MOST_PARAMS, imported.MOST_METRICS, imported.MOST_TAGS) == (
            limits.MOST_PARAMS,
            limits.MOST_METRICS,
            limits.MOST_TAGS,
        )
        many = {f"{number}": "x" * 9000 for number in range(1200)}
        Run.model_validate(imported.import_of(run(params=many, tags=many), "x" * 9000, {}))

    def test_a_damaged_tag_is_no_reason_to_stop(self) -> None:
        """Somebody may have changed it there."""
        assert imported.import_of(run(tags={"flightline.tags": "[oops"}), "x", {})["tags"] == []
