"""Cells, sparklines and live views."""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

import pytest
from rich.console import Console

from flightline.cli import tables
from flightline.cli.progress import JobsView, follow_jobs
from flightline.client import records
from flightline.client.client import Client
from flightline.client.display import cells
from flightline.client.following.watch import Update
from flightline.client.jobs import Job
from flightline.client.records import Event
from shared.jobs.status import FINISHED, JobStatus
from tests.support.http_service import FakeService


@pytest.mark.parametrize(
    "seconds,text",
    [
        (None, "–"),
        (0, "0 s"),
        (59.4, "59 s"),
        (99, "1 m 39 s"),
        (3600, "1 h"),
        (3723, "1 h 2 m"),
        (10**6, "11 d 13 h"),
        (-5, "0 s"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    """Seconds, minutes and hours each have their form."""
    assert tables.duration(seconds) == text


@pytest.mark.parametrize(
    "values,line",
    [([], ""), ([None], ""), ([1.0], "▁"), ([1.0, 1.0], "▁▁"), ([8.0, 1.0, 4.5], "█▁▅"), ([0.0, None, 1.0], "▁█")],
)
def test_sparkline(values: list[float | None], line: str) -> None:
    """The lowest value is the lowest block; what is missing is left out."""
    assert tables.sparkline(values) == line


def test_long_sparklines_end_with_the_latest_value() -> None:
    """More values than blocks are thinned out, and the last one is always there."""
    line = tables.sparkline([1.0] * 99 + [0.0], width=10)
    assert (len(line), line[-1], line[0]) == (10, "▁", "█")


@pytest.mark.parametrize("value,text", [(0.8225, "82.3 %"), (None, "–"), (0.8105, "81.0 %"), (1.0, "100.0 %")])
def test_percent(value: float | None, text: str) -> None:
    """Accuracies are fractions, shown as percentages."""
    assert tables.percent(value) == text


@pytest.mark.parametrize(
    "value,text",
    [
        (0, "0 B"),
        (488, "488 B"),
        (999.9, "1.0 kB"),
        (24584, "24.6 kB"),
        (999_949, "999.9 kB"),
        (999_960, "1.0 MB"),
        (14_949_896, "14.9 MB"),
        (8e8, "800.0 MB"),
        (161_233_920_000, "161.2 GB"),
        (5e15, "5.0 PB"),
        (2.5e18, "2,500.0 PB"),
    ],
)
def test_amounts_have_the_prefix_that_fits(value: float, text: str) -> None:
    """Small networks weigh kilobytes, not 0.0 MB."""
    assert tables.scaled(value, "B") == text


def running(**fields: Any) -> Job:
    """A running job."""
    return Job(FakeService().add(**fields))


def epoch_event(number: int, loss: float) -> Event:
    """An epoch's end."""
    data = {"epoch": number, "train_loss": 1, "val_loss": loss, "val_accuracy": 0.5}
    return Event({"seq": number, "kind": "epoch", "data": data})


def drawn(view: JobsView, width: int = 200) -> str:
    """The view as a terminal would show it; as in the command, the console itself wraps nothing."""
    text = io.StringIO()
    Console(file=text, width=width, soft_wrap=True).print(view)
    return text.getvalue()


def test_view_shows_where_a_job_stands() -> None:
    """The live line has name, status, epochs, losses, accuracy and the time left."""
    result = {"val_loss": 0.44, "val_accuracy": 0.81}
    job = running(name="mine", result=result, progress={"epoch": 12, "epochs": 100, "eta_seconds": 131.0})
    view = JobsView([running(name="mine")])
    view.add(Update(job, (epoch_event(1, 2.0), epoch_event(2, 1.0))))
    text = drawn(view)
    for part in ("mine", "running", "12/100", "█▁", "VAL LOSS", "0.4400", "VAL ACC", "81.0 %", "2 m 11 s left"):
        assert part in text


def test_a_job_that_waits_for_its_next_attempt() -> None:
    """Its status says for how long; one that is due, or of a service that does not say, is simply queued."""
    later, past = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=sign * 55) for sign in (1, -1))
    waiting = running(name="mine", status="queued", not_before=later.isoformat())
    due = running(status="queued", not_before=past.isoformat())
    old = Job({key: value for key, value in due.raw.items() if key != "not_before"})

    assert re.fullmatch(r"queued, retry in 5\d s", tables.status(waiting).plain)
    assert re.fullmatch(r"queued, retry in 5\d s", str(dict(tables.job_facts(waiting))["status"]))
    assert re.fullmatch(r"mine  queued, retry in 5\d s", JobsView([running(id=waiting.id)]).add(Update(waiting))[0])
    assert [tables.status(job).plain for job in (due, old)] == ["queued", "queued"]


def test_an_evaluation_has_no_epochs_to_show() -> None:
    """It trains for none, and does not fail after one either; a training job's row stays from the first epoch on."""
    evaluation = running(kind="evaluate", progress={"epoch": 0, "epochs": 0, "eta_seconds": None})
    assert "epochs" not in dict(tables.job_facts(evaluation))
    error = {"code": "internal_error", "detail": "no space left"}
    failed = Job({**evaluation.raw, "status": "failed", "engine": "reference", "error": error})
    assert "while it scored images" in str(dict(tables.job_facts(failed))["failed"])
    assert dict(tables.job_facts(running()))["epochs"] == "0 of 3"


def test_view_goes_back_with_a_resumed_attempt() -> None:
    """What is run again leaves the sparkline, so that it never shows an epoch twice."""
    view = JobsView([job := running(name="mine")])
    resumed = Event({"seq": 4, "kind": "resumed", "data": {"attempt": 2, "from_epoch": 2}})
    view.add(Update(job, (epoch_event(1, 9.0), epoch_event(2, 1.0), epoch_event(3, 5.0))))
    assert "█▁▅" in drawn(view)
    assert view.add(Update(job, (resumed,))) == ["mine  attempt 2 resumes from its checkpoint with epoch 2"]
    view.add(Update(job, (epoch_event(2, 1.0),)))
    assert "█▁  " in drawn(view)


def test_view_says_whose_results_a_job_has() -> None:
    """A twin's epochs come all at once, and those of a shorter run do not come from its own checkpoint."""
    told = JobsView([before := running(name="mine")])
    result = {"val_accuracy": 0.8, "best_val_accuracy": 0.9, "best_epoch": 1}
    served = Job({**before.raw, "status": "succeeded", "result": result, "served_from": "01936f00-7000"})
    assert told.add(Update(served)) == [
        "mine  succeeded: accuracy 80.0 %, best 90.0 % after epoch 1; trained by job 01936f00-7000"
    ]
    longer = Job({**before.raw, "continued_from": "01936f00-7000"})
    resumed = Event({"seq": 4, "kind": "resumed", "data": {"attempt": 1, "from_epoch": 4}})
    view = JobsView([longer])
    assert view.add(Update(longer, (resumed,))) == ["mine  goes on from job 01936f00-7000 with epoch 4"]
    again = Event({"seq": 9, "kind": "resumed", "data": {"attempt": 2, "from_epoch": 5}})
    assert view.add(Update(longer, (again,))) == ["mine  attempt 2 resumes from its checkpoint with epoch 5"]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 132])
