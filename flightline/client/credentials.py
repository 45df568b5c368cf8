"""Tokens by service: where they are kept on this machine, and which one a client sends.

The file is ``flightline/credentials`` in ``XDG_CONFIG_HOME``, by default ``~/.config``: a JSON object from a service's
URL to its token, which nobody but its owner can read. A token is sent to the URL that it stands beside, to no other.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from flightline.errors import UsageError
from shared.errors import ConfigurationError
from shared.paths import expanded

LONGEST_TOKEN = 4096
TOKEN = re.compile(f"[!-~]{{1,{LONGEST_TOKEN}}}")
VARIABLE, ARGUMENT = "FLIGHTLINE_TOKEN", "Client(token=…)"
OTHERS = 0o077
"""The permissions of everybody but the file's owner."""


@dataclass(frozen=True)
class Credential:
    """A token and where it was found.

    Attributes:
        token: the secret; no `repr` shows it.
        source: where it was found, for messages: a variable, a file or an argument.
    """

    token: str = field(repr=False)
    source: str


class BearerAuth(httpx.Auth):
    """Puts a token into each request of one client, whose redirects are never followed."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request with its header."""
        request.headers["Authorization"] = f"Bearer {self._credential.token}"
        yield request


def credential(url: str, token: str | None = None, *, has_password: bool = False) -> Credential | None:
    """The token that a client sends to a service: the given one, else `FLIGHTLINE_TOKEN`, else the stored one, if any.

    Args:
        url: the service's URL, without user and password.
        token: the token that the caller chose.
        has_password: whether the URL had a user and a password, which are then sent in place of a stored token.

    Raises:
        UsageError: the token is none that a header can carry, a password stands beside it, or the file of stored
            tokens cannot be trusted or read.
    """
    given = _given(token)
    if has_password:
        if given is not None:
            raise UsageError(
                f"A request carries a password or a token, not both: leave the one out of {url}, or {given.source}."
            )
        return None
    if given is not None:
        return given
    try:
        path = credentials_file()
    except ConfigurationError:  # a user without a home, as in some containers, has stored nothing
        return None
    stored = _read(path).get(url) if os.access(path, os.R_OK) else None
    return None if stored is None else Credential(checked_token(stored, str(path)), str(path))


def _given(token: str | None) -> Credential | None:
    """The token of the caller, else that of the environment, where an empty one counts as none."""
    if token is not None:
        return Credential(checked_token(token, ARGUMENT), ARGUMENT)
    chosen = os.environ.get(VARIABLE, "").strip()
    return Credential(checked_token(chosen, VARIABLE), VARIABLE) if chosen else None


def checked_token(text: object, source: str) -> str:
    """The token without the white space around it.

    Raises:
        UsageError: the text cannot be a token: it is empty, or has characters that no header can carry. The message
            names the source, and shows nothing of the text.
    """
    token = text.strip() if isinstance(text, str) else ""
    if not TOKEN.fullmatch(token):
        raise UsageError(f"{source} holds no token: a token is ASCII text without spaces.")
    return token


def credentials_file() -> Path:
    """The file of stored tokens, which need not exist."""
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return expanded(Path(config), "XDG_CONFIG_HOME") / "flightline" / "credentials"


def keep(url: str, token: str) -> Path:
    """Store the token for a service's URL, in place of an earlier one, and return the file.

    Raises:
        UsageError: the file cannot be trusted, read or written.
    """
    path = credentials_file()
    with _locked(path):
        _write(path, {**_read(path), url: token})
    return path


def forget(url: str) -> bool:
    """Remove the token for a service's URL; whether there was one.

    Raises:
        UsageError: the file cannot be trusted, read or written.
    """
    path = credentials_file()
    if not path.exists():
        return False
    with _locked(path):
        stored = _read(path)
        known = stored.pop(url, None) is not None
        if known:
            _write(path, stored)
    return known


def _read(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            _refuse_other_readers(path, os.fstat(file.fileno()))
            stored = json.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"The tokens in {path} cannot be read: {error.strerror}.") from error
    except ValueError:
        stored = None
    if not isinstance(stored, dict) or not all(isinstance(token, str) for token in stored.values()):
        raise UsageError(f"{path} is no JSON object of tokens by URL. Remove it, then `flightline login` again.")
    return stored


def _refuse_other_readers(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise UsageError(f"The tokens in {path} belong to another user. Move that file away, then `flightline login`.")
    if found.st_mode & OTHERS:
        raise UsageError(
            f"Others may read the tokens in {path} (mode {found.st_mode & 0o777:o}), so they are not used. "
            f"Run `chmod 600 {path}`; if others may have read them, have them revoked and log in again."
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from changing the file, by a lock on its folder, which is made where it is missing."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise UsageError(f"Tokens cannot be stored in {path.parent}: {error.strerror}.") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(path: Path, stored: dict[str, str]) -> None:
    """Replace the file as one step. A link to a file elsewhere stays a link."""
    target = path.resolve()
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f"{target.name}.", dir=target.parent)  # mode 600 from its birth
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(stored, file, indent=1)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(target)
        finally:
            with suppress(FileNotFoundError):
                Path(draft).unlink()
    except OSError as error:
        raise UsageError(f"The token cannot be stored in {path}: {error.strerror}.") from error
