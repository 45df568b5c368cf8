"""Flightline for those who use it: ``from flightline import Client``.

The names are loaded when they are first asked for: the command must be able to say something sensible about a Ctrl-C
that comes while its packages load, so this package has to be there before they are.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flightline.client.client import Client
    from flightline.client.records import Epoch, Epochs, Evaluation, Event, Job
    from flightline.errors import (
        ApiError,
        Conflict,
        FieldError,
        FlightlineError,
        InvalidRequest,
        NotFound,
        NotReachable,
        Unavailable,
        UsageError,
    )

__all__ = [
    "ApiError",
    "Client",
    "Conflict",
    "Epoch",
    "Epochs",
    "Evaluation",
    "Event",
    "FieldError",
    "FlightlineError",
    "InvalidRequest",
    "Job",
    "NotFound",
    "NotReachable",
    "Unavailable",
    "UsageError",
]
_RECORDS = {"Epoch", "Epochs", "Evaluation", "Event", "Job"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "client.client" if name == "Client" else "client.records" if name in _RECORDS else "errors"
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
