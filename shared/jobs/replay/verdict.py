"""How equal a replay is to its original, found in the transaction in which the replay ends.

So whoever sees that it has ended sees the verdict too, and keeps it when the original is deleted later. An original
that is deleted before then leaves nothing to compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, text, update

from shared.database import clock
from shared.database.tables import UNJUDGED, Attempt, Epoch, Job, JobEvent
from shared.jobs.status import FINISHED, JobStatus
from shared.wire.replays import Equality, Replay

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from shared.database.engine import Database

EPSILON = 1e-3
LOSSES = ("train_loss", "val_loss", "last_batch_loss")
FIGURES = (*LOSSES, "train_accuracy", "val_accuracy", "lr")
_MOST_AT_ONCE = 100
_JOBS: Any = Job.__table__
_EVENTS: Any = JobEvent.__table__
_ENDED = select(_JOBS.c.id, _JOBS.c.replay_of, _JOBS.c.status).where(
    _JOBS.c.id.in_(bindparam("jobs", expanding=True)), _JOBS.c.replay_of.is_not(None)
)
_MISSED = (
    select(_JOBS.c.id)
    .where(text(UNJUDGED), _JOBS.c.status.in_(sorted(FINISHED)))
    .order_by(_JOBS.c.id)
    .limit(_MOST_AT_ONCE)
)

Figures = Mapping[str, Any]
"""An epoch's figures by name, its number and its digest among them."""


def compare(original: Sequence[Figures], replay: Sequence[Figures]) -> Replay:
    """Compare the epochs of two jobs that have both been trained to their end, in order, each at least one."""
    pairs = list(zip(original, replay, strict=False))
    more = len(pairs) + 1 if len(original) != len(replay) else None
    epoch = next((one["epoch"] for one, two in pairs if not _same(one, two)), more)
    apart = next((one["epoch"] for one, two in pairs if not _close(one, two)), more)
    digests = sum(one["digest"] is not None and two["digest"] is not None for one, two in pairs)
    proven = epoch is None and digests == len(pairs)
    verdict: Equality = "bit_equal" if proven else "differs_at_epoch" if apart is not None else "within_epsilon"
    return Replay(
        verdict=verdict,
        reason=None,
        epochs=len(pairs),
        digests=digests,
        epoch=epoch,
        apart_epoch=apart,
        epsilon=EPSILON,
        differences={name: max(abs(one[name] - two[name]) for one, two in pairs) for name in FIGURES},
        environment=None,
    )


def not_comparable(reason: str) -> Replay:
    """Return the verdict where there is nothing to compare."""
    return Replay(
        verdict="not_comparable",
        reason=reason,
        epochs=0,
        digests=0,
        epoch=None,
        apart_epoch=None,
        epsilon=EPSILON,
        differences={},
        environment=None,
    )


def environments_differ(original: Figures, replay: Figures) -> dict[str, list[Any]]:
    """Return the fields in which two environments differ, each with both values."""
    names = dict.fromkeys((*original, *replay))
    return {name: [original.get(name), replay.get(name)] for name in names if original.get(name) != replay.get(name)}


def _same(one: Figures, two: Figures) -> bool:
    """Whether two epochs are the same to the last bit, as far as is known."""
    known = one["digest"] is not None and two["digest"] is not None
    return all(one[name] == two[name] for name in FIGURES) and (not known or one["digest"] == two["digest"])


def _close(one: Figures, two: Figures) -> bool:
    return all(abs(one[name] - two[name]) <= EPSILON * abs(one[name]) for name in LOSSES)


def judge(connection: Connection, job_ids: Sequence[str]) -> None:
    """Write the verdicts of those of these jobs that are replays. The transaction has written their last status."""
    for row in connection.execute(_ENDED, {"jobs": list(job_ids)}).all():
        found = _verdict(connection, row)
        connection.execute(update(_JOBS).where(_JOBS.c.id == row.id).values(replay=vars(found)))


def judge_missed(db: Database) -> int:
    """Write the verdicts of replays that a worker of the release before has ended; return how many there were."""
    with db.read() as connection:
        missed = connection.scalars(_MISSED).all()
    return db.write(lambda connection: _judge_late(connection, missed)) if missed else 0


def _judge_late(connection: Connection, job_ids: Sequence[str]) -> int:
    """Write verdicts, with an event for each: whoever has read the ended job is to read it again."""
    missed = connection.scalars(_MISSED.where(_JOBS.c.id.in_(job_ids)).with_for_update()).all()
    judge(connection, missed)
    numbered = update(_JOBS).where(_JOBS.c.id.in_(missed)).values(event_seq=_JOBS.c.event_seq + 1)
    told = connection.execute(numbered.returning(_JOBS.c.id, _JOBS.c.event_seq, _JOBS.c.replay)).all()
    now = clock.database_now(connection)
    events = [
        {"job_id": row.id, "seq": row.event_seq, "kind": "edited", "data": {"replay": row.replay}} for row in told
    ]
    if events:
        connection.execute(insert(_EVENTS).values(created_at=now), events)
    return len(events)


def _verdict(connection: Connection, row: Row[Any]) -> Replay:
    if row.status != JobStatus.SUCCEEDED:
        return not_comparable(
            f"The replay has {row.status}." if row.status == "failed" else "The replay was cancelled."
        )
    if connection.scalar(select(_JOBS.c.id).where(_JOBS.c.id == row.replay_of)) is None:
        return not_comparable(f"The original, job {row.replay_of}, was deleted before the replay had ended.")
    original, replay = _epochs(connection, row.replay_of), _epochs(connection, row.id)
    if not original or not replay:
        return not_comparable("One of the two has no epochs.")
    environments = [_environment(connection, one) for one in (row.replay_of, row.id)]
    found = vars(compare(original, replay))
    if None not in environments:
        found = found | {"environment": environments_differ(*environments)}
    return Replay(**found)


def _epochs(connection: Connection, job_id: str) -> list[dict[str, Any]]:
    columns = [getattr(Epoch, name) for name in ("epoch", "digest", *FIGURES)]
    found = select(*columns).where(Epoch.job_id == job_id).order_by(Epoch.epoch)
    return [dict(row._mapping) for row in connection.execute(found)]  # noqa: SLF001 -- SQLAlchemy's public way


def _environment(connection: Connection, job_id: str) -> Any:
    """Return what the job's last attempt depended on; None where no attempt says so."""
    said = select(Attempt.environment).where(Attempt.job_id == job_id, Attempt.environment.is_not(None))
    return connection.scalar(said.order_by(Attempt.attempt.desc()).limit(1))
