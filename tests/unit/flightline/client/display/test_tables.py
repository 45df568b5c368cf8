"""Tables of records, and the data frames that pandas makes of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from flightline import Client, Job, UsageError
from flightline.client.display.tables import Table, flat
from tests.support.http_service import FakeService


def job(number: int, *, lr: float, width: int = 8, **fields: Any) -> Job:
    """A finished job with this rate and width."""
    layers = [{"kind": "conv2d", "out_channels": width}, {"kind": "flatten"}]
    raw: dict[str, Any] = {
        "id": f"job-{number}",
        "name": None,
        "tags": ["a", "b"],
        "status": "succeeded",
        "spec": {
            "dataset": {"classes": ["bird", "cat"]},
            "architecture": {"kind": "layers", "layers": layers},
            "training": {"optimizer": {"kind": "sgd", "lr": lr}},
        },
        "cost": {"parameters": 10 * width, "layers": [{"kind": "conv2d"}]},
        "result": {"val_accuracy": lr / 2},
        "created_at": f"2026-01-31T12:00:0{number}.000Z",
        "finished_at": None,
    }
    return Job(raw | fields)


class TestTable:
    def test_what_differs_comes_first(self) -> None:
        """Behind the id, name and status; of it what was asked for first, then results, then the rest."""
        table = Table([job(1, lr=0.1), job(2, lr=0.2), job(3, lr=0.2, width=16)])
        assert table.columns[:7] == (
            "id",
            "name",
            "status",
            "spec.architecture.layers.0.out_channels",
            "spec.training.optimizer.lr",
            "result.val_accuracy",
            "cost.parameters",
        )
        assert table.differing == ("id", *table.columns[3:7], "created_at")
        assert "cost.layers.0.kind" not in table.columns
        assert table["spec.training.optimizer.lr"] == [0.1, 0.2, 0.2]
        assert table[2]["spec.architecture.layers.0.out_channels"] == 16
        assert (len(table), [row["id"] for row in table[1:]]) == (3, ["job-2", "job-3"])

    def test_plain_lists_are_one_value(self) -> None:
        """Tuples, which can be grouped by."""
        table = Table([job(1, lr=0.1), job(2, lr=0.1, tags=[])])
        assert table["spec.dataset.classes"] == [("bird", "cat")] * 2
        assert table["tags"] == [("a", "b"), ()]

    def test_fields_that_some_lack(self) -> None:
        """Networks of other kinds: None where there is no such field."""
        other = job(2, lr=0.1)
        mlp = {**other.raw, "spec": {**other.raw["spec"], "architecture": {"kind": "mlp", "hidden": [64, 32]}}}
        table = Table([job(1, lr=0.1), Job(mlp)])
        assert table["spec.architecture.hidden"] == [None, (64, 32)]
        assert table["spec.architecture.layers.0.kind"] == ["conv2d", None]

    def test_shown(self) -> None:
        """A line in a shell, the first columns and rows in a notebook; names are text."""
        table = Table([job(number, lr=number / 10, name="<b>") for number in range(1, 4)])
        assert repr(table) == ("<Table of 3 rows; they differ in spec.training.optimizer.lr>")
        html = table._repr_html_()
        assert html.count("<tr>") == 4
        assert "&lt;b&gt;" in html
        assert "<b>" not in html
        assert "3 rows × " in html
        assert repr(Table([])) == "<Table of 0 rows; they differ in nothing that was asked for>"

    def test_a_column_that_is_not_there(self) -> None:
        """Is named."""
        with pytest.raises(KeyError, match="There is no column 'lr'"):
            Table([job(1, lr=0.1)])["lr"]


def test_an_empty_record_has_no_fields() -> None:
    """An empty field within a record is a value of its own."""
    assert flat({}) == {}
    assert flat({"a": {}}) == {"a": {}}


class TestPandas:
    def test_a_table(self) -> None:
        """The same columns, in the same order; instants are timestamps; DataFrame takes it as it is."""
        table = Table([job(1, lr=0.1), job(2, lr=0.2)])
        frame = table.to_pandas()
        assert tuple(frame.columns) == table.columns == tuple(pd.DataFrame(table).columns)
        assert frame["spec.training.optimizer.lr"].tolist() == [0.1, 0.2]
        assert frame["created_at"].dt.second.tolist() == [1, 2]
        assert frame["finished_at"].isna().all()
        assert frame.groupby("spec.dataset.classes")["result.val_accuracy"].max().tolist() == [0.1]
        assert Table([]).to_pandas().empty

    def test_jobs_and_log_lines(self, client: Client, service: FakeService) -> None:
        """What an iterator would still have yielded, as a frame."""
        for name in ("a", "b", "c"):
            service.add(name=name)
        jobs = client.jobs()
        next(jobs)
        assert jobs.to_pandas()["name"].tolist() == ["b", "a"]
        log = client.log(service.add()["id"]).to_pandas()
        assert log["message"].tolist() == ["line 1", "line 2", "line 3"]
        assert str(log["created_at"].dt.tz) == "UTC"

    def test_epochs(self, client: Client, service: FakeService) -> None:
        """A row an epoch, with the columns of the API, by `to_pandas` and by DataFrame itself."""
        epochs = client.epochs(service.add(status="succeeded", epoch=4, epochs=4)["id"])
        frame = epochs.to_pandas()
        assert list(frame.columns) == list(epochs.raw)
        assert frame["val_loss"].tolist() == [1, 1 / 2, 1 / 3, 1 / 4]
        assert frame.dtypes["epoch"] == "int64"
        pd.testing.assert_frame_equal(frame, pd.DataFrame(epochs))
        none = client.epochs(service.add(status="queued")["id"]).to_pandas()
        assert (len(none), list(none.columns)) == (0, list(epochs.raw))


@pytest.mark.parametrize(
    "use, package",
    [
        (lambda job: Table([job]).to_pandas(), "pandas"),
        (lambda job: job.epochs().to_pandas(), "pandas"),
        (lambda job: job.plot(), "matplotlib"),
    ],
    ids=["table", "epochs", "plot"],
)
def test_a_package_that_is_missing_is_named(
    client: Client, service: FakeService, monkeypatch: pytest.MonkeyPatch, use: Callable[[Job], Any], package: str
) -> None:
    """With the command that installs it."""
    job = client.job(service.add(epochs=1)["id"])
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=rf"\(\) needs {package}, which is not installed. .*`pip install {package}`\."):
        use(job)
