"""Ids as people type them: the end of one is enough where only one job has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.database.tables import ENDING_LENGTH, UUID_LENGTH, Job, id_ending
from shared.errors import AmbiguousJobId, JobNotFound
from shared.jobs.actor import NOBODY, Actor

if TYPE_CHECKING:
    from shared.database.engine import Database

MOST_LISTED = 10
"""How many jobs the error for an ending of several names."""


def whole_id(db: Database, text: str, *, actor: Actor = NOBODY) -> str:
    """The id that is meant by a whole id, which is not looked up, or by at least four characters of an id's end.

    Raises:
        JobNotFound: no job's id ends so.
        AmbiguousJobId: several do.
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
