"""The answers of the HTTP API about who asks: tokens, and what the sender's own allows."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import override

from shared.people.scopes import Scope
from shared.wire.answer import Answer, Choice, Instant, answer


@answer
class Token(Answer):
    """A token, without its secret."""

    id: str
    owner: str
    """Owner of the jobs that are submitted with the token."""
    scope: Annotated[str, Choice(Scope)]
    """What the token allows: `read` everything, also `submit` jobs, or also `admin` those of others and tokens."""
    created_at: Instant
    expires_at: Instant | None
    """When the token stops being accepted; null: never."""
    last_used_at: Instant | None
    """When the token was last used, to about a minute; null: never."""


@answer
class NewToken(Token):
    """A token that has just been made, with its secret, which is never shown again."""

    token: str
    """The secret, `fl_` and 43 characters: send it as `Authorization: Bearer fl_…`."""

    @override
    def __repr__(self) -> str:
        shown = {name: value for name, value in vars(self).items() if name != "token"}
        return f"{type(self).__name__}({shown!r})"


@answer
class WhoAmI(Answer):
    """Who sends the request, and what the sender may do."""

    owner: str | None
    """Owner of the jobs that the sender submits; null while authentication is off."""
    scope: Annotated[str, Choice(Scope)]
    """What the sender may do; `admin` for everybody while authentication is off."""
    token_id: str | None
    """Id of the token that the request came with, or that the browser signed in with."""
    expires_at: Instant | None
    """When the token stops being accepted; null: never."""
    authentication: bool
    """Whether the service asks for tokens."""
