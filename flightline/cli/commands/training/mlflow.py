"""The commands export mlflow and import mlflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer

from flightline.cli.arguments import find_sweep
from flightline.cli.commands.options import Ids, Json, Tagged, Where
from flightline.cli.console import err, out, print_json
from flightline.cli.jobs.selection import selected
from flightline.cli.tables import plural
from flightline.client.client import Client
from flightline.mlflow.export import export
from flightline.mlflow.imports import import_runs
from flightline.mlflow.server import Server

EVERY = 100
"""Runs after which a terminal is told how far it is."""

imports = typer.Typer(no_args_is_help=True, help="Keep runs of another tracker as finished jobs.")


def register(app: typer.Typer) -> None:
    """Add `import mlflow` to the command-line application; `export` has the other one among its own."""
    imports.command("mlflow")(import_mlflow)
    app.add_typer(imports, name="import")


def export_mlflow(
    to: Annotated[str, typer.Option("--to", metavar="URI", help="The MLflow server, such as http://127.0.0.1:5000.")],
    ids: Ids = None,
    tag: Tagged = None,
    where: Where = None,
    sweep: Annotated[str | None, typer.Option(help="All jobs of this sweep: its id, the end of it, or `last`.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only jobs of this owner.")] = None,
    experiment: Annotated[str, typer.Option(help="The experiment that gets the runs.")] = "flightline",
    artifacts: Annotated[bool, typer.Option("--artifacts/--no-artifacts", help="Weights and other files too.")] = True,
    json: Json = False,
) -> None:
    """Write finished jobs to an MLflow server, each as one run: all of them, or those that are named or match.

    However often this is run, and wherever it is interrupted, a job is one run there; those of a sweep are nested below
    a run of the sweep's own.
    """
    with Client() as client, Server(to) as server:
        made_by = None if sweep is None else find_sweep(client, sweep).id
        if ids or tag is not None or where or made_by:
            jobs = selected(client, ids or [], tag=tag, where=where or [], owner=owner, sweep=made_by)
        else:
            jobs = list(client.jobs(owner=owner))
        with _interruptible("jobs", "export"):
            fates = export(client, server, jobs, experiment=experiment, artifacts=artifacts, told=_progress("jobs"))
        _report(fates, "exported", f"Exported {plural(fates['exported'], 'job')} to {server.url}", json=json)


def import_mlflow(
    source: Annotated[str, typer.Option("--from", metavar="URI", help="The MLflow server.")],
    experiment: Annotated[str | None, typer.Option(help="Only this experiment's runs.")] = None,
    json: Json = False,
) -> None:
    """Keep an MLflow server's runs that have ended as finished jobs, beside those that were trained here.

    However often this is run, and wherever it is interrupted, a run is one job here.
    """
    with Client() as client, Server(source) as server:
        with _interruptible("runs", "import"):
            fates = import_runs(client, server, experiment=experiment, told=_progress("runs"))
        _report(fates, "imported", f"Imported {plural(fates['imported'], 'run')} from {server.url}", json=json)


_WORDS = {
    "there": "there already",
    "unfinished": "left out, as not finished",
    "other": "left out, as they train nothing",
    "from_here": "left out, as their jobs are here",
    "files_left_out": "without files, which that server has its clients store by themselves",
}


def _report(fates: Mapping[str, int], done: str, text: str, *, json: bool) -> None:
    if json:
        print_json({name: fates.get(name, 0) for name in (done, *_WORDS) if name == done or name in fates})
        return
    rest = [f"{fates[name]:,} {words}" for name, words in _WORDS.items() if fates.get(name)]
    out().print(f"{text}{''.join(f'; {one}' for one in rest)}.", markup=False)


@contextmanager
def _interruptible(what: str, command: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        err().print(f"Interrupted: the {what} that are done stay, and the next {command} goes on with the rest.")
        raise


def _progress(what: str) -> Callable[[int], None]:
    console = err()

    def told(done: int) -> None:
        if console.is_terminal and done % EVERY == 0:
            console.print(f"{done:,} {what} …", markup=False)

    return told
