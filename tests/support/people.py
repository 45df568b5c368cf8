"""Tokens for tests of a service that asks who sends a request."""

from __future__ import annotations

from sqlalchemy import select

from shared.database.engine import Database
from shared.database.tables import Session, Token
from shared.people import tokens
from shared.people.scopes import Scope
from shared.people.tokens import TokenRequest


def token(
    db: Database, owner: str = "alice", scope: Scope = Scope.SUBMIT, expires_seconds: int | None = None
) -> tuple[str, str]:
    """Make a token; returns its secret and its id."""
    made = tokens.create(db, TokenRequest(owner=owner, scope=scope, expires_seconds=expires_seconds))
    return made.token, made.id


def bearer(secret: str) -> dict[str, str]:
    """The headers of a request with this token."""
    return {"Authorization": f"Bearer {secret}"}


def with_authentication(
    db: Database, owner: str = "alice", scope: Scope = Scope.SUBMIT, expires_seconds: int | None = None
) -> dict[str, str]:
    """The headers of a request with a token made for it. The service's settings need `auth="on"`."""
    return bearer(token(db, owner, scope, expires_seconds)[0])


def rows(db: Database) -> dict[str, list[tuple[object, ...]]]:
    """Whatever the database holds of tokens and sessions, by table."""
    with db.read() as connection:
        return {
            table.__tablename__: [tuple(row) for row in connection.execute(select(*table.__table__.columns))]
            for table in (Token, Session)
        }
