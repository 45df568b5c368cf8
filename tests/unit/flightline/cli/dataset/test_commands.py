"""`dataset`: what a person is told of images, and what is drawn of them."""

from __future__ import annotations

import base64
import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from flightline.cli.commands.service import dataset
from flightline.cli.commands.service import programs as service_commands
from flightline.cli.dataset import examination
from flightline.cli.dataset.half_blocks import beside, picture
from flightline.cli.dataset.suggestion import suggested_command
from flightline.errors import StackError
from flightline.stack.home import write_state
from shared.processes import born
from tests.support.http_answers import CATALOG
from tests.support.http_service import FakeService, problem
from tests.support.image_folders import PLACED, tree
from tests.unit.flightline.conftest import Run

REPORT: dict[str, Any] = {
    "classes": ["cat", "dog"],
    "counts": {"cat": [80, 20], "dog": [70, 18]},
    "has_val": True,
    "smallest": [300, 200],
    "largest": [480, 640],
    "alike": False,
    "ignored": {},
    "twins": [],
    "faults": [],
    "files": [],
}
FAULTS = [
    {"place": "cat/1.jpg", "problem": "this image cannot be read: it is none", "remedy": "Delete it."},
    {"place": "", "problem": "there is only one class, cat", "remedy": "Add another."},
]


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, files: list[dict[str, Any]]) -> dict[str, Any]:
    """What the workers' code reports of any folder: reading images has tests of its own."""
    found = REPORT | {"files": files}
    monkeypatch.setattr(dataset, "examine", lambda *_, **__: found)
    monkeypatch.setattr(dataset, "NOTICED_SECONDS", 0.0)
    return found


@pytest.fixture
def data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The data directory."""
    monkeypatch.setenv("FLIGHTLINE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


class TestAdd:
    @pytest.fixture(autouse=True)
    def _found(self, monkeypatch: pytest.MonkeyPatch, service: FakeService, report: dict[str, Any]) -> None:
        """A worker of the service has found the data set by the time one asks."""
        held = {"name": "photos", "classes": ["cat", "dog"], "held": [{"classes": ["cat", "dog"], "workers": ["w"]}]}
        service.refuse["GET /v1/datasets"] = 200, {"items": [held], "next_cursor": None}

    def test_it_says_what_was_added_and_what_to_do_next(self, run: Run, source: Path, data_dir: Path) -> None:
        """The command that it ends with takes what these images need."""
        outcome = run("dataset", "add", str(source))
        assert (outcome.code, outcome.err) == (0, "")
        added, following = outcome.out.splitlines()
        assert added == (
            "Added photos: 2 classes, 150 training and 38 validation images, from 200 × 300 to 640 × 480 pixels. "
            f"It is in {data_dir}/photos"
        )
        assert following == (
            "Train on it: flightline submit --preset convnet --set dataset=photos --set dataset.image_size=64 "
            "--set training.batch_size=16 --watch"
        )
        assert tree(data_dir) == PLACED

    def test_faulty_images_are_all_named_and_nothing_is_added(
        self, run: Run, source: Path, data_dir: Path, report: dict[str, Any]
    ) -> None:
        """With their places; the exit code is that of something that failed."""
        report["faults"] = FAULTS
        outcome = run("dataset", "add", str(source))
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err.splitlines() == [
            f"Error: {source} cannot be trained on: 2 things are wrong.",
            "  cat/1.jpg: this image cannot be read: it is none. Delete it.",
            f"  {source}: there is only one class, cat. Add another.",
        ]
        assert not data_dir.exists()
        outcome = run("dataset", "add", str(source), "--json")
        assert outcome.code == 1
        assert (outcome.json["faults"], outcome.json["path"]) == (FAULTS, None)

    def test_as_json(self, run: Run, source: Path, data_dir: Path) -> None:
        """The report without the list of files, the name and the path."""
        found = run("dataset", "add", str(source), "--name", "mine", "--json").json
        assert found == {key: value for key, value in REPORT.items() if key != "files"} | {
            "name": "mine",
            "path": f"{data_dir}/mine",
        }

    def test_remarks(self, run: Run, source: Path, data_dir: Path, report: dict[str, Any]) -> None:
        """What was passed over, and equal images where there should be none, are warned of."""
        report["ignored"] = {".txt": 2}
        report["twins"] = [["cat/1.jpg", "dog/1.jpg"], ["cat/2.jpg", "cat/3.jpg"]]
        err = run("dataset", "add", str(source)).err
        assert ".txt" in err.splitlines()[0]
        assert (
            "2 images are there more than once, in different splits or classes, such as cat/1.jpg and dog/1.jpg" in err
        )

    def test_wrong_usage(self, run: Run, source: Path, data_dir: Path, tmp_path: Path) -> None:
        """Each is said before an image is read."""
        (tmp_path / "My Photos!").mkdir()
        (tmp_path / "file").touch()
        (data_dir / "taken").mkdir(parents=True)
        for arguments, text in (
            ([str(tmp_path / "gone")], "gone is not there. Name a folder of images."),
            ([str(tmp_path / "file")], "file is no folder."),
            ([str(tmp_path / "My Photos!")], "Choose a name, such as --name My-Photos."),
            ([str(source), "--val-fraction", "1"], "--val-fraction must be above 0 and below 1, such as 0.2, not 1."),
            ([str(source), "--name", "taken"], "taken is there already, and nothing is overwritten."),
        ):
            outcome = run("dataset", "add", *arguments)
            assert (outcome.code, text in outcome.err) == (2, True), outcome.err

    def test_a_service_that_does_not_find_it(
        self, run: Run, source: Path, data_dir: Path, service: FakeService
    ) -> None:
        """Its workers look elsewhere: that is said, and the images are in place all the same."""
        service.refuse["GET /v1/datasets"] = 200, CATALOG["/v1/datasets"]
        outcome = run("dataset", "add", str(source))
        assert (outcome.code, "no worker of" in outcome.err, tree(data_dir)) == (0, True, PLACED)

    @pytest.mark.parametrize("status", [503, 404])
    def test_a_service_that_cannot_say(
        self, run: Run, source: Path, data_dir: Path, service: FakeService, status: int
    ) -> None:
        """The images are in place, which is what was asked for."""
        service.refuse["GET /v1/datasets"] = problem(status, "anything", "Not now.")
        outcome = run("dataset", "add", str(source))
        assert (outcome.code, "cannot say whether it has found it: Not now." in outcome.err) == (0, True)

    def test_no_service(self, run: Run, source: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Adding needs none; how to start one is said."""
        monkeypatch.setenv("FLIGHTLINE_URL", "http://127.0.0.1:9")
        outcome = run("dataset", "add", str(source))
        assert (outcome.code, outcome.err) == (0, "No service runs here. Start one: `flightline up`.\n")


