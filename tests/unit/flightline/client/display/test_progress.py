"""Progress bars: where they are drawn, and what they say."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from flightline import Client
from flightline.client.display.progress import in_notebook
from tests.support.http_service import FakeService

Screen = Callable[[], str]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Screen:
    """Makes standard error a terminal, and returns what was drawn there."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    return lambda: capsys.readouterr().err


class Notebook:
    """IPython in the kernel of a notebook: what it displays, and each state that this is given."""

    def __init__(self, shell: str) -> None:
        self.cells: list[list[str]] = []
        self._shell = type(shell, (), {})()
        self.display_module = SimpleNamespace(HTML=str, display=self._display)

    def get_ipython(self) -> object:
        """The shell."""
        return self._shell

    def _display(self, cell: str, *, display_id: bool) -> Any:
        assert display_id
        self.cells.append([cell])
        return SimpleNamespace(update=self.cells[-1].append)


def in_ipython(monkeypatch: pytest.MonkeyPatch, shell: str) -> Notebook:
    """Make this process one of IPython, with this shell."""
    notebook = Notebook(shell)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "IPython.display", notebook.display_module)
    return notebook


def test_a_terminal_shows_a_bar(client: Client, service: FakeService, screen: Screen) -> None:
    """With the job's name, its epochs and its accuracy."""
    client.wait(service.add(epochs=3, name="first")["id"])
    assert "first: succeeded, epoch 3/3, accuracy 0.8100" in screen()


def test_many_jobs_share_one_bar(client: Client, service: FakeService, screen: Screen) -> None:
    """It says how many have finished and failed, and the best accuracy so far."""
    jobs = [service.add(epochs=2)["id"], service.add(epochs=2)["id"], service.add(status="failed")["id"]]
    client.wait_all(jobs)
    assert "3 of 3 jobs finished, 1 failed, best accuracy 0.8300" in screen()


def test_nothing_is_drawn_where_nobody_looks(
    client: Client, service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a script whose errors go to a file; unless it is asked for."""
    client.wait(service.add(epochs=1)["id"])
    assert capsys.readouterr() == ("", "")
    client.wait(service.add(epochs=1, name="asked")["id"], progress=True)
    assert "asked: succeeded" in capsys.readouterr().err


def test_nothing_is_drawn_beside_what_a_caller_draws(client: Client, service: FakeService, screen: Screen) -> None:
    """Whoever passes `on_epoch`, or no to progress."""
    client.wait(service.add(epochs=1)["id"], on_epoch=lambda _: None)
    client.wait(service.add(epochs=1)["id"], progress=False)
    client.wait_all([service.add(epochs=1)["id"]], progress=False)
    assert screen() == ""


def test_a_notebook_draws_it_in_one_place(
    client: Client, service: FakeService, monkeypatch: pytest.MonkeyPatch, screen: Screen
) -> None:
    """A cell that is updated, with the name as text; nothing on standard error."""
    notebook = in_ipython(monkeypatch, "ZMQInteractiveShell")
    client.wait(service.add(epochs=3, name="<b>")["id"])
    ((*states, last),) = notebook.cells
    assert len(states) >= 1
    assert last == '<progress max="3" value="3"></progress> &lt;b&gt;: succeeded, epoch 3/3, accuracy 0.8100'
    assert screen() == ""


def test_a_shell_of_ipython_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a terminal; a program without IPython is neither."""
    in_ipython(monkeypatch, "TerminalInteractiveShell")
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


def test_an_error_leaves_the_terminal_as_it_was(client: Client, service: FakeService, screen: Screen) -> None:
    """The cursor that the bar hides is shown again."""
    job_id = service.add(epochs=3)["id"]

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.wait(job_id, on_epoch=stop, progress=True)
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    drawn = screen()
    assert drawn.rfind(shown) > drawn.rfind(hidden) >= 0


def test_a_job_without_epochs_is_one_step(
    client: Client, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An evaluation: its bar is full once it has finished, and nothing is said of epochs."""
    notebook = in_ipython(monkeypatch, "ZMQInteractiveShell")
    job = client.wait(service.add(status="succeeded", epochs=0, name="scored", kind="evaluate")["id"])
    assert notebook.cells == [['<progress max="1" value="1"></progress> scored: succeeded']]
    assert repr(job).endswith("'scored': succeeded>")
    assert "epoch" not in job._repr_html_()
