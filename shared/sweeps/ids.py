"""Ids of sweeps: the last characters of one stand for the sweep where no other ends in them; and which ids are some."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.database.tables import UUID_LENGTH, Sweep
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


def among(db: Database, ids: Collection[str]) -> set[str]:
    """Return those of these ids, of jobs and of sweeps, that are ids of sweeps."""
    if not ids:
        return set()
    with db.read() as connection:
        return set(connection.scalars(select(Sweep.id).where(Sweep.id.in_(ids))))
