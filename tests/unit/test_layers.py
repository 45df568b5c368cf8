"""The import rules of the tree that import-linter cannot see: what running processes load, and what is foreign."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAINING_MAY_IMPORT = {"numpy", "torch", "torchvision", "PIL", "typing_extensions"}


def modules_after(statement: str) -> set[str]:
    """Return the top-level names in `sys.modules` of a fresh interpreter after `statement`."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def imported_names(path: Path) -> set[str]:
    """Return the absolute names that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("module", ["api.app", "api.wsgi"])
def test_the_api_loads_without_torch_and_workers(module: str) -> None:
    """An API process never pays for torch, nor for the code of the workers."""
    assert not modules_after(f"import {module}") & {"torch", "torchvision", "numpy", "worker", "flightline"}


def test_the_command_starts_without_the_servers_packages() -> None:
    """The client and the command load neither torch nor what only servers need."""
    heavy = {"torch", "torchvision", "flask", "celery", "sqlalchemy", "api", "worker"}
    assert not modules_after("import flightline, flightline.cli.app") & heavy


def test_the_parent_of_a_worker_is_free_of_torch() -> None:
    """torch is loaded in the child alone: a parent that has run it before the fork hangs the child.

    PostgreSQL's driver is loaded where there is a PostgreSQL.
    """
    assert not modules_after("import worker.__main__, worker.app") & {"torch", "psycopg"}


def test_training_imports_only_what_it_may() -> None:
    """worker.training knows the standard library, numpy, torch, torchvision, what these two bring along, and itself."""
    foreign = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "worker" / "training").rglob("*.py")
        for name in imported_names(path)
        if name.split(".")[0] not in sys.stdlib_module_names | TRAINING_MAY_IMPORT
        and not f"{name}.".startswith("worker.training.")
    }
    assert not foreign


def test_training_brings_no_plumbing_along() -> None:
    """Importing all of worker.training loads no SQL, queue, web or validation package."""
    files = sorted((ROOT / "worker" / "training").rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files]
    plumbing = {"celery", "flask", "pydantic", "redis", "sqlalchemy", "shared", "api", "flightline"}
    assert not modules_after("import " + ", ".join(names)) & plumbing
