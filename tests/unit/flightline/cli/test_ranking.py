"""What `flightline settle` says below its table."""

from __future__ import annotations

import pytest

from flightline.cli.jobs.ranking import settled_note
from flightline.client.search.leaderboard import Settlement


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
