"""Who asks: the name under which jobs are submitted, and the one place that says which jobs somebody reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import true

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


@dataclass(frozen=True)
class Actor:
    """On whose behalf jobs are read and changed; workers and reconcilers do their part on nobody's.

    Attributes:
        owner: the owner of the jobs that are submitted; None where nobody has to say who they are.
    """

    owner: str | None = None

    @property
    def reach(self) -> ColumnElement[bool]:
        """The condition on a row of `jobs` that this actor may read and change it: everybody reaches every job.

        Every read and write on somebody's behalf has it among its conditions. A job out of reach is one that is not
        there.
        """
        return true()


NOBODY = Actor()
"""Whoever asks while nobody has to say who they are."""
