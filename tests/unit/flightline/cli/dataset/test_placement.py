"""Images put in place: whole or not at all, and over nothing that is there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flightline.cli.dataset import placement
from flightline.errors import StackError, UsageError
from tests.support.image_folders import PLACED, image_file, tree


class TestPlacement:
    def test_files_are_put_into_splits_and_classes(self, source: Path, files: list[Any], tmp_path: Path) -> None:
        """In a data directory that need not be there; the source stays as it is, and nothing else is left."""
        before = tree(source)
        placement.place(source, files, tmp_path / "data" / "photos")
        assert tree(tmp_path / "data") == PLACED
        assert tree(source) == before

    @pytest.mark.parametrize("kind", ["folder", "file", "link"])
    def test_nothing_is_overwritten(self, source: Path, files: list[Any], tmp_path: Path, kind: str) -> None:
        """Whatever has the name already, an empty folder or a link that leads nowhere too."""
        target = tmp_path / "data" / "photos"
        target.parent.mkdir()
        if kind == "folder":
            target.mkdir()
        elif kind == "file":
            target.touch()
        else:
            target.symlink_to("nowhere")
        with pytest.raises(UsageError, match="is there already, and nothing is overwritten"):
            placement.place(source, files, target)
        assert tree(target.parent) == ({"photos": b""} if kind == "file" else {})

    def test_a_file_that_changes_meanwhile(self, source: Path, files: list[Any], tmp_path: Path) -> None:
        """What was checked is not what would be copied: nothing is left of it."""
        (source / "dog/1.jpg").write_bytes(b"another")
        with pytest.raises(UsageError, match="has changed since it was checked"):
            placement.place(source, files, tmp_path / "data" / "photos")
        assert tree(tmp_path / "data") == {}

    def test_a_file_that_goes_meanwhile(self, source: Path, files: list[Any], tmp_path: Path) -> None:
        """The same."""
        (source / "dog/1.jpg").unlink()
        with pytest.raises(FileNotFoundError):
            placement.place(source, files, tmp_path / "data" / "photos")
        assert tree(tmp_path / "data") == {}

    def test_a_full_disk(self, source: Path, files: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is said before anything is written."""
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1))
        with pytest.raises(StackError, match="has room for 1 bytes, and the images take 7"):
            placement.place(source, files, tmp_path / "data" / "photos")

    def test_an_interruption_at_the_last_moment(
        self, source: Path, files: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ctrl-C while the last file is written leaves nothing under the name, nor beside it."""

        def interrupted() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "sync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            placement.place(source, files, tmp_path / "data" / "photos")
        assert tree(tmp_path / "data") == {}

    def test_what_a_killed_copy_left_is_removed(self, source: Path, files: list[Any], tmp_path: Path) -> None:
        """By the next copy, whatever that one is called; workers pass over it until then, for its name is hidden."""
        left = tmp_path / "data" / f"{placement.DRAFT}other"
        image_file(left, "train/cat/1.jpg", b"half")
        placement.place(source, files, tmp_path / "data" / "photos")
        assert tree(tmp_path / "data") == PLACED

    def test_two_copies_at_once(self, source: Path, files: list[Any], tmp_path: Path) -> None:
        """One of them is first, and the other finds the name taken; none takes the other's draft for a leftover."""
        code = (
            "import json, sys; from pathlib import Path; from flightline.cli.dataset.placement import place\n"
            "place(Path(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3]))"
        )
        command = [sys.executable, "-c", code, str(source), json.dumps(files), str(tmp_path / "data" / "photos")]
        both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        ended = [(one.communicate()[1], one.returncode) for one in both]
        assert sorted(code for _, code in ended) == [0, 1]
        assert sum("is there already" in said for said, _ in ended) == 1
        assert tree(tmp_path / "data") == PLACED
