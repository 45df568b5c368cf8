"""The endpoints about who asks: tokens, the sender's own, and the sessions of browsers."""

from __future__ import annotations

from contextlib import suppress

from flask import request
from werkzeug.http import dump_cookie

from api.http.access.actors import credential_of, session_cookie
from api.http.access.authentication import Credential, Kind
from api.http.errors import Unauthenticated
from api.http.operations import Reply, Routes
from api.http.requests.tokens import SIGN_IN, TOKEN_REQUEST, read_sign_in, read_token_request
from api.services import Services
from shared import wire
from shared.errors import DatabaseUnavailable, InvalidSpec, TokenNotFound, TooManyFailedSignIns, TooManyRequests
from shared.jobs.actor import EVERYBODY, Actor, Scope
from shared.people import sessions, tokens

routes = Routes("people", raises=(DatabaseUnavailable,))


@routes.route("GET", "/v1/whoami", answers={200: wire.WhoAmI})
def read_whoami(services: Services, actor: Actor) -> Reply:
    """Say who sends this request: the token's owner and scope."""
    return Reply(_whoami(services, actor))


@routes.route("GET", "/v1/tokens", answers={200: wire.Page[wire.Token]}, scope=Scope.ADMIN)
def list_tokens(services: Services, actor: Actor) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """List the tokens, the newest first: owner, scope, expiry and last use. Their secrets are not stored."""
    return Reply(wire.Page(items=tokens.tokens(services.db), next_cursor=None))


@routes.route(
    "POST",
    "/v1/tokens",
    body=TOKEN_REQUEST,
    answers={201: wire.NewToken},
    raises=(InvalidSpec,),
    scope=Scope.ADMIN,
)
def create_token(services: Services, actor: Actor, body: bytes) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """Make a token. The response is the only place that ever has its secret."""
    made = tokens.create(services.db, read_token_request(body))
    return Reply(made, headers={"Location": f"/v1/tokens/{made.id}"})


@routes.route("DELETE", "/v1/tokens/<token_id>", answers={204: None}, raises=(TokenNotFound,), scope=Scope.ADMIN)
def revoke_token(services: Services, actor: Actor, token_id: str) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """Revoke a token: within five seconds nothing accepts it, and the sessions begun with it have ended."""
    tokens.revoke(services.db, token_id)
    services.authentication.forget()
    return Reply(None)


@routes.route(
    "POST",
    "/v1/session",
    body=SIGN_IN,
    answers={200: wire.WhoAmI},
    raises=(InvalidSpec, Unauthenticated, TooManyFailedSignIns, TooManyRequests),
    scope=None,
)
def begin_session(services: Services, actor: Actor, body: bytes) -> Reply:
    """Sign a browser in with a token: it gets a cookie in the token's place, for 14 days or until the token expires.

    While authentication is off nobody has to sign in, and there is no cookie.
    """
    token = read_sign_in(body)
    if not services.authentication.required:
        return Reply(_whoami(services, EVERYBODY))
    actor = services.admission.admit(Credential(Kind.BEARER, token), request.remote_addr or "")
    secret = sessions.begin(services.db, str(actor.token_id))
    return Reply(_whoami(services, actor), headers=_cookie(secret, sessions.LIFE_SECONDS))


@routes.route("DELETE", "/v1/session", answers={204: None}, raises=(TooManyFailedSignIns, TooManyRequests), scope=None)
def end_session(services: Services, actor: Actor) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """Sign the browser out. Does nothing where nobody is signed in."""
    credential = credential_of(request)
    if credential is not None and credential.kind is Kind.COOKIE:
        with suppress(Unauthenticated):  # then there is no session to end
            services.admission.admit(credential, request.remote_addr or "")
            sessions.end(services.db, credential.secret)
            services.authentication.forget()
    return Reply(None, headers=_cookie("", 0))


def _cookie(secret: str, seconds: int) -> dict[str, str]:
    """Return the header that sets the session's cookie, or deletes it after no seconds.

    Pages cannot read the cookie, and browsers send it with no request that another site's page made.
    """
    text = dump_cookie(
        session_cookie(request),
        secret,
        max_age=seconds,
        path=f"{request.script_root}/",
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )
    return {"Set-Cookie": text}


def _whoami(services: Services, actor: Actor) -> wire.WhoAmI:
    return wire.WhoAmI(
        owner=actor.owner,
        scope=str(actor.scope),
        token_id=actor.token_id,
        expires_at=None if actor.token_id is None else tokens.expiry(services.db, actor.token_id),
        authentication=services.authentication.required,
    )
