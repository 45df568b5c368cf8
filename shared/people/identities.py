"""Whom a secret belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from shared.database import clock
from shared.database.tables import Session, Token
from shared.jobs.actor import Actor
from shared.people import secrets
from shared.people.scopes import Scope
from shared.people.tokens import USED_SECONDS

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection, Row, Select

    from shared.database.engine import Database


@dataclass(frozen=True)
class Identity:
    """The owner of a secret, as the database knows it.

    Attributes:
        actor: on whose behalf requests with the secret are answered.
        seconds_left: time until the secret expires, at most zero where it has; None: it does not expire.
        unrecorded: whether the token's use is to be recorded (`tokens.mark_used`).
    """

    actor: Actor
    seconds_left: float | None
    unrecorded: bool


def of_token(db: Database, secret: str) -> Identity | None:
    """Return whom a token belongs to; None for one that is unknown, such as one that was revoked."""
    digest = secrets.digest(secret)
    with db.read() as connection:
        statement = _owners(connection, Token.sha256.label("digest")).where(Token.sha256 == digest)
        return _identity(connection.execute(statement).one_or_none(), digest)


def of_session(db: Database, secret: str) -> Identity | None:
    """Return whose session it is; None for one that is unknown, such as one that was ended."""
    digest = secrets.digest(secret)
    with db.read() as connection:
        columns = (Session.sha256.label("digest"), Session.expires_at.label("session_expires_at"))
        statement = _owners(connection, *columns).join(Session, Session.token_id == Token.id)
        return _identity(connection.execute(statement.where(Session.sha256 == digest)).one_or_none(), digest)


def _owners(connection: Connection, *columns: Any) -> Select[Any]:
    now = clock.database_now(connection)
    old = or_(Token.last_used_at.is_(None), clock.long_ago(connection, Token.last_used_at, USED_SECONDS))
    return select(Token.id, Token.owner, Token.scope, Token.expires_at, now.label("now"), old.label("old"), *columns)


def _identity(row: Row[Any] | None, digest: str) -> Identity | None:
    if row is None or not secrets.same(row.digest, digest):
        return None
    ends: list[dt.datetime] = [
        instant for instant in (row.expires_at, getattr(row, "session_expires_at", None)) if instant is not None
    ]
    left = (min(ends) - row.now).total_seconds() if ends else None
    return Identity(Actor(row.owner, Scope(row.scope), row.id), left, bool(row.old))
