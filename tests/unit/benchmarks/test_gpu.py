"""`make gpu`: it runs where nothing of ours is installed, and no part takes the others' figures along."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import __main__ as command
from benchmarks.gpu import measure, parts, plans, table
from benchmarks.gpu.parts import Part
from benchmarks.support import gpu_plans
from tests.support.servers import wait_until
from tests.unit.training.tiny import CPU, tiny_data
from worker.training.plan import plan_from_spec

ROOT = Path(__file__).resolve().parents[3]
BARE = {"numpy", "torch", "torchvision", "pytest"}
"""What a GPU machine has, beside the standard library."""
OURS = ("benchmarks.gpu", "worker.training", "tests.unit.training.tiny")


def imported(path: Path) -> set[str]:
    """Every module that a file names, anywhere in it; of `from a import b` both, for b may be one."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize(
    "path",
    [*sorted((ROOT / "benchmarks" / "gpu").glob("*.py")), *(ROOT / name for name in command.TESTS)],
    ids=lambda path: path.name,
)
def test_it_needs_nothing_of_ours_that_is_installed(path: Path) -> None:
    """The benchmark and every test that it runs import torch, the training code and each other."""
    allowed = sys.stdlib_module_names | BARE
    foreign = {name for name in imported(path) if name.split(".")[0] not in allowed and not name.startswith(OURS)}
    assert foreign <= {"benchmarks.gpu"}


def test_every_test_of_a_gpu_is_run() -> None:
    """By the list of files, which a new one is easily left out of."""
    marked = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if "mark.gpu" in path.read_text(encoding="utf-8") and path != Path(__file__)
    }
    assert marked == set(command.TESTS)


def test_they_run_without_a_conftest_and_plugins() -> None:
    """With the settings of `make gpu`: every file is read, and no option or mark is unknown."""
    (part,) = (part for part in command.parts(ROOT) if part.name == "tests")
    without = ("-p", "no:timeout", "-p", "no:xdist", "-p", "no:socket", "-p", "no:hypothesispytest", "--collect-only")
    done = subprocess.run(
        [sys.executable, *part.arguments, *without], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " error" not in done.stdout


def test_the_specs_are_those_of_the_presets() -> None:
    """Written down for machines that cannot expand them: `python -m benchmarks.support.gpu_plans`."""
    assert plans.SPECS.read_text(encoding="utf-8") == gpu_plans.text()
    for preset in plans.NETWORKS.values():
        plan_from_spec(json.loads(gpu_plans.text())[preset])


def test_the_limits_are_eight_minutes() -> None:
    """Together, should every part use its own up."""
    assert sum(part.limit_seconds for part in command.parts(ROOT)) <= 480
    assert {part.name for part in command.parts(ROOT)} == set(command.LIMITS)


def test_a_part_that_takes_too_long_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it printed stays, and the next one runs."""

    class Begun(subprocess.Popen[bytes]):
        """Its time begins with the figure: how long an interpreter takes to start is the machine's affair."""

        def wait(self, timeout: float | None = None) -> int:
            wait_until((tmp_path / "hangs.log").read_text, "the figure")
            return super().wait(timeout)

    monkeypatch.setattr(subprocess, "Popen", Begun)
    hangs = "import time; print('a figure', flush=True); time.sleep(1000)"
    first = parts.run(Part("hangs", ("-c", hangs), 0.1), tmp_path)
    second = parts.run(Part("works", ("-c", "print('done')"), 60.0), tmp_path)
    third = parts.run(Part("fails", ("-c", "raise SystemExit('it broke')"), 60.0), tmp_path)
    assert [first.verdict, second.verdict, third.verdict] == ["cut off", "passed", "FAILED"]
    assert (tmp_path / "hangs.log").read_text() == "a figure\n"
    summary = parts.summary([first, second, third])
    assert "hangs      cut off" in summary
    assert "it broke" in summary


def record(engine: str, seconds: float, **fields: Any) -> dict[str, Any]:
    """A measured run of the tapered network."""
    about = {"network": "tapered", "device": "H200", "torch": "2.11.0", "images": 10_000, "precision": "fp32"}
    figures = {"hundred_epochs_s": seconds, "epoch_s": seconds / 100, "estimated": engine != "graphs"}
    return {**about, "engine": engine, **figures, **fields}


def test_the_table_compares_with_the_notebook() -> None:
    """And says of each target whether it is met; estimates are marked."""
    records = [record("notebook", 52.0), record("graphs", 0.95, setup_s=0.05, peak_mib=370.2), record("resident", 40.0)]
    text = table.markdown([*records, {"traced": True}])
    assert "On H200, torch 2.11.0, 10,000 drawn training images" in text
    assert "| tapered | fp32 | notebook | ≈ 52.00 |  | 520.00 |  |  |" in text
    assert "| tapered | fp32 | graphs | 0.95 | 54.7 × | 9.50 | 0.05 | 370 |" in text
    assert table.verdicts(records) == [
        "tapered fp32: 0.95 s (target ≤ 1: met), 54.7 × the notebook's loop (target ≥ 50: met)"
    ]
    (missed,) = table.verdicts([records[0], record("graphs", 1.5)])
    assert missed.count("MISSED") == 2


def test_nothing_measured_is_said_so(tmp_path: Path) -> None:
    """A run that was cut off before its first figure."""
    assert table.markdown(table.read(tmp_path / "records.jsonl")) == "Nothing was measured."


def test_a_run_that_is_cut_short_is_estimated() -> None:
    """After three epochs, when its time is up; every figure is there all the same."""
    found = measure.run(plans.plan_of("linear"), tiny_data(), CPU, "fused", 0.0)
    assert (found["epochs"], found["estimated"], found["accuracy"]) == (3, True, None)
    first = sum(found["first_epochs_s"])
    assert found["hundred_epochs_s"] == pytest.approx(found["setup_s"] + first + 98 * found["epoch_s"])
    assert "100 epochs about" in measure.line({"network": "linear", **found})
