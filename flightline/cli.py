"""The `flightline` command."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from flightline import streams
from flightline.commands import backups, catalog, jobs, results, services, submitting
from flightline.console import EXIT_CODES, INTERRUPTED, STACK_FAILED, exit_code, print_error
from flightline.errors import FlightlineError, StackError

app = typer.Typer(
    name="flightline",
    help="Train small image classifiers: start the service, submit jobs, watch them, read their results.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(version("flightline-train"))
        except PackageNotFoundError:
            typer.echo("unknown: not installed")
        raise typer.Exit


@app.callback()
def flightline(
    url: Annotated[
        str | None,
        typer.Option(envvar="FLIGHTLINE_URL", help="Where the service is; default the stack on this machine."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Train small image classifiers: start the service, submit jobs, watch them, read their results."""
    if url:
        os.environ["FLIGHTLINE_URL"] = url


for module in (services, backups, submitting, jobs, results, catalog):
    module.register(app)


def main() -> None:
    """Run the command; what users can get wrong ends in a message and an exit code, never in a traceback."""
    streams.prepare()
    try:
        app(prog_name="flightline")
    except FlightlineError as error:
        print_error(error)
        sys.exit(exit_code(error))
    except OSError as error:  # a full disk, a folder that may not be written
        print_error(StackError(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}."))
        sys.exit(STACK_FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
