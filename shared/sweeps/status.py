"""Enumerations of the states of sweeps, of their points and of their trials."""

from __future__ import annotations

from enum import StrEnum

STOPPED = "stopped_by_sweep"
"""The code of what is said of a job that its sweep has stopped."""


class SweepStatus(StrEnum):
    """`running ⇄ paused`, then `finished` or `cancelled`.

    While a sweep is paused it makes no trials and promotes none; its running jobs go on.
    """

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class PointStatus(StrEnum):
    """What becomes of a point: `paused` waits at a rung, `stopped` ended as others were better or with its sweep.

    `queued`, `running` and `undecided` are those of which the sweep has not decided it: all are stored as `running`,
    and shown as their jobs are (`shared.sweeps.standing`).
    """

    QUEUED = "queued"
    RUNNING = "running"
    UNDECIDED = "undecided"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    STOPPED = "stopped"
    FAILED = "failed"


class TrialState(StrEnum):
    """The state of a trial, which is one job of a point.

    `live`: its job is queued or running. `due`: its job is paused, its point was promoted, and it waits for one of the
    jobs that the sweep may have at once to end. `waiting`: paused at a rung. `ended`: its job has ended.
    """

    LIVE = "live"
    DUE = "due"
    WAITING = "waiting"
    ENDED = "ended"
