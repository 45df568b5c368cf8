"""Checkpoints that earlier releases wrote are gone on with by this code, and give what those releases gave."""

from __future__ import annotations

import numpy as np
import pytest

from tests.golden.releases import checkpoints, later
from tests.golden.releases.make import RELEASES
from worker.training.plan import plan_from_spec
from worker.training.state.checkpoints import State, origin_of

CASES = [
    pytest.param(*case, id=f"{folder.name}-{name}")
    for folder in sorted(RELEASES.iterdir())
    if (folder / checkpoints.RUNS).is_file()
    for name, case in checkpoints.kept(folder).items()
]


@pytest.mark.parametrize("state, wanted", CASES)
def test_a_checkpoint_of_a_release_is_resumed(state: State, wanted: dict) -> None:
    """From the middle of its epoch to the end of the run, as that release would have.

    To the last bit, unless this processor or torch is another one: then the run says so, and comes as close as two of
    them do.
    """
    epochs, result = checkpoints.run(wanted["spec"], resume=state)
    assert [epoch.epoch for epoch in epochs] == [2, 3, 4]
    assert result.exact == (result.environment.items() <= state.origin.items())
    rounding = {"rel": 0, "abs": 0} if result.exact else {"rel": 0.05, "abs": 0.05}
    for epoch, expected in zip(epochs, wanted["epochs"][1:], strict=True):
        assert checkpoints.figures(epoch) == pytest.approx(expected, **rounding)
    assert result.logits["last"].numpy() == pytest.approx(np.array(wanted["scores"]), **rounding)


@pytest.mark.parametrize("state, wanted", CASES)
def test_a_release_takes_checkpoints_of_this_one(state: State, wanted: dict) -> None:
    """Workers of both run side by side while a service is upgraded: a job that goes from one to the other goes on."""
    environment = {name: value for name, value in state.origin.items() if not name.startswith("plan")}
    here = origin_of(plan_from_spec(wanted["spec"]), environment)
    assert here.items() >= state.origin.items()


@pytest.mark.parametrize("state, wanted", CASES)
def test_a_later_release_resumes_it_too(state: State, wanted: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that adds fields to every part of a plan starts no job over: of this one, or of one before."""
    states: list[State] = []
    checkpoints.run(wanted["spec"], states=states)
    monkeypatch.setattr(checkpoints, "plan_from_spec", lambda spec: later.same(plan_from_spec(spec)))
    for made in (state, states[5]):
        epochs, _ = checkpoints.run(wanted["spec"], resume=made)
        assert [epoch.epoch for epoch in epochs] == [2, 3, 4]


def test_there_are_releases() -> None:
    """The test above is about something."""
    assert len(CASES) >= len(checkpoints.CASES)
