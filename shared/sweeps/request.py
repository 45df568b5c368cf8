"""A sweep as it is asked for: the job that it varies, the space, how points are chosen and stopped, how many."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared.sweeps.halving import Halving
from shared.sweeps.points.space import Dimension

MOST_TRIALS = 10_000
MOST_PARALLEL = 1_000
MOST_REPEATS = 100
MOST_PATHS = 50
SHORT_FORMS = {"base": "preset", "algorithm": "kind", "objective": "metric"}
"""Objects of a request for which the value of one field may stand: `"base": "convnet"` is `{"preset": "convnet"}`."""

Metric = Literal["val_accuracy", "val_loss", "train_accuracy", "train_loss"]
Mode = Literal["max", "min"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Algorithm(_Part):
    """How the points are chosen."""

    kind: Literal["grid", "random", "tpe"] = Field("random", description="Every point, random ones, or Optuna's TPE.")
    seed: int = Field(0, ge=0, lt=2**32, description="The same seed gives the same points.")

    @property
    def rests_on_results(self) -> bool:
        """Return whether points rest on the results of earlier ones."""
        return self.kind == "tpe"


class Objective(_Part):
    """The figure of a point by which points are compared."""

    metric: Metric = Field("val_accuracy", description="A figure of each epoch.")
    mode: Mode | None = Field(None, description="Whether more or less is better; null: more accuracy, less loss.")
    at: Literal["best", "last"] = Field("best", description="Of the best epoch so far, or of the last one.")

    @property
    def direction(self) -> Mode:
        """Return whether more or less is better."""
        return self.mode or ("min" if self.metric.endswith("loss") else "max")

    def loss(self, value: float) -> float:
        """Return a number that is less the better the value is."""
        return value if self.direction == "min" else -value


class Asha(_Part):
    """Asynchronous successive halving: points stop at rungs, and the best of each go on."""

    min_epochs: int = Field(1, ge=1, description="Epochs of the first rung.")
    eta: int = Field(4, ge=2, le=100, description="One of so many goes on, to so many times as many epochs.")

    @property
    def rule(self) -> Halving:
        """Return the rule of `shared.sweeps.halving`."""
        return Halving(self.min_epochs, self.eta)


class SweepRequest(_Part):
    """A search over a space of jobs."""

    name: str | None = Field(None, min_length=1, description="Name of the sweep, and of its jobs before their numbers.")
    base: dict[str, JsonValue] = Field(description="The job at every point, as it would be submitted.")
    space: dict[str, Dimension] = Field(
        min_length=1, max_length=MOST_PATHS, description="Dotted paths into the job, and the values that each takes."
    )
    algorithm: Algorithm = Field(Algorithm(), description="How the points are chosen.")
    objective: Objective = Field(Objective(), description="What is compared.")
    asha: Asha | None = Field(None, description="When points stop early; null: every point runs to its end.")
    max_trials: int = Field(100, ge=1, le=MOST_TRIALS, description="Most points.")
    max_parallel: int = Field(8, ge=1, le=MOST_PARALLEL, description="Most jobs that are queued or running at once.")
    repeats: int = Field(1, ge=1, le=MOST_REPEATS, description="Jobs of each point, with seeds one after the other.")

    @property
    def document(self) -> dict[str, Any]:
        """Return the request as JSON, with every default."""
        return self.model_dump(mode="json", by_alias=True)

    def rungs(self, epochs: int) -> list[int]:
        """Return the epochs after which a job of so many epochs stops, its last one included."""
        return [epochs] if self.asha is None else self.asha.rule.rungs(epochs)
