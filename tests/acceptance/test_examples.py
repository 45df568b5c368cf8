"""The notebooks of examples/, run from top to bottom on a real stack."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import nbformat
import pytest

from tests.support.stacks import Stack

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.ipynb"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The shell of a user beside a stack with a worker, a predictor and no images."""
    folder = tmp_path_factory.mktemp("examples")
    images = folder / "images"
    images.mkdir()
    with closing(Stack(folder / "home", "cpu=1,predict=1", FLIGHTLINE_DATA_DIR=str(images))) as stack:
        places = {"FLIGHTLINE_URL": stack.ready["url"], "FLIGHTLINE_DATA_DIR": str(images)}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        yield os.environ | places | {"PATH": path}


def outputs(path: Path) -> list[list[str]]:
    """The kinds of each code cell's outputs, such as ``image/png``."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(notebook)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [
        sorted({kind for one in cell["outputs"] for kind in one.get("data", [one["output_type"]])}) for cell in cells
    ]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_works_and_shows_what_it_gives(example: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """No cell fails; each gives what stands under it in the documentation: tables, pictures, curves."""
    copy = Path(shutil.copy(example, tmp_path))
    command = [sys.executable, "-m", "nbclient.cli", "--inplace", str(copy)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert outputs(copy) == outputs(example)
    assert "error" not in str(outputs(copy))


def test_there_are_four() -> None:
    """Each of them has a page in the documentation's contents."""
    contents = (EXAMPLES[0].parents[1] / "docs" / "conf.py").read_text(encoding="utf-8")
    assert [f'"{example.stem}"' in contents for example in EXAMPLES] == [True] * 4
