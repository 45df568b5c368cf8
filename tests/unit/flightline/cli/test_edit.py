"""Changing what a job is called and what is written about it, by options or in an editor."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from flightline.cli.jobs.labels import Labels, read, written
from flightline.errors import UsageError
from tests.support.http_service import problem
from tests.support.http_team import TeamService
from tests.unit.flightline.conftest import Run


def changes(team: TeamService) -> list[dict[str, Any]]:
    """The changes that were sent."""
    return [json.loads(body) for method, _, body in team.requests if method == "PATCH"]


@pytest.fixture
def job(team: TeamService) -> str:
    """The id of a job with labels."""
    return str(team.add(status="queued", name="first", tags=["a", "b"], notes=None)["id"])


@pytest.fixture
def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A program that is an editor: it runs the code in this file on the text, and leaves its own copies here."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = tmp_path / "edit.py"
    monkeypatch.setenv("EDITOR", f"{sys.executable} {code}")
    monkeypatch.delenv("VISUAL", raising=False)
    return code


def replacing(old: str, new: str) -> str:
    """An editor that replaces a text by another."""
    return (
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        f"file.write_text(file.read_text().replace({old!r}, {new!r}))\n"
    )


class TestOptions:
    def test_only_what_is_given_changes(self, team: TeamService, run: Run, job: str) -> None:
        """Tags are added and removed, not replaced; empty texts remove."""
        outcome = run("edit", job, "--name", "wide", "--tag", "c", "--tag", "a", "--untag", "b", "--notes", "# Good\n")
        assert outcome.code == 0, outcome
        assert outcome.out == f"wide; tags: a, c. Job {job}\n"
        assert run("edit", job, "--name", "", "--notes", "").code == 0
        assert changes(team) == [{"name": "wide", "notes": "# Good", "tags": ["a", "c"]}, {"name": None, "notes": None}]

    def test_a_tag_that_is_added_and_removed(self, team: TeamService, run: Run, job: str) -> None:
        """Nobody can mean that: nothing is changed, and it is said."""
        outcome = run("edit", job, "--tag", "x", "--untag", "x")
        assert (outcome.code, "'x' is to be added and removed" in outcome.err) == (2, True)
        assert changes(team) == []

    def test_notes_of_standard_input(
        self, team: TeamService, run: Run, job: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file, or what a program found out."""
        monkeypatch.setattr(sys, "stdin", io.StringIO("Two\nlines\n"))
        assert run("edit", job, "--notes", "-", "--json").json["notes"] == "Two\nlines"

    def test_a_tag_that_is_not_there(self, team: TeamService, run: Run, job: str) -> None:
        """It is removed as wished for, and most likely mistyped."""
        outcome = run("edit", job, "--untag", "nope", "--untag", "b", "--untag", "nope")
        assert (outcome.code, outcome.err.count("has no tag 'nope'.")) == (0, 1)
        assert changes(team) == [{"tags": ["a"]}]

    def test_a_change_that_is_none(self, team: TeamService, run: Run, job: str) -> None:
        """A tag that is there already: nothing is sent."""
        assert run("edit", job, "--tag", "a").out == "Nothing was changed.\n"
        assert changes(team) == []


class TestEditor:
    def test_what_was_edited_is_sent(self, team: TeamService, run: Run, job: str, editor: Path) -> None:
        """And nothing else; the file is gone afterwards."""
        editor.write_text(replacing("tag: b\n---\n", "tag: good one\n---\nIt *works*.\n\n- a\n"))
        assert run("edit", job).code == 0
        assert changes(team) == [{"tags": ["a", "good one"], "notes": "It *works*.\n\n- a"}]
        assert list(editor.parent.glob("flightline-*.md")) == []

    def test_an_unchanged_text_sends_nothing(self, team: TeamService, run: Run, job: str, editor: Path) -> None:
        """Whoever thinks better of it closes the editor."""
        editor.write_text("")
        assert run("edit", job).out == "Nothing was changed.\n"
        assert changes(team) == []

    @pytest.mark.parametrize("refused", [False, True])
    def test_a_text_that_is_not_accepted_is_kept(
        self, team: TeamService, run: Run, job: str, editor: Path, refused: bool
    ) -> None:
        """Neither by this command nor by the service: nobody has to write it again."""
        if refused:
            team.refuse[f"PATCH /v1/jobs/{job}"] = problem(422, "invalid_spec", "Too long.")
        editor.write_text(replacing("---\n", "---\nnotes" if refused else "and\n---\nnotes"))
        outcome = run("edit", job)
        (kept,) = editor.parent.glob("flightline-*.md")
        assert outcome.code == (3 if refused else 2)
        assert f"Your text is kept in {kept}." in outcome.err
        assert kept.read_text().endswith("---\nnotes")
        assert kept.stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize(
        "command, said",
        [(f"{sys.executable} -c 'raise SystemExit(3)'", "ended with the code 3"), ("/nowhere/editor", "Set EDITOR")],
    )
    def test_an_editor_that_fails(
        self,
        team: TeamService,
        run: Run,
        job: str,
        editor: Path,
        monkeypatch: pytest.MonkeyPatch,
        command: str,
        said: str,
    ) -> None:
        """Nothing is changed, and no file is left."""
        monkeypatch.setenv("VISUAL", command)
        outcome = run("edit", job)
        assert (outcome.code, said in outcome.err, changes(team)) == (2, True, [])
        assert list(editor.parent.glob("flightline-*.md")) == []

    def test_no_editor_and_no_terminal(
        self, team: TeamService, run: Run, job: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A script is told of the options."""
        monkeypatch.delenv("EDITOR", raising=False)
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        outcome = run("edit", job)
        assert (outcome.code, "give --name, --tag, --untag or --notes" in outcome.err) == (2, True)


class TestLabels:
    @pytest.mark.parametrize(
        "labels",
        [
            Labels(None, (), None),
            Labels("näme: ☃", ("a:b", "c, d", "# e"), "# Title\n\n---\n\nbelow a rule"),
            Labels("name", (), "  indented\n"[:-1]),
        ],
    )
    def test_what_is_written_is_read(self, labels: Labels) -> None:
        """Whatever stands in them."""
        assert read(written(labels)) == labels

    @pytest.mark.parametrize(
        "text, said",
        [
            ("name: a\n", "The line --- "),
            ("nome: a\n---\n", "'nome: a' is neither"),
            ("name: a\nname: b\n---\n", "one name"),
        ],
    )
    def test_what_is_not_understood(self, text: str, said: str) -> None:
        """The message has the line."""
        with pytest.raises(UsageError, match=said):
            read(text)


def test_a_retry_with_changes(team: TeamService, run: Run) -> None:
    """A job of its own, by the same --set as a submission; without it the service repeats the job."""
    team.add(
        status="succeeded", spec={"architecture": {"kind": "mlp"}, "training": {"epochs": 3}}, name="n", tags=["t"]
    )
    assert run("retry", "last", "--set", "training.epochs=20").code == 0
    assert json.loads(team.requests[-1][2]) == {
        "architecture": {"kind": "mlp"},
        "training": {"epochs": 20},
        "name": "n",
        "tags": ["t"],
    }
    assert run("retry", "last", "--json").json["retry_of"] is not None
