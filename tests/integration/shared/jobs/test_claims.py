"""Which job a worker gets that looks for work, on both databases."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from shared.database.engine import Database
from shared.database.tables import Job
from shared.jobs import actions, edits
from shared.jobs.actor import EVERYBODY, Actor, Scope
from shared.jobs.data_needs import Holdings
from shared.jobs.running import attempts, claims
from shared.jobs.running.claims import Claim, Claimant, Prospect
from tests.support import factories
from tests.support.factories import FLAKY, RELEASED

BARE = Holdings()
MNIST = Holdings([{"name": "mnist", "source": "torchvision", "classes": list("0123456789"), "ready": True}])


def submit(db: Database, owner: str | None = None, **document: Any) -> str:
    """A queued job of somebody."""
    return actions.submit(db, factories.submission(**document), actor=Actor(owner, Scope.SUBMIT)).job_id


def change(db: Database, job_id: str, **values: object) -> None:
    """Change a row behind everybody's back."""
    db.write(lambda connection: connection.execute(update(Job).where(Job.id == job_id).values(**values)))


def ask(db: Database, holdings: Holdings = factories.SYNTHETIC, device: str = "cpu") -> Claim | None:
    """What a worker of this device gets."""
    return claims.claim_next(db, factories.claimant("w", device, holdings), 30)


def ids(db: Database, count: int, **who: Any) -> list[str]:
    """The jobs that a worker gets, one after another."""
    return [claim.job_id for claim in (ask(db, **who) for _ in range(count)) if claim]


def prospect(db: Database, holdings: Holdings = factories.SYNTHETIC) -> Prospect:
    """What a worker would find."""
    return claims.prospect(db, factories.claimant(holdings=holdings))


class TestOrder:
    def test_the_most_urgent_then_the_oldest(self, database: Database) -> None:
        """Whatever queue it waits in."""
        slow = submit(database, priority=1)
        first = submit(database, priority=5, resources={"device": "cpu"})
        second = submit(database, priority=5)
        urgent = submit(database, priority=9, resources={"device": "cpu"})
        assert ids(database, 5) == [urgent, first, second, slow]

    def test_a_changed_priority_counts_at_once(self, database: Database) -> None:
        """By the row alone, without a word to Redis."""
        first, second = submit(database), submit(database)
        edits.edit(database, second, {"priority": 6}, actor=EVERYBODY)
        assert ids(database, 2) == [second, first]

    def test_ten_of_one_owner_do_not_starve_anothers_one(self, database: Database) -> None:
        """The owner with the fewest running jobs comes first, nobody is an owner too, and ties go to the oldest."""
        many = [submit(database, "ann") for _ in range(4)]
        assert ids(database, 1) == many[:1]
        bobs, nobodys = submit(database, "bob"), submit(database)
        assert ids(database, 3) == [bobs, nobodys, many[1]]

    @pytest.mark.parametrize("workers", [1, 2, 8])
    def test_owners_take_turns_however_few_workers_there_are(self, database: Database, workers: int) -> None:
        """Nobody's batch is run before another's begins: at each claim no job of the one that ended runs any more."""
        for owner in ("zoe", "ann", "bob", None):
            for _ in range(12):
                submit(database, owner)
        running: list[Claim] = []
        after = dict[int, str]()
        served = Counter[str | None]()
        for number in range(32):
            slot = number % workers
            if number >= workers:
                factories.succeed(database, running.pop(0))
            who = replace(factories.claimant(f"w{slot}"), after=after.get(slot))
            claim = claims.claim_next(database, who, 30)
            assert claim is not None
            after[slot] = claim.owner or ""
            running.append(claim)
            served[claim.owner] += 1
        assert served == {"zoe": 8, "ann": 8, "bob": 8, None: 8}

    def test_a_more_urgent_job_comes_first_however_many_its_owner_runs(self, database: Database) -> None:
        """Fairness is among equal priorities."""
        ids(database, 0)
        running = submit(database, "ann")
        assert ids(database, 1) == [running]
        submit(database, "bob")
        urgent = submit(database, "ann", priority=6)
        assert ids(database, 1) == [urgent]

    def test_jobs_of_several_kinds_queues_and_images_are_compared(self, database: Database) -> None:
        """The owner's jobs are counted over all of them."""
        everything = Holdings([*_reports("synthetic", ["airplane", "bird"]), *_reports("mnist", list("0123456789"))])
        ann = [submit(database, "ann"), submit(database, "ann", dataset="mnist")]
        bob = submit(database, "bob", resources={"device": "cpu"})
        assert ids(database, 3, holdings=everything) == [ann[0], bob, ann[1]]

    def test_workers_at_once_share_the_queue_evenly(self, database: Database) -> None:
        """Each job is claimed once, and two owners have as many running jobs, give or take one."""
        for _ in range(6):
            submit(database, "ann")
        for _ in range(6):
            submit(database, "bob")
        with ThreadPoolExecutor(4) as pool:
            taken = list(pool.map(lambda n: claims.claim_next(database, factories.claimant(f"w{n}"), 30), range(7)))
        job_ids = [claim.job_id for claim in taken if claim]
        assert len(set(job_ids)) == 7
        with database.read() as connection:
            owners = Counter(connection.scalars(select(Job.owner).where(Job.id.in_(job_ids))))
        assert sorted(owners.values()) == [3, 4]