def test_view_never_wraps(width: int) -> None:
    """However narrow the terminal and however long the names, each job is one line of at most its width."""
    result = {"val_loss": 0.44, "val_accuracy": 0.81}
    progress = {"epoch": 12, "epochs": 100, "eta_seconds": 4000.0}
    jobs = [running(id=name, name=name, result=result, progress=progress) for name in ("notebook-tapered-logits", "b")]
    view = JobsView([*jobs, running(id="c", name="n" * 100)])
    view.add(Update(jobs[0], tuple(epoch_event(number, 1 / number) for number in range(1, 100))))
    lines = drawn(view, width).splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [40, 45, 60, 70])
def test_view_never_cuts_a_figure(width: int) -> None:
    """What has no room is left out; status and accuracy stay."""
    result = {"val_loss": 10.4444, "val_accuracy": 0.81}
    progress = {"epoch": 1000, "epochs": 2000, "eta_seconds": 4000.0}
    text = drawn(JobsView([running(name="a-long-name", result=result, progress=progress)]), width)
    assert "running" in text
    assert "81.0 %" in text
    assert "…" not in text.replace("a-lo", "").split("running")[1]


def test_view_keeps_its_bar_and_figures_in_eighty_columns() -> None:
    """A terminal of the usual width shows every figure of a job with a long name, and a bar; a wider one its losses."""
    result = {"val_loss": 0.44, "val_accuracy": 0.81}
    progress = {"epoch": 50, "epochs": 100, "eta_seconds": 4000.0}
    view = JobsView([job := running(name="notebook-tapered-logits", result=result, progress=progress)])
    view.add(Update(job, (epoch_event(1, 2.0), epoch_event(2, 1.0))))
    for part in ("notebook-taper", "running", "50/100", "0.4400", "81.0 %", "1 h 6 m left", "━━━"):
        assert part in drawn(view, 80)
    assert "█▁" in drawn(view, 100)


def test_view_says_when_an_attempt_starts_over() -> None:
    """Without a checkpoint nothing is gone on from."""
    view = JobsView([job := running(name="mine")])
    over = Event({"seq": 4, "kind": "resumed", "data": {"attempt": 2, "from_epoch": 1}})
    assert view.add(Update(job, (over,))) == ["mine  attempt 2 starts over"]


