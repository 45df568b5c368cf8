"""The service's URL: where it stands by default, and what a text of a person's means."""

from __future__ import annotations

import os
import re

import httpx

from flightline.errors import NotReachable, UsageError
from flightline.stack.home import home_dir, running_url, was_started
from shared.hosts import is_loopback

DEFAULT_URL = "http://127.0.0.1:8470"
LARGEST_PORT = 65535


def default_url() -> str:
    """The service's URL: `FLIGHTLINE_URL`, else the stack that runs in `FLIGHTLINE_HOME`, else host and port.

    Raises:
        NotReachable: `FLIGHTLINE_HOME` names a folder that does not exist, or the home of a stack that does not run,
            and nothing names another service: the service on the default port may be another one, such as the stack
            that this home was copied from.
        UsageError: `FLIGHTLINE_PORT` is not a port number.
    """
    if url := os.environ.get("FLIGHTLINE_URL"):
        return url
    if url := running_url():
        return url
    if _means_a_stack():
        home = home_dir()
        missing = "" if home.exists() else ", which does not exist"
        raise NotReachable(
            f"No stack runs in {home} (FLIGHTLINE_HOME){missing}. Start it with `flightline up`, or set FLIGHTLINE_URL "
            "(or --url) to the service that you mean."
        )
    host, port = os.environ.get("FLIGHTLINE_HOST") or "127.0.0.1", os.environ.get("FLIGHTLINE_PORT") or "8470"
    if not (port.isascii() and port.isdigit() and int(port) <= LARGEST_PORT):
        raise UsageError(f"FLIGHTLINE_PORT must be a whole number from 0 to {LARGEST_PORT}, not {port[:40]!r}.")
    return service_url(host, int(port))


def _means_a_stack() -> bool:
    """Whether `FLIGHTLINE_HOME` is said, and nothing else that would name a service that runs without a stack."""
    named = bool(os.environ.get("FLIGHTLINE_HOME"))
    elsewhere = os.environ.get("FLIGHTLINE_HOST") or os.environ.get("FLIGHTLINE_PORT")
    return named and not elsewhere and (was_started(home_dir()) or not home_dir().exists())


def service_url(host: str, port: int) -> str:
    """The URL of a service that listens on `host`; loopback where it listens on every address of the machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def split_url(text: str) -> tuple[str, tuple[str, str] | None]:
    """Split a service's URL into a printable URL, and user and password for basic authentication where it has them.

    Raises:
        UsageError: the text is not a service URL; the message hides what may be a password.
    """
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, UnicodeError):
        url = httpx.URL()
    public = str(url.copy_with(username=None, password=None)).rstrip("/")
    usable = url.scheme in {"http", "https"} and url.host and (url.port or 0) <= LARGEST_PORT
    if not usable or url.query or url.fragment or "@" in public:
        raise UsageError(_no_address(text.strip()))
    return public, (url.username, url.password) if url.userinfo else None


def is_readable_on_the_way(url: str) -> bool:
    """Whether others on the network can read what is sent to this URL: it is not encrypted, and leaves the machine."""
    address = httpx.URL(url)
    return address.scheme != "https" and not is_loopback(address.host)


def _no_address(text: str) -> str:
    """The message for a wrong URL, which shows no part of it that may be a password or a token."""
    scheme = match[0] if (match := re.match("[A-Za-z]+://", text)) else ""
    before, at, rest = text.removeprefix(scheme).rpartition("@")
    host = re.split("[?#]", rest, maxsplit=1)[0]
    hidden = "…@" if at else ""
    if re.search("[?#]", before):  # nobody can tell whether the @ ends a password or stands in a query
        hidden, host = "", ""
    shown = f"{scheme}{hidden}{host}{'' if host == rest else '…'}"
    hint = " Within a password / is written %2F, ? %3F, # %23 and @ %40." if at else ""
    hint += "" if host == rest else " Leave out a ? or # behind the address, with what follows it."
    return f"{shown[:200]!r} is not a service URL, such as {DEFAULT_URL}.{hint}"
