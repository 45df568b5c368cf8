"""`flightline demo`: the notebook's three networks and a convolutional one, over HTTP, on a stack of its own."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.text import Text

from flightline.cli.arguments import load_settings
from flightline.cli.columns import Columns
from flightline.cli.console import INTERRUPTED, JOB_FAILED, err, out, print_table
from flightline.cli.progress import follow_jobs
from flightline.cli.tables import count, duration, loss, percent, plural
from flightline.client.addresses import DEFAULT_URL
from flightline.client.client import Client
from flightline.client.jobs import Job
from flightline.errors import FlightlineError, StackError
from flightline.stack import parent_death
from flightline.stack.home import make_home
from flightline.stack.log_tail import last_lines
from flightline.stack.programs import flightline_command, python_environment
from shared.paths import expanded

# The longest first, so that two workers end together.
PRESETS = ("convnet", "notebook-tapered", "notebook-tapered-logits", "notebook-linear")
COLUMNS = Columns(("NETWORK", "PARAMETERS", "EPOCHS", "TRAIN LOSS", "VAL LOSS", "VAL ACC", "BEST", "TIME"))
# What the notebook's author reports after 100 epochs, as accuracies of the last one; and ours over five seeds.
REPORTED_EPOCHS, CONVNET_EPOCHS = 100, 32
REPORTED = (
    ("notebook-linear (as reported)", REPORTED_EPOCHS, "about 80 %"),
    ("notebook-tapered (as reported)", REPORTED_EPOCHS, "about 83 %"),
    ("convnet (five seeds, bf16)", CONVNET_EPOCHS, "95.5 %"),
)
STOP_SECONDS = 60
TOKEN_SECONDS = 86_400  # of a demo that is killed before it can revoke its token


def run_demo(epochs: int, workers: str | None, *, open_page: bool = False) -> None:
    """Start a stack, train the demo's networks on it, print their results as a table and where to look, and stop it.

    Args:
        epochs: those of the notebook's networks.
        workers: as for `up`.
        open_page: show the page in a browser as soon as the jobs are there, and keep the stack until Ctrl-C.

    Raises:
        StackError: the stack does not start.
        SystemExit: a job did not succeed, or the user pressed Ctrl-C.
    """
    home = expanded(Path(os.environ.get("FLIGHTLINE_HOME") or ".flightline-demo"), "FLIGHTLINE_HOME")
    try:
        with _token(home) as token, _stack(home, workers) as url, Client(url, token=token) as client:
            jobs = _train(client, epochs, open_page=open_page)
            _print_results(jobs, epochs)
            if open_page:
                _stay(url, jobs)
    except KeyboardInterrupt:
        err().print("Interrupted: the jobs of the demo are cancelled and its stack has stopped.")
        sys.exit(INTERRUPTED)
    if not open_page:
        _say_where(DEFAULT_URL, jobs, f"run `FLIGHTLINE_HOME={shlex.quote(str(home))} flightline up`, then open")
    if not all(job.succeeded for job in jobs):
        sys.exit(JOB_FAILED)


def _stay(url: str, jobs: Sequence[Job]) -> None:
    """Leave the stack to whoever looks at the page, until Ctrl-C."""
    _say_where(url, jobs, "until Ctrl-C stops the service, at")
    with suppress(KeyboardInterrupt):
        signal.pause()


def _say_where(url: str, jobs: Sequence[Job], how: str) -> None:
    """Print the address of the page's view that compares the jobs."""
    compared = "&".join(f"job={job.id}" for job in jobs)
    out().print(f"Their curves, side by side: {how}\n{url}/compare?{compared}", markup=False, soft_wrap=True)


def _open(url: str) -> None:
    """Show the page in the user's browser, where there is one."""
    if not webbrowser.open(url):
        out().print(f"No browser was found here: open {url}/", markup=False)


def _train(client: Client, epochs: int, *, open_page: bool) -> list[Job]:
    dataset = _choose_dataset(client)
    tags = ["notebook", "demo"]
    jobs = [
        client.submit(preset, name=preset, tags=tags, dataset=dataset, training=_training(preset, epochs))
        for preset in PRESETS
    ]
    submitted = f"Submitted {plural(len(jobs), 'job')} over HTTP."
    out().print(f"{submitted} Watch them train: {client.base_url}/", markup=False)
    if open_page:
        _open(f"{client.base_url}/")
    try:
        return follow_jobs(client, jobs, out())
    except KeyboardInterrupt:
        for job in jobs:
            with suppress(FlightlineError):  # some have finished, and the stack stops anyway
                client.cancel(job.id)
        raise


def _training(preset: str, epochs: int) -> dict[str, object]:
    """The `training` part of a preset's job: all networks train for the same fraction of their own epochs.

    The convnet trains in fp32: its bf16 would take minutes on a processor without such instructions.
    """
    if preset != "convnet":
        return {"epochs": epochs}
    return {"epochs": max(1, round(epochs * CONVNET_EPOCHS / REPORTED_EPOCHS)), "precision": "fp32"}


