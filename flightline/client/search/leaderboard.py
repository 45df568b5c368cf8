"""Configurations ranked by their seeds, and the seeds that would tell more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flightline.client.display.tables import Table
from flightline.client.fields import Fields
from flightline.client.records import Record, View
from shared import wire


class Standing(Record, wire.Standing):
    """A configuration on the leaderboard: jobs that differ at most in their seed."""

    params: Fields


class Leaderboard(View, wire.Leaderboard):
    """Configurations ranked by what their seeds prove, the best mean first: ``for row in board.items: …``."""

    items: tuple[Standing, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One dict per configuration: rank, mean, deviation and seeds, then the fields that differ."""
        return [
            {"rank": row.rank, "name": row.name, "mean": row.mean, "std": row.std, "seeds": row.seeds}
            | {f"spec.{path}": value for path, value in row.raw["params"].items()}
            | {"best": row.best, "tied": row.tied, "config_hash": row.config_hash}
            for row in self.items
        ]

    def to_pandas(self) -> Any:
        """The leaderboard as a `pandas.DataFrame`, one row per configuration. UsageError where pandas is missing."""
        return Table(self.rows()).to_pandas()

    def __getitem__(self, key: str) -> Any:
        return self._value(key)

    def _repr_html_(self) -> str:
        return Table(self.rows())._repr_html_()

    def __repr__(self) -> str:
        return f"<Leaderboard of {len(self.items)} configurations by {self.metric}>"


class SettledGroup(Record, wire.SettledGroup):
    """A configuration that is to be told apart from others, with its new seeds and jobs."""


class SettledPair(Record, wire.SettledPair):
    """Two configurations, and what it takes to tell them apart."""


class Settlement(Record, wire.Settlement):
    """Which seeds would tell configurations apart, and the jobs that were queued for them."""

    groups: tuple[SettledGroup, ...]
    pairs: tuple[SettledPair, ...]

    @property
    def job_ids(self) -> list[str]:
        """Ids of all new jobs."""
        return [job_id for group in self.groups for job_id in group.job_ids]


def hashes_of(groups: Iterable[Standing | str]) -> list[str]:
    """The `config_hash` of each configuration, given as itself or as its row of a leaderboard."""
    return [one if isinstance(one, str) else one.config_hash for one in groups]
