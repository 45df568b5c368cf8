"""What is done to a service, and when: drawn from the seed alone, so that a seed always gives the same faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

from tests.chaos.faults import KINDS, Kind

_LEAST_PAUSE_SECONDS, _MOST_PAUSE_SECONDS = 0.5, 4.0


@dataclass(frozen=True)
class Planned:
    """One fault to come.

    Attributes:
        number: from 1.
        kind: what happens.
        pause_seconds: at least so long after the fault before it.
        lasts_seconds: until it is put right again; 0 for what needs no putting right.
        choice: in [0, 1): which of the targets that there are then.
    """

    number: int
    kind: type[Kind]
    pause_seconds: float
    lasts_seconds: float
    choice: float


def schedule(dice: Random, count: int, database: str, storage: str) -> list[Planned]:
    """So many faults for a service on this database (``sqlite`` or ``postgresql``) and storage (``folder``, ``s3``)."""
    fitting = [kind for kind in KINDS if database in kind.databases and storage in kind.storages]
    kinds = islice(_rounds(dice, fitting), count)
    return [_planned(dice, number, kind) for number, kind in enumerate(kinds, 1)]


def _rounds(dice: Random, kinds: list[type[Kind]]) -> Iterator[type[Kind]]:
    """Every kind as often as its share says, in a new order each round."""
    deck = [kind for kind in kinds for _ in range(kind.share)]
    while True:
        yield from dice.sample(deck, len(deck))


def _planned(dice: Random, number: int, kind: type[Kind]) -> Planned:
    pause = dice.uniform(_LEAST_PAUSE_SECONDS, _MOST_PAUSE_SECONDS)
    return Planned(number, kind, pause, dice.uniform(*kind.lasts_seconds), dice.random())