def _choose_dataset(client: Client) -> str:
    """The data set to train on: CIFAR-2 where a worker holds it, else `synthetic` with a warning."""
    for dataset in client.datasets():
        if dataset.name != "synthetic" and any(_has_both(held) for held in dataset.usable):
            out().print("Data: real CIFAR-10 images, airplane and bird.", markup=False)
            return "cifar2"
    err().print(
        Text(
            "NO REAL IMAGES FOUND: this demo trains on `synthetic`, drawn airplanes and birds. Its accuracies say "
            "nothing about the notebook's. For real images set FLIGHTLINE_DATA_DIR to a folder with CIFAR-10 or with "
            "cifar2/train/airplane/…, or set FLIGHTLINE_ALLOW_DOWNLOAD=true.",
            "bold yellow",
        )
    )
    return "synthetic"


def _has_both(held: dict[str, Any]) -> bool:
    return set(held["classes"]) >= {"airplane", "bird"}


@contextmanager
def _token(home: Path) -> Iterator[str | None]:
    """Make a token for as long as the demo runs; None where its stack asks for none."""
    settings = load_settings(home=home)
    if not settings.authenticated:
        yield None
        return
    from flightline.stack.database import TokenTable

    table = TokenTable(settings)
    made = table.create_token("demo", "submit", expires_seconds=TOKEN_SECONDS)
    try:
        yield made.token
    finally:
        with suppress(FlightlineError):  # it expires by itself
            table.revoke_token(made.id)


@contextmanager
def _stack(home: Path, workers: str | None) -> Iterator[str]:
    """Run `flightline up` for the demo alone: yield its URL, and stop it at the end in any case."""
    make_home(home)
    log = home / "demo.log"
    out().print(f"Starting API, Redis, database and workers in {home} …", markup=False)
    options = ["--json", "--port", "0", "--workers", workers or "predict=0"]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-I", str(parent_death.__file__), str(os.getpid()), *flightline_command("up", *options)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=python_environment() | {"FLIGHTLINE_HOME": str(home)} | _data_dir(home),
            start_new_session=True,
            text=True,
        )
    try:
        yield _address(process, log)
    finally:
        _stop(process)


def _data_dir(home: Path) -> dict[str, str]:
    """The data folder: the user's own where the demo's home has no data."""
    own = Path(os.path.expanduser("~")) / ".flightline" / "datasets"  # noqa: PTH111 -- the other raises without a home
    if os.environ.get("FLIGHTLINE_DATA_DIR") or (home / "datasets").is_dir() or not own.is_dir():
        return {}
    return {"FLIGHTLINE_DATA_DIR": str(own)}


def _address(process: subprocess.Popen[str], log: Path) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        process.wait()
        raise StackError(_reason(log))
    return str(json.loads(line)["url"])


def _reason(log: Path) -> str:
    """Why the stack did not start: its last message, or the log to read."""
    said = last_lines(log)
    _, found, error = said.rpartition("Error: ")
    return error.strip() if found else f"The stack did not start. {log} ends with:\n{said}"


def _stop(process: subprocess.Popen[str]) -> None:
    """Ask the stack to stop and wait for its end; a second Ctrl-C only hurries it."""
    process.send_signal(signal.SIGTERM)
    while True:
        try:
            process.wait(STOP_SECONDS)
        except KeyboardInterrupt:
            process.send_signal(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            process.kill()
        else:
            break
    if process.stdout:
        process.stdout.close()


def _print_results(jobs: Sequence[Job], epochs: int) -> None:
    out().print()
    rows: list[list[object]] = [_row(job) for job in jobs]
    rows += [[name, "", length, "", "", accuracy, "", ""] for name, length, accuracy in REPORTED]
    print_table(COLUMNS, rows, "No jobs.")
    for job in jobs:
        if job.error is not None:
            err().print(f"{job.name} {job.status}: {job.error.detail}", markup=False)
    if epochs != REPORTED_EPOCHS:
        out().print(f"Each network's own length: make demo EPOCHS={REPORTED_EPOCHS}.")


def _row(job: Job) -> list[object]:
    result = job.result
    if result is None:
        return [job.name, count(job.cost.parameters), job.progress.epoch, job.status, "", "", "", ""]
    return [
        job.name,
        count(job.cost.parameters),
        job.progress.epoch,
        loss(result.train_loss),
        loss(result.val_loss),
        percent(result.val_accuracy),
        percent(result.best_val_accuracy),
        duration(_seconds(job)),
    ]


def _seconds(job: Job) -> float | None:
    from datetime import datetime

    if job.started_at is None or job.finished_at is None:
        return None
    return (datetime.fromisoformat(job.finished_at) - datetime.fromisoformat(job.started_at)).total_seconds()
