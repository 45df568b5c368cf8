"""JSON documents about who asks: a token to be made, and a token to sign in with."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from api.http.operations import Json
from shared.documents.messages import describe_plain
from shared.documents.phrases import show
from shared.documents.reader import MalformedJson, decode, sift
from shared.errors import FieldError, InvalidSpec
from shared.jobspec import Caps
from shared.jobspec.parser import refusal
from shared.people import secrets
from shared.people.tokens import TokenRequest


class SignIn(BaseModel):
    """A token to sign in with."""

    model_config = ConfigDict(extra="forbid", strict=True)

    token: SecretStr = Field(
        description="The token.", json_schema_extra={"pattern": secrets.FORM, "writeOnly": True, "format": "password"}
    )


def read_token_request(body: bytes) -> TokenRequest:
    """Parse and check the description of a token to be made.

    Raises:
        InvalidSpec: the body is no such description; `errors` point at what is wrong.
    """
    document = decode(body)
    problems = sift(document, Caps())
    if not problems and not isinstance(document, dict):
        problems = [FieldError("", f'A token must be an object such as {{"owner": "alice"}}, not {show(document)}.')]
    if problems:
        raise refusal(problems)
    try:
        return TokenRequest.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise refusal([*describe_plain(error, TokenRequest)]) from None


def read_sign_in(body: bytes) -> str:
    """Return the token that somebody signs in with.

    Raises:
        InvalidSpec: the body holds no token. The message repeats no part of the body, as a part may be the secret.
    """
    try:
        return SignIn.model_validate(decode(body)).token.get_secret_value()
    except (ValidationError, MalformedJson):
        raise InvalidSpec('The body must be {"token": "fl_…"}, and nothing else.') from None


def _schemas(kind: type[BaseModel]) -> dict[str, Any]:
    schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), kind.__name__: schema}


TOKEN_REQUEST = Json(
    TokenRequest.__name__,
    lambda: _schemas(TokenRequest),
    {
        "person": {
            "summary": "Somebody who submits jobs, for 90 days",
            "value": {"owner": "alice", "scope": "submit", "expires_seconds": 7_776_000},
        }
    },
)
"""The body that describes a token to be made: a `TokenRequest` as JSON."""
SIGN_IN = Json(
    SignIn.__name__,
    lambda: _schemas(SignIn),
    {"token": {"summary": "A token", "value": {"token": f"fl_{'A' * 43}"}}},
)
"""The body of a sign-in: a `SignIn` as JSON."""
