"""Flightline for those who use it: ``from flightline import Client``.

The names are loaded when they are first asked for: the command must be able to say something sensible about a Ctrl-C
that comes while its packages load, so this package has to be there before they are.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flightline.client.client import AsyncClient, Client
    from flightline.client.jobs import AsyncJob, Job
    from flightline.client.records import Epoch, Epochs, Evaluation, Event
    from flightline.client.search.sweeps import AsyncSweep, Sweep
    from flightline.errors import (
        ApiError,
        Conflict,
        FieldError,
        FlightlineError,
        Forbidden,
        InvalidRequest,
        NotFound,
        NotReachable,
        TooManyRequests,
        Unauthenticated,
        Unavailable,
        UsageError,
    )

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncJob",
    "AsyncSweep",
    "Client",
    "Conflict",
    "Epoch",
    "Epochs",
    "Evaluation",
    "Event",
    "FieldError",
    "FlightlineError",
    "Forbidden",
    "InvalidRequest",
    "Job",
    "NotFound",
    "NotReachable",
    "Sweep",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "UsageError",
]
_PLACES = {
    "client.client": ("AsyncClient", "Client"),
    "client.jobs": ("AsyncJob", "Job"),
    "client.records": ("Epoch", "Epochs", "Evaluation", "Event"),
    "client.search.sweeps": ("AsyncSweep", "Sweep"),
}
_MODULES = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
