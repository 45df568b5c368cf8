"""Tables on terminals of every width."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from flightline.cli import tables
from flightline.cli.columns import Columns, fitted
from flightline.cli.jobs import ranking
from tests.support.http_service import FakeService
from tests.unit.flightline.conftest import Run

WIDTHS = (24, 40, 60, 80, 100, 200)
JOB = ("1ddbfb4f", "notebook-tapered-logits", "succeeded", "1000/2000", "81.0 %", "100.0 %", "NVIDIA H100", "1 m 39 s")
CASES: dict[str, tuple[Columns, Sequence[str]]] = {
    "jobs": (tables.JOB_COLUMNS, JOB),
    "workers": (
        tables.WORKER_COLUMNS,
        ("a-machine:cpu:12345", "NVIDIA H100", "running", "1ddbfb4f", "cifar10 (airplane, bird)", "1 s ago"),
    ),
    "queues": (tables.QUEUE_COLUMNS, ("flightline.cuda", "12,345", "1 m 1 s", "Redis is down")),
    "classes": (tables.CLASS_COLUMNS, ("airplane", "80.0 %", "90.0 %", "85.0 %", "1000")),
    "confusion": (Columns(("TRUE", *"abcdefghij")), ("airplane", *["1000"] * 10)),
    "epochs": (tables.EPOCH_COLUMNS, ("1000", "0.4444", "81.0 %", "0.5555", "82.0 %", "0.001", "12.34")),
    "attempts": (tables.ATTEMPT_COLUMNS, ("1", "a-machine:cpu:1", "timed_out", "from 12", "2 h", "timed_out")),
    "log": (tables.LOG_COLUMNS, ("01-31 12:00:01", "1", "INFO", "epoch 3 of 100 is over, and all is well")),
    "board": (
        ranking.BOARD_COLUMNS,
        (
            "1",
            "=1",
            "82.3 %",
            "one seed",
            "1",
            "82.3 %",
            "2, 3",
            "rates/15",
            "lr=0.001843, batch_size=64, weight_decay=0.1",
        ),
    ),
    "artifacts": (
        tables.ARTIFACT_COLUMNS,
        ("best.safetensors", "15.0 MB", "01-31 12:00:01", "0123456789ab"),
    ),
}


def lines(columns: Columns, row: Sequence[str], width: int) -> list[str]:
    """What a terminal of that width shows."""
    text = io.StringIO()
    cells = [[Text(cell) for cell in row]]
    Console(file=text, width=width, highlight=False).print(fitted(columns, cells, width))
    return text.getvalue().splitlines()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_no_figure_is_cut_or_broken(case: str, width: int) -> None:
    """Every cell that may not give way stands whole in one line, unless its column is said to be left out."""
    columns, row = CASES[case]
    shown = lines(columns, row, width)
    assert max(map(len, shown)) <= width
    for header, cell in zip(columns.headers, row, strict=True):
        if header not in {columns.shortened, *columns.wrapped, *left_out(shown)}:
            assert any(cell in line for line in shown), (header, cell, shown)


def left_out(shown: Sequence[str]) -> list[str]:
    """The columns that the line below a table names."""
    _, found, names = " ".join(" ".join(shown).split()).partition("Left out: ")
    return names.partition(". A wider terminal shows them, and so does --json.")[0].split(", ") if found else []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_what_is_left_out_is_said(case: str, width: int) -> None:
    """Every column is either in the table or in the line below it; there is none of the latter where all have room."""
    columns, row = CASES[case]
    shown = lines(columns, row, width)
    head = shown if case == "confusion" else shown[1:2]
    missing = [header for header in columns.headers if not any(header in line for line in head)]
    if shown[2].startswith("─"):  # a table: its headers stand in one line
        assert missing == sorted(left_out(shown), key=columns.headers.index)
    else:
        assert left_out(shown) == []


@pytest.mark.parametrize("command", ["jobs", "workers", "queues", "datasets", "presets"])
def test_what_is_piped_is_whole(run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """For programs the width means nothing: every column, each row in one line, and no word on what is left out."""
    service.add(name="a-name-that-is-much-too-long-for-this")
    wide = run(command).out
    monkeypatch.setenv("COLUMNS", "40")
    narrow = run(command).out
    assert narrow == wide
    assert len(narrow.splitlines()) == len(run(command, "--json").json["items"]) + 1
    assert "Left out" not in narrow


@pytest.mark.parametrize("width", WIDTHS)
def test_an_id_is_always_there(width: int) -> None:
    """However narrow."""
    assert any("1ddbfb4f" in line for line in lines(*CASES["jobs"], width))


def test_columns_go_in_order() -> None:
    """The name is shortened first, then columns are left out; status and accuracy stay longest."""
    headers = {width: lines(*CASES["jobs"], width)[1].split() for width in (100, 80, 60, 40)}
    assert headers[100] == ["ID", "NAME", "STATUS", "EPOCH", "VAL", "ACC", "BEST", "DEVICE", "AGE"]
    assert headers[60] == ["ID", "NAME", "STATUS", "VAL", "ACC", "BEST", "AGE"]
    assert headers[40] == ["ID", "NAME", "STATUS", "VAL", "ACC"]


def test_a_name_gives_way_no_further_than_it_must_where_others_wrap() -> None:
    """What is too wide still goes over several lines of the column that may."""
    shown = lines(*CASES["board"], 80)
    assert "NAME" in shown[1]
    assert "rates/15" in shown[3]
    assert sum("=" in line for line in shown) > 1


def test_what_fits_no_table_is_shown_line_by_line() -> None:
    """Every header and value, with a gap between rows."""
    shown = lines(*CASES["confusion"], 40)
    assert shown[1] == "TRUE  airplane"
    assert shown[11] == "j     1000"


@pytest.mark.parametrize("width", [40, 60])
def test_on_a_terminal(run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """The command's own list has each short id, which is accepted."""
    make: Callable[..., Console] = Console

    def terminal() -> Any:
        return make(highlight=False, soft_wrap=True, force_terminal=True, no_color=True, width=width)

    for module in ("flightline.cli.console", "flightline.cli.commands.training.jobs"):
        monkeypatch.setattr(f"{module}.out", terminal)
    job = service.add(name="a-name-that-is-much-too-long-for-this", epoch=2, epochs=3)
    shown = Text.from_ansi(run("jobs").out).plain
    assert f"{job['id'][-8:]} " in shown
    assert max(map(len, shown.splitlines())) <= width
    assert run("show", job["id"][-8:], "--json").json["id"] == job["id"]
