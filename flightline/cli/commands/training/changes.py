"""The commands priority, edit, cancel and delete."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import typer

from flightline.cli.arguments import find_job, own_name, read_job
from flightline.cli.commands.options import Ids, JobId, Json, Owned, Tagged, Where, Yes
from flightline.cli.console import REFUSED, err, out, print_json
from flightline.cli.jobs.editor import edited
from flightline.cli.jobs.labels import labels_of, read, written
from flightline.cli.jobs.selection import confirm, selected
from flightline.cli.tables import plural, title
from flightline.client.client import Client
from flightline.client.jobs import Job
from flightline.client.records import FINISHED, NOT_FINISHED, JobOutcome
from flightline.errors import UsageError

LONGEST_NOTES = 1_000_000
"""Characters that are read of standard input; how many a job may have is the service's to say."""


def register(app: typer.Typer) -> None:
    """Add `priority`, `edit`, `cancel` and `delete` to the command-line application."""
    for command in (priority, edit, cancel, delete):
        app.command()(command)


def priority(
    id: JobId,
    number: Annotated[int, typer.Argument(metavar="N", min=0, max=9, help="9 is the most urgent.", show_default=False)],
    json: Json = False,
) -> None:
    """Let a queued job start earlier or later than others."""
    with Client() as client:
        job = client.set_priority(find_job(client, id), number)
    if json:
        print_json(job.raw)
    else:
        out().print(f"{title(job)} has priority {job.priority}. Job {job.id}", markup=False)


def edit(
    id: JobId,
    name: Annotated[str | None, typer.Option(help="Another name; an empty one removes it.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Add this tag; may be repeated.")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="Remove this tag; may be repeated.")] = None,
    notes: Annotated[
        str | None, typer.Option(help="Other notes, as Markdown; - reads standard input, an empty text removes them.")
    ] = None,
    json: Json = False,
) -> None:
    """Change a job's name, tags and notes; without options in your editor ($VISUAL or $EDITOR)."""
    with Client() as client:
        if both := set(tag or []) & set(untag or []):
            raise UsageError(f"The tag {min(both)!r} is to be added and removed.")
        job = read_job(client, id)
        if name is None and notes is None and not tag and not untag:
            changed = _edited(client, job)
        else:
            changed = _edit(client, job, _changes(job, name, tag or [], untag or [], notes))
            for one in dict.fromkeys(untag or []):
                if one not in job.tags:
                    err().print(f"{title(job)} has no tag {one!r}.", markup=False)
    if json:
        print_json(changed.raw)
    elif changed == job:
        out().print("Nothing was changed.")
    else:
        tags = f"; tags: {', '.join(changed.tags)}" if changed.tags else ""
        out().print(f"{title(changed)}{tags}. Job {changed.id}", markup=False)


def _changes(
    job: Job, name: str | None, tags: Sequence[str], untags: Sequence[str], notes: str | None
) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = name or None
    if notes is not None:
        text = sys.stdin.read(LONGEST_NOTES) if notes == "-" else notes
        changes["notes"] = text.strip("\n") or None
    wanted = [one for one in dict.fromkeys([*job.tags, *tags]) if one not in untags]
    if wanted != list(job.tags):
        changes["tags"] = wanted
    return changes


def _edited(client: Client, job: Job) -> Job:
    before = written(labels_of(job))
    with edited(before) as text:
        return _edit(client, job, read(text).changed(read(before)))


def _edit(client: Client, job: Job, changes: dict[str, Any]) -> Job:
    return client.edit(job.id, **changes) if changes else job


def cancel(
    ids: Ids = None,
    tag: Tagged = None,
    where: Where = None,
    owner: Owned = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Cancel jobs: at once while they are queued or paused, within about a second while they run.

    More than one are asked about first. With --tag or --where it is about those that are not finished.
    """
    with Client() as client:
        owner = owner if ids or owner else own_name(client)
        jobs = selected(client, ids or [], tag=tag, where=where or [], owner=owner, status=NOT_FINISHED)
        if len(ids or []) != 1:  # the answer is a list, also where one job matches
            confirm("Cancel", jobs, yes=yes)
            _report(client.cancel_many(jobs), CANCELLED, owner=owner, json=json)
            return
        job = client.cancel(jobs[0].id)
    if json:
        print_json(job.raw)
    else:
        done = (
            f"{title(job)} is cancelled."
            if job.finished
            else f"Cancelling {title(job)}; it stops within about a second."
        )
        out().print(f"{done} Job {job.id}", markup=False)


def delete(
    ids: Ids = None,
    tag: Tagged = None,
    where: Where = None,
    owner: Owned = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Delete finished jobs with their epochs and artifacts.

    More than one are asked about first. With --tag or --where it is about those that are finished.
    """
    with Client() as client:
        owner = owner if ids or owner else own_name(client)
        jobs = selected(client, ids or [], tag=tag, where=where or [], owner=owner, status=sorted(FINISHED))
        if len(ids or []) != 1:  # the answer is a list, also where one job matches
            confirm("Delete", jobs, yes=yes)
            _report(client.delete_many(jobs), DELETED, owner=owner, json=json)
            return
        client.delete(jobs[0].id)
    if not json:  # the service answers a deletion with nothing
        out().print(f"Deleted job {jobs[0].id}", markup=False)


class Words(NamedTuple):
    """How an action on many jobs is told: what was done, and in which state a job has to be for it."""

    done: str
    state: str


CANCELLED = Words("Cancelled", "queued, running or paused")
DELETED = Words("Deleted", "finished")


def _report(outcomes: Sequence[JobOutcome], words: Words, *, owner: str | None, json: bool) -> None:
    """Print what became of several jobs, and exit with code 3 where the service refused some of them.

    Args:
        outcomes: what became of each.
        words: how it is told.
        owner: whose jobs were searched; None: everybody's.
        json: whether the answer is JSON.
    """
    refused = [one.error for one in outcomes if one.error]
    if json:
        print_json({"items": [one.raw for one in outcomes]})
    elif not outcomes:
        whose = f" of {owner}'s" if owner else ""
        err().print(f"No job{whose} that matches is {words.state}.", markup=False)
    else:
        stopping = sum(one.outcome == "requested" for one in outcomes)
        running = f" Those that run ({stopping}) stop within about a second." if stopping else ""
        out().print(f"{words.done} {plural(len(outcomes) - len(refused), 'job')}.{running}")
    for error in refused:
        err().print(f"Not done: {error.detail or error.code}", markup=False)
    if refused:
        raise typer.Exit(REFUSED)
