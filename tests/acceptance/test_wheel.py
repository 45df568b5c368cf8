"""The wheel in an environment that holds nothing else: client and command, on every Python that is at hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.support.stacks import TINY, Stack

ROOT = Path(__file__).resolve().parents[2]
SERVER_PACKAGES = ("alembic", "celery", "flask", "gunicorn", "numpy", "redis", "sqlalchemy", "torch", "torchvision")


def pythons() -> dict[str, str]:
    """An interpreter of each version that Flightline supports: the tests' own, and those on the PATH."""
    found = {f"3.{sys.version_info.minor}": sys.executable}
    for version in ("3.11", "3.12", "3.13", "3.14"):
        python = shutil.which(f"python{version}")
        if python and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
            found.setdefault(version, python)
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    return Path(built)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service on this machine."""
    running = Stack(tmp_path_factory.mktemp("stack") / "home")
    yield running
    running.close()


def install(wheel: str, environment: Path, python: str) -> Path:
    """Return the `bin` of a new environment with the wheel and what it needs, at the locked versions."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", python, environment], check=True)
    into = [*uv, "pip", "install", "--quiet", "--python", str(environment / "bin" / "python")]
    subprocess.run([*into, "--constraint", str(ROOT / "locks" / "dev.lock"), wheel], check=True)
    return environment / "bin"


@pytest.fixture(params=sorted(pythons()))
def installed(request: pytest.FixtureRequest, wheel: Path, tmp_path: Path) -> Path:
    """The `bin` of an environment with the wheel alone."""
    return install(str(wheel), tmp_path / "environment", pythons()[request.param])


@pytest.mark.timeout(300)
def test_it_drives_a_service(installed: Path, stack: Stack, tmp_path: Path) -> None:
    """By command and by Python; nothing of the server's is there, and what needs it names the extra."""

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        shell = {"FLIGHTLINE_URL": stack.ready["url"], "FLIGHTLINE_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        command = [str(installed / program), *arguments]
        return subprocess.run(command, env=shell, cwd=tmp_path, capture_output=True, text=True, check=False)

    (tmp_path / "job.json").write_text(json.dumps(TINY))
    submitted = run("flightline", "submit", "job.json", "--watch", "--json")
    assert submitted.returncode == 0, submitted.stderr
    shown = run("flightline", "show", "last", "--json")
    assert json.loads(shown.stdout)["status"] == "succeeded"

    code = "from flightline import Client; print(next(iter(Client().jobs(limit=1))).status)"
    assert run("python", "-c", code).stdout == "succeeded\n"
    loaded = f"import importlib.util as u; print([n for n in {SERVER_PACKAGES!r} if u.find_spec(n)])"
    assert run("python", "-c", loaded).stdout == "[]\n"
    refused = run("flightline", "up")
    assert (refused.returncode, "pip install 'flightline-train[local]'" in refused.stderr) == (5, True)


@pytest.mark.timeout(300)
def test_it_serves_the_page(wheel: Path, tmp_path: Path) -> None:
    """With the API's extra, from a folder that is no checkout: the document, and each file that it names."""
    python = install(f"{wheel}[api]", tmp_path / "environment", sys.executable) / "python"
    code = """
import re
from api.app import create_app
client = create_app().test_client()
document = client.get("/")
files = re.findall('"(/static/page/[^"]+)"', document.text)
answers = [client.get(file, headers={"Accept-Encoding": "gzip"}) for file in files]
print(document.status_code, {(one.status_code, one.headers["Content-Encoding"]) for one in answers})
"""
    shell = {"FLIGHTLINE_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    said = subprocess.run(
        [str(python), "-c", code], env=shell, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert said.stdout == "200 {(200, 'gzip')}\n", said.stderr
