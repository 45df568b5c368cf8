"""JSON documents of requests that are no job themselves: how they are read, and what is said of one that is wrong."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.documents.messages import describe_plain
from shared.documents.phrases import show
from shared.documents.pointers import pointer
from shared.documents.reader import GivenTwice
from shared.errors import FieldError
from shared.jobspec.parser import refusal

Model = TypeVar("Model", bound=BaseModel)


class Document(BaseModel):
    """Base of all documents: immutable; refuses unknown fields, and strings for numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def read_document(model: type[Model], document: object, what: str, example: str) -> Model:
    """Check a decoded document.

    Args:
        model: what the document must be.
        document: decoded JSON.
        what: what people call such a document, such as "A batch".
        example: one that is right, as JSON.

    Raises:
        InvalidSpec: `errors` point at what is wrong.
    """
    if not isinstance(document, dict):
        raise refusal([FieldError("", f"{what} must be an object such as {example}, not {show(document)}.")])
    if isinstance(document, GivenTwice):
        twice = f"The field {show(document.key)} is given twice; keep one."
        raise refusal([FieldError(pointer([document.key]), twice)])
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise refusal([*describe_plain(error, model)]) from None
