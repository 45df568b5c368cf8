"""The commands up, worker, predictor, api, migrate and demo, which run the service."""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from flightline.cli import standard_streams
from flightline.cli.arguments import load_settings, unknown_variables
from flightline.cli.commands.options import Json
from flightline.cli.console import err, out, print_json
from flightline.errors import StackError

if TYPE_CHECKING:
    from flightline.stack.programs import Layout
    from shared.settings import Settings

DEFAULT_WORKERS = "every GPU and one on the CPU; without a GPU one a core, at most 4; and one predictor"


def register(app: typer.Typer) -> None:
    """Add `up`, `worker`, `predictor`, `api`, `migrate` and `demo` to the command-line application."""
    for command in (up, worker, predictor, api, migrate, demo):
        app.command()(command)


def up(
    workers: Annotated[
        str | None, typer.Option(help=f"cpu=2, cuda=all, cpu=1,cuda=2, predict=1 or none; default: {DEFAULT_WORKERS}.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default FLIGHTLINE_HOST, 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; default FLIGHTLINE_PORT, 8470; 0 takes a free one.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when everything is ready.")] = False,
) -> None:
    """Start everything on this machine: Redis, database, API and workers, until Ctrl-C.

    Programs that end are restarted. Ctrl-C stops in order: running jobs are released and resume at the next start.
    State, logs and results are in FLIGHTLINE_HOME.
    """
    require("local", "celery", "gunicorn", "torch")
    from flightline.stack.announcements import JsonReporter, TextReporter

    settings = load_settings(host=host, port=port)
    layout = _layout(settings, workers)
    reporter = JsonReporter() if json else TextReporter()
    reporter.line("stack", "loading …")
    for said in unknown_variables():
        reporter.line("stack", said)
    from flightline.stack.database import Fleet, fold, migrate_and_repair  # takes a while to load
    from flightline.stack.stack import Stack
    from flightline.stack.supervisor import stop_requests

    with stop_requests() as stops:
        warn = partial(reporter.line, "artifacts")
        prepare, tidy = partial(migrate_and_repair, settings, warn=warn), partial(fold, settings)
        Stack(layout, prepare, tidy, Fleet(settings), reporter, stops).run()


def _layout(settings: Settings, workers: str | None) -> Layout:
    from flightline.stack.devices import cpu_count, plan_workers
    from flightline.stack.programs import Layout
    from shared.gpus import visible_gpus

    plan = plan_workers(workers, gpus=len(visible_gpus()), cores=cpu_count())
    return Layout(
        home=settings.home_dir,
        host=settings.host,
        port=settings.port,
        devices=plan.devices,
        redis_url=settings.redis_url.get_secret_value() or None,
        stop_grace_seconds=settings.stop_grace_seconds,
        predictors=plan.predictors,
        authenticated=settings.authenticated,
    )


def worker(
    device: Annotated[str, typer.Option(help="cpu, cuda:N, cuda:all, or auto: every GPU, else the CPU.")] = "auto",
) -> None:
    """Run a worker, in the foreground."""
    require("worker", "celery", "torch")
    _become("worker", "--device", device)


def predictor() -> None:
    """Run a predictor, which answers questions about finished jobs' networks, in the foreground."""
    require("worker", "celery", "torch")
    _become("worker.predictor")


def api() -> None:
    """Run the API, in the foreground. Where it asks for tokens, one has to be made first: `flightline token create`."""
    require("api", "flask", "gunicorn")
    from flightline.stack.database import require_token

    require_token(load_settings())
    _become("gunicorn", "--config", "python:api.gunicorn_conf", "api.wsgi:app")


def _become(*module_and_arguments: str) -> None:
    """Replace this process by another Python program, which then gets the signals and all of the memory itself."""
    from flightline.stack.database import check
    from flightline.stack.programs import python_environment

    warning = check(load_settings())  # a wrong setting is named here, in one line, before anything starts
    for said in [*unknown_variables(), *([warning] if warning else [])]:
        err().print(f"Warning: {said}", markup=False)
    sys.stdout.flush()
    standard_streams.open_for_successor()
    os.execve(sys.executable, [sys.executable, "-m", *module_and_arguments], python_environment())  # noqa: S606 - a list, no shell


def require(extra: str, *modules: str) -> None:
    """Check that the modules of an extra are installed.

    Raises:
        StackError: a module is missing; the message says how to install the extra.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        needs = f"This needs {', '.join(missing)}, which a plain installation leaves out."
        raise StackError(f"{needs} Install it with `pip install 'flightline-train[{extra}]'`.")


def migrate(json: Json = False) -> None:
    """Create the database's tables or bring them up to date."""
    require("api", "alembic", "sqlalchemy")
    from flightline.stack.database import migrate as bring_up_to_date
    from flightline.stack.home import make_home

    settings = load_settings()
    make_home(settings.home_dir)
    url = bring_up_to_date(settings)
    if json:
        print_json({"database": url})
    else:
        out().print(f"{url} is up to date.", markup=False)


def demo(
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of the notebook's networks; its own number is 100.")] = 20,
    workers: Annotated[str | None, typer.Option(help="As for `up`.")] = None,
    open_page: Annotated[
        bool, typer.Option("--open", help="Show the page in a browser; the stack then runs until Ctrl-C.")
    ] = False,
) -> None:
    """Train the notebook's three networks and a convnet on a stack of its own; compare with what the notebook reports.

    The convnet trains for as large a part of its own 32 epochs.
    Its state is in FLIGHTLINE_HOME, or in ./.flightline-demo where that is not set.
    """
    from flightline.cli.demo import run_demo

    run_demo(epochs, workers, open_page=open_page)
