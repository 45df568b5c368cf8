"""Ids of sweeps: the last characters of one stand for the sweep where no other ends in them; and which have changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.database.tables import UUID_LENGTH, Job, Sweep, SweepTrial
from shared.errors import AmbiguousSweepId, SweepNotFound

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.database.engine import Database

MOST_LISTED = 10
"""Most ids that the error for an ambiguous ending lists."""
_ENDING = re.compile(rf"[0-9a-f-]{{4,{UUID_LENGTH}}}", re.ASCII)


def whole_id(db: Database, text: str) -> str:
    """Return the full id for a full id, which is not looked up, or for at least the last four characters of one.

    Raises:
        SweepNotFound: no sweep's id ends in the text.
        AmbiguousSweepId: several sweeps' ids end in it.
    """
    ending = text.lower()
    if not _ENDING.fullmatch(ending):
        raise SweepNotFound(text[:UUID_LENGTH])
    if len(ending) == UUID_LENGTH:
        return ending
    fitting = select(Sweep.id).where(Sweep.id.endswith(ending)).order_by(Sweep.id.desc()).limit(MOST_LISTED + 1)
    with db.read() as connection:
        found = connection.scalars(fitting).all()
    if not found:
        raise SweepNotFound(ending)
    if len(found) > 1:
        raise AmbiguousSweepId(ending, found[:MOST_LISTED], more=len(found) > MOST_LISTED)
    return found[0]


def changed(db: Database, ids: Collection[str]) -> tuple[set[str], set[str]]:
    """Return the jobs and the sweeps that have changed, where each of these ids is of one or the other.

    A sweep changes with each of its jobs: it counts them, and their epochs. What was deleted may have been either, so
    that it is among both.
    """
    if not ids:
        return set(), set()
    with db.read() as connection:
        sweeps = set(connection.scalars(select(Sweep.id).where(Sweep.id.in_(ids))))
        jobs = set(connection.scalars(select(Job.id).where(Job.id.in_(ids))))
        of_jobs = connection.scalars(select(SweepTrial.sweep_id).where(SweepTrial.job_id.in_(ids))).all()
    deleted = set(ids) - sweeps - jobs
    return jobs | deleted, sweeps.union(of_jobs) | deleted
