"""The actor of a request: who owns submitted jobs, and the one place that decides which jobs an actor may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import false, select, true

from shared.database.tables import Job
from shared.errors import JobNotFound, NotYours
from shared.people.scopes import Scope

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

__all__ = ["EVERYBODY", "STRANGER", "Actor", "Scope", "require_own"]


@dataclass(frozen=True)
class Actor:
    """The person or program on whose behalf jobs are read and changed.

    Attributes:
        owner: owner of the jobs that the actor submits; None while authentication is off.
        scope: what the actor may do; None for one who may do nothing.
        token_id: id of the token that the request came with; None while authentication is off.
    """

    owner: str | None
    scope: Scope | None
    token_id: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the actor may do what takes this scope."""
        return self.scope is not None and self.scope.includes(scope)

    @property
    def reach(self) -> ColumnElement[bool]:
        """Return the SQL condition for rows of `jobs` that this actor may read: every row, of whatever owner.

        Every read and write on behalf of an actor includes the condition. For an actor, a job out of reach does not
        exist.
        """
        return true() if self.may(Scope.READ) else false()


EVERYBODY = Actor(owner=None, scope=Scope.ADMIN)
"""The actor of every request while authentication is off, and of what the service does by itself."""
STRANGER = Actor(owner=None, scope=None)
"""The actor of a request that needs no token, such as one for the service's health, while authentication is on."""


def require_own(connection: Connection, job_id: str, actor: Actor) -> None:
    """Check that the actor may change, cancel or delete a job: it is the actor's own, or the actor's scope is admin.

    Raises:
        JobNotFound: no such job.
        NotYours: the job belongs to another owner, or was submitted while authentication was off.
    """
    job = connection.execute(select(Job.owner).where(Job.id == job_id, actor.reach)).one_or_none()
    if job is None:
        raise JobNotFound(job_id)
    own = job.owner is not None and job.owner == actor.owner
    if not own and not actor.may(Scope.ADMIN):
        raise NotYours(job_id, job.owner)
