"""Short ids: the last characters of a job's id stand for the job where no other id ends in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.database.tables import ENDING_LENGTH, UUID_LENGTH, Job, id_ending
from shared.errors import AmbiguousJobId, FlightlineError, JobNotFound
from shared.jobs.actor import Actor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.database.engine import Database

MOST_LISTED = 10
"""Most ids that the error for an ambiguous ending lists."""


def whole_id(db: Database, text: str, *, actor: Actor) -> str:
    """Return the full id for a full id, which is not looked up, or for at least the last four characters of one.

    Raises:
        JobNotFound: no job's id ends in the text.
        AmbiguousJobId: several jobs' ids end in it.
    """
    [found] = whole_ids(db, [text], actor=actor).values()
    if isinstance(found, FlightlineError):
        raise found
    return found


def whole_ids(db: Database, texts: Sequence[str], *, actor: Actor) -> dict[str, str | FlightlineError]:
    """Return for each text the full id, or the error, that `whole_id` returns or raises; in one query."""
    endings = {text[-ENDING_LENGTH:] for text in texts if len(text) < UUID_LENGTH}
    by_ending: dict[str, list[str]] = {ending: [] for ending in endings}
    if endings:
        statement = select(Job.id).where(id_ending().in_(endings), actor.reach).order_by(Job.id.desc())
        with db.read() as connection:
            for job_id in connection.scalars(statement):
                by_ending[job_id[-ENDING_LENGTH:]].append(job_id)
    return {text: _whole(text, by_ending.get(text[-ENDING_LENGTH:], [])) for text in texts}


def _whole(text: str, candidates: Sequence[str]) -> str | FlightlineError:
    if len(text) == UUID_LENGTH:
        return text
    found = [job_id for job_id in candidates if job_id.endswith(text)]
    if not found:
        return JobNotFound(text)
    if len(found) > 1:
        return AmbiguousJobId(text, found[:MOST_LISTED], more=len(found) > MOST_LISTED)
    return found[0]
