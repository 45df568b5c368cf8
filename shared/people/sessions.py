"""Sessions: a browser that signed in with a token once, and sends a secret of its own since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert

from shared.database import clock
from shared.database.tables import Session
from shared.people import secrets

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from shared.database.engine import Database

LIFE_SECONDS = 14 * 86_400
"""How long a session lasts at most; it ends earlier with its token."""


def begin(db: Database, token_id: str) -> str:
    """Begin a session of a token, and return its secret, which is not stored. Sessions that are over are deleted."""
    secret = secrets.new_session()

    def work(connection: Connection) -> None:
        now = clock.database_now(connection)
        connection.execute(delete(Session).where(Session.expires_at < now))
        connection.execute(
            insert(Session).values(
                sha256=secrets.digest(secret),
                token_id=token_id,
                created_at=now,
                expires_at=clock.database_now_plus(connection, LIFE_SECONDS),
            )
        )

    db.write(work)
    return secret


def end(db: Database, secret: str) -> None:
    """End a session; does nothing where there is none with this secret."""
    own = delete(Session).where(Session.sha256 == secrets.digest(secret))
    db.write(lambda connection: connection.execute(own))
