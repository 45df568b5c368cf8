"""The migrations end where the tables are declared, and every step can be taken back."""

from __future__ import annotations

import multiprocessing
from dataclasses import asdict, replace
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, insert, inspect, select, text, update

import migrations
from shared.database.engine import Database
from shared.database.tables import Base, Job, Worker
from shared.errors import ConfigurationError, DatabaseUnavailable
from shared.fleet import datasets, workers
from shared.jobs import actions, changes
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.reads.short_ids import whole_id
from shared.jobs.reuse import prefixes
from shared.jobs.running import attempts
from shared.jobspec import BUILT_IN
from shared.processes import pid_namespace
from tests.support import factories
from tests.support.concurrency import together

SHAPES: dict[str, Any] = {
    "name": "shapes",
    "source": "folder",
    "classes": ["circle", "square"],
    "counts": {"circle": [4, 2], "square": [4, 2]},
    "input_shape": [3, 8, 8],
    "ready": True,
}
pytestmark = pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")


def schema(engine: Engine) -> dict[str, Any]:
    """What the database says of its tables: columns, keys, indexes, foreign keys."""
    inspector = inspect(engine)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(table)
            },
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign": [
                (key["constrained_columns"], key["referred_table"], key["options"])
                for key in inspector.get_foreign_keys(table)
            ],
            "indexes": indexes(engine, table),
            "unique": inspector.get_unique_constraints(table),
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def indexes(engine: Engine, table: str) -> set[str]:
    """The statements that make a table's indexes, those on expressions too, which SQLAlchemy does not read back."""
    where = {"sqlite": "sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :table AND sql IS NOT NULL"}
    listed = where.get(engine.dialect.name, "indexdef FROM pg_indexes WHERE tablename = :table")
    with engine.connect() as connection:
        return set(connection.scalars(text(f"SELECT {listed}"), {"table": table}))


def without_rowid(db: Database) -> set[str]:
    """SQLite's tables that are one tree each."""
    with db.read() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        return {name for name, statement in rows if "WITHOUT ROWID" in statement}


def old_claim(db: Database, job_id: str) -> tuple[Any, ...] | None:
    """Claim a job as workers of the first release do; return what their statement returns."""
    claim = text("""
        UPDATE jobs SET event_seq = event_seq + 1, status = 'running', attempt = attempt + 1, worker = 'old:cpu:1',
            device = 'cpu', device_kind = 'cpu'
        WHERE id = :job_id AND status = 'queued' AND queue IN ('any', 'cpu') AND priority = 5
        RETURNING id, attempt, event_seq
    """)
    row = db.write(lambda connection: connection.execute(claim, {"job_id": job_id}).one_or_none())
    return None if row is None else tuple(row)


def _upgrade(url: str, start: Barrier) -> None:
    db = Database(url)
    start.wait()
    migrations.upgrade(db)
    db.dispose()


class TestSchema:
    def test_migrated_tables_are_the_declared_ones(self, empty_database: Database) -> None:
        """Column by column, index by index."""
        with empty_database.engine.begin() as connection:
            Base.metadata.create_all(connection)
        declared = schema(empty_database.engine)
        trees = without_rowid(empty_database) if empty_database.is_sqlite else set()
        with empty_database.engine.begin() as connection:
            Base.metadata.drop_all(connection)

        migrations.upgrade(empty_database)

        assert schema(empty_database.engine) == declared
        assert set(declared) == set(Base.metadata.tables)
        assert (without_rowid(empty_database) if empty_database.is_sqlite else set()) == trees

    def test_rows_of_epochs_tags_events_and_logs_lie_together(self, sqlite_database: Database) -> None:
        """On SQLite, by job or by sweep."""
        assert without_rowid(sqlite_database) == {
            "epochs",
            "job_tags",
            "job_events",
            "job_log",
            "job_values",
            "job_words",
            "sweep_events",
            "sweep_points",
            "sweep_rungs",
            "sweep_trials",
        }

    def test_one_line_of_steps(self) -> None:
        """No two heads, and every step has a way back."""
        config = Config()
        config.set_main_option("script_location", next(iter(migrations.__path__)))
        config.set_main_option("path_separator", "os")
        script = ScriptDirectory.from_config(config)

        assert len(script.get_heads()) == 1
        assert all(revision.module.downgrade for revision in script.walk_revisions())


