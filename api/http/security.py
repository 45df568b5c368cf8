"""Security headers of every response, and the refusal of requests that a browser was misled into sending.

The API has no authentication, so a page of another site that is open in a browser on this machine must not reach it:

- by a host name: a page may have its own name resolve to this machine (DNS rebinding), and is then of the same origin.
  So `Host` must be one of this service's names. An IP address is always allowed: no page can rebind an address.
- by an address: a page may send a form, or a POST without a body, to any address. Browsers state the origin of such a
  request, and a request of another origin must not change anything.
"""

from __future__ import annotations

import socket

from flask import Flask, Response, request

from api.http.errors import Forbidden, MisdirectedRequest
from shared.errors import BadRequest
from shared.hosts import host_of, is_address, is_loopback, matches
from shared.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})
"""Values of `Sec-Fetch-Site` for the service's own pages, and for an address typed by the user."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def register(app: Flask, settings: Settings) -> None:
    """Add the security headers to every response of `app`, errors included, and refuse requests of other sites."""
    allowed = allowed_hosts(settings)
    app.before_request(lambda: _refuse_other_hosts(allowed))
    app.before_request(_refuse_other_sites)
    app.after_request(_add_headers)


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """Return the service's host names as patterns; IP addresses are allowed in addition.

    A service that listens beyond loopback also answers to its machine's name, with and without the local domain.
    """
    names = {"localhost", settings.host.lower(), *settings.allowed_hosts}
    if not is_loopback(settings.host):
        machine = socket.gethostname().lower()
        short = machine.partition(".")[0]
        names |= {machine, short, f"{short}.local"}
    return frozenset(names - {""})


def _refuse_other_hosts(allowed: frozenset[str]) -> None:
    """Refuse a request unless `Host`, and the authority of an absolute request target, are allowed hosts."""
    for authority in filter(None, (_host_header(), _absolute_target())):
        host = host_of(authority)
        if host is None:
            raise BadRequest(f"The Host {authority[:100]!r} is neither a host name nor an address.")
        if not matches(host, allowed) and not is_address(host):
            raise MisdirectedRequest(
                f"{host[:100]!r} is not a host name of this service. If it should be, add it to "
                "FLIGHTLINE_ALLOWED_HOSTS (several with commas between them) and restart the API."
            )


def _host_header() -> str:
    """Return the `Host` header; empty for a request of HTTP 1.0 without one, which no browser sends.

    Raises:
        BadRequest: a request of HTTP 1.1 has no `Host` header.
    """
    host: str | None = request.environ.get("HTTP_HOST")
    if not host and request.environ.get("SERVER_PROTOCOL") != "HTTP/1.0":
        raise BadRequest("The Host header is missing.")
    return host or ""


def _absolute_target() -> str:
    """Return the authority of a request target such as ``http://name/path``; empty for a path alone."""
    target: str = request.environ.get("RAW_URI", "")
    scheme, separator, rest = target.partition("://")
    if target.startswith("/") or not separator or not scheme.isalnum():
        return ""
    return rest.partition("/")[0].partition("?")[0] or "//"  # "//" is not a host, and is refused as such


def _refuse_other_sites() -> None:
    """Refuse a change requested by a page of another origin; clients other than browsers send neither header.

    Another port of the same machine counts as the same *site*, so `same-site` is refused too. Browsers omit
    `Sec-Fetch-Site` over plain HTTP to another machine; there `Origin` must name the requested host.
    """
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is None and origin is not None:
        asked = request.environ.get("HTTP_HOST", "")
        if _without_default_port(origin.partition("://")[2]) != _without_default_port(asked):
            raise Forbidden(
                f"A page of {origin[:100]!r} must not change anything here. If the page is this service's own behind a "
                "proxy, let the proxy pass on the Host header."
            )
    elif site is not None and site not in OWN_SITES:
        raise Forbidden("A page of another site must not change anything here.")


def _without_default_port(authority: str) -> str:
    return authority.lower().removesuffix(":80").removesuffix(":443")


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
