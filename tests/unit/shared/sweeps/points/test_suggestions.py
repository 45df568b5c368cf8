"""Suggestions: the same history gives the same point, and no point waits for more than it must."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import SuggestionFailed
from shared.sweeps.points import suggestions
from shared.sweeps.points.estimator import estimator
from shared.sweeps.points.sampling import random_point
from shared.sweeps.request import SweepRequest

SPACE: dict[str, Any] = {
    "a.float": {"kind": "float", "low": 0.001, "high": 10.0, "log": True},
    "a.step": {"kind": "float", "low": 0.0, "high": 1.0, "step": 0.3},
    "a.int": {"kind": "int", "low": 1, "high": 100, "log": True},
    "a.odd": {"kind": "int", "low": 1, "high": 9, "step": 2},
    "a.list": {"kind": "choice", "values": [[1], [2, 3], "x"]},
    "a.size": {"kind": "values", "values": [16, 64, 256]},
}
REQUEST = SweepRequest.model_validate(
    {"base": {}, "space": SPACE, "algorithm": {"kind": "tpe"}, "max_parallel": 8, "repeats": 3}
)


def _history(count: int) -> list[dict[str, Any]]:
    """Points whose loss is less the smaller `a.float` is; every seventh has failed."""
    points = [random_point(REQUEST.space, 0, number) for number in range(count)]
    return [
        {"params": point, "loss": None if number % 7 == 3 else point["a.float"]} for number, point in enumerate(points)
    ]


def _ask(history: list[dict[str, Any]], *asked: tuple[int, int]) -> Any:
    return estimator.ask({"space": SPACE, "seed": 0, "history": history, "asked": asked})


def test_the_same_history_gives_the_same_points() -> None:
    """In every process, alone or with others, and whatever else has come in meanwhile."""
    both = _ask(_history(30), (30, 20), (31, 21))
    assert both == [_ask(_history(20), (30, 20))[0], _ask(_history(40), (31, 21))[0]]
    for point in both:
        for path, dimension in REQUEST.space.items():
            values = dimension.values()
            assert values is None or point[path] in values
            assert values is not None or 0.001 <= point[path] <= 10.0


def test_suggestions_go_where_points_were_good() -> None:
    """With forty points behind them, most are among the better half."""
    found = _ask(_history(40), *((number, 40) for number in range(40, 60)))
    assert sum(point["a.float"] < 0.1 for point in found) > 13


def test_importance_finds_what_matters() -> None:
    """The one path that the loss depends on has the largest share."""
    shares = estimator.ask({"space": SPACE, "history": _history(60)})
    assert max(shares, key=shares.get) == "a.float"
    assert sum(shares.values()) == pytest.approx(1.0)


def test_a_point_rests_on_those_that_must_have_ended() -> None:
    """At most `max_parallel` jobs of other points may still run when it is asked for."""
    assert suggestions.lag(REQUEST) == 3
    assert [suggestions.known(REQUEST, number) for number in (0, 2, 3, 30)] == [0, 0, 1, 28]


def test_a_process_that_fails_says_why() -> None:
    """The error's last line, and a suggestion is asked for again later."""
    with pytest.raises(SuggestionFailed, match=r"a\.float") as failed:
        _ask([{"params": {}, "loss": 1.0}], (20, 1))
    assert failed.value.retryable
