"""What requests about webhooks carry: a new webhook's URL and events, and the page of a list of deliveries."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from api.http.operations import Json
from api.http.requests.parameters import MAX_LIMIT
from api.http.requests.parsing import QueryModel
from shared.documents.messages import describe_plain
from shared.documents.phrases import show, summary
from shared.documents.reader import MalformedJson, decode, sift
from shared.errors import FieldError, InvalidWebhook, PayloadTooLarge, UnsupportedMediaType
from shared.jobspec import Caps
from shared.webhooks.hosts import MAX_URL_LENGTH
from shared.webhooks.status import DeliveryStatus, Subscribable


def _some(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError(f"must name at least one event: {' or '.join(get_args(Subscribable))}")
    return tuple(dict.fromkeys(value))


class WebhookRequest(BaseModel):
    """A new webhook: where its messages go, and what it is told of."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        min_length=1,
        max_length=MAX_URL_LENGTH,
        description="http:// or https:// URL whose host is listed in `FLIGHTLINE_WEBHOOK_HOSTS`.",
    )
    events: Annotated[tuple[Subscribable, ...], AfterValidator(_some)] = Field(
        ("job.finished",), description="The events that it is told of.", json_schema_extra={"minItems": 1}
    )


class DeliveriesQuery(QueryModel):
    """Query parameters of the list of a webhook's deliveries: a filter, and the page."""

    status: DeliveryStatus | None = Field(None, description="Has this status.")
    cursor: Annotated[str, AfterValidator(str.lower), Field(pattern="^[0-9a-fA-F-]{36}$")] | None = Field(
        None, description="`next_cursor` of the previous page."
    )
    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="Most deliveries on a page.")


def read_webhook(body: bytes) -> WebhookRequest:
    """Parse and check a new webhook.

    Raises:
        InvalidWebhook: the body is not a valid webhook; `errors` point at what is wrong.
        MalformedJson: the body is not JSON.
    """
    document = decode(body)
    problems = sift(document, Caps())
    if not problems and not isinstance(document, dict):
        example = '{"url": "https://hooks.example.com/flightline"}'
        problems = [FieldError("", f"A webhook must be an object such as {example}, not {show(document)}.")]
    if not problems:
        try:
            return WebhookRequest.model_validate(document)
        except ValidationError as error:
            problems = [*describe_plain(error, WebhookRequest)]
    raise InvalidWebhook(summary(problems), tuple(problems))


WEBHOOK = Json(
    WebhookRequest.__name__,
    lambda: {WebhookRequest.__name__: WebhookRequest.model_json_schema()},
    {
        "own": {"summary": "Every finished job", "value": {"url": "https://hooks.example.com/flightline"}},
        "sweeps": {
            "summary": "Every finished sweep",
            "value": {"url": "https://hooks.example.com/flightline", "events": ["sweep.finished"]},
        },
    },
    raises=(MalformedJson, PayloadTooLarge, UnsupportedMediaType),
)
"""The body of a new webhook: a `WebhookRequest` as JSON."""
