"""The actor on whose behalf a request is answered, decided here once per request."""

from __future__ import annotations

import hashlib

from flask import Request

from api.http.access.admission import Admission
from api.http.access.authentication import Credential, Kind
from api.http.errors import InsufficientScope, Unauthenticated
from shared.jobs.actor import EVERYBODY, STRANGER, Actor, Scope


def session_cookie(request: Request) -> str:
    """Return the name of the cookie that holds the secret of a browser's session.

    A browser sends a host's cookies to all of its ports, and those of `/` to every path: each service has its own name.
    """
    place = f"{request.host.lower()}{request.script_root}"
    return f"flightline_session_{hashlib.sha256(place.encode()).hexdigest()[:8]}"


def credential_of(request: Request) -> Credential | None:
    """Return the token or the session of a request; None where it has neither.

    A browser's session counts where there is no token. Basic authentication is a proxy's matter, and is ignored.
    """
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return Credential(Kind.BEARER, token.strip())
    session = request.cookies.get(session_cookie(request))
    return None if session is None else Credential(Kind.COOKIE, session)


def actor_of(admission: Admission, request: Request, scope: Scope | None) -> Actor:
    """Return the sender of a request for an operation that takes a scope; None: one that everybody may call.

    Raises:
        Unauthenticated: the request has no token and no session, or one that is not accepted.
        InsufficientScope: the sender's token does not allow it.
        TooManyRequests: the token, or with an unknown token the address, has sent too many.
        DatabaseUnavailable: the database does not answer.
    """
    if not admission.authentication.required:
        return EVERYBODY
    if scope is None:
        return STRANGER
    credential = credential_of(request)
    if credential is None:
        raise Unauthenticated(
            "This service needs a token: send the header `Authorization: Bearer fl_…`. Who runs the service makes one "
            "with `flightline token create`."
        )
    actor = admission.admit(credential, request.remote_addr or "")
    if not actor.may(scope):
        raise InsufficientScope(
            f"This takes a token with the scope `{scope}`; this one of {actor.owner} has `{actor.scope}`.", scope
        )
    return actor
