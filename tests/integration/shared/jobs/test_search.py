"""Lists of jobs by fields of their specs, words and owners, against a brute-force oracle, on both databases."""

from __future__ import annotations

import datetime as dt
import itertools
import operator
import random
import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import select, text

from shared.database.engine import Database
from shared.database.tables import Job, JobTag, JobValue, JobWord
from shared.errors import InvalidQuery
from shared.jobs import actions, deletion
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import listing, pages
from shared.jobs.reads.filters import JobFilter
from shared.jobs.search import index
from shared.jobs.search.conditions import read_condition
from shared.jobs.search.paths import RESULTS
from tests.support import factories
from tests.support.factories import EPOCH, job_row, submission

Row = dict[str, Any]
Test = Callable[[Row], bool]

OPTIMIZERS: list[Row] = [
    {"kind": "sgd", "lr": 0.1, "momentum": 0.9},
    {"kind": "sgd", "lr": 0.01},
    {"kind": "adam", "lr": 0.001},
    {"kind": "adamw", "lr": 0.01, "weight_decay": 0.5},
]
ARCHITECTURES: list[Row] = [
    {"kind": "mlp", "hidden": []},
    {"kind": "mlp", "hidden": [32, 16], "activation": "relu"},
    {"kind": "layers", "layers": [{"kind": "flatten"}, {"kind": "linear", "out_features": 2}]},
]
NAMES = (None, "Run one", "run two", "größe 3")
TAGS = ("night", "a-b", "Ünï", "run")


def _row(number: int, chance: random.Random) -> Row:
    status = chance.choice(("queued", "running", "succeeded", "failed"))
    accuracy = None if status == "queued" else chance.choice((None, 0.5, 0.75, chance.random()))
    training: Row = {"epochs": chance.choice((1, 3, 100)), "optimizer": chance.choice(OPTIMIZERS)}
    if chance.random() < 0.3:
        training["early_stopping"] = {"patience": chance.choice((2, 5))}
    asked = submission(architecture=chance.choice(ARCHITECTURES), training=training)
    return job_row(
        number // 3,
        status=status,
        spec=asked.document,
        kind=chance.choice(("train", "evaluate")),
        architecture_kind=asked.spec.architecture.kind,
        name=chance.choice(NAMES),
        owner=chance.choice((None, "ada", "grace")),
        preset=chance.choice((None, "convnet")),
        device=chance.choice((None, "cpu", "cuda:0")),
        val_accuracy=accuracy,
        best_val_accuracy=accuracy,
        val_loss=None if accuracy is None else 1 - accuracy,
        finished_at=EPOCH + dt.timedelta(seconds=chance.randrange(9)) if status == "failed" else None,
    )


def _fill(db: Database, count: int) -> list[Row]:
    """Write jobs as the release before would, without numbers; return their rows, each with its `tags`."""
    chance = random.Random(3)
    rows = [_row(number, chance) for number in range(count)]
    tags = {row["id"]: sorted(chance.sample(TAGS, chance.randrange(3))) for row in rows}
    factories.insert_jobs(db, rows, [(job_id, tag) for job_id, own in tags.items() for tag in own])
    return [row | {"tags": tags[row["id"]]} for row in rows]


def field(path: str) -> Callable[[Row], Any]:
    """What a row's spec has at a path; None where it has nothing."""

    def read(row: Row) -> Any:
        value = row["spec"]
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    return read


_COMPARE = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def where(path: str, sign: str, value: Any) -> tuple[dict[str, Any], Test]:
    """A condition as the list takes it, and as the oracle tests it."""
    written = "null" if value is None else str(value).lower()
    read = operator.itemgetter(path) if path in RESULTS else field(path)

    def test(row: Row) -> bool:
        found = read(row)
        if value is None:
            return (found is None) == (sign == "=")
        return found is not None and bool(_COMPARE[sign](found, value))

    return {"where": (read_condition(f"{path}{sign}{written}"),)}, test


def _words(row: Row) -> set[str]:
    return set(re.findall(r"\w+", " ".join([row["name"] or "", *row["tags"]]).casefold()))


