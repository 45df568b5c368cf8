"""What an attempt uses of equal jobs: real training, so that bits can be compared with those of a run from scratch."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from sqlalchemy import update

from shared.database.tables import Job
from shared.jobs import deletion
from shared.jobs.actor import EVERYBODY
from shared.jobs.batches import only
from shared.jobs.reads import queries
from shared.jobs.running import pauses
from shared.storage import retention
from shared.telemetry import tallies
from tests.unit.worker.run_job.equal_jobs import OPTIMIZERS, SCHEDULES, Service
from worker.run_job import task
from worker.training.state.checkpoints import decode, encode

GOES_ON = {"constant", "step"}
"""Schedules whose rates do not depend on the number of epochs."""


class TestCache:
    def test_an_equal_job_is_served(self, service: Service, trained: list[Any]) -> None:
        """It has the same epochs, figures and files, and nothing is trained for it."""
        first, second = service.run("off"), service.run(cache="prefer")
        assert len(trained) == 1
        job = service.job(second)
        assert (job.status, job.served_from, job.attempts) == ("succeeded", first, 1)
        assert service.same_bits(first, second)
        assert (job.exact, job.engine, job.progress.epoch) == (True, service.job(first).engine, 2)
        assert f"Served from job {first}" in service.log(second)

    def test_an_exact_one_is_served_where_the_environment_is_the_same(
        self, service: Service, trained: list[Any]
    ) -> None:
        """Then training would give the same bits."""
        first, second = service.run("off"), service.run("exact")
        assert (len(trained), service.job(second).served_from) == (1, first)

    def test_an_exact_one_trains_where_bits_may_differ(self, service: Service, trained: list[Any]) -> None:
        """With another torch, and its log says so; one that prefers is served, and its log says that too."""
        first = service.run("off")
        service.change_environment(first, torch="1.0")
        exact = service.run("exact")
        assert (len(trained), service.job(exact).served_from) == (2, None)
        assert "would not give its bits" in service.log(exact)
        service.change_environment(exact, torch="1.0")
        assert service.job(preferring := service.run("prefer")).served_from in (first, exact)
        assert "last digits may differ" in service.log(preferring)

    def test_other_data_are_another_training(self, service: Service, trained: list[Any]) -> None:
        """The images behind the name may have been replaced."""
        service.change_environment(service.run("off"), data_fingerprint="0" * 64)
        assert service.job(service.run()).served_from is None
        assert len(trained) == 2

    @pytest.mark.parametrize(
        "other", [{"seed": 1}, {"engine": "reference"}, {"epochs": 1}], ids=["seed", "engine", "epochs"]
    )
    def test_what_asks_for_something_else_trains(
        self, service: Service, trained: list[Any], other: dict[str, Any]
    ) -> None:
        """Only twins serve each other."""
        service.run("off")
        assert service.job(service.run(**other)).served_from is None
        assert len(trained) == 2

    def test_a_job_without_the_cache_trains(self, service: Service, trained: list[Any]) -> None:
        """Off is the default."""
        service.run("prefer")
        assert service.job(service.run("off")).served_from is None
        assert len(trained) == 2

    def test_deletion_of_either_does_not_hurt_the_other(self, service: Service) -> None:
        """Each has its own files."""
        storage = service.context.storage
        first, second, third = service.run("off"), service.run(), service.run()
        weights = service.weights(first)
        for gone, left in ((second, first), (first, third)):
            only(deletion.delete_all(service.db, storage, [gone], actor=EVERYBODY))
            assert service.weights(left).keys() == weights.keys()
        assert all(service.weights(third)[name].equal(weights[name]) for name in weights)

    def test_a_copy_serves_once_the_original_is_gone(self, service: Service, trained: list[Any]) -> None:
        """It has all that the original had."""
        first, second = service.run("off"), service.run()
        only(deletion.delete_all(service.db, service.context.storage, [first], actor=EVERYBODY))
        assert service.job(service.run()).served_from == second
        assert len(trained) == 1

    def test_a_pruned_job_serves_nobody(self, service: Service, trained: list[Any]) -> None:
        """Without its weights it is not what training would leave."""
        service.run("off")
        kept = retention.prunable(service.db, retention.Retention(keep_jobs=0))
        retention.prune(service.db, service.context.storage, kept)
        assert service.job(service.run()).served_from is None
        assert len(trained) == 2

    def test_a_missing_file_has_it_train(self, service: Service, trained: list[Any]) -> None:
        """Whoever deleted it by hand."""
        first = service.run("off")
        service.context.storage.delete_below(first)
        second = service.run()
        assert (service.job(second).served_from, service.job(second).status) == (None, "succeeded")
        assert len(trained) == 2

    def test_nothing_that_was_not_trained_is_counted(self, service: Service) -> None:
        """Neither its epochs nor their seconds; nor does it say how long epochs take."""
        first = service.run("off")
        before = _counted(service)
        second = service.run()
        assert _counted(service) == before
        assert (service.row(first).epoch_seconds is None, service.row(second).epoch_seconds) == (False, None)

    def test_events_are_without_a_gap(self, service: Service) -> None:
        """Those who follow a served job see each of its epochs."""
        service.run("off")
        second = service.run()
        seqs = queries.epochs(service.db, second, actor=EVERYBODY)["seq"]
        assert seqs == [3, 4]
        assert service.row(second).event_seq == 5


def _counted(service: Service) -> dict[str, float]:
    with service.db.read() as connection:
        found = tallies.read(connection)
    return {one.name: one.amount for one in found if one.name in (tallies.EPOCHS, tallies.EPOCH_SECONDS)}


class TestPrefix:
    @pytest.mark.parametrize("optimizer, schedule", [*product(OPTIMIZERS, SCHEDULES)])
    def test_a_longer_run_has_the_bits_of_one_from_scratch(
        self, service: Service, optimizer: str, schedule: str
    ) -> None:
        """Where the rates do not depend on the length it goes on from the shorter one, else it trains all of it."""
        asked: dict[str, Any] = {"optimizer": OPTIMIZERS[optimizer], "schedule": SCHEDULES[schedule]}
        short, long = service.run(epochs=3, **asked), service.run(epochs=5, **asked)
        scratch = service.run("off", epochs=5, **asked)
        expected = short if schedule in GOES_ON else None
        assert service.job(long).continued_from == expected
        assert (service.row(short).kept_bytes is not None) == (schedule in GOES_ON)
        assert service.same_bits(long, scratch)
        assert service.job(long).exact

    def test_everything_that_a_run_carries_along_is_carried(self, service: Service) -> None:
        """Averages, augmentation, dropout, early stopping that does not stop, the best weights of before."""
        asked: dict[str, Any] = {
            "weight_average": {"kind": "ema", "decay": 0.9},
            "augment": [{"kind": "flip"}, {"kind": "crop", "padding": 2}],
            "early_stopping": {"monitor": "train_loss", "patience": 4},
        }
        short, long = service.run(epochs=2, **asked), service.run(epochs=4, **asked)
        assert service.job(long).continued_from == short
        assert service.same_bits(long, service.run("off", epochs=4, **asked))

    def test_a_run_at_the_end_of_its_patience_ends_there_again(self, service: Service) -> None:
        """A longer one stops where it would have stopped from scratch."""
        asked: dict[str, Any] = {"early_stopping": {"monitor": "val_accuracy", "patience": 1, "min_delta": 0.9}}
        short, long = service.run(epochs=2, **asked), service.run(epochs=4, **asked)
        assert service.job(long).continued_from == short
        assert service.same_bits(long, service.run("off", epochs=4, **asked))
        assert service.job(long).progress.epoch == 2

    def test_another_schedule_with_the_same_rates_so_far_goes_on(self, service: Service) -> None:
        """A step that has not come yet is no difference."""
        short = service.run(epochs=2)
        asked: dict[str, Any] = {"epochs": 3, "schedule": {"kind": "step", "step_epochs": 2, "gamma": 0.1}}
        long = service.run(**asked)
        assert service.job(long).continued_from == short
        assert service.same_bits(long, service.run("off", **asked))

    def test_a_difference_before_is_one(self, service: Service) -> None:
        """A rate that has already fallen."""
        service.run(epochs=2)
        long = service.run(epochs=3, schedule={"kind": "step", "step_epochs": 1, "gamma": 0.1})
        assert service.job(long).continued_from is None

    def test_a_job_that_is_off_neither_keeps_nor_goes_on(self, service: Service) -> None:
        """It asks nobody for anything and costs no space."""
        off = service.run("off", epochs=2)
        assert service.row(off).checkpoint is None
        service.run(epochs=2)
        assert service.job(service.run("off", epochs=3)).continued_from is None

    def test_an_exact_one_does_not_go_on_where_bits_may_differ(self, service: Service, trained: list[Any]) -> None:
        """Here the state's own run was not exact."""
        short = service.run(epochs=2)
        entry = service.row(short).checkpoint["entries"][0]
        state = decode(service.context.storage.read(entry["path"]))
        state.content["exact"] = False
        service.context.storage.put(entry["path"], encode(state))
        exact, preferring = service.run("exact", epochs=3), service.run("prefer", epochs=4)
        assert (service.job(exact).continued_from, service.job(exact).exact) == (None, True)
        assert "would not give its bits" in service.log(exact)
        assert service.job(preferring).continued_from == exact

    def test_what_is_kept_is_bounded(self, service: Service) -> None:
        """The oldest goes first, row and file."""
        first = service.run(epochs=2)
        room = service.row(first).kept_bytes + 10
        path = service.row(first).checkpoint["entries"][0]["path"]
        service.context.settings = service.context.settings.model_copy(update={"kept_checkpoints_bytes": room})
        second = service.run(epochs=2, seed=1)
        assert (service.row(first).checkpoint, service.row(first).kept_bytes) == (None, None)
        assert service.row(second).kept_bytes is not None
        assert path not in service.context.storage.page("", 100)

    def test_pruning_takes_it_along(self, service: Service) -> None:
        """Artifacts and checkpoint are one decision."""
        first = service.run(epochs=2)
        path = service.row(first).checkpoint["entries"][0]["path"]
        kept = retention.prunable(service.db, retention.Retention(keep_jobs=0))
        retention.prune(service.db, service.context.storage, kept)
        assert service.row(first).checkpoint is None
        assert path not in service.context.storage.page("", 100)

    def test_a_deleted_donor_has_it_begin_at_the_start(self, service: Service) -> None:
        """Nobody's deletion costs another one the job."""
        first = service.run(epochs=2)
        only(deletion.delete_all(service.db, service.context.storage, [first], actor=EVERYBODY))
        long = service.run(epochs=3)
        assert (service.job(long).continued_from, service.job(long).status) == (None, "succeeded")

    def test_epochs_that_were_not_trained_here_are_not_counted(self, service: Service) -> None:
        """Two of the first, one of the second."""
        service.run(epochs=2)
        before = _counted(service)[tallies.EPOCHS]
        service.run(epochs=3)
        assert _counted(service)[tallies.EPOCHS] == before + 1

    @pytest.mark.parametrize("deleted", [False, True])
    def test_a_job_that_pauses_takes_the_epochs_of_an_equal_one(
        self, service: Service, trained: list[Any], *, deleted: bool
    ) -> None:
        """Up to each rung, and then all; where that one is gone meanwhile it trains, with the same bits."""
        whole = service.run("off", epochs=4, schedule={"kind": "cosine"})
        paused = service.submit(epochs=4, schedule={"kind": "cosine"})
        asked = update(Job).where(Job.id == paused).values(pause_after=2)
        service.db.write(lambda connection: connection.execute(asked))
        for rung in (2, 3):
            task.run(service.context)
            job = service.job(paused)
            assert (job.status, job.continued_from, job.progress.epoch) == ("paused", whole, rung)
            assert len(trained) == 1
            service.db.write(lambda connection: pauses.go_on(connection, paused, 3 if rung == 2 else None))  # noqa: B023
        if deleted:
            only(deletion.delete_all(service.db, service.context.storage, [whole], actor=EVERYBODY))
        task.run(service.context)
        job = service.job(paused)
        served = None if deleted else whole
        assert (job.status, job.served_from, job.continued_from) == ("succeeded", served, None)
        assert len(trained) == 1 + deleted
        again = service.run("off", epochs=4, schedule={"kind": "cosine"})
        assert service.same_bits(paused, again)

    def test_a_paused_job_gives_and_takes(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        """One that pauses goes on from a shorter run, and its own checkpoint serves a longer one."""
        short = service.run(epochs=1)
        paused = service.submit(epochs=4)
        asked = update(Job).where(Job.id == paused).values(pause_after=3)
        service.db.write(lambda connection: connection.execute(asked))
        task.run(service.context)
        assert (service.job(paused).status, service.job(paused).continued_from) == ("paused", short)
        long = service.run(epochs=5)
        assert service.job(long).continued_from == paused
        service.db.write(lambda connection: pauses.go_on(connection, paused, None))
        task.run(service.context)
        assert service.same_bits(paused, service.run("off", epochs=4))
        assert service.same_bits(long, service.run("off", epochs=5))
