"""Checkpoints that earlier releases wrote are gone on with by this code, and give what those releases gave."""

from __future__ import annotations

import numpy as np
import pytest

from tests.golden.releases import checkpoints
from tests.golden.releases.make import RELEASES
from worker.training.checkpoints import State

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
    assert result.exact == (state.origin == {**result.environment, "plan": state.origin["plan"]})
    rounding = {"rel": 0, "abs": 0} if result.exact else {"rel": 0.05, "abs": 0.05}
    for epoch, expected in zip(epochs, wanted["epochs"][1:], strict=True):
        assert checkpoints.figures(epoch) == pytest.approx(expected, **rounding)
    assert result.logits["last"].numpy() == pytest.approx(np.array(wanted["scores"]), **rounding)


def test_there_are_releases() -> None:
    """The test above is about something."""
    assert len(CASES) >= len(checkpoints.CASES)
