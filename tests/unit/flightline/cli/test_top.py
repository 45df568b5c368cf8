"""`top`: the service at a glance on a terminal, and once where there is none."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from flightline import Client
from flightline.cli.overview.snapshot import Snapshot, SnapshotFeed, SnapshotReader
from flightline.cli.overview.view import Overview
from flightline.client.jobs import Job
from flightline.client.records import Queue, Worker
from tests.support.http_answers import CATALOG
from tests.support.http_service import FakeService, problem
from tests.support.servers import wait_until
from tests.support.terminals import FIRST_SCREEN, OTHER_SCREEN, SHOW_CURSOR, TOP_LEFT, Terminal
from tests.unit.flightline.conftest import Run

WORKER: dict[str, Any] = CATALOG["/v1/workers"]["items"][0]
QUEUE: dict[str, Any] = CATALOG["/v1/queues"]["items"][0]


def snapshot(jobs: int = 3, workers: int = 2) -> Snapshot:
    """Running jobs with curves, and workers."""
    service = FakeService()
    found = [Job(service.add(name=f"job-{number}", epoch=2)) for number in range(jobs)]
    crew = [Worker(WORKER | {"id": f"host-{number}:cpu:1", "job_id": None}) for number in range(workers)]
    return Snapshot(found, {job.id: {1: 2.0, 2: 1.0} for job in found}, crew, [Queue(QUEUE)])


def last_page(drawn: str) -> str:
    """The last page that was drawn to its end."""
    return drawn.split(TOP_LEFT)[-2]


def page(overview: Overview, width: int, height: int) -> list[str]:
    """The lines of an overview on a screen of this size."""
    text = io.StringIO()
    console = Console(file=text, width=width, height=height, soft_wrap=True)
    console.print(overview)
    return text.getvalue().splitlines()


class TestPage:
    def test_what_it_shows(self) -> None:
        """Who serves, how many wait and work; each job with id, bar and curve; the workers; the queues."""
        found = snapshot()
        text = "\n".join(page(Overview(found, "http://here"), 120, 40))
        for part in ("http://here", "2 jobs waiting, 0 of 2 workers busy", found.jobs[0].id[-8:], "job-2", "2/3", "█▁"):
            assert part in text
        for part in ("WORKER", "host-1:cpu:1", "idle", "QUEUE", "flightline.any", "1 m 1 s", "q ends this"):
            assert part in text

    @pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
    @pytest.mark.parametrize("height", [10, 24, 60])
    def test_it_fits_any_screen(self, width: int, height: int) -> None:
        """No line is longer than the screen is wide, and there are no more of them, however much there is to show."""
        lines = page(Overview(snapshot(100, 50), "http://a.service.with.a.long.name.example:8470"), width, height)
        assert max(map(len, lines)) <= width
        assert len(lines) <= max(height, 13)

    def test_a_small_screen_shows_jobs_before_all_workers(self) -> None:
        """Fifty workers leave room for jobs."""
        lines = page(Overview(snapshot(100, 50), "http://here"), 80, 24)
        assert sum("job-" in line for line in lines) >= 6
        assert sum("host-" in line for line in lines) >= 4

    def test_a_predictor_takes_no_jobs(self) -> None:
        """It is listed, and is none of the workers that could be busy."""
        found = snapshot(workers=1)
        crew = [*found.workers, Worker(WORKER | {"id": "host-9:cpu:9", "role": "predict"})]
        text = "\n".join(page(Overview(Snapshot(found.jobs, {}, crew, found.queues), "http://here"), 80, 24))
        assert "0 of 1 worker busy" in text
        assert "predictor" in text

    def test_a_service_without_anything(self) -> None:
        """It says what to do."""
        text = "\n".join(page(Overview(Snapshot([], {}, [], []), "http://here"), 80, 24))
        assert "No jobs. Submit one" in text
        assert "No workers. Start one" in text

    def test_a_service_that_does_not_answer(self) -> None:
        """What was read last stays, and since when it is old is said with the reason."""
        lines = page(Overview(snapshot(), "http://here", OSError("It has gone.\nIt has."), 75), 80, 24)
        assert lines[1] == "No answer for 1 m 15 s: It has gone."
        assert any("job-0" in line for line in lines)


class TestSnapshots:
    def test_running_jobs_come_first(self, service: FakeService, client: Client) -> None:
        """Then those that wait, those that are paused, and those that finished; as many as are wanted."""
        for status in ("succeeded", "paused", "queued", "running"):
            service.add(status=status, epochs=0)
        reader = SnapshotReader(client)
        assert [job.status for job in reader.read(9).jobs] == ["running", "queued", "paused", "succeeded"]
        assert [job.status for job in reader.read(2).jobs] == ["running", "queued"]

    def test_only_new_epochs_are_read(self, service: FakeService, client: Client) -> None:
        """A curve grows by what is new; a job that stands still costs nothing."""
        job = service.add(epochs=9, epoch=2)
        reader = SnapshotReader(client)
        assert reader.read(9).curves == {job["id"]: {1: 1.0, 2: 0.5}}
        reader.read(9)
        client.job(job["id"])  # moves it on
        assert list(reader.read(9).curves[job["id"]]) == [1, 2, 3]
        asked = [path for _, path, _ in service.requests if "/epochs" in path]
        assert asked == [f"/v1/jobs/{job['id']}/epochs?after={after}" for after in (0, 2)]

    def test_an_attempt_that_resumed_has_its_own_curve(self, service: FakeService, client: Client) -> None:
        """Epochs of a lost attempt that are run again are not drawn."""
        job = service.add(epochs=9, epoch=4)
        reader = SnapshotReader(client)
        reader.read(9)
        job["attempts"], job["progress"]["epoch"] = 2, 1
        service.history[job["id"]] = [one for one in service.history[job["id"]] if one["data"].get("epoch", 1) < 2]
        assert reader.read(9).curves == {job["id"]: {1: 1.0}}

    def test_a_job_that_is_gone_is_forgotten(self, service: FakeService, client: Client) -> None:
        """Whoever looks on for weeks keeps what is on the screen alone."""
        job = service.add(epochs=9, epoch=1)
        reader = SnapshotReader(client)
        reader.read(9)
        del service.jobs[job["id"]]
        assert reader.read(9).curves == {}

    def test_a_feed_outlives_a_service_that_is_lost(self, service: FakeService, client: Client) -> None:
        """The last snapshot stays, with the reason; when the service is back there are new ones."""
        reader = SnapshotReader(client)
        feed = SnapshotFeed(reader, reader.read(9), 0.001, 9)
        service.refuse["GET /v1/queues"] = problem(503, "database_unavailable", "The database has gone.")
        wait_until(lambda: feed.fault, "the fault")
        feed.raise_defect()
        service.add(epochs=0)
        service.refuse.clear()
        wait_until(lambda: feed.latest.jobs, "the new job")
        wait_until(lambda: feed.fault is None, "the end of the fault")
        feed.close()

    def test_a_defect_is_no_lost_service(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        """An error of our own ends the command, rather than being shown for ever as an outage."""

        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        reader = SnapshotReader(client)
        first = reader.read(9)
        monkeypatch.setattr(reader, "read", broken)
        feed = SnapshotFeed(reader, first, 0.001, 9)
        wait_until(lambda: feed.fault, "the fault")
        with pytest.raises(ZeroDivisionError):
            feed.raise_defect()


class TestWithoutATerminal:
    def test_it_is_printed_once(self, run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
        """Jobs, workers and queues as tables, also where colours are forced; the ids are whole."""
        monkeypatch.setenv("FORCE_COLOR", "1")
        job_id = service.add(name="mine", epochs=0)["id"]
        outcome = run("top")
        assert outcome.code == 0
        for part in ("mine", job_id, "host-1:cpu:1", "flightline.any"):
            assert part in outcome.out
        assert OTHER_SCREEN not in outcome.out

    def test_as_json(self, run: Run, service: FakeService) -> None:
        """What the service says of jobs, workers and queues, in its own words."""
        job = service.add(epochs=0)
        found = run("top", "--json").json
        assert found == {
            "jobs": [job],
            "workers": CATALOG["/v1/workers"]["items"],
            "queues": CATALOG["/v1/queues"]["items"],
        }

    def test_a_service_that_is_not_there(self, run: Run, service: FakeService) -> None:
        """Nobody waits for one that never was."""
        service.refuse["GET /v1/jobs"] = problem(503, "database_unavailable", "No database.")
        assert run("top").code == 4


class TestOnATerminal:
    @pytest.fixture
    def terminal(self, service: FakeService) -> Iterator[Terminal]:
        """`flightline top` on a terminal, its first page drawn."""
        service.add(name="mine", epochs=0)
        command = [sys.executable, "-m", "flightline", "top", "--interval", "0.1"]
        terminal = Terminal(command, os.environ | {"TERM": "xterm-256color"})
        terminal.wait_for(lambda drawn: "mine" in drawn, "the first page")
        yield terminal
        terminal.close()

    def test_q_ends_it_and_leaves_the_terminal_as_it_was(self, terminal: Terminal) -> None:
        """The first screen is back with its cursor, and keys are echoed again; typed ones never were."""
        assert terminal.current_modes() != terminal.modes
        terminal.type("xyzq")
        assert terminal.end() == 0
        assert "xyz" not in terminal.drawn
        assert self.is_restored(terminal)

    @pytest.mark.parametrize(
        "number,code", [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGHUP, 129)]
    )
    def test_signals_end_it_in_order_too(self, terminal: Terminal, number: signal.Signals, code: int) -> None:
        """Ctrl-C, `kill` and a closed terminal: each has its usual exit code."""
        terminal.process.send_signal(number)
        assert terminal.end() == code
        assert self.is_restored(terminal)
        assert "Traceback" not in terminal.drawn

    def test_ctrl_z_gives_the_terminal_back_for_a_while(self, terminal: Terminal) -> None:
        """While it is stopped the terminal is as it was; then it draws again."""
        terminal.process.send_signal(signal.SIGTSTP)
        _, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        terminal.wait_for(lambda drawn: drawn.endswith(SHOW_CURSOR) or FIRST_SCREEN in drawn, "the first screen")
        assert self.is_restored(terminal)
        seen = len(terminal.drawn)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait_for(lambda drawn: "mine" in drawn[seen:], "the page again")
        terminal.type("q")
        assert terminal.end() == 0
        assert self.is_restored(terminal)

    def test_it_follows_the_service_and_the_size_of_the_screen(self, terminal: Terminal, service: FakeService) -> None:
        """New jobs appear; what has no room on a narrower screen does not."""
        service.add(name="another", epochs=0)
        terminal.wait_for(lambda drawn: "another" in drawn, "the new job")
        assert "HEARTBEAT" in terminal.drawn
        terminal.resize(24, 30)
        terminal.wait_for(lambda drawn: "HEARTBEAT" not in last_page(drawn) and "mine" in last_page(drawn), "less")

    def test_a_lost_service_is_said_on_the_page(self, terminal: Terminal, service: FakeService) -> None:
        """It goes on looking, and shows the service again as soon as it is back."""
        service.refuse["GET /v1/workers"] = problem(503, "database_unavailable", "The database has gone.")
        terminal.wait_for(lambda drawn: "The database has gone." in drawn, "the reason")
        service.refuse.clear()
        service.add(name="later", epochs=0)
        terminal.wait_for(lambda drawn: "later" in drawn, "the service again")

    def is_restored(self, terminal: Terminal) -> bool:
        """Whether the terminal is as it was before the program."""
        back = terminal.drawn.rindex(FIRST_SCREEN) > terminal.drawn.rindex(OTHER_SCREEN)
        return back and terminal.drawn.rindex(SHOW_CURSOR) > 0 and terminal.current_modes() == terminal.modes
