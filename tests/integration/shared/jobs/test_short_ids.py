"""Jobs called by an end of their id, over all jobs."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, text

from shared.database.engine import Database
from shared.database.tables import Job
from shared.errors import AmbiguousJobId, JobNotFound
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads.short_ids import MOST_LISTED, whole_id
from tests.support import factories


def job_id(number: int, end: str) -> str:
    """An id with this end."""
    return f"0192abcd-0000-7000-8{number:03x}-{'0' * (12 - len(end))}{end}"


def add(db: Database, *ids: str) -> None:
    """Jobs with these ids."""
    factories.insert_jobs(db, [factories.job_row(number, id=one) for number, one in enumerate(ids)])


class TestWholeId:
    @pytest.mark.parametrize("length", [4, 5, 8, 12, 13, 20, 35])
    def test_an_end_is_enough(self, database: Database, length: int) -> None:
        """Four characters or more, past its dashes too."""
        wanted = job_id(1, "1234cafe")
        add(database, wanted, job_id(2, "1234beef"))

        assert whole_id(database, wanted[-length:], actor=EVERYBODY) == wanted

    def test_the_oldest_of_many_jobs_is_found(self, database: Database) -> None:
        """However many came later."""
        add(database, *[job_id(number, f"{number:04x}") for number in range(1500)])

        assert whole_id(database, "0000", actor=EVERYBODY) == job_id(0, "0000")

    def test_a_longer_end_tells_apart_what_a_short_one_does_not(self, database: Database) -> None:
        """The error names them, the newest first."""
        first, second = job_id(1, "aacafe"), job_id(2, "bbcafe")
        add(database, first, second)

        assert whole_id(database, "acafe", actor=EVERYBODY) == first
        with pytest.raises(AmbiguousJobId) as caught:
            whole_id(database, "cafe", actor=EVERYBODY)
        assert caught.value.jobs == (second, first)
        assert caught.value.detail.startswith("2 jobs have an id that ends in cafe. Write more of it: ")

    def test_the_error_lists_a_few_of_many(self, database: Database) -> None:
        """An ending that everybody has makes no long answer."""
        add(database, *[job_id(number, "cafe") for number in range(50)])

        with pytest.raises(AmbiguousJobId, match="More than 10 jobs") as caught:
            whole_id(database, "cafe", actor=EVERYBODY)
        assert len(caught.value.jobs) == MOST_LISTED

    @pytest.mark.parametrize("end", ["cafe", "0192", "12345678", "----"])
    def test_no_job(self, database: Database, end: str) -> None:
        """Neither a beginning nor another's end."""
        add(database, job_id(1, "beef"))

        with pytest.raises(JobNotFound, match="four or more characters of its end"):
            whole_id(database, end, actor=EVERYBODY)

    def test_the_index_is_used(self, database: Database) -> None:
        """On both databases; a plan that reads every job takes seconds at a million of them."""
        add(database, *[job_id(number, f"{number:04x}") for number in range(2000)])
        explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
        with database.read() as connection:
            if not database.is_sqlite:
                connection.execute(text("ANALYZE jobs"))
            plan = connection.execute(text(f"{explain}SELECT id FROM jobs WHERE substr(id, 33) = '00ff'"))
            assert "ix_jobs_id_ending" in " ".join(str(row) for row in plan)

    def test_jobs_of_the_release_before_are_found(self, database: Database) -> None:
        """It writes rows without knowing of the index."""
        row = factories.job_row(1, id=job_id(1, "cafe"))
        database.write(lambda connection: connection.execute(insert(Job), [row]))

        assert whole_id(database, "cafe", actor=EVERYBODY) == row["id"]
