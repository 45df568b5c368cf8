"""What `flightline up` prints while it runs: as text for people, or as JSON for programs."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from rich.text import Text

from flightline.cli.console import lasting_out
from flightline.client.records import Worker
from flightline.errors import FlightlineError
from flightline.stack.addresses import addresses_for_others
from flightline.stack.stack import Stack


class TextReporter:
    """Prints text for people: a summary when the stack is ready, and a line for each event.

    A standard output that cannot be written keeps no stack from running or stopping.
    """

    def line(self, name: str, text: str) -> None:
        """Print one line about a program, with the time and the program's name."""
        clock = time.strftime("%H:%M:%S")
        with suppress(OSError):
            lasting_out().print(Text.assemble((f"{clock} ", "dim"), (f"{name:<14} ", "bold"), text))

    def ready(self, stack: Stack, workers: list[Worker]) -> None:
        """Print the URL, workers, data and home of a stack that is ready."""
        with suppress(OSError):
            for label, value in _summary(stack, workers):
                lasting_out().print(Text.assemble((f"{label:<12}", "bold"), value))


class JsonReporter:
    """Prints one line of JSON on standard output when the stack is ready, and all else on standard error."""

    def line(self, name: str, text: str) -> None:
        """Print one line about a program on standard error."""
        with suppress(OSError):
            print(f"{name}: {text}", file=sys.stderr, flush=True)  # noqa: T201 - this is what the command prints

    def ready(self, stack: Stack, workers: list[Worker]) -> None:
        """Print one line of JSON with `url`, `home` and `workers`, for a stack that is ready."""
        if others := addresses_for_others(stack.layout.host, stack.layout.port):
            self.line("stack", _opened(others, authenticated=stack.layout.authenticated))
        document = {"url": stack.url, "home": str(stack.layout.home), "workers": [worker.raw for worker in workers]}
        with suppress(OSError):
            print(json.dumps(document), flush=True)  # noqa: T201 - this is what the command prints


def _summary(stack: Stack, workers: Sequence[Worker]) -> list[tuple[str, str]]:
    held = _held(stack)
    drawn = " --set dataset=synthetic" if held == ["synthetic"] else ""
    return [
        ("Page", f"{stack.url}/ shows all that runs; HTTP reference at {stack.url}/docs"),
        *_open_to(stack),
        *_sign_in(stack),
        ("Workers", _devices(workers) or "none: jobs wait in the queue"),
        ("Data", _data(held, workers)),
        ("Home", f"{stack.layout.home}, logs in {stack.layout.logs}"),
        ("Try", f"flightline submit --preset notebook-tapered --set training.epochs=20{drawn} --watch"),
        ("Stop", "Ctrl-C; running jobs are released and resume at the next start"),
    ]


def _open_to(stack: Stack) -> list[tuple[str, str]]:
    """A row about a service that other machines reach, with its URLs; none for loopback."""
    others = addresses_for_others(stack.layout.host, stack.layout.port)
    return [("Open", _opened(others, authenticated=stack.layout.authenticated))] if others else []


def _sign_in(stack: Stack) -> list[tuple[str, str]]:
    """A row on how to sign in, where the API asks for tokens."""
    make = "`flightline token create --owner NAME` makes a token"
    keep = f"`flightline login {stack.url}` asks for it, and keeps it on the machine where it runs"
    return [("Sign in", f"{make}; {keep}")] if stack.layout.authenticated else []


def _opened(others: Sequence[str], *, authenticated: bool) -> str:
    if authenticated:
        return f"to everyone with a token who reaches {' or '.join(others)}"
    return (
        f"to everyone who reaches {' or '.join(others)}: FLIGHTLINE_AUTH is off, so they can submit, cancel and "
        "delete jobs and read all results. FLIGHTLINE_AUTH=on asks them for a token"
    )


def _devices(workers: Sequence[Worker]) -> str:
    named = map(_device, workers)
    return ", ".join(device if number == 1 else f"{number} × {device}" for device, number in Counter(named).items())


def _device(worker: Worker) -> str:
    if worker.predicts:
        return "predictor"
    unnamed = worker.device_kind == "cpu" or not worker.device_name
    return worker.device if unnamed else f"{worker.device} ({worker.device_name})"


def _held(stack: Stack) -> list[str] | None:
    """The data sets that a job may name now; None where the database does not say."""
    try:
        return [dataset.name for dataset in stack.fleet.datasets() if dataset.usable]
    except FlightlineError:
        return None


def _data(held: list[str] | None, workers: Sequence[Worker]) -> str:
    if held is None:
        return "unknown"
    real = [name for name in held if name != "synthetic"]
    if real or not workers:
        return ", ".join(real) or "no worker to hold any"
    return (
        "no images found, only `synthetic` (drawn). `flightline dataset add FOLDER` adds your own. For CIFAR-10 put a "
        "copy into FLIGHTLINE_DATA_DIR, or set FLIGHTLINE_ALLOW_DOWNLOAD=true"
    )
