"""Who sends a request: its token or session, looked up in the database and remembered for a few seconds."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from api.http.access.token_uses import TokenUses
from api.http.errors import Unauthenticated
from shared.database.engine import Database
from shared.errors import DatabaseUnavailable
from shared.jobs.actor import Actor
from shared.people import identities, secrets
from shared.people.identities import Identity

REMEMBERED_SECONDS = 4.0
"""How long an identity is used without a look into the database: how long a revoked token is still accepted."""
MOST_REMEMBERED = 10_000


class Kind(StrEnum):
    """How a request says who sends it."""

    BEARER = "bearer"
    COOKIE = "cookie"


@dataclass(frozen=True)
class Credential:
    """The secret that a request carries. Its `repr` does not show the secret."""

    kind: Kind
    secret: str = field(repr=False)


class Authentication:
    """Tells who the owner of a credential is; one object for all threads of a process.

    Args:
        db: the database.
        required: whether requests need a credential.
        clock: seconds on a clock that never goes back.
    """

    def __init__(self, db: Database, *, required: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.required = required
        self._clock = clock
        self._db = db
        self._lock = threading.Lock()
        self._remembered: dict[tuple[Kind, str], tuple[Actor, float]] = {}
        """Actors by kind and digest of a secret, each with the monotonic time until which it is used."""
        self.uses = TokenUses(db)
        """The uses of tokens that this process has yet to record."""

    def identify(self, credential: Credential) -> Actor:
        """Return the owner of a credential.

        Raises:
            Unauthenticated: the credential is unknown or has expired.
            DatabaseUnavailable: the database does not answer.
        """
        if not _is_wellformed(credential):
            raise _unknown(credential.kind)
        key = (credential.kind, secrets.digest(credential.secret))
        actor, until = self._remembered.get(key, (None, 0.0))
        if actor is not None and self._clock() < until:
            return actor
        identity = _look_up(self._db, credential)
        if identity is None:
            self._disown(key)
            raise _unknown(credential.kind)
        if identity.seconds_left is not None and identity.seconds_left <= 0:
            self._disown(key)
            raise _expired(credential.kind)
        self._remember(key, identity)
        return identity.actor

    def has_accepted(self, credential: Credential) -> bool:
        """Whether this process has accepted a credential before, and has not forgotten since."""
        return (credential.kind, secrets.digest(credential.secret)) in self._remembered

    def still_holds(self, credential: Credential) -> bool:
        """Whether a credential that was accepted before is accepted now; it is while the database does not answer."""
        try:
            self.identify(credential)
        except Unauthenticated:
            return False
        except DatabaseUnavailable:
            return True
        return True

    def forget(self) -> None:
        """Look at the database again for the next request of everybody: a token or a session has just ended.

        Credentials that were accepted stay known as such, so an address with many failed sign-ins does not refuse them.
        """
        with self._lock:
            self._remembered = {key: (actor, -math.inf) for key, (actor, _) in self._remembered.items()}

    def _disown(self, key: tuple[Kind, str]) -> None:
        """Have a credential that does not hold any more counted as one that was never accepted."""
        with self._lock:
            self._remembered.pop(key, None)

    def _remember(self, key: tuple[Kind, str], identity: Identity) -> None:
        left = REMEMBERED_SECONDS if identity.seconds_left is None else min(REMEMBERED_SECONDS, identity.seconds_left)
        with self._lock:
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = (identity.actor, self._clock() + left)
        if identity.unrecorded and identity.actor.token_id is not None:
            self.uses.add(identity.actor.token_id)


def _is_wellformed(credential: Credential) -> bool:
    match credential.kind:
        case Kind.BEARER:
            return secrets.is_token(credential.secret)
        case Kind.COOKIE:
            return secrets.is_session(credential.secret)
        case _:
            assert_never(credential.kind)


def _look_up(db: Database, credential: Credential) -> Identity | None:
    match credential.kind:
        case Kind.BEARER:
            return identities.of_token(db, credential.secret)
        case Kind.COOKIE:
            return identities.of_session(db, credential.secret)
        case _:
            assert_never(credential.kind)


def _unknown(kind: Kind) -> Unauthenticated:
    return Unauthenticated(_UNKNOWN[kind], error="invalid_token")


def _expired(kind: Kind) -> Unauthenticated:
    return Unauthenticated(_EXPIRED[kind], error="invalid_token")


_UNKNOWN = {
    Kind.BEARER: "This token is unknown: it is mistyped, or was revoked. Ask who runs the service for another.",
    Kind.COOKIE: "You are no longer signed in: the session has ended, or its token was revoked. Sign in again.",
}
_EXPIRED = {
    Kind.BEARER: "This token has expired. Ask who runs the service for another.",
    Kind.COOKIE: "The session has expired. Sign in again.",
}
