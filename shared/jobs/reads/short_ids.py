"""Short ids: the last characters of a job's id stand for the job where no other id ends in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.database.tables import ENDING_LENGTH, UUID_LENGTH, Job, id_ending
from shared.errors import AmbiguousJobId, JobNotFound
from shared.jobs.actor import Actor

if TYPE_CHECKING:
    from shared.database.engine import Database

MOST_LISTED = 10
"""Most ids that the error for an ambiguous ending lists."""


def whole_id(db: Database, text: str, *, actor: Actor) -> str:
    """Return the full id for a full id, which is not looked up, or for at least the last four characters of one.

    Raises:
        JobNotFound: no job's id ends in the text.
        AmbiguousJobId: several jobs' ids end in it.
    """
    if len(text) == UUID_LENGTH:
        return text
    same = (id_ending() == text[-ENDING_LENGTH:], Job.id.endswith(text, autoescape=True), actor.reach)
    statement = select(Job.id).where(*same).order_by(Job.id.desc()).limit(MOST_LISTED + 1)
    with db.read() as connection:
        found = list(connection.scalars(statement))
    if not found:
        raise JobNotFound(text)
    if len(found) > 1:
        raise AmbiguousJobId(text, found[:MOST_LISTED], more=len(found) > MOST_LISTED)
    return found[0]