class TestPlaces:
    def test_the_stack_that_runs_here_says_where_it_looks(
        self, run: Run, source: Path, report: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without a FLIGHTLINE_DATA_DIR of one's own: `make up` gives its stack another one than the home's."""
        monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path))
        monkeypatch.delenv("FLIGHTLINE_DATA_DIR", raising=False)
        mine = {"pid": os.getpid(), "born": born(os.getpid()), "url": "http://127.0.0.1:9"}
        write_state(tmp_path, mine | {"data_dir": str(tmp_path / "theirs")})
        assert run("dataset", "add", str(source)).code == 0
        assert tree(tmp_path / "theirs") == PLACED
        write_state(tmp_path, mine)  # of the release before
        assert run("dataset", "add", str(source)).code == 0
        assert tree(tmp_path / "datasets") == PLACED

    def test_a_data_set_that_is_not_there(self, run: Run, data_dir: Path) -> None:
        """Those that are there are named, or how to add one."""
        outcome = run("dataset", "check", "cats")
        assert (outcome.code, "there is none yet: `flightline dataset add FOLDER` adds one" in outcome.err) == (2, True)
        (data_dir / "photos" / "train").mkdir(parents=True)
        (data_dir / ".adding-x" / "train").mkdir(parents=True)
        outcome = run("dataset", "check", "../data")
        assert "There is no data set of class folders '../data'" in outcome.err
        assert outcome.err.endswith("there are photos.\n")

    def test_check(self, run: Run, data_dir: Path, report: dict[str, Any]) -> None:
        """Sound, or all that is wrong."""
        (data_dir / "photos" / "train").mkdir(parents=True)
        assert run("dataset", "check", "photos").out == (
            "photos is sound: 2 classes, 150 training and 38 validation images, from 200 × 300 to 640 × 480 pixels.\n"
        )
        report["faults"] = FAULTS
        assert run("dataset", "check", "photos").code == 1


class TestReading:
    def test_packages_that_are_missing(self, run: Run, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A plain installation is told what to install."""
        found = importlib.util.find_spec
        monkeypatch.setattr(service_commands, "find_spec", lambda name: None if name == "PIL" else found(name))
        source.mkdir()
        outcome = run("dataset", "add", str(source))
        assert (outcome.code, "pip install 'flightline-train[worker]'" in outcome.err) == (5, True)

    def test_a_process_that_dies(self, monkeypatch: pytest.MonkeyPatch, source: Path) -> None:
        """Its last words and its exit code are said, such as of one that ran out of memory."""
        monkeypatch.setattr(examination, "python_environment", lambda: os.environ | {"PYTHONPATH": "/nowhere"})
        monkeypatch.setattr(sys, "executable", shutil.which("false"))
        with pytest.raises(StackError, match="ended with code 1"):
            examination.examine(source)


SIZE, BATCH = "dataset.image_size=64", "training.batch_size=16"


class TestSuggestion:
    @pytest.mark.parametrize(
        "changed,wanted",
        [
            ({}, [SIZE, BATCH]),
            ({"smallest": [50, 400]}, ["dataset.image_size=32", BATCH]),
            ({"alike": True, "smallest": [32, 32], "largest": [32, 32]}, [BATCH]),
            ({"alike": True, "smallest": [20, 20], "largest": [20, 20]}, ["dataset.image_size=32", BATCH]),
            ({"alike": True, "largest": [480, 640], "counts": {"a": [9000, 9]}}, [SIZE]),
            ({"has_val": False, "counts": {"a": [400, 0]}}, [SIZE, "dataset.val_fraction=0.2", f"{BATCH[:-2]}32"]),
        ],
    )
    def test_it_fits_the_images(self, changed: dict[str, Any], wanted: list[str]) -> None:
        """A size where one is needed, a part to validate on where there is none, small batches for few images."""
        command = suggested_command("mine", REPORT | changed).split(" --set ")
        assert command[0] == "flightline submit --preset convnet"
        assert [*command[1:-1], command[-1].removesuffix(" --watch")] == ["dataset=mine", *wanted]


class TestPictures:
    def test_two_pixels_a_character(self) -> None:
        """The upper one in front, the lower one behind it."""
        lines = picture(bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3]), 2)
        console = Console(color_system="truecolor", force_terminal=True, width=40)
        with console.capture() as drawn:
            console.print(lines[0])
        assert drawn.get() == "\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[0m\x1b[38;2;0;255;0;48;2;1;2;3m▀\x1b[0m\n"

    def test_pictures_beside_each_other(self) -> None:
        """Line by line, with a gap."""
        one = picture(bytes(2 * 4 * 3), 2)
        assert [line.plain for line in beside([one, one])] == ["▀▀ ▀▀"] * 2

    def test_show(self, run: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Counts and moments anywhere; pictures on a terminal with colours alone, as many as there is room for."""
        asked: list[int] = []

        def previewed(*_: object, side: int, count: int) -> dict[str, Any]:
            asked.append(count)
            pixels = base64.b64encode(bytes(side * side * 3)).decode()
            pictures = [
                {"label": name, "side": side, "pixels": pixels} for name in ("cat", "dog") for _ in range(count)
            ]
            return {
                "name": "photos", "source": "folder", "place": "/data/photos", "classes": ["cat", "dog"],
                "counts": {"cat": [80, 0], "dog": [70, 0]}, "has_val": False, "input_shape": None, "image_size": 64,
                "mean": [0.5, 0.25, 0.125], "std": [0.1, 0.2, 0.3], "ignored": {}, "pictures": pictures,
            }  # fmt: skip

        monkeypatch.setattr(dataset, "preview", previewed)
        plain = run("dataset", "show", "photos").out
        assert "mean        0.5000, 0.2500, 0.1250, resized to 64 pixels\n" in plain
        assert "jobs say a val_fraction" in plain
        assert "cat    80     0\n" in plain
        assert "▀" not in plain
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "40")
        assert "▀" in run("dataset", "show", "photos").out
        monkeypatch.setenv("NO_COLOR", "1")
        assert "▀" not in run("dataset", "show", "photos").out
        assert "pictures" not in run("dataset", "show", "photos", "--json").json
        assert asked == [0, 2, 0, 0]
