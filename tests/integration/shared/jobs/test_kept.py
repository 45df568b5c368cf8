"""Pages that are kept: sent again while nothing has changed, and never once something has; on both databases."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, insert, select, text, update

from shared.database.engine import Database
from shared.database.tables import Job, JobChange
from shared.jobs import changes, deletion, edits
from shared.jobs.actor import EVERYBODY
from shared.jobs.guarded_write import table_of
from shared.jobs.reads import listing, pages, queries
from shared.jobs.reads.kept import Document, Kept
from shared.jobs.reads.listing import JobFilter, Page
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.jobs.search.conditions import read_condition
from tests.support import factories

ASKED: list[tuple[JobFilter, str]] = [
    (JobFilter(), "-created_at"),
    (JobFilter(status=("succeeded",)), "-val_accuracy"),
    (JobFilter(status=("queued", "running")), "created_at"),
    (JobFilter(tag=("a",)), "-finished_at"),
    (JobFilter(where=(read_condition("training.epochs>=1"),)), "spec.training.epochs"),
]


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows with each page that is put together anew."""
    made: list[object] = []
    real = pages.read_page

    def counted(*given: Any) -> pages.Found:
        made.append(given)
        return real(*given)

    monkeypatch.setattr(pages, "read_page", counted)
    return made


def read(db: Database, kept: Kept | None, wanted: JobFilter = ASKED[0][0], sort: str = "-created_at") -> Page:
    """The first page, of three jobs."""
    return listing.jobs(db, wanted, sort, limit=3, kept=kept, actor=EVERYBODY)


def finished(db: Database) -> str:
    """A new job that has succeeded."""
    return factories.succeed(db, factories.running(db, tags=["a"]))


def test_a_page_is_put_together_once_while_nothing_changes(database: Database, walks: list[object]) -> None:
    """Each filter, order and place is another page."""
    jobs = [finished(database) for _ in range(5)]
    kept = Kept()
    for _ in range(3):
        page = read(database, kept)
        assert [orjson.loads(item)["id"] for item in page.items] == jobs[:1:-1]
        assert page == read(database, None)
    assert len(walks) == 1 + 3
    following = listing.jobs(database, JobFilter(), after=page.next_key, limit=3, kept=kept, actor=EVERYBODY)
    assert [orjson.loads(item)["id"] for item in following.items] == jobs[1::-1]
    assert len(read(database, kept, JobFilter(status=("failed",))).items) == 0


