"""A whole search beside that of Optuna and Ray Tune's ASHA: how soon ours reaches the best accuracy of theirs.

    pip install "ray[tune]"          Optuna is there already
    python -m benchmarks search      three seeds
    SEEDS=0 python -m benchmarks search

The tapered network on airplanes and birds (real images where FLIGHTLINE_DATA_DIR has them, else drawn ones): learning
rate × momentum × batch size × width, 60 trials of at most 9 epochs, TPE with a seed, ASHA that lets one in three go
on. Two workers of one thread each on both sides, fp32, constant learning rate, all validation images after each epoch.

- Theirs: `benchmarks.support.others.ray_search`.
- Ours: API, Redis, SQLite and two workers, as `flightline up` has; a sweep sent by the client. Nothing is reused of
  earlier jobs (`"cache": "off"`). What is known of it is asked over HTTP, four times a second.

Rungs are after 1 and 3 epochs on both sides. `MIN_EPOCHS` is another first rung of ours, `GRACE` one of theirs.

The clock starts with the call that starts the search, all services being up, the images decoded, and a small search
done on either side. It stops when whoever started the search can know of the accuracy.
"""

from __future__ import annotations

import importlib.util
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from benchmarks.support.images import real_or_drawn
from benchmarks.support.lines import Line
from benchmarks.support.others.course import Course, Recorder
from benchmarks.support.stack.service import Service, service
from benchmarks.support.tapered import tapered
from flightline import Client
from shared.jobspec import Caps, parse_spec
from worker.training.data import LoadedDataset, Split
from worker.training.data.loader import normalizer
from worker.training.plan import plan_from_spec

WORKERS, TRIALS, EPOCHS, ETA = 2, 60, 9, 3
MIN_EPOCHS, GRACE = (int(os.environ.get(name, "1")) for name in ("MIN_EPOCHS", "GRACE"))
"""Epochs before a point of ours, and of theirs, may stop."""
SMALL = 2
"""Trials of the small search that comes before."""
PARALLEL = 2 * WORKERS
"""Jobs of ours that are queued or running, or wait for their turn, at once: so that few workers wait."""
LOOK_SECONDS = 0.25
WALL_TIME = 0.7
"""Of the wall time of theirs, at most."""

SPACE: dict[str, dict[str, Any]] = {
    "lr": {"kind": "float", "low": 0.001, "high": 0.3, "log": True},
    "momentum": {"kind": "float", "low": 0.0, "high": 0.95},
    "batch_size": {"kind": "values", "values": [32, 64, 128, 256]},
    "width": {"kind": "choice", "values": [256, 512, 1024]},
}


def lines(rounds: int) -> Iterator[Line]:
    """Each seed, then the medians."""
    del rounds  # as many as there are seeds
    seeds = [int(seed) for seed in os.environ.get("SEEDS", "0 1 2").split()]
    data = real_or_drawn(("airplane", "bird"))
    print(f"images: {data.name}, {len(data.train)} to train on, {len(data.val)} to validate on")
    theirs = _theirs(data, seeds) if importlib.util.find_spec("ray") else {}
    ours = _ours(data, seeds)
    for seed in seeds:
        yield from _of_seed(seed, ours[seed], theirs.get(seed))
    if theirs:
        yield from _together([(ours[seed], theirs[seed]) for seed in seeds])


def _of_seed(seed: int, ours: Course, theirs: Course | None) -> Iterator[Line]:
    figures: dict[str, tuple[str, Callable[[Course], float]]] = {
        "best validation accuracy": ("%", lambda course: 100 * course.best),
        "the whole search": ("s", lambda course: course.seconds),
        "epochs trained": ("", lambda course: float(course.epochs)),
        "time of a worker outside of epochs, a trial": ("ms", _outside),
    }
    for what, (unit, figure) in figures.items():
        yield Line(f"seed {seed}: {what}", unit, figure(ours), None if theirs is None else figure(theirs))


def _outside(course: Course) -> float:
    return 1000 * (WORKERS * course.seconds - course.epoch_seconds) / TRIALS


