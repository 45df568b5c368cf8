"""An epoch by each engine against the notebook's plain loop, in turn: prints a table of ratios, and saves it as JSON.

    python benchmarks/epochs.py                                     everything: about a quarter of an hour
    python benchmarks/epochs.py --only tapered --threads 1 --rounds 9   some of it, more exactly

The notebook's loop: fp32, a DataLoader over a list of normalised tensors, `zero_grad`, `backward`, `step`. Real images
where the data directory has them (FLIGHTLINE_DATA_DIR, ../shared/data), else drawn ones. `of the bound` says how
near an epoch comes to its matrix products alone, at the rate of a large product measured in the same rounds, in CPU
time. `validation` is what validating and keeping the best weights add to an epoch.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import count
from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks import paired
from tests.golden import notebook
from worker.training import engines
from worker.training.datasets import LoadedDataset, load
from worker.training.engines.products import linear
from worker.training.errors import DatasetUnavailable
from worker.training.networks import build_network
from worker.training.plan import DatasetPlan, LayerPlan, LayersPlan, MlpPlan, Precision, TrainingPlan
from worker.training.results import EpochResult
from worker.training.tally import Tally
from worker.training.trainer import train

CPU = torch.device("cpu")
CLASSES = ("airplane", "bird")
NOTEBOOK, PRODUCTS = "notebook", "products"
CONVOLUTIONS = tuple(
    layer
    for channels in (16, 32)
    for layer in (
        LayerPlan("conv2d", (("kernel_size", 3), ("out_channels", channels), ("padding", 1))),
        LayerPlan("batchnorm"),
        LayerPlan("relu"),
        LayerPlan("maxpool2d", (("kernel_size", 2),)),
    )
)
ARCHITECTURES: dict[str, MlpPlan | LayersPlan] = {
    "linear": MlpPlan((512,)),
    "tapered": MlpPlan((1024, 512, 128)),
    "convnet": LayersPlan((*CONVOLUTIONS, LayerPlan("flatten"), LayerPlan("linear", (("out_features", 2),)))),
}
_PRODUCT, _REPEATED = (512, 3072, 1024), 10  # rows, inputs, outputs; times
_PRODUCT_FLOPS = 2 * prod(_PRODUCT) * _REPEATED


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    network: str
    threads: int
    engine: str
    precision: str
    seconds: float
    speed: float
    cpu_speed: float
    of_the_bound: float | None
    validation_share: float


def main() -> None:
    """Measure what the command line asks for."""
    options = _options()
    data = _data(options.images)
    samples = notebook.samples(data.train.images, data.train.labels)
    print(f"{data.name} ({data.source}), {len(data.train)} images, medians of {options.rounds} rounds")
    print(
        f"{'network':10}{'threads':>8}  {'engine':11}{'precision':10}{'s/epoch':>8}{'speed':>7}{'by CPU time':>13}",
        end="",
    )
    print(f"{'of the bound':>14}{'validation':>12}")
    lines = []
    for network in options.only or ARCHITECTURES:
        for threads in options.threads:
            torch.set_num_threads(threads)
            for line in _measure(network, threads, data, samples, options.rounds):
                lines.append(asdict(line))
                _print(line)
    print(f"saved in {paired.save('epochs', lines)}")


def _measure(network: str, threads: int, data: LoadedDataset, samples: notebook.Samples, rounds: int) -> Iterator[Line]:
    plan = TrainingPlan(DatasetPlan(data.name, data.classes), ARCHITECTURES[network], epochs=2, threads=threads)
    works: dict[str, Callable[[], object]] = {NOTEBOOK: _notebook(plan, samples)}
    candidates = list(_candidates(plan))
    for name, candidate in candidates:
        works[name] = _engine(candidate, data)
    for precision in ("fp32", "bf16"):
        works[f"{PRODUCTS} {precision}"] = _product(precision)
    timings = paired.in_turn(works, rounds)
    yield _line(network, plan, NOTEBOOK, timings, data)
    for name, candidate in candidates:
        yield _line(network, candidate, name, timings, data)


def _candidates(plan: TrainingPlan) -> Iterator[tuple[str, TrainingPlan]]:
    """The reference and the engine that `auto` takes, in both precisions."""
    for precision in ("fp32", "bf16"):
        for engine in ("reference", engines.choose("auto", plan, CPU).name):
            name = f"{engine} {precision}"
            yield name, replace(plan, engine=engine, precision=precision)


def _line(network: str, plan: TrainingPlan, name: str, timings: paired.Timings, data: LoadedDataset) -> Line:
    is_notebook = name == NOTEBOOK
    products = paired.seconds(timings, f"{PRODUCTS} {plan.precision}", "cpu")
    bound = _flops(plan, data) / _PRODUCT_FLOPS * products if network != "convnet" else None
    return Line(
        network=network,
        threads=plan.threads,
        engine=NOTEBOOK if is_notebook else plan.engine,
        precision=plan.precision,
        seconds=paired.seconds(timings, name),
        speed=paired.speed(timings, name, NOTEBOOK),
        cpu_speed=paired.speed(timings, name, NOTEBOOK, "cpu"),
        of_the_bound=None if bound is None else bound / paired.seconds(timings, name, "cpu"),
        validation_share=0.0 if is_notebook else _validation_share(plan, data),
    )


def _print(line: Line) -> None:
    bound = "" if line.of_the_bound is None else f"{line.of_the_bound:.0%}"
    validation = "" if line.engine == NOTEBOOK else f"{line.validation_share:.1%}"
    print(
        f"{line.network:10}{line.threads:8}  {line.engine:11}{line.precision:10}{line.seconds:8.2f}{line.speed:7.2f}",
        end="",
    )
    print(f"{line.cpu_speed:13.2f}{bound:>14}{validation:>12}", flush=True)


def _notebook(plan: TrainingPlan, samples: notebook.Samples) -> Callable[[], None]:
    """One more epoch with each call."""
    order = torch.Generator().manual_seed(plan.seed)
    loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(samples, batch_size=64, shuffle=True, generator=order)  # type: ignore[arg-type]
    torch.manual_seed(plan.seed)
    network = nn.Sequential(build_network(plan), nn.LogSoftmax(dim=1))
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
    """One more epoch with each call, without validation."""
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
    """Of an epoch: forward and both backward products of each linear layer; the first one's inputs need no gradient."""
    weights = [module.weight.numel() for module in build_network(plan).modules() if isinstance(module, nn.Linear)]
    return 2 * len(data.train) * (3 * sum(weights) - weights[0])


def _validation_share(plan: TrainingPlan, data: LoadedDataset) -> float:
    """Of the training time of a second epoch, by what the trainer reports of itself."""
    epochs: list[EpochResult] = []
    train(plan, data, CPU, on_epoch=epochs.append, check=lambda: None)
    training = len(data.train) / epochs[-1].samples_per_second
    return epochs[-1].seconds / training - 1


def _data(images: int) -> LoadedDataset:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    data_dir = Path(os.environ.get("FLIGHTLINE_DATA_DIR", beside))
    with tempfile.TemporaryDirectory() as cache:
        try:
            return load(DatasetPlan("cifar10", CLASSES, train_per_class=images // 2), data_dir, Path(cache))
        except DatasetUnavailable as error:
            print(f"{error} Taking drawn images.", file=sys.stderr)
            return load(DatasetPlan("synthetic", CLASSES, train_per_class=images // 2), data_dir, Path(cache))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--images", type=int, default=10_000, help="of the training split")
    parser.add_argument("--only", action="append", choices=list(ARCHITECTURES), help="this network; may be repeated")
    return parser.parse_args()


if __name__ == "__main__":
    main()
