"""The fields of a job as it is answered: which there are, and what is said of one that is not."""

from __future__ import annotations

import pytest

from shared.jobs.search import answers, paths


@pytest.mark.parametrize("path", ["id", "spec", "error.code", "spec.training.augment", "spec.job", "spec.params.a.b"])
def test_a_path_that_leads_to_a_field_of_some_job(path: str) -> None:
    """Nothing is said of it, whichever kind of job has it; an imported run has fields of its own."""
    assert answers.unknown(path) is None


def test_every_field_that_lists_search_is_answered() -> None:
    """A spec has it, where an answer has the spec."""
    assert [path for path in paths.fields() if answers.unknown(f"spec.{path}")] == []


@pytest.mark.parametrize(
    "path, said",
    [
        ("lr", 'Did you mean "spec.training.optimizer.lr"?'),
        ("spec.training.optimizer.lrr", 'Did you mean "spec.training.optimizer.lr"?'),
        ("spec.paramsx", 'Did you mean "spec.params"?'),
        ("id.zzz", "A job has id, owner, "),
        ("error.zzz", "error has code, detail."),
        ("spec.training.zzz.zzz", "spec.training has epochs, "),
    ],
)
def test_a_path_that_leads_nowhere(path: str, said: str) -> None:
    """The nearest field, else what there is where the path ends."""
    assert (answers.unknown(path) or "").startswith(f"No job has a field {path!r}. {said}")
