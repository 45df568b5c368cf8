"""A job's notebook: its sections in order, as a Jupyter document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.jobspec.fields.training import Training
from shared.notebook import introduction, results
from shared.notebook.images import augmentations, loading, preparation
from shared.notebook.network import architecture
from shared.notebook.python_text import imports_of
from shared.notebook.record import Record
from shared.notebook.training import loop, schedules


@dataclass(frozen=True)
class Section:
    """A part of a notebook: its name, what it does in Markdown, and its code; words or code may be empty."""

    name: str
    words: str
    code: str


def notebook_of(record: Record) -> dict[str, Any]:
    """Return the Jupyter notebook (format 4.5) that repeats a job."""
    first, *others = sections_of(record)
    imports = imports_of("\n".join(section.code for section in (first, *others)))
    first = Section(first.name, first.words, f"{imports}\n\n{first.code}")
    return {
        "cells": [cell for section in (first, *others) for cell in _cells(section)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def sections_of(record: Record) -> list[Section]:
    """Return the sections of a notebook, without their imports."""
    return [
        Section("settings", introduction.words_of(record), introduction.settings_of(record)),
        Section("data", f"## Data\n\n{loading.words_of(record)}", loading.code_of(record)),
        Section("check", "", loading.check_of(record)),
        Section("preparation", preparation.words_of(record), preparation.code_of(record)),
        *_augmentation(record),
        Section("network", f"## Network\n\n{architecture.words_of(record)}", architecture.code_of(record)),
        Section("training", f"## Training\n\n{loop.words_of(record)}", loop.optimizer_of(record)),
        _schedule(record.spec.training),
        *_average(record.spec.training),
        Section("validation", loop.validation_words_of(), loop.validation_of(record)),
        Section("loop", _loop_words(record.spec.training), loop.loop_of(record)),
        Section("figures", f"## Beside the job\n\n{results.comparison_words_of(record)}", results.figures_of(record)),
        Section("comparison", "", results.comparison_of(record)),
        Section("curves", "", results.plot_of(record)),
        Section(
            "confusion", f"## The best weights\n\n{results.evaluation_words_of(record)}", results.confusion_of(record)
        ),
    ]


def _augmentation(record: Record) -> list[Section]:
    steps = record.spec.training.augment
    if not steps:
        return []
    code = augmentations.code_of(steps, record.input_shape[0])
    return [Section("augmentation", f"## Augmentation\n\n{augmentations.words_of(steps)}", code)]


def _schedule(training: Training) -> Section:
    code = schedules.function_of(training.schedule, training.optimizer.lr)
    return Section("schedule", schedules.words_of(training.schedule), code)


def _average(training: Training) -> list[Section]:
    average = training.weight_average
    return [] if average is None else [Section("average", loop.average_words_of(average), loop.average_of(average))]


def _loop_words(training: Training) -> str:
    stopping = training.early_stopping
    words = (
        "The training loss is the mean over the images of an epoch, each before its own step; the validation loss is "
        "computed in double precision, over all validation images."
    )
    return words if stopping is None else f"{words} {loop.stopping_words_of(stopping)}"


def _cells(section: Section) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = []
    if section.words:
        words = {"cell_type": "markdown", "id": f"{section.name}-words", "metadata": {}}
        cells.append({**words, "source": _source(section.words)})
    if section.code:
        code = {"cell_type": "code", "id": section.name, "metadata": {}}
        cells.append({**code, "execution_count": None, "outputs": [], "source": _source(section.code)})
    return cells


def _source(text: str) -> list[str]:
    return text.strip("\n").splitlines(keepends=True)