FILTERS: dict[str, tuple[dict[str, Any], Test]] = {
    "lr": where("training.optimizer.lr", ">=", 0.01),
    "small lr": where("training.optimizer.lr", "<", 0.01),
    "lr is": where("training.optimizer.lr", "=", 0.1),
    "lr is not": where("training.optimizer.lr", "!=", 0.01),
    "default": where("training.optimizer.momentum", "=", 0),
    "epochs": where("training.epochs", ">", 3),
    "few epochs": where("training.epochs", "<=", 3),
    "optimizer": where("training.optimizer.kind", "=", "sgd"),
    "no optimizer": where("training.optimizer.kind", "!=", "sgd"),
    "null": where("training.early_stopping.patience", "=", None),
    "not null": where("training.early_stopping.patience", "!=", None),
    "boolean": where("training.shuffle", "=", True),
    "nothing": where("training.epochs", "=", 77),
    "best above": where("best_val_accuracy", ">", 0.5),
    "best from": where("best_val_accuracy", ">=", 0.5),
    "best below": where("best_val_accuracy", "<", 0.75),
    "best up to": where("best_val_accuracy", "<=", 0.75),
    "best is": where("best_val_accuracy", "=", 0.75),
    "best is not": where("best_val_accuracy", "!=", 0.75),
    "no accuracy": where("val_accuracy", "=", None),
    "an accuracy": where("val_accuracy", "!=", None),
    "loss": where("val_loss", "<=", 0.3),
    "between": (
        {"where": (read_condition("result.val_accuracy>0.5"), read_condition("val_accuracy<=0.75"))},
        lambda row: row["val_accuracy"] is not None and 0.5 < row["val_accuracy"] <= 0.75,
    ),
    "list": (
        {"where": (read_condition("architecture.hidden=[32, 16]"),)},
        lambda row: row["spec"]["architecture"].get("hidden") == [32, 16],
    ),
    "owner": ({"owner": "ada"}, lambda row: row["owner"] == "ada"),
    "name": ({"name": "run two"}, lambda row: row["name"] == "run two"),
    "word": ({"text": "RUN"}, lambda row: "run" in _words(row)),
    "words": ({"text": "night, one"}, lambda row: {"night", "one"} <= _words(row)),
    "umlauts": ({"text": "GRÖSSE"}, lambda row: "grösse" in _words(row)),
    "signs": ({"text": "-"}, lambda _row: False),
    "tag": ({"tag": ("a-b",)}, lambda row: "a-b" in row["tags"]),
    "tags": ({"tag": tuple(TAGS[:2])}, lambda row: set(TAGS[:2]) <= set(row["tags"])),
    "status": ({"status": ("succeeded",)}, lambda row: row["status"] == "succeeded"),
    "statuses": ({"status": ("queued", "running")}, lambda row: row["status"] in {"queued", "running"}),
    "kind": ({"kind": "evaluate"}, lambda row: row["kind"] == "evaluate"),
    "device": ({"device": "cuda:0"}, lambda row: row["device"] == "cuda:0"),
    "accuracy": ({"min_val_accuracy": 0.6}, lambda row: (row["val_accuracy"] or 0) >= 0.6),
    "after": (
        {"created_after": EPOCH + dt.timedelta(seconds=9)},
        lambda row: row["created_at"] >= EPOCH + dt.timedelta(seconds=9),
    ),
    "before": (
        {"created_before": EPOCH + dt.timedelta(seconds=20)},
        lambda row: row["created_at"] < EPOCH + dt.timedelta(seconds=20),
    ),
}
SORTS = (
    *("created_at", "finished_at", "val_accuracy", "val_loss", "spec.training.optimizer.lr"),
    *("spec.training.optimizer.kind", "spec.training.early_stopping.patience"),
)
READ: dict[str, Callable[[Row], Any]] = {
    name: field(name.removeprefix("spec.")) if "." in name else operator.itemgetter(name) for name in SORTS
}


def expected(rows: list[Row], sort: str) -> list[str]:
    """The ids in order: by value, then creation; those without a value last, the newest of them first."""
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    value = READ[name]
    there = [row for row in rows if value(row) is not None]
    missing = [row for row in rows if value(row) is None]
    ordered = sorted(there, key=lambda row: (value(row), row["created_at"], row["id"]), reverse=descending)
    newest = sorted(missing, key=lambda row: (row["created_at"], row["id"]), reverse=True)
    return [row["id"] for row in ordered + newest]


