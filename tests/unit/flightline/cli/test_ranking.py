"""What `flightline settle` says below its table."""

from __future__ import annotations

from typing import Any

import pytest

from flightline.cli.jobs.ranking import board_rows, settled_note, settled_rows
from flightline.client.search.leaderboard import Leaderboard, Settlement


@pytest.mark.parametrize(
    "jobs, reason, told, note",
    [
        (2, None, [False], "Queued 2 jobs. 0 of 1 pair is told apart already."),
        (0, "All of them are told apart already.", [True, True, True], "All of them are told apart already."),
        (0, "One is too close.", [True, False, True], "One is too close. 2 of 3 pairs are told apart already."),
        (0, "2 seeds are on the way.", [False], "2 seeds are on the way."),
    ],
)
def test_why_nothing_is_queued_is_said_instead_of_how_much(
    jobs: int, reason: str | None, told: list[bool], note: str
) -> None:
    """The service's reason, with the pairs that are told apart where only some are."""
    pairs = [{"told_apart": one} for one in told]
    found = {"jobs": jobs, "dry_run": False, "capped": False, "reason": reason, "groups": [], "pairs": pairs}
    assert settled_note(Settlement(found)) == note


def test_configurations_are_called_as_on_the_leaderboard() -> None:
    """By its number there, their name and what they differ in, by short names: nobody knows them by their hashes."""
    figures = {"rank": 1, "tied": False, "mean": 0.8, "std": 0.1, "seeds": 3, "best": 0.9, "one_seed": False}
    row: dict[str, Any] = figures | {"number": 2, "config_hash": "abc", "name": "wide", "better_than": []}
    row["params"] = {"training.optimizer.lr": 0.1, "training.schedule.lr": 0.2, "architecture.hidden": [64]}
    group = {"config_hash": "abc", "mean": 0.8, "seeds": 3, "pending": 1, "wanted": 5, "new_seeds": [7]}
    board = Leaderboard({"metric": "val_accuracy", "items": [row]})
    [said] = settled_rows(Settlement({"metric": "val_accuracy", "groups": [group]}), board)
    assert said == [2, "80.0 %", 3, 1, 5, "7", "wide", "optimizer.lr=0.1, schedule.lr=0.2, hidden=64"]
    assert said[-2:] == board_rows(board)[0][-2:]