def _together(pairs: list[tuple[Course, Course]]) -> Iterator[Line]:
    reached = [ours.until(theirs.best) for ours, theirs in pairs]
    for what, wall in (
        ("until theirs knew of it", [theirs.until(theirs.best) for _, theirs in pairs]),
        ("their whole search", [theirs.seconds for _, theirs in pairs]),
    ):
        yield Line(
            f"until ours knew of their best accuracy; {what}",
            "s",
            statistics.median(reached),
            statistics.median(wall),
            ratio=statistics.median(mine / their for mine, their in zip(reached, wall, strict=True)),
            at_most=WALL_TIME,
            values=reached,
        )
    never = sum(math.isinf(seconds) for seconds in reached)
    yield Line(f"seeds of {len(pairs)} that never reached it", "", float(never))


def _theirs(data: LoadedDataset, seeds: list[int]) -> dict[int, Course]:
    from benchmarks.support.others.ray_search import ray_search  # noqa: PLC0415 -- Ray may not be installed

    images = {
        **_normalised(data, data.train, "images", "labels"),
        **_normalised(data, data.val, "val_images", "val_labels"),
    }
    with ray_search(images, SPACE, WORKERS) as search:
        search.run(0, trials=SMALL, epochs=MIN_EPOCHS + 1, grace=GRACE, eta=ETA)
        return {seed: search.run(seed, trials=TRIALS, epochs=EPOCHS, grace=GRACE, eta=ETA) for seed in seeds}


def _normalised(data: LoadedDataset, split: Split, images: str, labels: str) -> dict[str, Any]:
    plan = plan_from_spec(parse_spec(_base(data, 1), Caps()).document)
    return {images: normalizer(plan, data)(split.images).flatten(1).numpy(), labels: split.labels.numpy()}


def _ours(data: LoadedDataset, seeds: list[int]) -> dict[int, Course]:
    with service(WORKERS, warm_up=_base(data, 1)) as made:
        _sweep(made, data, 0, trials=SMALL, epochs=MIN_EPOCHS + 1)
        return {seed: _sweep(made, data, seed, trials=TRIALS, epochs=EPOCHS) for seed in seeds}


def _base(data: LoadedDataset, epochs: int) -> dict[str, Any]:
    training = {"epochs": epochs, "optimizer": {"kind": "sgd"}}
    dataset = {"name": data.name, "classes": list(data.classes)}
    return {"preset": "notebook-tapered", "dataset": dataset, "training": training, "cache": "off"}


def _sweep(made: Service, data: LoadedDataset, seed: int, *, trials: int, epochs: int) -> Course:
    """Search once; whoever started it looks for the best job so far."""
    recorder = Recorder()
    with Client(made.url) as client:
        recorder.start()
        sweep = client.sweep(
            _base(data, epochs),
            _space(),
            algorithm={"kind": "tpe", "seed": seed},
            asha={"min_epochs": MIN_EPOCHS, "eta": ETA},
            max_trials=trials,
            max_parallel=PARALLEL,
        )
        best = f"/v1/jobs?sweep={sweep.id}&sort=-best_val_accuracy&limit=1"
        ended = False
        while not ended:
            ended = bool(sweep.refresh().finished_at)
            for job in made.http.get(best).json()["items"]:
                recorder.best((job["result"] or {"best_val_accuracy": 0.0})["best_val_accuracy"])
            time.sleep(0 if ended else LOOK_SECONDS)
        course = recorder.course()
        return replace(course, **_trained(made, client, sweep.id))


def _space() -> dict[str, dict[str, Any]]:
    """The space as a sweep of ours has it."""
    hidden = [tapered(width) for width in SPACE["width"]["values"]]
    optimizer = {f"training.optimizer.{name}": SPACE[name] for name in ("lr", "momentum")}
    sizes = {"training.batch_size": SPACE["batch_size"], "architecture.hidden": SPACE["width"] | {"values": hidden}}
    return optimizer | sizes


def _trained(made: Service, client: Client, sweep_id: str) -> Mapping[str, Any]:
    columns = [made.http.get(f"/v1/jobs/{job.id}/epochs").json()["seconds"] for job in client.jobs(sweep=sweep_id)]
    return {"epochs": sum(map(len, columns)), "epoch_seconds": sum(map(sum, columns))}
