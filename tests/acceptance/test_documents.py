"""The documentation, done as it says: every command, request and snippet of its pages, on a real service.

Blocks marked `sh`, `console`, `json` and `python` are run, in their order; `text` is what the command before it prints.
Blocks without a mark are only shown: they need another machine, or a name to be filled in.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import curl
from tests.support.photographs import draw_photograph, draw_photographs

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<kind>sh|console|json|python|text)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKE = ["make", "--directory", str(ROOT), "--old-file", "install", f"BIN={Path(sys.executable).parent}"]
"""Installed is what the tests run with."""
MASKS = (
    (re.compile(r"^Estimate: .*\Z", re.MULTILINE | re.DOTALL), ""),  # it depends on what ran before
    (re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}"), "ID"),
    (re.compile(r"\b\d+ [dhms]\b( \d+ [hms]\b)?"), "DURATION"),
    (re.compile(r"\d[\d,.]*"), "N"),
    (re.compile(r"\b[kMGTP](FLOP|B)\b"), r"\1"),
    (re.compile(r" +"), " "),
)


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each block that is run."""
    for block in BLOCK.finditer(text):
        yield block["kind"], re.sub(rf"^{block['indent']}", "", block["text"], flags=re.MULTILINE)


def without_figures(output: str) -> list[str]:
    """The lines of an output, its figures, ids and durations masked; without those that only say `running`."""
    for pattern, mask in MASKS:
        output = pattern.sub(mask, output)
    lines = (line.strip() for line in output.splitlines())
    return [line for line in lines if line and not re.fullmatch(r"\S+ (queued|running)", line)]


@pytest.fixture(scope="module")
def environment(images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A user's shell: a home of its own, images, `flightline` and, last on the path, a curl in case there is none."""
    folder = tmp_path_factory.mktemp("shell")
    (folder / "curl").write_text(f'#!/bin/sh\nexec {sys.executable} {curl.__file__} "$@"\n')
    (folder / "curl").chmod(0o755)
    shutil.copytree(images, folder / "datasets")  # a page adds to it
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], str(folder)])
    data = {"FLIGHTLINE_DATA_DIR": str(folder / "datasets")}
    places = {"FLIGHTLINE_HOME": str(folder / "home"), "FLIGHTLINE_PORT": "0"}
    return os.environ | places | data | {"PATH": path}


