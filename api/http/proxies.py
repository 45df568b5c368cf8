"""Reverse proxies in front of the API: whose `X-Forwarded-*` headers count, and the path that the API is served below.

What a trusted proxy says replaces what WSGI says of the connection, so that the rest of the API need not know of
proxies: `REMOTE_ADDR` is the client's address, `HTTP_HOST` and the scheme are those that the client asked for, and
`SCRIPT_NAME` is the path below which it did. From anybody else the headers are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from shared.hosts import address_of, is_path

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

FORWARDED = ("FOR", "PROTO", "HOST", "PREFIX")
"""The ends of the names of the headers that are read: `X-Forwarded-For` and so on."""


class Proxies:
    """WSGI middleware that reads what trusted proxies say, and takes the base path off a request's path.

    Args:
        app: the application.
        trusted: addresses of the proxies whose headers count.
        base_path: path below which the API is served, such as ``/flightline``; empty for none. A proxy may pass it on
            or cut it off: both kinds of request are served, and every link has it.
    """

    def __init__(self, app: WSGIApplication, trusted: Iterable[IPv4Network | IPv6Network], base_path: str) -> None:
        self._app = app
        self._trusted = tuple(trusted)
        self._base = base_path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        said = {name: environ.pop(f"HTTP_X_FORWARDED_{name}", "") for name in FORWARDED}
        if not self._trusts(environ.get("REMOTE_ADDR", "")):
            said = dict.fromkeys(said, "")
        self._believe(environ, said)
        self._place(environ, _last(said["PREFIX"]).rstrip("/"))
        return self._app(environ, start_response)

    def _believe(self, environ: WSGIEnvironment, said: dict[str, str]) -> None:
        """Set the client's address, and the scheme and host that it asked for."""
        environ["REMOTE_ADDR"] = self._client(environ.get("REMOTE_ADDR", ""), said["FOR"])
        if (scheme := _last(said["PROTO"]).lower()) in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        if host := _last(said["HOST"]):
            environ["HTTP_HOST"] = host

    def _client(self, peer: str, forwarded_for: str) -> str:
        """Return the first address, from the nearest outwards, that is no trusted proxy's; the outermost if all are."""
        client = peer
        for entry in reversed(forwarded_for.split(",") if forwarded_for else []):
            address = address_of(entry.strip())
            if address is None or not self._trusts(client):
                break
            client = str(address)
        return client

    def _trusts(self, address: str) -> bool:
        known = address_of(address) if self._trusted else None
        return known is not None and any(known in network for network in self._trusted)

    def _place(self, environ: WSGIEnvironment, prefix: str) -> None:
        """Set the path below which the client asked, and take the base path off the rest."""
        path: str = environ.get("PATH_INFO", "")
        root = prefix if is_path(prefix) else ""
        if self._base and (path == self._base or path.startswith(f"{self._base}/")):
            path = path.removeprefix(self._base)
            root = root.removesuffix(self._base) + self._base
        environ["SCRIPT_NAME"] = root or self._base
        environ["PATH_INFO"] = path or "/"


def _last(values: str) -> str:
    """Return the value that the nearest proxy has added to a list."""
    return values.rpartition(",")[2].strip()