def _reports(name: str, held: list[str], **also: Any) -> list[dict[str, Any]]:
    counts = {one: [5, 5] for one in held}
    return [{"name": name, "source": "folder", "classes": held, "counts": counts, "ready": True, **also}]


class TestWhatIsLeftToOthers:
    @pytest.mark.parametrize(
        "document", [{"resources": {"device": "cuda"}}, {"dataset": "mnist"}], ids=["device", "images"]
    )
    def test_a_job_for_others_is_passed_over(self, database: Database, document: dict[str, Any]) -> None:
        """However urgent it is; nothing changes, and the next one is taken."""
        submit(database, priority=9, **document)
        before = factories.everything(database)
        assert ask(database) is None
        assert factories.everything(database) == before
        mine = submit(database, priority=0)
        assert ids(database, 2) == [mine]

    def test_who_holds_the_images_takes_it(self, database: Database) -> None:
        """Or may download them."""
        job_id = submit(database, dataset="mnist")
        assert prospect(database) == Prospect.OTHERS
        assert prospect(database, MNIST) == Prospect.SOME
        download = Holdings([{"name": "mnist", "source": "download", "classes": list("0123456789"), "ready": False}])
        assert ids(database, 1, holdings=download) == [job_id]
        assert prospect(database) == Prospect.NONE

    @pytest.mark.parametrize(
        "also, meets",
        [
            ({}, True),
            ({"classes": ["airplane", "cat"]}, False),
            ({"ready": False, "counts": {"airplane": [1, 1], "bird": [1, 1], "cat": [0, 0]}}, True),
            ({"ready": False, "counts": {"airplane": [1, 1], "bird": [1, 0]}}, False),
            ({"ready": False, "counts": {"airplane": [1, 0], "bird": [1, 0]}, "has_val": False}, True),
            ({"ready": False, "source": "torchvision"}, False),
        ],
        ids=["whole", "a class is missing", "another is empty", "no validation", "needs none", "incomplete"],
    )
    def test_a_copy_holds_what_a_job_can_use(self, database: Database, also: dict[str, Any], meets: bool) -> None:
        """Class by class where it is folders."""
        submit(database)
        held = Holdings(_reports("synthetic", ["airplane", "bird"], **also))
        assert (ask(database, held) is not None) == meets

    def test_what_has_to_wait(self, database: Database) -> None:
        """An attempt that failed is tried again when it is due, in its turn."""
        failed = factories.running(database)
        attempts.end(database, failed, FLAKY, retry_seconds=600)
        assert ask(database) is None
        assert prospect(database) == Prospect.NONE
        younger = submit(database)
        change(database, failed.job_id, not_before=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        assert prospect(database, BARE) == Prospect.SOME  # only a claim can tell whether it is for this worker
        assert ids(database, 2) == [failed.job_id, younger]

    def test_a_released_job_goes_on_before_younger_ones(self, database: Database) -> None:
        """Its age counts from its submission."""
        claim = factories.running(database)
        submit(database)
        attempts.end(database, claim, RELEASED)
        assert ids(database, 1) == [claim.job_id]

    def test_a_kind_that_the_worker_does_not_run(self, database: Database) -> None:
        """It waits for a release that does."""
        change(database, submit(database), kind="distil")
        assert ask(database) is None
        nothing = Claimant("w", "cpu", "cpu", frozenset(), factories.SYNTHETIC)
        submit(database)
        assert claims.claim_next(database, nothing, 30) is None


class TestReleaseBefore:
    def test_its_jobs_say_what_they_need_once_somebody_looks(self, database: Database) -> None:
        """They are claimed in their turn by who holds their images, and by nobody else."""
        old, new = submit(database), submit(database)
        change(database, old, data=None, data_key="")
        assert ask(database, MNIST) is None
        with database.read() as connection:
            rows = connection.execute(select(Job.data, Job.data_key).order_by(Job.id)).all()
        assert rows[0] == rows[1]
        assert rows[0].data == [["synthetic", ["airplane", "bird"]]]
        assert ids(database, 2) == [old, new]

    def test_its_reconciler_is_told_nothing_of_messages_by_a_claim(self, database: Database) -> None:
        """It would take every job that was queued before the running one for lost."""
        change(database, submit(database), published_at=factories.EPOCH)
        claim = ask(database)
        assert claim is not None
        with database.read() as connection:
            assert connection.scalar(select(Job.published_at)) is None


def test_a_row_that_somebody_holds_is_passed_over(postgres_database: Database) -> None:
    """On PostgreSQL, where a process that froze in a transaction may hold it for seconds."""
    held, other = submit(postgres_database), submit(postgres_database)
    with postgres_database.engine.begin() as connection:
        connection.execute(select(Job.id).where(Job.id == held).with_for_update())
        assert ids(postgres_database, 1) == [other]
    assert ids(postgres_database, 1) == [held]
