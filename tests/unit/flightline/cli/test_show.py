"""`show`: a job, why it failed, and its parts."""

from __future__ import annotations

from typing import Any

import pytest
from rich.text import Text

from tests.support.http_answers import EVALUATION
from tests.support.http_service import FakeService, problem
from tests.unit.flightline.conftest import Run


def test_show_says_whether_a_job_can_be_repeated_exactly(run: Run, service: FakeService) -> None:
    """Either way."""
    assert "exact       yes\n" in run("show", service.add()["id"]).out
    assert "exact       no: run again, its figures may" in run("show", service.add(exact=False)["id"]).out


FAILED: dict[str, Any] = {"status": "failed", "finished_at": "2026-01-31T12:02:01.000Z"}
NO_DATA = {"code": "dataset_unavailable", "detail": f"Looked in {', '.join(['/some/folder/or/other'] * 12)}."}


def test_show_of_a_failed_job_says_first_what_when_and_where(run: Run, service: FakeService) -> None:
    """Below its status: the reason, the epoch, the moment."""
    error = {"code": "non_finite_loss", "detail": "Loss is NaN in epoch 2."}
    service.add(**FAILED, epoch=1, epochs=3, error=error)
    lines = run("show", "last").out.splitlines()
    assert lines[2:5] == [
        "status      failed",
        "error       Loss is NaN in epoch 2. (non_finite_loss)",
        "failed      in epoch 2 of 3, at 2026-01-31T12:02:01.000Z, 2 m after its start",
    ]


def test_show_of_a_job_that_failed_before_it_trained(run: Run, service: FakeService) -> None:
    """Nothing was computed that could be exact."""
    service.add(**FAILED, engine=None, error=NO_DATA)
    out = run("show", "last").out
    assert "failed      before training began, at 2026-01-31T12:02:01.000Z" in out
    assert "exact       –\n" in out
    service.add(status="queued", engine=None, attempts=0)
    assert "exact       –\n" in run("show", "last").out


def test_show_of_a_job_that_failed_when_its_epochs_were_over(run: Run, service: FakeService) -> None:
    """There is no epoch after the last one."""
    service.add(**FAILED, epoch=3, epochs=3, error={"code": "storage_error", "detail": "The disk is full."})
    assert "failed      after epoch 3 of 3, at " in run("show", "last").out


@pytest.mark.parametrize("width", [40, 60, 100])
def test_a_long_error_is_wrapped(run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Between words, beside its label; a pipe gets it in one line."""
    job = service.add(**FAILED, engine=None, error=NO_DATA)
    assert f"{NO_DATA['detail']} (dataset_unavailable)\n" in run("show", "last").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    lines = Text.from_ansi(run("show", "last").out).plain.splitlines()
    assert max(map(len, lines)) <= width
    assert any(job["id"] in line for line in lines)
    words = " ".join(line.strip() for line in lines)
    assert NO_DATA["detail"] in words


def test_show_has_the_figures_of_each_class(run: Run, service: FakeService) -> None:
    """A finished job shows its result, per-class figures and the confusion matrix."""
    job_id = service.add(epochs=1)["id"]
    outcome = run("show", job_id)
    assert "validation  loss 0.6000, accuracy 81.0 %" in outcome.out
    assert "The best weights on 2,000 validation images" in outcome.out
    assert "bird      80.0 %     90.0 %  85.0 %  1000" in outcome.out
    assert "airplane          900       100" in outcome.out
    assert run("show", job_id, "--part", "evaluation", "--json").json == EVALUATION


@pytest.mark.parametrize(
    "part, text",
    [("epochs", "VAL LOSS"), ("attempts", "OUTCOME"), ("log", "line 3"), ("artifacts", "best.safetensors")],
)
def test_show_a_part(run: Run, service: FakeService, part: str, text: str) -> None:
    """Each part of a job as a table and as JSON."""
    job_id = service.add(epochs=0, epoch=2)["id"]
    assert text in run("show", job_id, "--part", part).out
    assert run("show", job_id, "--part", part, "--json").code == 0


def test_show_a_job_without_an_evaluation(run: Run, service: FakeService) -> None:
    """A job whose evaluation is missing is shown without one."""
    job = service.add(status="succeeded")
    service.refuse[f"GET /v1/jobs/{job['id']}/evaluation"] = problem(404, "not_found", "None.")
    outcome = run("show", job["id"])
    assert (outcome.code, "PRECISION" in outcome.out) == (0, False)


@pytest.mark.parametrize("metrics, lines", [({}, []), ({"a": {"b": 0.5}, "c": 2}, ["a.b=0.5", "c=2"])])
def test_show_of_an_imported_run(run: Run, service: FakeService, metrics: dict[str, Any], lines: list[str]) -> None:
    """Where it is from, and its last values; one that logged none has none."""
    spec = {"params": {}, "metrics": metrics, "run": {"source": "mlflow", "id": "a1", "experiment": "nets"}}
    service.add(kind="imported", status="succeeded", spec=spec)
    outcome = run("show", "last")
    assert outcome.code == 0, outcome.err
    assert "imported    mlflow run a1 of nets\n" in outcome.out
    assert [line.split()[-1] for line in outcome.out.splitlines() if line.startswith("metric")] == lines