def walk(db: Database, wanted: JobFilter, sort: str, limit: int = 7) -> list[str]:
    """The ids on all pages."""
    found: list[str] = []
    after = None
    for _ in range(200):
        page = listing.jobs(db, wanted, sort, after, limit, actor=EVERYBODY)
        assert len(page.items) <= limit
        found += [orjson.loads(item)["id"] for item in page.items]
        if page.next_key is None:
            return found
        after = page.next_key
    raise AssertionError("the pages do not end")


def both(one: str, other: str) -> tuple[JobFilter, Test]:
    """Two filters that must both hold."""
    (left, first), (right, second) = FILTERS[one], FILTERS[other]
    together = {**left, **right}
    if "where" in left and "where" in right:
        together["where"] = left["where"] + right["where"]
    return JobFilter(**together), lambda row: first(row) and second(row)


def _pairs() -> list[tuple[str, str]]:
    """Pairs of filters that do not set the same field but `where`."""
    return [
        (one, other)
        for one, other in itertools.combinations(FILTERS, 2)
        if not (FILTERS[one][0].keys() & FILTERS[other][0].keys()) - {"where"}
    ]


BOUNDS = {"gathered": (1000, 1000), "walked": (0, 1000), "walked in short pages": (0, 9), "either": (8, 20)}
"""By name: how many jobs are few, and how many a walk tests."""