@pytest.fixture(scope="module")
def url(environment: dict[str, str]) -> Iterator[str]:
    """The address of the service that `make up` starts, which Ctrl-C ends."""
    process = subprocess.Popen(
        [*MAKE, "up"], env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    found = None
    while found is None and (line := process.stdout.readline()):
        found = re.search(r"^Page +(http://[\d.:]+)/", line)
    assert found, "make up ended without a service"
    yield found[1]
    os.killpg(process.pid, signal.SIGINT)
    process.stdout.read()
    process.stdout.close()
    assert process.wait() == -signal.SIGINT  # so make ends after its program has ended well


class Page:
    """One page and the folder that its reader works in."""

    def __init__(self, name: str, folder: Path, url: str, environment: dict[str, str]) -> None:
        self._source = (ROOT / name).read_text(encoding="utf-8").replace("http://127.0.0.1:8470", url)
        self._folder = folder
        self._environment = environment

    def follow(self) -> None:
        """Do all that the page says; its Python is one session, begun when all else is done."""
        found = list(blocks(self._source))
        for kind, text in found:
            if kind in ("json", "sh", "console"):
                getattr(self, f"_{kind}")(text)
        if session := "\n".join(text for kind, text in found if kind == "python"):
            self._python(session)

    def _json(self, text: str) -> None:
        (self._folder / "mine.json").write_text(text)

    def _sh(self, text: str) -> None:
        for line in text.replace("\\\n", "").splitlines():
            if not line.startswith("make "):  # has a test of its own
                said = self._run(line)
                assert said, line
                assert not said.startswith("Error: "), said

    def _console(self, text: str) -> None:
        for piece in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, wanted = piece.partition("\n")
            found, shown = (" ".join(without_figures(output)) for output in (self._run(command), wanted))
            assert found == shown, command  # a page may break a long line

    def _python(self, text: str) -> None:
        done = subprocess.run(
            [sys.executable, "-c", text],
            cwd=self._folder,
            env=self._environment,
            text=True,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout

    def _run(self, command: str) -> str:
        """What a command prints, errors included."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or done.stdout.startswith("Error: "), done.stdout
        assert '"status":4' not in done.stdout, done.stdout  # a problem of the API
        return done.stdout


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name", ["README.md", "docs/quickstart.md", "docs/http.md", "docs/python.md", "docs/sweeps.md"]
)
def test_a_page_works_as_it_says(name: str, url: str, environment: dict[str, str], tmp_path: Path) -> None:
    """Every command exits well and prints what stands there, but for figures; every snippet runs."""
    (tmp_path / "mine.json").write_text(next(text for kind, text in blocks(README) if kind == "json"))
    Page(name, tmp_path, url, environment).follow()


@pytest.mark.timeout(600)
def test_ones_own_photographs_by_the_page_alone(url: str, environment: dict[str, str], tmp_path: Path) -> None:
    """From a folder of JPEG files of many sizes to an accuracy, and to what is on a new one."""
    draw_photographs(tmp_path / "photos")
    draw_photograph(tmp_path / "new.jpg", "lime", random.Random(1))
    Page("docs/photographs.md", tmp_path, url, environment).follow()
    command = [sys.executable, "-m", "flightline", "--url", url, "predict", "last", "new.jpg", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [item["class"] for item in json.loads(done.stdout)["items"]] == ["lime"]
    assert list(tmp_path.glob("convnet-*.onnx"))


@pytest.mark.timeout(600)
def test_the_demo_prints_the_table_of_the_readme(environment: dict[str, str], tmp_path: Path) -> None:
    """`make demo` ends with the same table, but for figures."""
    (wanted,) = [text for kind, text in blocks(README) if kind == "text"]
    home = {"FLIGHTLINE_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [*MAKE, "demo", "EPOCHS=1"], env=environment | home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert without_figures(done.stdout[done.stdout.index("NETWORK") :])[: len(without_figures(wanted))] == (
        without_figures(wanted)
    )


@pytest.mark.parametrize("command", sorted(set(re.findall(r"\bmake [a-z]+(?: [A-Z_]+=\S+?)*(?=[` \n])", README))))
def test_make_knows_each_target_of_the_readme(command: str) -> None:
    """With what the README sets."""
    done = subprocess.run(
        ["make", "--dry-run", *command.split()[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def site(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Build the site as `make docs` does."""
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-c",
        str(ROOT / "docs"),
        str(source),
        str(target),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_site_asks_for_nothing_from_elsewhere(tmp_path: Path) -> None:
    """Every script, style, font and picture comes with the site, and every link within it leads somewhere."""
    done = site(ROOT, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    pages = list(tmp_path.rglob("*.html"))
    assert {"README.html", "quickstart.html", "delivery.html"} <= {page.name for page in pages}
    loading = re.compile(
        r"""<(?:script|img|iframe|link rel="(?:stylesheet|preload|icon)")[^>]*(?:src|href)="(?:https?:)?//"""
    )
    assert [page.name for page in pages if loading.search(page.read_text(encoding="utf-8"))] == []
    styles = "".join(style.read_text(encoding="utf-8") for style in tmp_path.rglob("*.css"))
    assert not re.search(r"url\(['\"]?(https?:)?//", styles)


def test_a_link_that_leads_nowhere_fails(tmp_path: Path) -> None:
    """A page that is not there and a heading that is not there are named."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "README.md").write_text("# Here\n\n[a](#there) and [b](gone.md)\n")
    done = site(tmp_path / "source", tmp_path / "built")
    assert done.returncode != 0
    assert "'there'" in done.stderr
    assert "gone.md" in done.stderr
