"""Leaderboards, settlements and verdicts of replays as lines and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flightline.cli.columns import Columns
from flightline.cli.sweeps.tables import short_names
from flightline.cli.tables import NOTHING, loss, percent, plural
from flightline.client.display.tables import cell_text
from flightline.client.records import JobRecord
from flightline.client.search.leaderboard import Leaderboard, Settlement, Standing

BOARD_COLUMNS = Columns(
    ("#", "RANK", "MEAN", "STD", "SEEDS", "BEST", "BETTER THAN", "NAME", "CONFIGURATION"),
    shortened="NAME",
    wrapped=("CONFIGURATION",),
    dropped=("BEST", "BETTER THAN"),
)
SETTLED_COLUMNS = Columns(
    ("#", "MEAN", "SEEDS", "COMING", "WANTED", "NEW SEEDS", "NAME", "CONFIGURATION"),
    shortened="NAME",
    wrapped=("NEW SEEDS", "CONFIGURATION"),
    dropped=("COMING", "MEAN"),
)


def board_rows(board: Leaderboard) -> list[list[object]]:
    """The cells for `BOARD_COLUMNS`; those that share a rank have an equals sign before it."""
    names = _names(board)
    return [
        [
            row.number,
            f"={row.rank}" if row.tied else str(row.rank),
            figure(board.metric, row.mean),
            "one seed" if row.one_seed else figure(board.metric, row.std),
            row.seeds,
            figure(board.metric, row.best),
            ", ".join(map(str, row.better_than)) or NOTHING,
            *_called(row, names),
        ]
        for row in board.items
    ]


def _names(board: Leaderboard) -> dict[str, str]:
    """The short name of each field in which the configurations differ, by its path."""
    return short_names(list(dict.fromkeys(path for row in board.items for path in row.raw["params"])))


def _called(row: Standing, names: Mapping[str, str]) -> tuple[str, str]:
    """A configuration's name, and the fields in which it differs from others of the leaderboard."""
    differing = ", ".join(f"{names[path]}={cell_text(_plain(value))}" for path, value in row.raw["params"].items())
    return row.name or NOTHING, differing or NOTHING


def board_note(board: Leaderboard) -> str:
    """What the ranks mean, below the table."""
    parts = [f"One rank: not told apart (Welch's t, Holm's correction, {100 * board.level:g}% at one look)."]
    if any(row.one_seed for row in board.items):
        parts.append("Of one seed nothing is proven: `flightline settle` adds seeds.")
    if not board.complete:
        parts.append("Not all jobs were looked at: filter them.")
    return " ".join(parts)


def settled_rows(found: Settlement, board: Leaderboard) -> list[list[object]]:
    """The cells for `SETTLED_COLUMNS`, with the numbers and names that the leaderboard has."""
    rows, names = {row.config_hash: row for row in board.items}, _names(board)
    return [
        [
            rows[group.config_hash].number,
            figure(found.metric, group.mean),
            group.seeds,
            group.pending,
            group.wanted,
            ", ".join(map(str, group.new_seeds)) or NOTHING,
            *_called(rows[group.config_hash], names),
        ]
        for group in found.groups
    ]


def settled_note(found: Settlement) -> str:
    """What was done, or why nothing, and how many pairs are told apart already."""
    told, pairs = sum(pair.told_apart for pair in found.pairs), len(found.pairs)
    already = f"{told} of {plural(pairs, 'pair')} {'is' if told == 1 or pairs == 1 else 'are'} told apart already."
    if found.reason is not None:
        return found.reason if told in {0, pairs} else f"{found.reason} {already}"
    parts = [f"{'Would queue' if found.dry_run else 'Queued'} {plural(found.jobs, 'job')}."]
    if found.capped:
        parts.append("More are wanted: raise --most-jobs, or settle again once these have ended.")
    return " ".join([*parts, already])


def verdict_lines(job: JobRecord) -> Sequence[str]:
    """How equal a replay is to its original, in sentences; none for a job without a verdict."""
    found = job.compared
    if found is None:
        return []
    said = {
        "bit_equal": f"bit_equal: the same state after each of {plural(found.epochs, 'epoch')}",
        "within_epsilon": f"within_epsilon: every loss within {found.epsilon:.1%} of the original's",
        "differs_at_epoch": f"differs_at_epoch: over {found.epsilon:.1%} apart from epoch {found.apart_epoch} on",
        "not_comparable": f"not_comparable: {found.reason}",
    }
    lines = [said.get(found.verdict, found.verdict)]
    if found.epoch is not None:
        losses = ", ".join(f"{name} {value:.3g}" for name, value in found.raw["differences"].items() if value)
        lines.append(f"first epoch that is not the same: {found.epoch}; largest differences: {losses or 'none'}")
    elif found.verdict == "within_epsilon":
        lines.append(f"all figures are the same; {found.digests} of {plural(found.epochs, 'state')} could be compared")
    differ = found.raw["environment"] or {}
    return lines + [f"{name}: {one} there, {two} here" for name, (one, two) in differ.items()]


def figure(metric: str, value: float | None) -> str:
    """A value of a metric: a percentage of an accuracy, four decimals of a loss; a dash for None."""
    if value is None:
        return NOTHING
    return loss(value) if metric.endswith("loss") else percent(value)


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
