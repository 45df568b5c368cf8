"""Jobs side by side, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from shared.database.engine import Database
from shared.errors import JobNotFound
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import comparison
from shared.jobs.reads.comparison import compare, differing
from shared.jobs.running import attempts
from tests.support import factories

MLP = {"kind": "mlp", "hidden": [8, 4]}
LAYERS = {
    "kind": "layers",
    "layers": [{"kind": "flatten"}, {"kind": "linear", "out_features": 2}],
    "output": "logits",
}


def trained(db: Database, epochs: int, **document: Any) -> str:
    """A running job with so many epochs."""
    claim = factories.running(db, **document)
    if epochs:
        attempts.record_epochs(db, claim, factories.epoch_rows(1, epochs), factories.best())
    return claim.job_id


def test_jobs_differ_in_the_fields_that_differ(database: Database) -> None:
    """Not in their labels; defaults count as if they were written."""
    first = trained(database, 0, name="a", tags=["x"], training={"optimizer": {"kind": "adam", "lr": 0.1}})
    second = trained(database, 0, name="b", training={"optimizer": {"kind": "sgd", "lr": 0.1, "momentum": 0.9}})
    found = compare(database, [first, second], live=list, actor=EVERYBODY)
    assert [job.id for job in found.jobs] == [first, second]
    assert found.differing["training.optimizer.kind"] == ["adam", "sgd"]
    assert found.differing["training.optimizer.momentum"] == [None, 0.9]
    assert not {"training.optimizer.lr", "name", "tags"} & found.differing.keys()
    same = compare(database, [first, first], live=list, actor=EVERYBODY)
    assert same.differing == {}


def test_networks_differ_layer_by_layer() -> None:
    """Lists of plain values are values; of a field that one lacks there is null."""
    base = factories.submission(architecture=MLP).document
    other = factories.submission(architecture={**MLP, "hidden": [8]}).document
    layers = factories.submission(architecture=LAYERS).document
    assert differing([base, other]) == {"architecture.hidden": [[8, 4], [8]]}
    found = differing([base, layers])
    assert found["architecture.kind"] == ["mlp", "layers"]
    assert found["architecture.layers.1.out_features"] == [None, 2]


def test_specs_of_other_releases_are_compared() -> None:
    """One from before a field was there has its default; one that is not understood is taken as it is."""
    now = factories.submission().document
    before = {**now, "training": {key: value for key, value in now["training"].items() if key != "seed"}}
    assert differing([now, before]) == {}
    later = {**now, "training": {**now["training"], "telepathy": True}}
    assert differing([now, later])["training.telepathy"] == [None, True]


def test_curves_are_aligned(database: Database) -> None:
    """With null where a job has no such epoch, and for one that has none at all."""
    jobs = [trained(database, epochs) for epochs in (2, 0, 3)]
    curves = compare(database, jobs, live=list, actor=EVERYBODY).curves
    assert curves.epoch == [1, 2, 3]
    rows = [row["val_loss"] for row in factories.epoch_rows(1, 3)]
    assert curves.val_loss == [[rows[0], rows[1], None], [None] * 3, rows]
    assert {len(curve) for column in vars(curves).values() if column != curves.epoch for curve in column} == {3}


def test_jobs_without_epochs(database: Database) -> None:
    """Have empty curves."""
    jobs = [factories.submit(database), factories.submit(database)]
    curves = compare(database, jobs, live=list, actor=EVERYBODY).curves
    assert (curves.epoch, curves.lr) == ([], [[], []])


def test_very_many_epochs_are_thinned_out(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job's last one stays."""
    monkeypatch.setattr(comparison, "MOST_POINTS", 8)
    jobs = [trained(database, epochs) for epochs in (10, 7)]
    curves = compare(database, jobs, live=list, actor=EVERYBODY).curves
    assert curves.epoch == [3, 6, 7, 9, 10]
    assert [value is None for value in curves.lr[1]] == [False, False, False, True, True]


def test_two_hundred_jobs(database: Database) -> None:
    """Are read in a few queries."""
    jobs = [trained(database, 2, training={"seed": seed, "epochs": 3}) for seed in range(200)]
    found = compare(database, jobs, live=list, actor=EVERYBODY)
    assert found.differing == {"training.seed": list(range(200))}
    assert len(found.curves.val_accuracy) == 200


def test_a_job_that_is_not_there(database: Database) -> None:
    """Is said, by its id."""
    job_id = factories.submit(database)
    with pytest.raises(JobNotFound, match="0190"):
        compare(database, [job_id, "01900000-0000-7000-8000-000000000000"], live=list, actor=EVERYBODY)