def _counts(db: Database) -> dict[str, int]:
    """How many rows each of the tables holds that there are, but for what is filled as jobs change or are searched."""
    there = set(inspect(db.engine).get_table_names()) - {"job_changes", "job_values", "job_words"}
    with db.read() as connection:
        lasting = {*there} - {"tallies"}  # a step back drops what the metrics counted
        tables = [table for table in Base.metadata.sorted_tables if table.name in lasting]
        return {table.name: len(connection.execute(select(*table.primary_key)).all()) for table in tables}


class TestSteps:
    def test_up_down_and_up_again_with_rows(self, empty_database: Database) -> None:
        """Nothing is left in the way."""
        migrations.upgrade(empty_database)
        fresh = schema(empty_database.engine)
        claim = factories.running(empty_database, tags=["a"])
        attempts.log(empty_database, claim, [attempts.Line("INFO", "hello")], keep=10)
        factories.succeed(empty_database, claim)

        migrations.downgrade(empty_database, "base")
        assert schema(empty_database.engine) == {}

        migrations.upgrade(empty_database)
        assert schema(empty_database.engine) == fresh
        factories.succeed(empty_database, factories.running(empty_database))

    def test_workers_of_the_release_before(self, empty_database: Database) -> None:
        """They stay where they are, up and down, and go on registering beside this release."""
        old = {"id": "a:cpu:1", "host": "a", "pid": 1, "device": "cpu", "device_kind": "cpu", "state": "idle"}
        old |= {"versions": "{}", "datasets": "[]", "started_at": "2026-01-01 00:00:00.000"}
        old |= {"last_heartbeat_at": old["started_at"]}
        named = ", ".join(old), ", ".join(f":{name}" for name in old)
        insert = text(f"INSERT INTO workers ({named[0]}) VALUES ({named[1]})")
        migrations.upgrade(empty_database, "0001")
        empty_database.write(lambda connection: connection.execute(insert, old))

        migrations.upgrade(empty_database)
        empty_database.write(lambda connection: connection.execute(insert, old | {"id": "a:cpu:2"}))
        listed = queries.workers(empty_database, silent_seconds=60)
        assert [worker["id"] for worker in listed] == ["a:cpu:1", "a:cpu:2"]
        assert workers.known_in(empty_database, pid_namespace()) == []

        migrations.downgrade(empty_database, "0001")
        with empty_database.read() as connection:
            assert connection.scalar(text("SELECT count(*) FROM workers")) == 2

    def test_the_step_of_not_before_back_and_forth_keeps_every_row(self, empty_database: Database) -> None:
        """Also those that point at a job: SQLite must not rebuild a table for a column."""
        migrations.upgrade(empty_database)
        waiting = factories.running(empty_database, tags=["a"])
        attempts.end(empty_database, waiting, factories.FLAKY, retry_seconds=600)
        factories.succeed(empty_database, factories.running(empty_database))
        before = _counts(empty_database)

        migrations.downgrade(empty_database, "0002")
        left = _counts(empty_database)
        assert {"jobs", "job_tags", "attempts", "epochs", "artifacts"} <= left.keys()
        assert left == {name: before[name] for name in left}
        with pytest.raises(DatabaseUnavailable, match="flightline migrate"):
            factories.try_claim(empty_database, waiting.job_id, factories.claimant(), 30)

        migrations.upgrade(empty_database)
        assert _counts(empty_database) == before
        assert queries.job(empty_database, waiting.job_id, actor=EVERYBODY)["not_before"] is None
        factories.succeed(empty_database, factories.claim(empty_database, waiting.job_id))

    def test_jobs_from_before_the_index_on_endings_are_in_it(self, empty_database: Database) -> None:
        """Rows that are there when it is made, and when it is made again."""
        migrations.upgrade(empty_database, "0001")
        early = factories.insert_jobs(empty_database, [factories.job_row(number) for number in range(3)])
        for _ in range(2):
            migrations.upgrade(empty_database)
            assert [whole_id(empty_database, one[-8:], actor=EVERYBODY) for one in early] == early
            migrations.downgrade(empty_database, "0001")

    def test_jobs_of_the_release_before_are_of_the_kind_that_it_knew(self, empty_database: Database) -> None:
        """Those that are there, and those that it goes on submitting beside this release; up and down loses none."""
        migrations.upgrade(empty_database, "0004")
        jobs = factories.insert_jobs(empty_database, [factories.job_row(0)])
        migrations.upgrade(empty_database)
        jobs += factories.insert_jobs(empty_database, [factories.job_row(1)])
        assert [queries.job(empty_database, job_id, actor=EVERYBODY)["kind"] for job_id in jobs] == ["train", "train"]
        attempts.log(empty_database, factories.claim(empty_database, jobs[0]), [attempts.Line("INFO", "x")], keep=9)
        before = _counts(empty_database)

        migrations.downgrade(empty_database, "0004")
        migrations.upgrade(empty_database)
        assert _counts(empty_database) == before
        assert [queries.job(empty_database, job_id, actor=EVERYBODY)["kind"] for job_id in jobs] == ["train", "train"]

    def test_the_table_of_data_sets_fills_as_workers_start(self, empty_database: Database) -> None:
        """Workers of the release before go on reporting beside it, to their own row alone; up and down loses none."""
        migrations.upgrade(empty_database, "0005")
        identity = workers.Identity("old", "box", 7, "cpu", "cpu")
        old = {**asdict(identity), "versions": {}, "datasets": [SHAPES], "state": "idle"}
        del old["role"]  # which that release does not know
        old |= {"started_at": factories.EPOCH, "last_heartbeat_at": factories.EPOCH}
        empty_database.write(lambda connection: connection.execute(insert(Worker).values(old)))
        migrations.upgrade(empty_database)
        forgotten = [replace(identity, id=name) for name in ("a", "b")]
        for number, one in enumerate(forgotten):
            held = [SHAPES | {"name": f"set-{number}"}]
            workers.register(empty_database, one, device_name=None, versions={}, datasets=held)
        assert [*datasets.catalog(empty_database, []).datasets][-2:] == ["set-0", "set-1"]

        migrations.downgrade(empty_database, "0005")
        migrations.upgrade(empty_database)
        assert datasets.catalog(empty_database, []).datasets == BUILT_IN.datasets
        assert workers.report(empty_database, "old", datasets=[SHAPES])
        assert "shapes" in datasets.catalog(empty_database, []).datasets
        assert _counts(empty_database)["workers"] == 3

    def test_what_the_release_before_changes_is_logged(self, empty_database: Database) -> None:
        """Its statements know nothing of the log; up and down and up again leave triggers that work."""
        migrations.upgrade(empty_database)
        migrations.downgrade(empty_database, "0007")
        jobs = factories.insert_jobs(empty_database, [factories.job_row(0)])
        migrations.upgrade(empty_database)
        mark = changes.mark(empty_database)
        renew = update(Job).where(Job.id == jobs[0])
        empty_database.write(lambda connection: connection.execute(renew.values(lease_expires_at=factories.EPOCH)))
        assert changes.since(empty_database, mark)[0] == []
        empty_database.write(lambda connection: connection.execute(renew.values(event_seq=Job.event_seq + 1)))
        assert changes.since(empty_database, mark)[0] == jobs

    def test_a_claim_that_says_nothing_of_kinds_takes_trainings_alone(self, empty_database: Database) -> None:
        """As the release before claims; up and down and up again leaves a trigger that works."""
        migrations.upgrade(empty_database)
        migrations.downgrade(empty_database, "0018")
        migrations.upgrade(empty_database)
        training, evaluation = factories.submit(empty_database), factories.submit(empty_database)
        evaluates = update(Job).where(Job.id == evaluation).values(kind="evaluate")
        empty_database.write(lambda connection: connection.execute(evaluates))

        assert old_claim(empty_database, training) == (training, 1, 2)
        for attempt in (1, 2):
            assert old_claim(empty_database, evaluation) is None
            claim = factories.claim(empty_database, evaluation)
            assert claim.attempt == attempt
            attempts.end(empty_database, claim, factories.FLAKY)

    def test_epochs_that_jobs_of_before_went_on_from_are_counted(self, empty_database: Database) -> None:
        """As they were until then; of a job that trained all of its epochs none are noted."""
        migrations.upgrade(empty_database)
        donor = factories.running(empty_database)
        assert attempts.record_epochs(empty_database, donor, factories.epoch_rows(1, 2), factories.best())
        claim = factories.running(empty_database, "host:cpu:2")
        assert prefixes.adopt(empty_database, claim, donor.job_id, 2, 2) == 2
        begins: dict[str, Any] = {"engine": "reference", "exact": True, "first_epoch": 3}
        assert attempts.record_environment(empty_database, claim, {}, **begins)

        migrations.downgrade(empty_database, "0019")
        migrations.upgrade(empty_database)
        with empty_database.read() as connection:
            rows = connection.execute(select(Job.id, Job.continued_epochs)).all()
        assert {row.id: row.continued_epochs for row in rows} == {donor.job_id: None, claim.job_id: 2}

    def test_upgrading_again_changes_nothing(self, database: Database) -> None:
        """Each start of the stack does it."""
        job_id = factories.succeed(database, factories.running(database))
        before = schema(database.engine), factories.everything(database)

        migrations.upgrade(database)

        assert (schema(database.engine), factories.everything(database)) == before
        assert queries.job(database, job_id, actor=EVERYBODY)["status"] == "succeeded"

    def test_processes_begin_rounds(self, empty_database_url: str, empty_database: Database) -> None:
        """Two stacks that start together on one database."""
        context = multiprocessing.get_context("spawn")
        start = context.Barrier(2)
        stacks = [context.Process(target=_upgrade, args=(empty_database_url, start)) for _ in range(2)]
        for stack in stacks:
            stack.start()
        for stack in stacks:
            stack.join()

        assert [stack.exitcode for stack in stacks] == [0, 0]
        actions.cancel(empty_database, factories.submit(empty_database), actor=EVERYBODY)

    def test_threads_begin_rounds(self, empty_database_url: str) -> None:
        """Though nobody should."""
        both = [Database(empty_database_url) for _ in range(3)]

        together(*[lambda db=db: migrations.upgrade(db) for db in both])

        actions.cancel(both[0], factories.submit(both[1]), actor=EVERYBODY)
        for db in both:
            db.dispose()

    def test_a_step_that_fails_leaves_nothing(self, empty_database: Database) -> None:
        """All of it is one transaction, on SQLite too."""

        def work(connection: Any) -> None:
            command.upgrade(migrations._config(connection), "head")
            raise KeyError

        with pytest.raises(KeyError):
            empty_database.write(work)
        assert inspect(empty_database.engine).get_table_names() == []


class TestRevisions:
    @pytest.mark.parametrize("revision,newer", [("9999", True), ("bogus", False)])
    def test_a_schema_of_another_release_is_refused(self, empty_database: Database, revision: str, newer: bool) -> None:
        """In one line that names the database, before anything is changed: a file may be the home's, set by nobody."""
        migrations.upgrade(empty_database)
        _set_revision(empty_database, revision)

        file = empty_database.engine.url.database
        name = f"file {file}" if empty_database.is_sqlite else "that FLIGHTLINE_DATABASE_URL names"
        with pytest.raises(ConfigurationError, match=f"^The database {name} has the schema '{revision}'"):
            migrations.upgrade(empty_database)

        assert migrations.current(empty_database) == revision
        assert (migrations.is_known(revision), migrations.is_newer(revision)) == (False, newer)

    def test_an_empty_database_is_known(self, empty_database: Database) -> None:
        """Before the first migration there is no revision."""
        assert migrations.current(empty_database) is None
        assert migrations.is_known(None)


def _set_revision(db: Database, revision: str) -> None:
    db.write(
        lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": revision})
    )
