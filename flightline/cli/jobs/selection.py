"""Which jobs a command is about: those named on the command line, or all that match; and the question before many."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

import typer

from flightline.cli.arguments import read_job
from flightline.cli.console import INTERRUPTED, err
from flightline.cli.jobs.fields import condition
from flightline.cli.tables import plural
from flightline.client.client import Client
from flightline.client.jobs import Job
from flightline.errors import UsageError


def selected(
    client: Client,
    ids: Sequence[str],
    *,
    tag: str | None = None,
    where: Sequence[str] = (),
    owner: str | None = None,
    sweep: str | None = None,
    status: Sequence[str] = (),
) -> list[Job]:
    """The jobs that are named, in their order, or else all that match, newest first; each once.

    Args:
        client: the service.
        ids: ids, shortened ids or ``last``.
        tag: the jobs with this tag, where no ids are given.
        where: conditions on their specs, where no ids are given.
        owner: whose jobs are searched; default everybody's.
        sweep: id of the sweep that made the jobs, where no ids are given.
        status: the statuses to which a search for jobs is limited; named jobs may have any.

    Raises:
        UsageError: neither ids nor conditions are given, or both.
    """
    searched = tag is not None or bool(where) or sweep is not None
    if ids and searched:
        also = "" if sweep is None else "--sweep, "
        raise UsageError(f"Give the jobs' ids, or {also}--tag and --where, not both.")
    if not ids and not searched:
        raise UsageError("Say which jobs: give their ids, or --tag or --where (`flightline jobs` takes them too).")
    if ids:
        found = [read_job(client, one) for one in ids]
    else:
        found = list(
            client.jobs(
                tag=tag,
                where=[condition(one) for one in where] or None,
                owner=owner,
                sweep=sweep,
                status=list(status) or None,
            )
        )
    return list({job.id: job for job in found}.values())


def confirm(action: str, jobs: Sequence[Job], *, yes: bool) -> None:
    """Ask before an action on more than one job, unless the answer is known; a no ends the command.

    Args:
        action: what is done to the jobs, such as ``Cancel``.
        jobs: the jobs.
        yes: whether the command line has the answer already.

    Raises:
        UsageError: there is no terminal to ask on.
    """
    if yes or len(jobs) < 2:
        return
    ask(action, plural(len(jobs), "job"), _owners(jobs))


def ask(action: str, what: str, more: str = "") -> None:
    """Ask whether to do it; a no, and Ctrl-C, end the command.

    Raises:
        UsageError: there is no terminal to ask on.
    """
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError(f"{what} are meant. Add --yes to {action.lower()} them without a question.")
    try:
        agreed = typer.confirm(f"{action} {what}{more}?", err=True)
    except typer.Abort:
        agreed = False
    if not agreed:
        err().print("Nothing was changed.")
        raise typer.Exit(INTERRUPTED)


def _owners(jobs: Sequence[Job]) -> str:
    """Whose the jobs are, where they have owners: one may change those of others without meaning to."""
    counts = Counter(job.raw.get("owner") for job in jobs)
    if not any(counts):
        return ""
    each = [f"{count} of {owner or 'nobody'}" for owner, count in counts.most_common()]
    return f" ({', '.join(each)})"
