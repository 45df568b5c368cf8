"""Tables on terminals of every width."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from flightline.cli import tables
from flightline.cli.columns import RIGID, Layout, fitted
from flightline.cli.parts import (
    ARTIFACT_HEADERS,
    ARTIFACT_LAYOUT,
    ATTEMPT_HEADERS,
    ATTEMPT_LAYOUT,
    EPOCH_HEADERS,
    EPOCH_LAYOUT,
    LOG_HEADERS,
    LOG_LAYOUT,
)
from tests.support.http_service import FakeService
from tests.unit.flightline.conftest import Run

WIDTHS = (24, 40, 60, 80, 100, 200)
JOB = ("1ddbfb4f", "notebook-tapered-logits", "succeeded", "1000/2000", "81.0 %", "100.0 %", "NVIDIA H100", "1 m 39 s")
CASES: dict[str, tuple[Sequence[str], Layout, Sequence[str]]] = {
    "jobs": (tables.JOB_HEADERS, tables.JOB_LAYOUT, JOB),
    "workers": (
        tables.WORKER_HEADERS,
        tables.WORKER_LAYOUT,
        ("a-machine:cpu:12345", "NVIDIA H100", "running", "1ddbfb4f", "cifar10 (airplane, bird)", "1 s ago"),
    ),
    "queues": (tables.QUEUE_HEADERS, tables.QUEUE_LAYOUT, ("flightline.cuda", "12,345", "1 m 1 s", "Redis is down")),
    "classes": (tables.CLASS_HEADERS, tables.CLASS_LAYOUT, ("airplane", "80.0 %", "90.0 %", "85.0 %", "1000")),
    "confusion": (("TRUE", *"abcdefghij"), RIGID, ("airplane", *["1000"] * 10)),
    "epochs": (EPOCH_HEADERS, EPOCH_LAYOUT, ("1000", "0.4444", "81.0 %", "0.5555", "82.0 %", "0.001", "12.34")),
    "attempts": (ATTEMPT_HEADERS, ATTEMPT_LAYOUT, ("1", "a-machine:cpu:1", "timed_out", "from 12", "2 h", "timed_out")),
    "log": (LOG_HEADERS, LOG_LAYOUT, ("01-31 12:00:01", "1", "INFO", "epoch 3 of 100 is over, and all is well")),
    "artifacts": (
        ARTIFACT_HEADERS,
        ARTIFACT_LAYOUT,
        ("best.safetensors", "15.0 MB", "01-31 12:00:01", "0123456789ab"),
    ),
}


def lines(headers: Sequence[str], layout: Layout, row: Sequence[str], width: int) -> list[str]:
    """What a terminal of that width shows."""
    text = io.StringIO()
    cells = [[Text(cell) for cell in row]]
    Console(file=text, width=width, highlight=False).print(fitted(headers, cells, layout, width))
    return text.getvalue().splitlines()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_no_figure_is_cut_or_broken(case: str, width: int) -> None:
    """Every cell that is shown and may not give way stands whole in one line, and no line is wider."""
    headers, layout, row = CASES[case]
    shown = lines(headers, layout, row, width)
    assert max(map(len, shown)) <= width
    for header, cell in zip(headers, row, strict=True):
        gives_way = header in {layout.shortened, *layout.wrapped}
        if not gives_way and any(header in line for line in shown):
            assert any(cell in line for line in shown), (header, cell, shown)


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

    for module in ("flightline.cli.console", "flightline.cli.commands.jobs"):
        monkeypatch.setattr(f"{module}.out", terminal)
    job = service.add(name="a-name-that-is-much-too-long-for-this", epoch=2, epochs=3)
    shown = Text.from_ansi(run("jobs").out).plain
    assert f"{job['id'][-8:]} " in shown
    assert max(map(len, shown.splitlines())) <= width
    assert run("show", job["id"][-8:], "--json").json["id"] == job["id"]