def test_a_page_that_is_asked_for_often_takes_no_transaction(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL; once a job has changed, or is not finished, the page is read as ever."""
    begun: list[Database] = []
    real = Database.read

    def counted(db: Database) -> Any:
        begun.append(db)
        return real(db)

    monkeypatch.setattr(Database, "read", counted)
    kept, jobs = Kept(), [finished(database) for _ in range(3)]

    def read_now() -> tuple[int, list[str]]:
        begun.clear()
        page = read(database, kept)
        transactions = len(begun)
        assert page == read(database, None)
        return transactions, [orjson.loads(item)["id"] for item in page.items]

    for transactions in (1, 1, int(database.is_sqlite), int(database.is_sqlite)):
        assert read_now() == (transactions, jobs[::-1])
    running = factories.running(database)
    for _ in range(4):
        assert read_now() == (1, [running.job_id, *jobs[:0:-1]])
    factories.succeed(database, running)
    for transactions in (1, 1, int(database.is_sqlite)):
        assert read_now() == (transactions, [running.job_id, *jobs[:0:-1]])
    deletion.delete_rows(database, [running.job_id], actor=EVERYBODY)
    assert read_now() == (1, jobs[::-1])


class Life:
    """Jobs that live, by whichever of some processes."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._jobs: list[str] = []
        self._claims: list[Claim] = []

    def act(self, db: Database) -> None:
        """Do anything to any job, or nothing."""
        acts = (self.submit, self.claim, self.prepare, self.succeed, self.rename, self.remove, lambda _db: None)
        self._chance.choice(acts)(db)

    def submit(self, db: Database) -> None:
        """Queue a job."""
        self._jobs.append(factories.submit(db, tags=self._chance.choice([["a"], []])))

    def claim(self, db: Database) -> None:
        """Begin with another."""
        self._claims.append(factories.running(db))
        self._jobs.append(self._claims[-1].job_id)

    def prepare(self, db: Database) -> None:
        """Say what it runs with, which is no event."""
        for claim in self._claims[-1:]:
            attempts.record_environment(db, claim, {}, engine="fused", exact=False, first_epoch=None)

    def succeed(self, db: Database) -> None:
        """Finish one."""
        if self._claims:
            factories.succeed(db, self._claims.pop())

    def rename(self, db: Database) -> None:
        """Change its name and tags."""
        for job_id in self._jobs[-1:]:
            edits.edit(db, job_id, {"name": f"{self._chance.random()}", "tags": ["a"]}, actor=EVERYBODY)

    def remove(self, db: Database) -> None:
        """Delete one that has finished."""
        factories.delete(db, finished(db))


def test_every_change_is_seen_at_once(database: Database) -> None:
    """Whatever happens to a job, and through whichever process, the next page has it."""
    other = Database(database.engine.url.render_as_string(hide_password=False))
    kept, chance = (Kept(), Kept()), random.Random(5)
    life = Life(chance)
    for _ in range(80):
        life.act(chance.choice((database, other)))
        wanted, sort = chance.choice(ASKED)
        for db, own in zip((database, other), kept, strict=True):
            assert read(db, own, wanted, sort) == read(db, None, wanted, sort)
    other.dispose()


def test_what_a_queued_job_waits_for_is_read_each_time(database: Database, walks: list[object]) -> None:
    """Its warnings are about the workers of now, though the page is the same."""
    factories.submit(database)
    kept = Kept()
    lives: list[queries.Workers] = []

    def live() -> queries.Workers:
        lives.append([])
        return lives[-1]

    for asked in range(1, 4):
        page = listing.jobs(database, JobFilter(), kept=kept, live=live, actor=EVERYBODY)
        assert "No live worker" in orjson.loads(page.items[0])["warnings"][0]
        assert len(lives) == asked
    assert len(walks) == 1


def test_a_change_that_is_committed_late_is_seen(postgres_database: Database) -> None:
    """It had its place in the log before the page was kept, and was not visible yet."""
    early, late = finished(postgres_database), finished(postgres_database)
    kept = Kept()
    with postgres_database.engine.begin() as slow:
        changed = update(Job).where(Job.id == late).values(name="late", event_seq=Job.event_seq + 1)
        slow.execute(changed)
        edits.edit(postgres_database, early, {"name": "early"}, actor=EVERYBODY)
        assert names(read(postgres_database, kept)) == [None, "early"]
        postgres_database.write(lambda connection: connection.execute(text("SELECT txid_current()")))
        assert names(read(postgres_database, kept)) == [None, "early"]
    assert names(read(postgres_database, kept)) == ["late", "early"]


def names(page: Page) -> list[str | None]:
    """The names of a page's jobs."""
    return [orjson.loads(item)["name"] for item in page.items]


def test_another_transaction_changes_no_page(postgres_database: Database, walks: list[object]) -> None:
    """A heartbeat moves PostgreSQL's snapshot, and is no change of a job."""
    claim = factories.running(postgres_database)
    kept = Kept()
    for _ in range(3):
        read(postgres_database, kept)
        assert attempts.heartbeat(postgres_database, claim, 30)
    assert len(walks) == 1


def test_a_database_without_a_log_keeps_nothing(database: Database, walks: list[object]) -> None:
    """One that was upgraded and has not changed since is not told from another such by its log."""
    finished(database)
    database.write(lambda connection: connection.execute(delete(JobChange)))
    kept = Kept()
    read(database, kept)
    read(database, kept)
    assert len(walks) == 2


def test_new_connections_begin_anew(database: Database, walks: list[object]) -> None:
    """As after another database has replaced an SQLite file."""
    finished(database)
    kept = Kept()
    read(database, kept)
    database.dispose()
    read(database, kept)
    assert len(walks) == 2


def test_the_page_and_its_mark_are_of_one_snapshot(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that changes between the two is on the next page that is asked for."""
    job_id = finished(database)
    kept, real = Kept(), pages.read_page

    def late(*given: Any) -> pages.Found:
        found = real(*given)
        edits.edit(database, job_id, {"name": "new"}, actor=EVERYBODY)
        return found

    monkeypatch.setattr(pages, "read_page", late)
    assert names(read(database, kept)) == [None]
    monkeypatch.setattr(pages, "read_page", real)
    assert names(read(database, kept)) == ["new"]


def test_a_transaction_that_others_have_overtaken_uses_and_keeps_nothing(database: Database) -> None:
    """What it reads is of a state before the one that is kept."""
    job_id, kept = finished(database), Kept()
    read(database, kept)
    number = database.write(lambda connection: connection.scalar(select(Job.number)))
    assert isinstance(number, int)
    with database.read() as early:
        before = kept.look(early)
        assert list(kept.documents(before, [number])) == [number]
        edits.edit(database, job_id, {"name": "new"}, actor=EVERYBODY)
        assert names(read(database, kept)) == ["new"]
        assert kept.documents(before, [number]) == {}
        kept.keep_documents(before, {number: Document(job_id, b"old")})
        kept.keep_page(before, "asked", pages.Found([], None))
    with database.read() as late:
        assert kept.page(kept.look(late), "asked") is None
    assert names(read(database, kept)) == ["new"]


def test_more_changes_than_are_told_forget_all(database: Database) -> None:
    """As where the log no longer reaches back to what is kept."""
    job_id, kept = finished(database), Kept()
    early = changes.mark(database)
    read(database, kept)
    rows = [{"job_id": "another"} for _ in range(changes.MOST_TOLD)]
    edits.edit(database, job_id, {"name": "new"}, actor=EVERYBODY)
    if not database.is_sqlite:
        now = database.write(lambda connection: connection.scalar(text("SELECT txid_current()")))
        rows = [row | {"transaction_id": now} for row in rows]
    database.write(lambda connection: connection.execute(insert(JobChange), rows))
    with database.read() as connection:
        assert changes.look(connection, early).changed is None
    assert names(read(database, kept)) == ["new"]


def test_memory_is_bounded(sqlite_database: Database, walks: list[object]) -> None:
    """By the number of pages and of jobs; those that were asked for last stay."""
    finished(sqlite_database)
    few = Kept(most_pages=2)
    for name in ("a", "b", "a", "c", "a", "b"):
        read(sqlite_database, few, JobFilter(status=("succeeded",), owner=None, min_val_accuracy=ord(name) / 1000))
    assert len(walks) == 4
    jobs = [finished(sqlite_database) for _ in range(3)]
    small = Kept(most_jobs=2)
    assert [orjson.loads(item)["id"] for item in read(sqlite_database, small).items] == jobs[::-1]
    assert read(sqlite_database, small) == read(sqlite_database, None)
    assert len(small._documents) == len(small._numbers) == 2


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows with each filter that is counted."""
    made: list[object] = []
    real = pages._count

    def counted(*given: Any) -> int:
        made.append(given)
        return real(*given)

    monkeypatch.setattr(pages, "_count", counted)
    return made


def test_a_filter_of_many_jobs_is_counted_again_once_that_many_may_have_changed(
    database: Database, counts: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same filter with another value is another one; one of few is counted each time, as it says how to read."""
    monkeypatch.setattr(pages, "FEW", 2)
    monkeypatch.setattr("shared.jobs.reads.kept.MOST_CHANGES", 8)  # a job that succeeds has some three
    jobs, kept = [finished(database) for _ in range(3)], Kept()
    many, few = JobFilter(tag=("a",)), JobFilter(tag=("b",))

    def counted(wanted: JobFilter) -> int:
        counts.clear()
        page = read(database, kept, wanted, "-finished_at")
        assert page == read(database, None, wanted, "-finished_at")
        return len(counts) - 1  # the second read counts in any case

    assert counted(many) == 1
    finished(database)
    assert counted(many) == 0
    assert counted(few) == 1
    database.write(lambda connection: connection.execute(delete(table_of(Job)).where(Job.id.in_(jobs))))
    finished(database)
    finished(database)
    assert counted(many) == 1


def test_what_an_earlier_transaction_counts_is_not_kept_for_a_later_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes between the two were not counted from it."""
    monkeypatch.setattr(pages, "FEW", 1)
    kept = Kept()
    for _ in range(2):
        finished(database)
    with database.read() as earlier:
        seen = kept.many(kept.look(earlier))
        finished(database)
        with database.read() as later:
            kept.look(later)
        seen.add("counted by the first")
        assert "counted by the first" not in seen

    with database.read() as connection:
        assert "counted by the first" not in kept.many(kept.look(connection))
