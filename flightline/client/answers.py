"""Answers of the service, read as JSON or raised as typed errors."""

from __future__ import annotations

import re
from typing import Any

import httpx

from flightline.client import credentials
from flightline.client.credentials import VARIABLE, Credential
from flightline.errors import ApiError, api_error

_SCOPE = re.compile(r'error="insufficient_scope".*\bscope="(\w+)"')


def read(response: httpx.Response, base_url: str, credential: Credential | None) -> Any:
    """The JSON of a 2xx answer, None where it is empty.

    Args:
        response: the whole answer.
        base_url: the service's URL, as messages show it.
        credential: what was sent to sign in with.

    Raises:
        ApiError: the answer is an error, a redirect, or no JSON.
    """
    try:
        document = response.json() if response.content else None
    except ValueError:
        document = None
        if response.is_success:
            raise ApiError(response.status_code, {"detail": f"{response.url} did not answer with JSON."}) from None
    if response.is_success:
        return document
    title = f"{response.request.method} {response.url} answered {response.status_code} {response.reason_phrase}."
    problem = document if isinstance(document, dict) else {"detail": title}
    detail = _detail(response, str(problem.get("detail") or problem.get("title") or title), base_url, credential)
    raise api_error(response.status_code, problem, retry_after=retry_after(response), detail=detail)


def retry_after(response: httpx.Response) -> float | None:
    """The seconds after which the service asks for a retry; None where it does not say."""
    wait = response.headers.get("Retry-After", "")
    return float(wait) if wait.isdecimal() else None


def _detail(response: httpx.Response, said: str, base_url: str, credential: Credential | None) -> str:
    """What the service said, and what to do about it where its own words leave that open."""
    if response.has_redirect_location:
        return f"{said} {_moved(response, base_url)}"
    challenge = response.headers.get("WWW-Authenticate", "")
    if response.status_code == httpx.codes.UNAUTHORIZED and challenge.lower().startswith("bearer"):
        return _sign_in(said, base_url, credential)
    if response.status_code == httpx.codes.FORBIDDEN and (scope := _SCOPE.search(challenge)) and scope[1] not in said:
        return f"{said} It takes a token with the scope {scope[1]}."
    return said


def _sign_in(said: str, base_url: str, credential: Credential | None) -> str:
    """What to do where the service did not accept what was sent: what comes first is what has to be changed."""
    if credential is None:  # the service's words are about a header, which is this client's to send
        return (
            f"{base_url} asks for a token. Sign in with `flightline login {base_url}`, or set {VARIABLE}. Who runs the "
            "service makes a token with `flightline token create`."
        )
    match credential.source:
        case credentials.VARIABLE:
            todo = f"Set {VARIABLE} to another, or unset it to use the one that `flightline login {base_url}` stores."
        case credentials.ARGUMENT:
            todo = "Pass another."
        case _:
            todo = f"Store another with `flightline login {base_url}`."
    return f"{said} The token of {credential.source} was sent. {todo}"


def _moved(response: httpx.Response, base_url: str) -> str:
    """The service's new URL. Redirects are not followed: the token is for this URL alone, and a change is sent once."""
    try:
        target = response.url.join(response.headers["Location"]).copy_with(username=None, password=None, query=None)
    except httpx.InvalidURL:
        return "It redirects to something that is no URL."
    asked = response.url.path.removeprefix(httpx.URL(base_url).path.rstrip("/"))
    new = str(target).removesuffix(asked).rstrip("/")
    return f"Redirects are not followed: set FLIGHTLINE_URL (or --url) to {new}, if you trust that address."
