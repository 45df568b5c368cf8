"""What every answer says to a browser, and the requests that are refused because a browser was misled into them.

The API asks for no password, so a page of any site that somebody looks at on this machine must not reach it:

- by its name: a page may have its own name lead to this machine (DNS rebinding), and is then "of the same origin". So
  `Host` must be a name that this service goes by. An address is always one: no page can make an address its own.
- by its address: a page may send a form or a POST without a body anywhere. Browsers say where such a request comes
  from, and whatever is not of the same origin changes nothing.
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
"""What `Sec-Fetch-Site` says of one's own pages, and of an address that somebody typed."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def register(app: Flask, settings: Settings) -> None:
    """Add the headers to every answer, errors too, and refuse what a page of another site is behind."""
    allowed = allowed_hosts(settings)
    app.before_request(lambda: _refuse_other_hosts(allowed))
    app.before_request(_refuse_other_sites)
    app.after_request(_add_headers)


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """The names that this service goes by, as patterns; addresses are allowed beside them.

    A service that others can reach is called by its machine's name too, and by that name in the local network.
    """
    names = {"localhost", settings.host.lower(), *settings.allowed_hosts}
    if not is_loopback(settings.host):
        machine = socket.gethostname().lower()
        short = machine.partition(".")[0]
        names |= {machine, short, f"{short}.local"}
    return frozenset(names - {""})


def _refuse_other_hosts(allowed: frozenset[str]) -> None:
    """Of a target in absolute form, which stands in place of `Host`, both must be allowed."""
    for authority in filter(None, (_host_header(), _absolute_target())):
        host = host_of(authority)
        if host is None:
            raise BadRequest(f"The Host {authority[:100]!r} is neither a host name nor an address.")
        if not is_address(host) and not matches(host, allowed):
            raise MisdirectedRequest(
                f"This service does not go by the name {host[:100]!r}. If it should, add the name to "
                "FLIGHTLINE_ALLOWED_HOSTS (several with commas between them) and restart the API."
            )


def _host_header() -> str:
    """The `Host` header. HTTP 1.0 may leave it out, and browsers never do.

    Raises:
        BadRequest: HTTP 1.1 must not.
    """
    host: str | None = request.environ.get("HTTP_HOST")
    if not host and request.environ.get("SERVER_PROTOCOL") != "HTTP/1.0":
        raise BadRequest("The Host header is missing.")
    return host or ""


def _absolute_target() -> str:
    """The authority of a request target such as ``http://name/path``; empty for a path alone."""
    target: str = request.environ.get("RAW_URI", "")
    scheme, separator, rest = target.partition("://")
    if target.startswith("/") or not separator or not scheme.isalnum():
        return ""
    return rest.partition("/")[0].partition("?")[0] or "//"  # "//" is no host, and is refused as none


def _refuse_other_sites() -> None:
    """Refuse a change that the page of another origin asks for; what is no browser says nothing of this kind.

    Another port of one machine is the same *site*, so `same-site` is no recommendation. Browsers leave `Sec-Fetch-Site`
    out over plain HTTP to another machine; there `Origin` must name the host that is asked.
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
