"""The calls about tokens, which take one with the scope `admin`."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from flightline.client.calls.base import BaseCalls, J
from flightline.client.records import NewToken, Token


class TokenCalls(BaseCalls[J]):
    """The tokens that the service accepts."""

    async def tokens(self) -> list[Token]:
        """All tokens, the newest first, without their secrets."""
        return await self._list(Token, "/v1/tokens")

    async def create_token(self, owner: str, scope: str = "submit", *, expires_seconds: int | None = None) -> NewToken:
        """Make a token; the record's `token` is its secret, which the service never shows again.

        Args:
            owner: whose jobs the token submits: a person or a group.
            scope: what it allows: ``read``, ``submit`` or ``admin``.
            expires_seconds: time until it expires; None: never.
        """
        document: dict[str, Any] = {"owner": owner, "scope": scope, "expires_seconds": expires_seconds}
        return NewToken(await self._transport.call("POST", "/v1/tokens", content=json.dumps(document).encode()))

    async def revoke_token(self, id: str) -> None:
        """Revoke a token: nothing accepts it a few seconds later. Raises `NotFound`."""
        await self._transport.call("DELETE", f"/v1/tokens/{quote(id, safe='', errors='replace')}")
