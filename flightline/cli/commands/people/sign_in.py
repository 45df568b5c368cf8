"""The commands login, logout and whoami."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from flightline.cli.commands.options import Json
from flightline.cli.console import err, out, print_facts, print_json
from flightline.cli.tables import NOTHING
from flightline.client.addresses import default_url, is_readable_on_the_way, split_url
from flightline.client.client import Client
from flightline.client.credentials import LONGEST_TOKEN, VARIABLE, checked_token, credential, forget, keep
from flightline.client.records import WhoAmI
from flightline.errors import FlightlineError, NotFound, Unauthenticated, UsageError

Url = Annotated[
    str | None,
    typer.Argument(metavar="URL", help="The service; default the one that other commands talk to.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add `login`, `logout` and `whoami` to the command-line application."""
    for command in (login, logout, whoami):
        app.command()(command)


def login(
    url: Url = None,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the token from standard input, in place of asking for it.")
    ] = False,
    json: Json = False,
) -> None:
    """Sign in to a service: store a token for it on this machine, once the service has accepted it.

    A token is never an argument: other users of a machine see the arguments of every program.
    """
    address = _address(url)
    token = _from_stdin() if token_stdin else _asked_for(address)
    me = _accepted(address, token)
    file = keep(address, token)
    if json:
        print_json({"url": address, **me.raw})
    else:
        expires = f", until {me.expires_at}" if me.expires_at else ""
        out().print(f"Signed in to {address} as {me.owner}, with the scope {me.scope}{expires}.", markup=False)
        out().print(f"The token is stored in {file}.", markup=False)
    for remark in _remarks(address):
        err().print(remark, markup=False)


def _remarks(address: str) -> Iterator[str]:
    """What may keep the stored token from being used, or from staying a secret."""
    if is_readable_on_the_way(address):
        yield "Warning: over http:// others on the network can read the token. Use https://."
    if (found := credential(address)) is not None and found.source == VARIABLE:
        yield f"Warning: {VARIABLE} is set, and is sent in place of the stored token."
    if address != (other := _default_address()):
        elsewhere = f"Commands here talk to {other}" if other else "Commands here find no service"
        yield f"{elsewhere}. For this one: export FLIGHTLINE_URL={address}"


def _default_address() -> str | None:
    """The URL that commands talk to; None where they would say that there is none."""
    try:
        return split_url(default_url())[0]
    except FlightlineError:
        return None


def logout(url: Url = None, json: Json = False) -> None:
    """Remove a service's token from this machine. The token itself stays valid until it expires or is revoked."""
    address = _address(url)
    known = forget(address)
    if json:
        print_json({"url": address, "removed": known})
    elif known:
        out().print(f"Signed out of {address}. The token is removed from this machine, not revoked.", markup=False)
    else:
        out().print(f"There is no token for {address} on this machine.", markup=False)


def whoami(json: Json = False) -> None:
    """Show who this machine is to the service: owner, scope, and when the token expires."""
    with Client() as client:
        me = client.whoami()
        address = client.base_url
    if json:
        print_json(me.raw)
        return
    found = credential(address) if me.authentication else None
    print_facts(
        [
            ("service", address),
            ("owner", me.owner or NOTHING),
            ("scope", me.scope),
            ("token", f"{me.token_id or NOTHING}{f', from {found.source}' if found else ''}"),
            ("expires", me.expires_at or "never" if me.authentication else NOTHING),
            *([] if me.authentication else [("note", "this service asks for no token")]),
        ]
    )


def _address(url: str | None) -> str:
    """The service's URL as tokens are stored under it.

    Raises:
        UsageError: the URL has a user and a password: those are for what stands in front of a service.
    """
    address, password = split_url(url or default_url())
    if password is not None:
        raise UsageError(f"Leave the user and the password out of the URL: a token takes their place at {address}.")
    return address


def _asked_for(address: str) -> str:
    """The token that a person types, without an echo."""
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask for the token. Pass it on standard input, with --token-stdin.")
    try:
        text = getpass.getpass(f"Token for {address}: ")
    except EOFError:
        text = ""
    return checked_token(text, "What was typed")


def _from_stdin() -> str:
    text = sys.stdin.read(LONGEST_TOKEN + 2) if sys.stdin else ""
    if len(text.split()) > 1:
        raise UsageError("Standard input holds more than one word or line: pass the token alone.")
    return checked_token(text, "Standard input")


def _accepted(address: str, token: str) -> WhoAmI:
    """Who the token makes its sender.

    Raises:
        Unauthenticated: the service does not accept the token.
        UsageError: the service asks for no token, or is of a release that knows none.
    """
    try:
        with Client(address, token=token) as client:
            me = client.whoami()
    except Unauthenticated as error:
        said = error.problem.get("detail", "")
        detail = f"{address} does not accept this token. {said} Nothing was stored."
        raise Unauthenticated(error.status, {**error.problem, "detail": detail}) from None
    except NotFound:
        me = None
    if me is None or not me.authentication:
        raise UsageError(f"{address} asks for no token: everybody may do everything there. Nothing was stored.")
    return me
