"""The commands token create, token list and token revoke."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from flightline.cli.arguments import load_settings
from flightline.cli.columns import Columns
from flightline.cli.commands.options import Json
from flightline.cli.commands.service.programs import require
from flightline.cli.console import err, out, print_json, print_table
from flightline.cli.tables import age, span
from flightline.client.client import Client
from flightline.errors import UsageError
from shared.people.scopes import LONGEST_LIFE_SECONDS, Scope

if TYPE_CHECKING:
    from flightline.client.records import NewToken, Token

token = typer.Typer(help="Make, list and revoke the tokens by which a service tells who asks.", no_args_is_help=True)
COLUMNS = Columns(("ID", "OWNER", "SCOPE", "AGE", "LAST USED", "EXPIRES (UTC)"), dropped=("AGE", "LAST USED"))
UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
"""Seconds of each unit of --expires."""
WHERE = "With FLIGHTLINE_URL or FLIGHTLINE_TOKEN set the service is asked, else this machine's database is used."


class Tokens(Protocol):
    """Where tokens are made and listed: a service, or a database."""

    def tokens(self) -> list[Token]:
        """All tokens, the newest first."""

    def create_token(self, owner: str, scope: str, *, expires_seconds: int | None) -> NewToken:
        """Make a token."""

    def revoke_token(self, id: str) -> None:
        """Revoke a token."""


def register(app: typer.Typer) -> None:
    """Add `token create`, `token list` and `token revoke` to the command-line application."""
    for command in (create, list_, revoke):
        token.command(command.__name__.rstrip("_"), epilog=WHERE)(command)
    app.add_typer(token, name="token")


def create(
    owner: Annotated[str, typer.Option(help="Whose jobs the token submits: a person or a group.", show_default=False)],
    scope: Annotated[Scope, typer.Option(help="What it allows; each includes those before it.")] = Scope.SUBMIT,
    expires: Annotated[str | None, typer.Option(help="Time until it expires, such as 90d, 12h or 30m.")] = None,
    json: Json = False,
) -> None:
    """Make a token and print it, once: it is stored nowhere."""
    made = _tokens().create_token(owner, scope.value, expires_seconds=_seconds(expires))
    if json:
        print_json(made.raw)
        return
    until = f", until {made.expires_at}" if made.expires_at else ""
    err().print(
        f"Token {made.id} of {made.owner}, scope {made.scope}{until}. Keep it, it is not shown again:", markup=False
    )
    out().print(made.token, markup=False)


def list_(json: Json = False) -> None:
    """List the tokens: owner, scope, last use and expiry. Nobody can list their secrets."""
    found = _tokens().tokens()
    if json:
        print_json({"items": [one.raw for one in found], "next_cursor": None})
    else:
        empty = "There are no tokens. Make the first: `flightline token create --owner NAME --scope admin`."
        print_table(COLUMNS, [_row(one) for one in found], empty)


def _row(one: Token) -> list[object]:
    return [one.id, one.owner, one.scope, age(one.created_at), age(one.last_used_at), _expiry(one.expires_at)]


def _expiry(at: str | None) -> str:
    if at is None:
        return "never"
    return "expired" if span(at, None) >= 0 else at.replace("T", " ")[:16]


def revoke(
    id: Annotated[
        str, typer.Argument(metavar="ID", help="The token's id, as `token list` shows it.", show_default=False)
    ],
    json: Json = False,
) -> None:
    """Revoke a token: within five seconds nothing accepts it. Its owner's jobs stay."""
    if id.startswith("fl_"):
        raise UsageError(
            "This is a token, not the id of one, and as an argument others on this machine may have read it. Revoke "
            "it by its id, which `flightline token list` shows."
        )
    _tokens().revoke_token(id)
    if json:
        print_json({"id": id, "revoked": True})
    else:
        out().print(f"Token {id} is revoked.", markup=False)


def _seconds(expires: str | None) -> int | None:
    if expires is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,8})([mhdw])", expires.strip())
    if found is None:
        raise UsageError(f"--expires {expires!r:.40} is no time. Write a number and m, h, d or w, such as 90d or 12h.")
    number, unit = int(found[1]), found[2]
    if (longest := LONGEST_LIFE_SECONDS // UNITS[unit]) < number:
        raise UsageError(
            f"--expires {number}{unit} is too long: a token lasts for at most {longest}{unit}, and without --expires "
            "for ever."
        )
    return number * UNITS[unit]


def _tokens() -> Tokens:
    """The service, where one was named or a token for it is set; else the database of this machine's settings."""
    if os.environ.get("FLIGHTLINE_URL") or os.environ.get("FLIGHTLINE_TOKEN"):
        return Client()
    require("api", "alembic", "sqlalchemy")
    from flightline.stack.database import TokenTable

    return TokenTable(load_settings())
