"""show --part at 80 columns: what people read fits, and nothing that matters is cut."""

from __future__ import annotations

import re

import pytest

from tests.support.http_answers import ATTEMPT
from tests.support.http_service import FakeService
from tests.unit.flightline.conftest import Run

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of the usual width."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")


def shown(run: Run, part: str) -> str:
    """What the command prints of the newest job, without colours."""
    outcome = run("show", "last", "--part", part)
    assert outcome.code == 0
    return COLOURS.sub("", outcome.out)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    "part, cells",
    [
        ("epochs", ["EPOCH", "TRAIN LOSS", "TRAIN ACC", "VAL LOSS", "VAL ACC", "LR", "SECONDS", "0.3333", "33.3 %"]),
        ("attempts", ["ATTEMPT", "OUTCOME", "failed", "from 12", "2 m 11 s", "non_finite_loss"]),
        ("log", ["TIME (UTC)", "LEVEL", "01-31 12:00:00", "INFO", "line 3"]),
        ("artifacts", ["NAME", "SIZE", "best.safetensors", "7 B", "01-31 12:00:00", "9f4fe1d4b4b3"]),
    ],
)
def test_a_part_fits_eighty_columns(run: Run, service: FakeService, part: str, cells: list[str]) -> None:
    """No heading, name, date or figure is cut."""
    service.add(status="succeeded", epoch=3)
    text = shown(run, part)
    assert [cell for cell in cells if cell not in text] == []
    assert "…" not in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("Attempt")) <= 80


@pytest.mark.usefixtures("terminal")
def test_a_long_name_of_a_worker_goes_over_several_lines(run: Run, service: FakeService) -> None:
    """All of it can be read, and the columns beside it stay whole."""
    service.add()
    _, headings, _, *rows = shown(run, "attempts").splitlines()
    column = slice(headings.index("WORKER"), headings.index("OUTCOME"))
    assert "".join(line[column].strip() for line in rows if not line.startswith("Attempt")) == ATTEMPT["worker"]


def test_attempts_say_why_one_failed_and_what_it_ran_on(run: Run, service: FakeService) -> None:
    """The code stands in the table; the sentence, and the environment, below it."""
    service.add()
    table, ran, failed = shown(run, "attempts").rsplit("\n", 3)[:3]
    assert table.splitlines()[1].endswith("  non_finite_loss")
    assert ran == (
        "Attempt 1 ran with the engine fused on cpu (x86_64 AVX2), 1 thread, torch 2.8.0, "
        "data fingerprint dddddddddddd."
    )
    assert failed == "Attempt 1 failed: Loss is NaN in epoch 13."


def test_a_file_has_its_whole_sum_where_no_terminal_is(run: Run, service: FakeService) -> None:
    """So that a pipe can compare it."""
    service.add()
    assert service.sha256 in shown(run, "artifacts")


def test_a_part_that_is_empty_promises_nothing(run: Run, service: FakeService) -> None:
    """A cancelled job will have no artifacts later either."""
    service.files = {}
    service.add(status="cancelled")
    assert run("show", "last", "--part", "artifacts").err == "No artifacts.\n"


def test_epochs_as_csv(run: Run, service: FakeService) -> None:
    """A row for each epoch, with every digit; other parts are no table."""
    job = service.add(status="succeeded", epoch=3)["id"]
    head, *rows = run("show", job, "--part", "epochs", "--csv").out.splitlines()
    assert head == "epoch,train_loss,train_accuracy,last_batch_loss,val_loss,val_accuracy,lr,seconds,attempt,seq"
    assert [row.split(",")[:2] for row in rows] == [["1", "1.0"], ["2", "0.5"], ["3", str(1 / 3)]]
    outcome = run("show", job, "--csv")
    assert (outcome.code, "--csv is for --part epochs" in outcome.err) == (2, True)
