"""The command top: the service at a glance, for as long as one looks."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from flightline.cli.commands.options import Json
from flightline.cli.console import out, print_json, print_table
from flightline.cli.overview.screen import Screen, has_screen
from flightline.cli.overview.snapshot import Snapshot, SnapshotFeed, SnapshotReader
from flightline.cli.overview.view import Overview
from flightline.cli.tables import JOB_COLUMNS, QUEUE_COLUMNS, WORKER_COLUMNS, job_row, queue_row, worker_row
from flightline.client.client import Client

FRAME_SECONDS = 0.5
ONCE_JOBS = 50
"""Jobs that are printed where nobody looks on."""


def register(app: typer.Typer) -> None:
    """Add `top` to the command-line application."""
    app.command()(top)


def top(
    interval: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between two looks.")] = 2.0,
    json: Json = False,
) -> None:
    """Watch the service: jobs with their curves, workers and queues; q or Ctrl-C ends it.

    Without a terminal, and with --json, it prints once what there is.
    """
    with Client() as client:
        reader = SnapshotReader(client)
        console = out()
        if json or not has_screen(console):
            _print_once(reader.read(ONCE_JOBS, curves=False), json)
            return
        feed = SnapshotFeed(reader, reader.read(console.height), interval, console.height)
        Screen(console).show(lambda: _page(feed, client.base_url, console.height), seconds=FRAME_SECONDS, until="qQ")
        feed.close()


def _page(feed: SnapshotFeed, url: str, height: int) -> Overview:
    feed.limit = height  # more jobs than lines are not seen
    feed.raise_defect()
    return Overview(feed.latest, url, feed.fault, time.monotonic() - feed.taken)


def _print_once(snapshot: Snapshot, json: bool) -> None:
    if json:
        print_json(snapshot.document)
        return
    print_table(JOB_COLUMNS, [job_row(job, short=False) for job in snapshot.jobs], "No jobs.")
    out().print()
    print_table(WORKER_COLUMNS, [worker_row(worker, short=False) for worker in snapshot.workers], "No workers.")
    out().print()
    print_table(QUEUE_COLUMNS, [queue_row(queue) for queue in snapshot.queues], "No queues.")
