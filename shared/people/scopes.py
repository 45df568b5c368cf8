"""What a token allows, and how long at most."""

from __future__ import annotations

from enum import StrEnum

LONGEST_LIFE_SECONDS = 10 * 366 * 86_400


class Scope(StrEnum):
    """What a token allows; each scope includes those before it."""

    READ = "read"
    """Read everything, and use the networks of finished jobs."""
    SUBMIT = "submit"
    """Also submit jobs, and change, cancel and delete one's own."""
    ADMIN = "admin"
    """Also do so with the jobs of other owners, and make and revoke tokens."""

    def includes(self, other: Scope) -> bool:
        """Whether this scope allows what `other` allows."""
        scopes = list(Scope)
        return scopes.index(self) >= scopes.index(other)
