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


@pytest.fixture(params=sorted(pythons()))
def installed(request: pytest.FixtureRequest, wheel: Path, tmp_path: Path) -> Path:
    """The `bin` of an environment with the wheel and what it needs, at the locked versions."""
    uv = [sys.executable, "-m", "uv"]
    environment, constraints = tmp_path / "environment", str(ROOT / "locks" / "dev.lock")
    subprocess.run([*uv, "venv", "--quiet", "--python", pythons()[request.param], environment], check=True)
    install = [*uv, "pip", "install", "--quiet", "--python", str(environment / "bin" / "python")]
    subprocess.run([*install, "--constraint", constraints, str(wheel)], check=True)
    return environment / "bin"


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
