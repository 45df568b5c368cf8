"""Records: JSON with attributes, sequences of epochs, and what data frames ask of them."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flightline import Client, Job
from flightline.client.records import Attempt, ClassFigures, Dataset, Epoch, Epochs, Evaluation, Event, Result
from flightline.errors import UsageError
from shared import wire
from shared.wire.answer import names
from tests.support.http_service import FakeService

SPEC: dict[str, Any] = {
    "architecture": {"kind": "layers", "layers": [{"kind": "conv2d", "out_channels": 8}, {"kind": "flatten"}]},
    "training": {"epochs": 3, "optimizer": {"lr": 0.1}},
}
JOB: dict[str, Any] = {"id": "1", "spec": SPEC, "result": {"val_loss": 0.5}, "error": None, "tags": ["a"]}


class TestAttributes:
    def test_all_the_way_down(self) -> None:
        """In a spec, in lists within it, in events, environments and what workers hold."""
        job = Job(JOB)
        assert job.spec.training.optimizer.lr == 0.1
        assert job.spec.architecture.layers[0].out_channels == 8
        assert job["spec"]["architecture"].layers[1]["kind"] == "flatten"
        assert Event({"seq": 1, "kind": "status", "data": {"status": "queued"}}).data.status == "queued"
        assert Attempt({"environment": {"torch": "2"}}).environment.torch == "2"  # type: ignore[union-attr]
        assert Dataset({"held": [{"classes": ["a"]}]}).held[0].classes == ["a"]

    def test_a_spec_is_a_dict_as_before(self) -> None:
        """Read, compared, written as JSON, changed and submitted again as one."""
        job = Job(copy.deepcopy(JOB))
        assert job.spec == SPEC
        assert json.loads(json.dumps(job.spec)) == SPEC
        assert job.spec.get("training", {}).get("epochs") == 3
        job.spec["training"]["epochs"] = 7
        assert job.spec.training.epochs == 7
        assert job.raw["spec"] == SPEC

    def test_what_is_not_there_is_named_with_what_is(self) -> None:
        """At every level."""
        with pytest.raises(AttributeError, match="There is no 'epoch' here; there is epochs, optimizer"):
            _ = Job(JOB).spec.training.epoch
        with pytest.raises(AttributeError, match=r"Fields are set by their keys: \['epochs'\] = 5"):
            Job(JOB).spec.training.epochs = 5

    def test_every_key_of_this_release_is_known(self) -> None:
        """With its type, from the answers of the service; one of a newer service is there all the same."""
        annotated = {name for kind in Job.__mro__ for name in vars(kind).get("__annotations__", {})}
        assert set(names(wire.Job)) <= annotated
        assert Job({**JOB, "of_tomorrow": {"new": [1]}}).of_tomorrow.new == [1]

    def test_records_within_records(self) -> None:
        """Alone, absent or several, also in a subclass of one's own."""

        class Mine(Job):
            """A job with something more."""

        assert isinstance(Mine(JOB).result, Result)
        assert Job(JOB).error is None
        per_class = Evaluation({"per_class": [{"name": "a", "f1": 0.5}]}).per_class
        assert [type(one) for one in per_class] == [ClassFigures]
        assert per_class[0].f1 == 0.5

    def test_copies_and_completion(self) -> None:
        """Pickled, copied, and listed by a shell that completes names."""
        spec = Job(JOB).spec
        for twin in (pickle.loads(pickle.dumps(spec)), copy.deepcopy(spec)):
            assert (twin == spec, twin.training.epochs) == (True, 3)
        assert {"spec", "result"} <= set(dir(Job(JOB)))
        assert "training" in dir(spec)

    def test_items(self) -> None:
        """A record is a mapping: what asks for keys and items gets them."""
        job = Job(JOB)
        assert isinstance(job, Mapping)
        assert set(dict(job)) == set(JOB)
        assert (job["id"], job.get("nothing"), job["result"].val_loss) == ("1", None, 0.5)

    def test_a_job_is_no_spec(self) -> None:
        """Though it is a mapping."""
        with Client("http://127.0.0.1:9") as client, pytest.raises(UsageError, match="not <Job …1: None>"):
            client.submit(Job(JOB))


@pytest.fixture
def epochs(client: Client, service: FakeService) -> Epochs:
    """Three epochs of a job."""
    return client.epochs(service.add(status="succeeded", epoch=3, epochs=3)["id"])


class TestEpochs:
    def test_a_sequence_of_rows(self, epochs: Epochs) -> None:
        """As many as its length says."""
        assert isinstance(epochs, Sequence)
        assert len(list(epochs)) == len(epochs) == len(epochs.epoch) == 3
        assert [row.epoch for row in epochs] == [1, 2, 3]
        assert (epochs[0].epoch, epochs[-1].epoch, [row.epoch for row in epochs[1:]]) == (1, 3, [2, 3])
        assert epochs.rows() == list(epochs)
        with pytest.raises(IndexError):
            _ = epochs[3]

    def test_columns(self, epochs: Epochs) -> None:
        """As attributes, and all of them as JSON."""
        assert list(zip(epochs.epoch, epochs.val_loss, strict=True)) == [(1, 1.0), (2, 1 / 2), (3, 1 / 3)]
        assert epochs.raw["epoch"] == [1, 2, 3]

    def test_what_a_data_frame_asks(self, epochs: Epochs) -> None:
        """A sequence without an array of its own, whose entries are mappings with equal keys and plain values."""
        assert not hasattr(epochs, "__array__")
        assert all(isinstance(row, Mapping) for row in epochs)
        keys = {tuple(row.keys()) for row in epochs}
        assert len(keys) == 1
        assert dict(epochs[1]) == {key: column[1] for key, column in epochs.raw.items()}

    def test_a_column_by_its_name(self, epochs: Epochs) -> None:
        """As in a data frame."""
        assert epochs["val_loss"] == epochs.val_loss

    def test_none(self, client: Client, service: FakeService) -> None:
        """A job that has not begun."""
        none = client.epochs(service.add(status="queued")["id"])
        assert (len(none), list(none), bool(none)) == (0, [], False)

    def test_pickled_and_compared(self, epochs: Epochs) -> None:
        """By content, as records are; a row is no column."""
        assert pickle.loads(pickle.dumps(epochs)) == epochs
        assert epochs != epochs.rows()
        assert isinstance(epochs[0], Epoch)
