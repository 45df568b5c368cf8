"""The actor of a request: who owns submitted jobs, and the one place that decides which jobs an actor may access."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import true

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


@dataclass(frozen=True)
class Actor:
    """The person or program on whose behalf jobs are read and changed; workers and reconcilers have no actor.

    Attributes:
        owner: owner of the jobs that the actor submits; None without authentication.
    """

    owner: str | None = None

    @property
    def reach(self) -> ColumnElement[bool]:
        """Return the SQL condition for rows of `jobs` that this actor may access: at present every row.

        Every read and write on behalf of an actor includes the condition. For an actor, a job out of reach does not
        exist.
        """
        return true()


NOBODY = Actor()
"""The actor of every request, as requests are not authenticated."""