def queued_again(**data: Any) -> Event:
    """The event of a first attempt that ended early."""
    at = "2026-01-31T12:00:00Z"
    return Event({"seq": 4, "kind": "status", "data": {"status": "queued", "attempt": 1, "at": at, **data}})


@pytest.mark.parametrize(
    "data, line",
    [
        (
            {
                "outcome": "failed",
                "error": {"code": "x", "detail": "The GPU is full."},
                "not_before": "2026-01-31T12:00:10Z",
            },
            "mine  attempt 1 failed: The GPU is full. Attempt 2 starts in 10 s at the earliest.",
        ),
        (
            {"outcome": "lost", "error": {"code": "x", "detail": "Its worker is gone."}, "not_before": None},
            "mine  attempt 1 was lost: Its worker is gone. Attempt 2 starts as soon as a worker is free.",
        ),
        (
            {"outcome": "released", "error": None, "not_before": None},
            "mine  attempt 1 was released: its worker stops. Attempt 2 starts as soon as a worker is free.",
        ),
    ],
)
def test_view_says_why_an_attempt_ended_and_when_the_next_one_starts(data: dict[str, Any], line: str) -> None:
    """One line has the failure and the wait, and the status `queued` adds no second one."""
    view = JobsView([job := running(name="mine")])
    queued = Job({**job.raw, "status": "queued"})
    assert view.add(Update(queued, (queued_again(**data),))) == [line]
    assert view.add(Update(job)) == ["mine  running"]


def test_view_says_nothing_of_the_first_time_in_the_queue() -> None:
    """A job that was just submitted has no attempt that could have ended."""
    view = JobsView([job := running(name="mine")])
    assert (
        view.add(Update(job, (Event({"seq": 1, "kind": "status", "data": {"status": "queued", "attempt": 0}}),))) == []
    )


def test_following_on_a_terminal_says_that_an_attempt_failed(client: Client, service: FakeService) -> None:
    """Above the bars stands the failure, though the status bar has forgotten it a moment later."""
    job = service.add(name="mine")
    service.tell(job, "status", **queued_again(outcome="failed", error={"code": "x", "detail": "Full."}).data)
    text = io.StringIO()
    follow_jobs(client, [Job(job)], Console(file=text, force_terminal=True, highlight=False, width=200))
    assert text.getvalue().count("mine  attempt 1 failed: Full. Attempt 2 starts as soon as a worker is free.") == 1


def test_view_says_once_how_a_job_ended_that_was_finished_before() -> None:
    """Somebody who looks later is told the same as somebody who was there."""
    failed = running(name="mine", status="failed", error={"code": "x", "detail": "No such class."})
    view = JobsView([failed])
    assert view.add(Update(failed, ())) == ["mine  failed: No such class."]
    assert view.add(Update(failed, ())) == []


@pytest.mark.parametrize(
    "fields,part",
    [
        ({"status": "queued"}, "waits "),
        ({"cancel_requested": True}, "cancelling"),
        ({"status": "paused"}, "paused"),
        ({"status": "cancelled"}, "cancelled"),
    ],
)
def test_view_of_other_statuses(fields: dict[str, Any], part: str) -> None:
    """A queued job says how long it waits; one that is to be cancelled says so."""
    assert part in drawn(JobsView([running(**fields)]))


def test_following_on_a_terminal(client: Client, service: FakeService) -> None:
    """On a terminal several jobs are drawn together until all are finished."""
    jobs = [Job(service.add(name=name, epochs=3)) for name in ("first", "second")]
    text = io.StringIO()
    ended = follow_jobs(client, jobs, Console(file=text, force_terminal=True, width=200))
    assert [(job.name, job.status) for job in ended] == [("first", "succeeded"), ("second", "succeeded")]
    assert "3/3" in text.getvalue()


def test_following_on_a_terminal_says_when_a_job_goes_on(client: Client, service: FakeService) -> None:
    """Above the bars stands a line for each attempt that goes on from a checkpoint."""
    service.resume = 2
    text = io.StringIO()
    follow_jobs(client, [Job(service.add(name="mine"))], Console(file=text, force_terminal=True, highlight=False))
    assert text.getvalue().count("mine  attempt 2 resumes from its checkpoint with epoch 2") == 1


def test_following_raises_what_a_watch_raises(client: Client, service: FakeService) -> None:
    """A job that vanishes while it is followed raises where the updates are taken."""
    job = Job(service.add())
    service.jobs.clear()
    with pytest.raises(Exception, match="There is no job"):
        follow_jobs(client, [job], Console(file=io.StringIO()))


def test_every_status_has_its_colours_and_its_side() -> None:
    """On the terminal and in notebooks; and each is either an end or not."""
    assert set(tables.COLOURS) == set(cells.COLOURS) == set(JobStatus)
    assert (records.FINISHED, set(records.NOT_FINISHED)) == (FINISHED, set(JobStatus) - FINISHED)
