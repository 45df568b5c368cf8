"""Tokens: made, listed, revoked and looked up; the database holds their digests alone."""

from __future__ import annotations

import re
import secrets as random
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import delete, insert, or_, select, update

from shared import wire
from shared.database import clock
from shared.database.clock import isoformat
from shared.database.tables import Token
from shared.errors import ConfigurationError, DatabaseUnavailable, TokenNotFound
from shared.people import secrets
from shared.people.scopes import LONGEST_LIFE_SECONDS, Scope

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection, Row

    from shared.database.engine import Database

OWNER_PATTERN = "^[a-z0-9][a-z0-9._-]{0,38}$"
ID_PATTERN = "^[0-9a-f]{12}$"
USED_SECONDS = 60.0
"""Least time between two records of a token's use."""
FIRST_TOKEN = "flightline token create --owner NAME --scope admin"  # noqa: S105 -- a command, no token


def _owner(value: str) -> str:
    if not re.fullmatch(OWNER_PATTERN, value):
        raise ValueError("must be 1 to 39 lower-case letters, digits, `.`, `_` or `-`, the first a letter or digit")
    return value


class TokenRequest(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    owner: Annotated[str, AfterValidator(_owner)] = Field(
        description="Whose jobs the token submits: a person or a group, in lower-case letters, digits, `.`, `_`, `-`.",
        json_schema_extra={"pattern": OWNER_PATTERN},
    )
    scope: Scope = Field(Scope.SUBMIT, description="What the token allows.")
    expires_seconds: int | None = Field(
        None, ge=1, le=LONGEST_LIFE_SECONDS, description="Seconds until the token expires; null: never."
    )


def create(db: Database, request: TokenRequest) -> wire.NewToken:
    """Make a token. Its secret is in the answer, and nowhere else ever after."""
    secret = secrets.new_token()
    return db.write(lambda connection: _create(connection, request, secret))


def _create(connection: Connection, request: TokenRequest, secret: str) -> wire.NewToken:
    token_id = random.token_hex(6)
    life = request.expires_seconds
    expiry = None if life is None else clock.database_now_plus(connection, life)
    connection.execute(
        insert(Token).values(
            id=token_id,
            owner=request.owner,
            scope=request.scope,
            sha256=secrets.digest(secret),
            created_at=clock.database_now(connection),
            expires_at=expiry,
        )
    )
    row = connection.execute(select(*_SHOWN).where(Token.id == token_id)).one()
    return wire.NewToken(**vars(_answer(row)), token=secret)


_SHOWN: tuple[Any, ...] = (Token.id, Token.owner, Token.scope, Token.created_at, Token.expires_at, Token.last_used_at)


def tokens(db: Database) -> list[wire.Token]:
    """Read all tokens, the expired ones included, the newest first."""
    with db.read() as connection:
        rows = connection.execute(select(*_SHOWN).order_by(Token.created_at.desc(), Token.id))
        return [_answer(row) for row in rows]


def expiry(db: Database, token_id: str) -> str | None:
    """Return when a token expires, as the API writes it; None where it does not, or where there is no such token."""
    with db.read() as connection:
        return isoformat(connection.scalar(select(Token.expires_at).where(Token.id == token_id)))


def _answer(row: Row[Any]) -> wire.Token:
    return wire.Token(
        id=row.id,
        owner=row.owner,
        scope=row.scope,
        created_at=isoformat(row.created_at),
        expires_at=isoformat(row.expires_at),
        last_used_at=isoformat(row.last_used_at),
    )


def revoke(db: Database, token_id: str) -> None:
    """Delete a token, and end the sessions that were begun with it.

    Raises:
        TokenNotFound: no token has this id.
    """
    if not db.write(lambda connection: connection.execute(delete(Token).where(Token.id == token_id)).rowcount):
        raise TokenNotFound


def mark_used(db: Database, token_ids: Collection[str]) -> None:
    """Record that these tokens were used now, except those whose use was recorded within `USED_SECONDS`."""

    def work(connection: Connection) -> None:
        old = or_(Token.last_used_at.is_(None), clock.long_ago(connection, Token.last_used_at, USED_SECONDS))
        now = clock.database_now(connection)
        connection.execute(update(Token).where(Token.id.in_(token_ids), old).values(last_used_at=now))

    db.write(work)


def require_any(db: Database) -> None:
    """Check that there is a token, before a process starts that answers nobody without one.

    Where the database does not answer, or lacks its tables, the process may start: it waits for the database.

    Raises:
        ConfigurationError: no token has been made; the message says how.
    """
    try:
        with db.read() as connection:
            found = connection.scalar(select(Token.id).limit(1))
    except DatabaseUnavailable:
        return
    if found is None:
        raise ConfigurationError(
            f"Whoever calls the API needs a token, and none has been made yet. Make the first with `{FIRST_TOKEN}`, "
            f"with Compose `docker compose run --rm api {FIRST_TOKEN}`, and start again. FLIGHTLINE_AUTH=off lets "
            "everybody who reaches the API do everything."
        )
