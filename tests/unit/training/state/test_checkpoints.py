"""Checkpoints: bytes that prove themselves, files that are whole or absent, and when one is written."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from worker.training.errors import CheckpointUnreadable, CheckpointUnwritable
from worker.training.state.checkpoints import Checkpointing, State, check_origin, copied, decode, encode

ORIGIN: dict[str, str | int] = {
    "plan": "p",
    "plan_digest": "d",
    "engine": "reference",
    "device": "cpu",
    "threads": 1,
    "data_fingerprint": "d",
    "capability": "AVX2",
    "torch": "2.15",
    "cuda": "",
}
STATE = State(ORIGIN, epoch=3, batches=2, content={"weights": {"a": torch.arange(5.0)}, "best": None, "steps": [1, 2]})


def test_a_state_survives_being_bytes() -> None:
    """What is read is what was written."""
    state = decode(encode(STATE))
    assert torch.equal(state.content["weights"]["a"], STATE.content["weights"]["a"])
    plain = dataclasses.replace(state, content={**state.content, "weights": None})
    assert plain == dataclasses.replace(STATE, content={**STATE.content, "weights": None})


@pytest.mark.parametrize("place", [0, 10, 60, 100, 500, -1])
def test_a_flipped_bit_anywhere_is_noticed(place: int) -> None:
    """Header, structure or numbers: a damaged checkpoint is refused."""
    damaged = bytearray(encode(STATE))
    damaged[place] ^= 1
    with pytest.raises(CheckpointUnreadable, match="damaged"):
        decode(bytes(damaged))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_bytes_that_were_cut_off_are_noticed(share: float) -> None:
    """Anywhere; the message says the checkpoint's name."""
    whole = encode(STATE)
    with pytest.raises(CheckpointUnreadable, match=r"short\.ckpt"):
        decode(whole[: int(len(whole) * share)], "short.ckpt")


def test_nothing_but_plain_values_is_loaded(tmp_path: Path) -> None:
    """A file that would run code is refused, even with a right sum, and the code is not run."""
    victim = tmp_path / "victim"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, (f"touch {victim}",)

    state = dataclasses.replace(STATE, content={"evil": Evil()})
    with pytest.raises(CheckpointUnreadable):
        decode(encode(state))
    assert not victim.exists()


def test_intact_bytes_of_something_else_are_refused() -> None:
    """A pickle is no checkpoint."""
    with pytest.raises(CheckpointUnreadable):
        decode(pickle.dumps({"epoch": 1}))


@pytest.mark.parametrize("field", ["plan_digest", "engine", "device", "threads", "data_fingerprint"])
def test_a_foreign_state_is_refused(field: str) -> None:
    """Another plan, engine, kind of device, number of threads or data set: refused, and the message says which."""
    with pytest.raises(CheckpointUnreadable, match=field):
        check_origin(STATE, {**ORIGIN, field: "other"})


@pytest.mark.parametrize("field", ["plan", "engine", "device", "threads", "data_fingerprint"])
def test_a_state_of_the_first_release_is_known_by_its_own_rule(field: str) -> None:
    """It carries no digest of today's: what it carries has to match all the same."""
    first = dataclasses.replace(STATE, origin={name: said for name, said in ORIGIN.items() if name != "plan_digest"})
    assert check_origin(first, ORIGIN)
    with pytest.raises(CheckpointUnreadable, match=field):
        check_origin(first, {**ORIGIN, field: "other"})


@pytest.mark.parametrize("field", ["capability", "torch", "cuda"])
def test_another_processor_or_torch_resumes_without_a_promise(field: str) -> None:
    """The run may go on, but no longer bit for bit."""
    assert check_origin(STATE, ORIGIN)
    assert not check_origin(STATE, {**ORIGIN, field: "other"})


def test_a_copy_shares_nothing() -> None:
    """Tensors in any nest are copied, plain values stay."""
    weight = torch.zeros(2)
    tree = {"a": [weight, (weight, 1)], "b": {0: "x"}, "c": None}
    copy = copied(tree)
    weight.add_(1)
    assert copy["a"][0].tolist() == copy["a"][1][0].tolist() == [0.0, 0.0]
    assert (copy["a"][1][1], copy["b"], copy["c"]) == (1, {0: "x"}, None)


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_states_are_saved_when_it_is_time() -> None:
    """Not at once, then every so many seconds, at the next boundary."""
    clock, saved = Clock(), []
    policy = Checkpointing(lambda _: saved.append(clock.now), every_seconds=10, clock=clock)
    for now in range(0, 32, 4):
        clock.now = now
        policy.at_boundary(lambda: STATE)
    assert saved == [12, 24]


def test_slow_saving_is_done_less_often() -> None:
    """Saving takes at most a hundredth of the time, however slow the disk."""
    clock, saved = Clock(), []

    def slow(_: State) -> None:
        saved.append(clock.now)
        clock.now += 2

    policy = Checkpointing(slow, every_seconds=10, clock=clock)
    while clock.now < 1000:
        clock.now += 1
        policy.at_boundary(lambda: STATE)
    gaps = [later - earlier for earlier, later in itertools.pairwise(saved)]
    assert min(gaps) >= 200


def test_a_checkpoint_that_cannot_be_written_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """The run goes on; only its insurance is older."""

    def full(_: State) -> None:
        raise CheckpointUnwritable("no space")

    with caplog.at_level(logging.WARNING):
        Checkpointing(full).save_now(lambda: STATE)
    assert [record.message for record in caplog.records] == ["checkpoint_not_written"]


def test_an_outage_is_two_lines_however_long_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    """One when a state cannot be written, one when one is written again."""
    failing = [True]

    def save(_: State) -> None:
        if failing[0]:
            raise CheckpointUnwritable("unavailable")

    policy = Checkpointing(save)
    with caplog.at_level(logging.INFO):
        for now in (True, True, True, False, False):
            failing[0] = now
            policy.save_now(lambda: STATE)
    assert [record.message for record in caplog.records] == ["checkpoint_not_written", "checkpoint_written_again"]


def test_a_save_that_fails_slowly_is_tried_again_before_long() -> None:
    """Given up after 30 s, it is not left alone for the 50 minutes that its share of the time would mean."""
    clock, tries = Clock(), []

    def silent(_: State) -> None:
        tries.append(clock.now)
        clock.now += 30
        raise CheckpointUnwritable("no answer")

    policy = Checkpointing(silent, every_seconds=10, clock=clock)
    while clock.now < 1000:
        clock.now += 1
        policy.at_boundary(lambda: STATE)
    assert {later - earlier for earlier, later in itertools.pairwise(tries)} == {330}
