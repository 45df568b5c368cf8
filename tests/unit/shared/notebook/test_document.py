"""What a notebook says, and how it is written; `test_repetition.py` runs it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from shared.jobspec import PRESETS
from shared.notebook import Record, notebook_of
from tests.support.notebooks import code_of, record_of, words_of
from tests.unit.shared.notebook.test_repetition import AUGMENTATIONS, LAYERS, OPTIMIZERS, SCHEDULES, STOPPING, job
from tests.unit.training.tiny import Recording, tiny_data, tiny_plan
from worker.training.results import EpochResult

EVERYTHING: dict[str, dict[str, Any]] = {
    **{name: {"preset": name} for name in PRESETS},
    **{name: job(network) for name, network in LAYERS.items()},
    **{name: job(optimizer=optimizer) for name, optimizer in OPTIMIZERS.items()},
    **{name: job(schedule=schedule) for name, schedule in SCHEDULES.items()},
    **{name: job(augment=steps) for name, steps in AUGMENTATIONS.items()},
    **{name: job(early_stopping=stopping) for name, stopping in STOPPING.items()},
    "vgg": job({"kind": "torchvision", "network": "vgg11_bn"}, precision="bf16"),
    "resnet": job({"kind": "torchvision", "network": "resnet18"}, weight_average={"kind": "ema"}),
    "limits": {"preset": "notebook-linear", "dataset": {"train_per_class": 10, "val_per_class": 5}},
    "computed": {"preset": "notebook-linear", "dataset": {"normalize": "computed"}},
}


def every_notebook() -> list[Record]:
    """Records of all kinds of jobs, on a CPU, on a GPU, and of images in class folders."""
    on_gpu = {"environment": {"device": "cuda", "data_fingerprint": "0" * 64}}
    folders = {"source": "folder", "place": "/data/cifar2"}
    return [record_of(document, **fields) for document in EVERYTHING.values() for fields in ({}, on_gpu, folders)]


def test_code_reads_well(tmp_path: Path) -> None:
    """Every notebook's code is formatted, imports what it uses, and nothing else."""
    for number, record in enumerate(every_notebook()):
        (tmp_path / f"n{number}.py").write_text("\n\n\n".join(code_of(notebook_of(record))) + "\n", encoding="utf-8")
    chosen = ["--select", "E,F,I,W,B,UP,SIM,C4,RUF", "--ignore", "B905,RUF001,RUF002,RUF003"]
    for check in (["format", "--diff"], ["check", "--output-format", "concise", *chosen]):
        ruff = str(Path(sys.executable).with_name("ruff"))
        command = [ruff, *check, "--isolated", "--no-cache", "--quiet", "--line-length", "120", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_a_notebook_needs_torch_torchvision_and_numpy_alone() -> None:
    """Beside the standard library, and Pillow, which torchvision needs; matplotlib is optional."""
    needed = {"torch", "torchvision", "numpy", "PIL", "matplotlib"}
    for record in every_notebook():
        code = "\n".join(code_of(notebook_of(record)))
        imported = set(re.findall(r"^ *(?:from|import) (\w+)", code, re.MULTILINE))
        assert imported - sys.stdlib_module_names <= needed


def test_every_notebook_is_one() -> None:
    """Jupyter's own schema takes it; it goes through JSON, and says whose job it is."""
    for record in every_notebook():
        notebook = notebook_of(record)
        nbformat.validate(json.loads(json.dumps(notebook)))
        assert record.job.id in words_of(notebook)


def test_only_what_the_job_uses_is_there() -> None:
    """A plain job's notebook has no word of what it does without."""
    text = "\n".join(code_of(notebook_of(record_of({"preset": "notebook-linear"}))))
    for absent in ("augment", "average", "autocast", "DEVICE", "STEPS", "learning_rate", "np.", "Residual", "PIL"):
        assert absent not in text


def test_a_name_stands_as_it_was_given() -> None:
    """A name's Markdown and HTML is no more than text."""
    words = words_of(notebook_of(record_of({"preset": "notebook-linear", "name": "<b>*a*</b> [b](c) `d`\u2028"[:-1]})))
    assert words.splitlines()[0] == r"# \<b\>\*a\*\</b\> \[b\](c) \`d\`"


def test_classes_of_any_script() -> None:
    """Names with quotes, backslashes and other scripts are Python strings that mean the same."""
    from shared.notebook.python_text import literal

    for name in ('a "b"', "back\\slash", "größe", "飛行機", "it's", "a\tb"):
        assert eval(literal(name)) == name


def epochs(count: int) -> list[EpochResult]:
    """As many epochs, each with figures of its own."""
    return [
        EpochResult(n, 1 / n, 0.5, 0.1, 1 / (3 * n), n / (count + 1), 0.1, 1.0, 1.0, "") for n in range(1, count + 1)
    ]


@pytest.mark.parametrize("count", [1, 7, 500, 501, 1000, 4999])
def test_recorded_figures_are_whole_or_evenly_spaced(count: int) -> None:
    """Up to 500 epochs with every digit; of more, evenly spaced ones and always the last."""
    given = epochs(count)
    record = record_of({"preset": "notebook-linear", "training": {"epochs": count}}, given)
    names: dict[str, Any] = {}
    exec(cell(record, "figures"), names)
    numbers = list(names["epochs"])
    assert numbers[-1] == count
    assert numbers == list(range(1, count + 1)) if count <= 500 else 250 <= len(numbers) <= 500
    assert names["recorded"]["val_loss"] == [given[number - 1].val_loss for number in numbers]


def cell(record: Record, name: str) -> str:
    """The source of a code cell."""
    [found] = [one for one in notebook_of(record)["cells"] if one["id"] == name]
    return "".join(found["source"])


def test_a_job_without_epochs_has_nothing_to_compare() -> None:
    """A queued job's notebook says so, and asks for no figures."""
    notebook = notebook_of(record_of({"preset": "notebook-linear"}))
    assert "The job is queued" in words_of(notebook)
    assert "recorded" not in "\n".join(code_of(notebook))


@pytest.mark.parametrize(
    "engine, precision, exact, words",
    [
        ("reference", "fp32", True, "every difference is zero"),
        ("reference", "fp32", False, "differences are in the last digits"),
        ("fused", "fp32", True, "less than a ten-thousandth"),
        ("resident", "bf16", True, "within 2 % an epoch"),
    ],
)
def test_the_words_say_how_close_the_losses_must_be(engine: str, precision: str, exact: bool, words: str) -> None:
    """Equal for the reference; for another engine within the bounds that it is held to."""
    record = record_of(job(precision=precision), epochs(2))
    changed = {"engine": engine, "exact": exact}
    vars(record.job).update(changed)
    assert words in words_of(notebook_of(record))


def test_the_recorded_evaluation_stands_in_the_words() -> None:
    """Best epoch, accuracy and confusion matrix of a finished job; where it ran, and with what."""
    run = Recording(tiny_plan(), tiny_data())
    words = words_of(notebook_of(record_of(job(), run.epochs, run.result)))
    best = run.result.evaluations["best"]
    assert f"those of epoch {run.result.best_epoch}: {best.accuracy:.2%}" in words
    assert str([list(row) for row in best.confusion_matrix]) in words
    assert f"with torch {run.result.environment['torch']} and the engine `reference`" in words
