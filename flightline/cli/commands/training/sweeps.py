"""The commands sweep FILE, sweep show, watch, pause, resume, cancel and delete, and sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from flightline.cli.arguments import EXAMPLES, apply_settings, find_sweep, own_name, read_document
from flightline.cli.commands.options import Csv, Json, Set, one_format, one_purpose
from flightline.cli.commands.training.submission import announce_warnings
from flightline.cli.console import INTERRUPTED, JOB_FAILED, err, out, print_csv, print_facts, print_json, print_table
from flightline.cli.sweeps.progress import ending, follow_sweep
from flightline.cli.sweeps.tables import (
    first_points,
    importance_facts,
    left_out,
    sweep_facts,
    sweep_table,
    trial_rows,
    trial_table,
    undecided,
)
from flightline.cli.tables import count, plural
from flightline.client.client import Client
from flightline.client.search.sweep_records import SweepCheck
from flightline.client.search.sweeps import Sweep
from flightline.errors import UsageError

START = "start"
NO_SWEEPS = "No sweeps. Start one: `flightline sweep FILE`."
SHOWN = 10
"""Points of a check that are shown."""
SHOWN_POINTS = 20
"""Points of a sweep that a table shows unless more are asked for."""


class SweepGroup(TyperGroup):
    """The group `sweep`, in which a file in place of a command starts a sweep: `flightline sweep FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `start` before a file, or before an option of `start`."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names and _is_start(args[0]):
            args = [START, *args]
        return list(super().parse_args(ctx, args))


def _is_start(word: str) -> bool:
    return word.startswith("-") or any(sign in word for sign in "./") or Path(word).is_file()


Id = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="A sweep's id, four or more characters of its end, or `last`.", show_default=False
    ),
]
HELP = """Search a space of jobs for the best.

Start one: `flightline sweep FILE [--set PATH=VALUE] [--name TEXT] [--dry-run] [--watch] [--json]`.

What these say: `flightline sweep start --help`.
"""
group = typer.Typer(cls=SweepGroup, no_args_is_help=True, help=HELP)


def register(app: typer.Typer) -> None:
    """Add the group `sweep`, and `sweeps`, to the command-line application."""
    for command in (start, show, watch, pause, resume, cancel, delete):
        group.command()(command)
    app.add_typer(group, name="sweep")
    app.command("sweeps")(list_sweeps)


def start(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON that describes the sweep; - reads standard input.")],
    settings: Set = None,
    name: Annotated[str | None, typer.Option(help="A name for the sweep and its jobs.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check it: show first points and the cost.")] = False,
    follow: Annotated[bool, typer.Option("--watch", "-w", help="Follow it until it has ended.")] = False,
    json: Json = False,
) -> None:
    """Start a sweep. `flightline sweep FILE` says the same.

    Examples: flightline sweep rates.json --dry-run; flightline sweep rates.json --set max_trials=20 --watch.
    """
    one_purpose(dry_run=dry_run, follow=follow)
    document = apply_settings(read_document(file, "sweep"), settings or [])
    if name is not None:
        document["name"] = name
    if not {"base", "space"} <= document.keys():
        raise UsageError(f"A sweep has a `base` and a `space`, such as {EXAMPLES['sweep']}.")
    base, space = document.pop("base"), document.pop("space")
    with Client() as client:
        if dry_run:
            _show_check(client.check_sweep(base, space, **document), json)
            return
        sweep = client.sweep(base, space, **document)
        announce_warnings(sweep)
        if json and not follow:
            print_json(sweep.raw)
        elif not json:
            out().print(f"Started {sweep.title}: {plural(sweep.points, 'point')}. Sweep {sweep.id}", markup=False)
        if follow:
            _follow(client, sweep, json)
        elif not json:
            out().print(f"Watch it with `flightline sweep watch {sweep.id}`.", markup=False)


def _show_check(check: SweepCheck, json: bool) -> None:
    announce_warnings(check)
    if json:
        print_json(check.raw)
        return
    for line in first_points(check.raw["first_points"], SHOWN):
        out().print(line, markup=False)
    if check.points > len(check.first_points):
        out().print("…")
    least, most = count(check.least_parameters), count(check.most_parameters)
    networks = least if least == most else f"{least} to {most}"
    rungs = f", stops after {', '.join(map(str, check.rungs[:-1]))}" if len(check.rungs) > 1 else ""
    out().print(
        f"{plural(check.points, 'point')}, {plural(check.jobs, 'job')}, {plural(check.epochs, 'epoch')} at most"
        f"{rungs}; {networks} parameters. Nothing was started.",
        markup=False,
    )


def list_sweeps(
    status: Annotated[str | None, typer.Option(help="running, paused, finished or cancelled.")] = None,
    owner: Annotated[str | None, typer.Option(help="Started by this owner.")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Started by you.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 20,
    json: Json = False,
) -> None:
    """List sweeps, the newest first."""
    with Client() as client:
        whose = (own_name(client) or owner) if mine else owner
        found = list(client.sweeps(status=status, owner=whose, limit=limit))
    if json:
        print_json({"items": [one.raw for one in found], "next_cursor": None})
    else:
        empty = "No sweep matches these filters." if status or whose else NO_SWEEPS
        print_table(*sweep_table(found, short=out().is_terminal), empty)


def show(
    id: Id,
    sort: Annotated[str, typer.Option(help="value, the best first, or number, as they were made.")] = "value",
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", "-n", min=1, help="How many points at most; default 20 in a table, all in CSV and JSON."
        ),
    ] = None,
    importance: Annotated[bool, typer.Option("--importance", help="Say which paths matter.")] = False,
    csv: Csv = False,
    json: Json = False,
) -> None:
    """Show a sweep and its points, the best first."""
    one_format(csv=csv, json=json)
    with Client() as client:
        sweep = find_sweep(client, id)
        if importance:
            sweep = sweep.refresh(importance=True)
        most = limit or (None if csv or json else SHOWN_POINTS)
        trials = list(client.trials(sweep.id, sort=sort, limit=most))
    if json:
        print_json({**sweep.raw, "trials": [one.raw for one in trials]})
    elif csv:
        print_csv(*trial_rows(trials))
    else:
        print_facts([*sweep_facts(sweep), *(importance_facts(sweep) if importance else [])])
        print_table(*trial_table(sweep, trials, short=out().is_terminal), "No points yet.")
        for note in filter(None, (left_out(sweep, trials), undecided(sweep, trials))):
            err().print(note, markup=False)


def watch(id: Id, json: Json = False) -> None:
    """Follow a sweep until it has ended; Ctrl-C leaves it running."""
    with Client() as client:
        _follow(client, find_sweep(client, id), json)


def pause(id: Id, json: Json = False) -> None:
    """Pause a sweep: it makes no jobs and lets none go on; those that run go on."""
    with Client() as client:
        _changed(client.pause_sweep(find_sweep(client, id).id), "is paused; jobs that run go on", json)


def resume(id: Id, json: Json = False) -> None:
    """Let a paused sweep go on."""
    with Client() as client:
        _changed(client.resume_sweep(find_sweep(client, id).id), "goes on", json)


def cancel(id: Id, json: Json = False) -> None:
    """Cancel a sweep with its jobs: at once while they wait, within about a second while they run."""
    with Client() as client:
        _changed(client.cancel_sweep(find_sweep(client, id).id), "is cancelled, and its jobs with it", json)


def delete(id: Id) -> None:
    """Delete a sweep that has ended; its jobs stay."""
    with Client() as client:
        sweep = find_sweep(client, id)
        client.delete_sweep(sweep.id)
    out().print(f"Deleted sweep {sweep.id}; its jobs stay.", markup=False)


def _changed(sweep: Sweep, words: str, json: bool) -> None:
    if json:
        print_json(sweep.raw)
    else:
        out().print(f"{sweep.title} {words}. Sweep {sweep.id}", markup=False)


def _follow(client: Client, sweep: Sweep, json: bool) -> None:
    """Show the sweep until it has ended, and exit with code 1 where it did not finish or no point has a value."""
    console = err() if json else out()
    try:
        ended = follow_sweep(client, sweep, console)
    except KeyboardInterrupt:
        err().print(
            f"\nThe sweep keeps running. `flightline sweep watch {sweep.id}` shows it again, `cancel` ends it.",
            markup=False,
        )
        raise typer.Exit(INTERRUPTED) from None
    if json:
        print_json(ended.raw)
    else:
        out().print(f"{ended.title} {ending(ended)}", markup=False)
    if ended.status != "finished" or ended.best is None:
        raise typer.Exit(JOB_FAILED)
