"""An epoch by the engine that `auto` takes beside one of the notebook's plain loop.

The notebook's loop: fp32, a DataLoader over a list of normalised tensors, `zero_grad`, `backward`, `step`. Real images
where the data directory has them (FLIGHTLINE_DATA_DIR), else drawn ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from math import prod

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.support import paired
from benchmarks.support.images import real_or_drawn
from benchmarks.support.lines import Line
from shared.jobspec import Caps, parse_spec
from tests.golden import notebook
from worker.training import engines
from worker.training.data import LoadedDataset
from worker.training.engines.fused.products import linear
from worker.training.network.build import build_network, fresh_network
from worker.training.plan import ArchitecturePlan, DatasetPlan, MlpPlan, Precision, TrainingPlan, plan_from_spec
from worker.training.results import EpochResult
from worker.training.state.tally import Tally
from worker.training.trainer import train

CPU = torch.device("cpu")
CLASSES = ("airplane", "bird")
NOTEBOOK, PRODUCTS = "notebook", "products"
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
SPEED = {"fp32": 1.35, "bf16": 2.2}
VALIDATION_PERCENT = 5.0
ARCHITECTURES: dict[str, ArchitecturePlan] = {
    "linear": MlpPlan((512,)),
    "tapered": MlpPlan((1024, 512, 128)),
    "convnet": plan_from_spec(parse_spec({"preset": "convnet"}, Caps()).document).architecture,
}
_PRODUCT, _REPEATED = (512, 3072, 1024), 10  # rows, inputs, outputs; times
_PRODUCT_FLOPS = 2 * prod(_PRODUCT) * _REPEATED


def lines(rounds: int) -> Iterator[Line]:
    """An epoch of every network, with one thread and with two."""
    data = real_or_drawn(CLASSES)
    samples = notebook.samples(data.train.images, data.train.labels)
    for network in ARCHITECTURES:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            yield from _of_network(network, threads, data, samples, rounds)
    torch.set_num_threads(1)


def _of_network(
    network: str, threads: int, data: LoadedDataset, samples: notebook.Samples, rounds: int
) -> Iterator[Line]:
    plan = TrainingPlan(DatasetPlan(data.name, data.classes), ARCHITECTURES[network], epochs=2, threads=threads)
    plans = {precision: replace(plan, precision=precision) for precision in PRECISIONS}
    works: dict[str, Callable[[], object]] = {NOTEBOOK: _notebook(plan, data, samples)}
    for precision, candidate in plans.items():
        works[precision] = _engine(candidate, data)
        works[f"{PRODUCTS} {precision}"] = _product(precision)
    timings = paired.in_turn(works, rounds)
    for precision, candidate in plans.items():
        yield _line(network, candidate, timings)
        if network != "convnet":
            yield _of_the_bound(network, candidate, timings, data)
        if threads == 1:
            share = 100 * _validation_share(candidate, data)
            yield Line(f"  {network}, {precision}: validation, bookkeeping", "%", share, at_most=VALIDATION_PERCENT)


def _line(network: str, plan: TrainingPlan, timings: paired.Timings) -> Line:
    name = plan.precision
    count = "one thread" if plan.threads == 1 else f"{plan.threads} threads"
    engine = engines.choose("auto", plan, CPU).name
    aimed = plan.threads == 1 and network != "convnet"
    return Line(
        f"epoch, {network}, {count}, {name} ({engine}); the notebook's loop",
        "s",
        paired.seconds(timings, name),
        paired.seconds(timings, NOTEBOOK),
        ratio=paired.speed(timings, name, NOTEBOOK),
        at_least=SPEED[name] if aimed else None,
        values=[timing.wall for timing in timings[name]],
        cpu_ratio=paired.speed(timings, name, NOTEBOOK, "cpu"),
    )


def _of_the_bound(network: str, plan: TrainingPlan, timings: paired.Timings, data: LoadedDataset) -> Line:
    """The share of an epoch's processor time that its matrix products need at the rate of a large product."""
    products = paired.seconds(timings, f"{PRODUCTS} {plan.precision}", "cpu")
    bound = _flops(plan, data) / _PRODUCT_FLOPS * products
    share = 100 * bound / paired.seconds(timings, plan.precision, "cpu")
    return Line(f"  {network}, {plan.threads} thread(s), {plan.precision}: of it, matrix products", "%", share)


def _notebook(plan: TrainingPlan, data: LoadedDataset, samples: notebook.Samples) -> Callable[[], None]:
    """A function that trains one more epoch of the notebook's loop with each call."""
    order = torch.Generator().manual_seed(plan.seed)
    loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(samples, batch_size=64, shuffle=True, generator=order)  # type: ignore[arg-type]
    network = nn.Sequential(fresh_network(plan, data), nn.LogSoftmax(dim=1))
    optimizer, loss_function = torch.optim.SGD(network.parameters(), lr=plan.optimizer.lr), nn.NLLLoss()

    def epoch() -> None:
        total = 0.0
        for images, labels in loader:
            loss = loss_function(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)

    return epoch


def _engine(plan: TrainingPlan, data: LoadedDataset) -> Callable[[], None]:
    """A function that trains one more epoch by an engine with each call, without validation."""
    engine = engines.choose(plan.engine, plan, CPU)(plan, data, CPU)
    numbers = count(1)

    def epoch() -> None:
        tally = Tally(next(numbers), len(data.train), plan.batch_size, CPU)
        engine.run_epoch(tally, [plan.optimizer.lr] * tally.steps, lambda: None)
        tally.figures()

    return epoch


def _product(precision: Precision) -> Callable[[], None]:
    rows, inputs, outputs = _PRODUCT
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = torch.randn(rows, inputs).to(dtype), torch.randn(outputs, inputs).to(dtype)

    def product() -> None:
        for _ in range(_REPEATED):
            linear(left, right)

    return product


def _flops(plan: TrainingPlan, data: LoadedDataset) -> int:
    """The FLOP of an epoch: forward and both backward products of each linear layer but the first's input gradient."""
    weights = [module.weight.numel() for module in build_network(plan).modules() if isinstance(module, nn.Linear)]
    return 2 * len(data.train) * (3 * sum(weights) - weights[0])


def _validation_share(plan: TrainingPlan, data: LoadedDataset) -> float:
    """Of the training time of a second epoch, by what the trainer reports of itself."""
    epochs: list[EpochResult] = []
    train(plan, data, CPU, on_epoch=epochs.append, check=lambda: None)
    training = len(data.train) / epochs[-1].samples_per_second
    return epochs[-1].seconds / training - 1
