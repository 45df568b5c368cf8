"""Suggestions by Optuna's tree-structured Parzen estimator, in a process of their own.

``python -m shared.sweeps.points.tpe`` reads questions, a line of JSON each, and writes a line for each answer: a point,
or shares of importance. It ends with its input, or when no question has come for a while. Nothing is stored: a study is
rebuilt from the history each time, and each number has a seed of its own, so that the same history gives the same
answer.

Sources: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011, as Optuna's `TPESampler` has it;
Watanabe et al., "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces", IJCAI 2023.
"""

from __future__ import annotations

import sys
import warnings
from random import Random
from select import select
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    # Optuna would load it for a storage that nothing here uses: half of the time that Optuna takes to load.
    sys.modules["redis"] = None  # type: ignore[assignment]

import optuna
import orjson
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.samplers import TPESampler
from optuna.trial import TrialState, create_trial
from pydantic import TypeAdapter

from shared.sweeps.points.space import Choice, Dimension, FloatRange, IntRange

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.study import Study

    from shared.sweeps.points.space import Point, Space

IDLE_SECONDS = 10.0
"""How long it waits for a question. Trials that take longer than that are not much delayed by another start."""
_SPACE = TypeAdapter(dict[str, Dimension])


def suggest(space: Space, seed: int, number: int, history: Sequence[Mapping[str, Any]]) -> Point:
    """Return the point with a number.

    Args:
        space: the space.
        seed: the sweep's seed.
        number: the point's number.
        history: of the points that it rests on the `params`, the highest `rung` that each has come to, and its `loss`
            there; less is better, null for one that failed. Those that have come further go before the others.
    """
    # Optuna has this order for trials that were pruned: by how far they came, then by their value there.
    study = _study(space, history, TrialState.PRUNED, seed=Random(f"{seed}/{number}/tpe").getrandbits(32))
    trial = study.ask({path: _distribution(dimension) for path, dimension in space.items()})
    return {path: _value(dimension, trial.params[path]) for path, dimension in space.items()}


def importance(space: Space, history: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return each path's share in what sets the best tenth of the points apart, by PED-ANOVA; the shares sum to 1."""
    study = _study(space, history, TrialState.COMPLETE, seed=0)
    return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())


def _study(space: Space, history: Sequence[Mapping[str, Any]], state: TrialState, *, seed: int) -> Study:
    sampler = TPESampler(seed=seed, multivariate=len(space) > 1, n_startup_trials=0)
    study = optuna.create_study(sampler=sampler)
    distributions = {path: _distribution(dimension) for path, dimension in space.items()}
    for one in history:
        params = {path: _coded(dimension, one["params"][path]) for path, dimension in space.items()}
        failed = one["loss"] is None
        trial = create_trial(
            params=params,
            distributions=distributions,
            state=TrialState.FAIL if failed else state,
            value=one["loss"],
            intermediate_values={} if failed else {one["rung"]: one["loss"]},
        )
        study.add_trial(trial)
    return study


def _distribution(dimension: Dimension) -> BaseDistribution:
    """Return Optuna's distribution of a dimension: of a list, or of values at a distance, of their indices."""
    match dimension:
        case Choice():
            return CategoricalDistribution(range(len(dimension.values())))
        case IntRange(step=1):
            return IntDistribution(dimension.low, dimension.high, log=dimension.log)
        case FloatRange(step=None):
            return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
        case _:
            values = dimension.values()
            return IntDistribution(0, 0 if values is None else len(values) - 1)


def _indexed(dimension: Dimension) -> Sequence[Any] | None:
    """Return the values of a dimension that Optuna knows by their indices; None where it knows the values."""
    return None if isinstance(dimension, IntRange) and dimension.step == 1 else dimension.values()


def _value(dimension: Dimension, coded: Any) -> Any:
    values = _indexed(dimension)
    return coded if values is None else values[coded]


def _coded(dimension: Dimension, value: Any) -> Any:
    values = _indexed(dimension)
    return value if values is None else values.index(value)


def main() -> None:
    """Answer the questions on standard input. The next one is sent only after the answer to the one before."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")  # `multivariate` is experimental, and says so
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    while select([questions], [], [], IDLE_SECONDS)[0] and (line := questions.readline()):
        answers.write(orjson.dumps(_answer(orjson.loads(line)), option=orjson.OPT_APPEND_NEWLINE))
        answers.flush()


def _answer(asked: Mapping[str, Any]) -> Any:
    space, history = _SPACE.validate_python(asked["space"]), asked["history"]
    if "number" in asked:
        return suggest(space, asked["seed"], asked["number"], history)
    return importance(space, history)


if __name__ == "__main__":
    main()
