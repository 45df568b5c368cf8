"""Suggestions: the same history gives the same point, and what has come further counts first."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import SuggestionFailed
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
REQUEST = SweepRequest.model_validate({"base": {}, "space": SPACE, "algorithm": {"kind": "tpe"}})


def _history(count: int) -> list[dict[str, Any]]:
    """Points whose loss is less the smaller `a.float` is; every seventh has failed."""
    points = [random_point(REQUEST.space, 0, number) for number in range(count)]
    return [
        {"params": point, "rung": 0, "loss": None if number % 7 == 3 else point["a.float"]}
        for number, point in enumerate(points)
    ]


def _ask(history: list[dict[str, Any]], number: int) -> Any:
    return estimator.ask({"space": SPACE, "seed": 0, "history": history, "number": number})


def test_the_same_history_gives_the_same_points() -> None:
    """In every process; another number or another history gives another one."""
    found = [_ask(_history(30), number) for number in (30, 31, 30)]
    assert found[0] == found[2] != found[1]
    assert _ask(_history(40), 30) != found[0]
    for point in found:
        for path, dimension in REQUEST.space.items():
            values = dimension.values()
            assert values is None or point[path] in values
            assert values is not None or 0.001 <= point[path] <= 10.0


def test_suggestions_go_where_points_were_good() -> None:
    """With forty points behind them, most are among the better half."""
    found = [_ask(_history(40), number) for number in range(40, 60)]
    assert sum(point["a.float"] < 0.1 for point in found) > 13


def test_those_that_have_come_furthest_count_first() -> None:
    """An early loss is not held against a late one: suggestions go where points came far, though others look better."""
    far = [one | {"rung": 2, "loss": 100.0} if one["params"]["a.list"] == "x" else one for one in _history(40)]
    found = [_ask(far, number) for number in range(40, 60)]
    assert sum(point["a.list"] == "x" for point in found) > 13


def test_importance_finds_what_matters() -> None:
    """The one path that the loss depends on has the largest share."""
    shares = estimator.ask({"space": SPACE, "history": _history(60)})
    assert max(shares, key=shares.get) == "a.float"
    assert sum(shares.values()) == pytest.approx(1.0)


def test_a_process_that_fails_says_why() -> None:
    """The error's last line, and a suggestion is asked for again later."""
    with pytest.raises(SuggestionFailed, match=r"a\.float") as failed:
        _ask([{"params": {}, "rung": 0, "loss": 1.0}], 20)
    assert failed.value.retryable
