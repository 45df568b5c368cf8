"""The actor of a request: who owns submitted jobs, and the one place that decides which jobs an actor may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import false, true

from shared.errors import NotYours
from shared.people.scopes import Scope

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

__all__ = ["EVERYBODY", "STRANGER", "Actor", "Scope", "not_yours"]


@dataclass(frozen=True)
class Actor:
    """The person or program on whose behalf jobs are read and changed.

    Attributes:
        owner: owner of the jobs that the actor submits; None while authentication is off.
        scope: what the actor may do; None for one who may do nothing.
        token_id: id of the token that the request came with; None while authentication is off.
        most_queued: most queued jobs that the owner may have; 0 for no limit.
    """

    owner: str | None
    scope: Scope | None
    token_id: str | None = None
    most_queued: int = 0

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


def not_yours(job_id: str, owner: str | None, actor: Actor) -> NotYours | None:
    """Return the error where an actor may not change, cancel or delete the job of this owner; None where it may.

    It may where the job is its own, or its scope is admin. A job that was submitted while authentication was off is
    nobody's own.
    """
    own = owner is not None and owner == actor.owner
    return None if own or actor.may(Scope.ADMIN) else NotYours(job_id, owner)
