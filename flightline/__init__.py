"""Flightline for those who use it: ``from flightline import Client``."""

from flightline.client import Client
from flightline.errors import (
    ApiError,
    Conflict,
    FieldError,
    FlightlineError,
    InvalidRequest,
    NotFound,
    NotReachable,
    Unavailable,
)
from flightline.records import Epoch, Epochs, Evaluation, Event, Job

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
]