@pytest.fixture(params=BOUNDS)
def bounds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A page is put together in each way, as if there were many more jobs."""
    few, most = BOUNDS[request.param]
    monkeypatch.setattr(pages, "FEW", few)
    monkeypatch.setattr(pages, "MOST", most)
    monkeypatch.setattr(pages, "COVERED_MOST", most + 5)
    monkeypatch.setattr(pages, "SOME", few // 3)
    return str(request.param)


class TestAgainstTheOracle:
    @pytest.mark.usefixtures("bounds")
    def test_every_filter_in_every_order(self, database: Database) -> None:
        """Exactly the jobs that match, each once, in order, over all pages; each filter in two orders of all."""
        rows = _fill(database, 40)
        orders = itertools.cycle([*SORTS, *(f"-{one}" for one in SORTS)])
        for name, (fields, test) in FILTERS.items():
            matching = [row for row in rows if test(row)]
            for sort in itertools.islice(orders, 2):
                found = walk(database, JobFilter(**fields), sort)
                assert found == expected(matching, sort), f"{name} by {sort}"

    @pytest.mark.usefixtures("bounds")
    def test_pairs_of_filters(self, database: Database) -> None:
        """Both must hold; a random sample of pairs and orders."""
        rows = _fill(database, 40)
        chance = random.Random()  # another sample each time; a failure names it
        for one, other in chance.sample(_pairs(), 25):
            wanted, test = both(one, other)
            sort = chance.choice(("", "-")) + chance.choice(SORTS)
            matching = [row for row in rows if test(row)]
            assert walk(database, wanted, sort) == expected(matching, sort), f"{one} and {other} by {sort}"


class TestAtOnce:
    def test_a_submission_is_found_at_once(self, database: Database) -> None:
        """By its spec, its words and its tags, before anything else has run."""
        job_id = factories.submit(database, name="Fresh", tags=["t 1"], training={"epochs": 7})
        factories.submit(database, training={"epochs": 8})

        for wanted in (
            JobFilter(where=(read_condition("training.epochs=7"),)),
            JobFilter(text="fresh"),
            JobFilter(tag=("t 1",)),
            JobFilter(text="1"),
        ):
            assert walk(database, wanted, "-created_at") == [job_id]

    def test_deleting_a_job_deletes_what_it_was_found_by(self, database: Database) -> None:
        """Nothing of it is left, whoever deletes it."""
        job_id = factories.submit(database, name="gone", tags=["x"])
        actions.cancel(database, job_id, actor=EVERYBODY)
        deletion.delete_rows(database, [job_id], actor=EVERYBODY)

        with database.read() as connection:
            assert connection.execute(select(JobValue.job)).all() == []
            assert connection.execute(select(JobWord.job)).all() == []

    def test_words_follow_the_tags(self, database: Database) -> None:
        """After a change of tags in a transaction, the new ones count and the old ones do not."""
        job_id = factories.submit(database, tags=["old"])

        def work(connection: Any) -> None:
            connection.execute(text("UPDATE job_tags SET tag = 'new'"))
            connection.execute(text("UPDATE jobs SET name = 'Called'"))
            index.index_words(connection, job_id)

        database.write(work)
        assert walk(database, JobFilter(tag=("new",), text="called"), "-created_at") == [job_id]
        assert walk(database, JobFilter(tag=("old",)), "-created_at") == []

    def test_numbers_are_in_the_order_of_creation(self, database: Database) -> None:
        """Those of one instant too, wherever the ties begin; a job that is indexed late stands where it was created."""
        if database.engine.dialect.name == "postgresql":
            last = (1 << index.TIE_BITS) - 3
            database.write(lambda connection: connection.execute(text(f"SELECT setval('job_number_ties', {last})")))
        late = _fill(database, 9)
        job_id = factories.submit(database)
        index.catch_up(database)

        with database.read() as connection:
            found = list(connection.scalars(select(Job.id).order_by(Job.number)))
        assert found == [row["id"] for row in late] + [job_id]

    def test_a_long_tag_is_told_from_its_like(self, database: Database) -> None:
        """However late the difference."""
        one, other = ("x" * 1900 + end for end in "ab")
        rows = [job_row(1), job_row(2)]
        factories.insert_jobs(database, rows, [(rows[0]["id"], one), (rows[1]["id"], other)])

        assert walk(database, JobFilter(tag=(one,)), "-created_at") == [rows[0]["id"]]
        with database.read() as connection:
            assert len(connection.execute(select(JobTag.tag)).all()) == 2


def _delete(db: Database, job_id: str) -> None:
    db.write(lambda connection: connection.execute(text("DELETE FROM jobs WHERE id = :id"), {"id": job_id}))


class TestBounds:
    def test_a_page_may_end_early_and_goes_on(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        """A filter that none of the first jobs pass has a bounded number of them tested: an empty page with a key."""
        monkeypatch.setattr(pages, "FEW", 3)
        monkeypatch.setattr(pages, "COVERED_MOST", 10)
        rows = [
            job_row(number, val_accuracy=number / 100, owner="ada" if number < 50 else "grace") for number in range(99)
        ]
        factories.insert_jobs(database, rows)

        page = listing.jobs(database, JobFilter(owner="ada"), "-val_accuracy", limit=5, actor=EVERYBODY)
        assert page.items == []
        assert page.next_key is not None
        found = walk(database, JobFilter(owner="ada"), "-val_accuracy", limit=5)
        assert found == [row["id"] for row in reversed(rows[:50])]

    def test_pages_hold_while_jobs_come_go_and_finish(self, database: Database) -> None:
        """In the order of a field of the spec a job that stays is seen exactly once."""
        rows = _fill(database, 60)
        found: list[str] = []
        after, gone = None, set()
        for step in range(100):
            page = listing.jobs(database, JobFilter(), "spec.training.optimizer.lr", after, 7, actor=EVERYBODY)
            found += [orjson.loads(item)["id"] for item in page.items]
            factories.submit(database, training={"optimizer": {"kind": "sgd", "lr": 0.01 * (step + 1)}})
            if found and found[-1] not in gone and step % 2:
                gone.add(found[-1])
                _delete(database, found[-1])
            after = page.next_key
            if after is None:
                break
        old = {row["id"] for row in rows}
        assert len(set(found)) == len(found)
        assert [job_id for job_id in found if job_id in old] == expected(rows, "spec.training.optimizer.lr")


@pytest.mark.parametrize("sort", ["spec.training.optimiser.lr", "-spec.training", "spec."])
def test_an_order_by_a_field_that_there_is_not(sqlite_database: Database, sort: str) -> None:
    """The error names what is like it, or below it."""
    with pytest.raises(InvalidQuery, match=r"Did you mean|fields of its own|The nearest are"):
        listing.jobs(sqlite_database, JobFilter(), sort, actor=EVERYBODY)
