"""Images decoded, cached and loaded again: 50,000 photographs of 64 × 64 pixels in ten class folders."""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from benchmarks.support.lines import Line, median
from worker.training.data import Datasets
from worker.training.plan import DatasetPlan

IMAGES, SIDE = 50_000, 64
CLASSES = tuple(f"class-{number}" for number in range(10))
DECODE_SECONDS, LOAD_SECONDS, MEMORY_SHARE = 60.0, 2.0, 2.5


class Loaded(NamedTuple):
    """What loading took in a process of its own: seconds, of all its processors together too, and memory.

    Its peak of memory is given as a multiple of the decoded images.
    """

    seconds: float
    processor_seconds: float
    memory_share: float


def lines(rounds: int) -> Iterator[Line]:
    """Read all headers, decode and cache; then load from the cache, in another process each time."""
    with tempfile.TemporaryDirectory(prefix="flightline-bench-") as name:
        data_dir, cache = Path(name) / "datasets", Path(name) / "cache"
        _write(data_dir / "photos" / "train")
        began = time.perf_counter()
        Datasets(data_dir, cache).survey()
        yield Line(f"headers of {IMAGES:,} images read", "s", time.perf_counter() - began)
        decoded, loaded = [], []
        for _ in range(rounds):
            shutil.rmtree(cache)
            decoded.append(_in_a_process(data_dir, cache))
            loaded.append(_in_a_process(data_dir, cache))
    yield from _figures("decoded and cached", decoded, DECODE_SECONDS)
    yield from _figures("loaded from the cache", loaded, LOAD_SECONDS)


def _figures(what: str, each: list[Loaded], at_most: float) -> Iterator[Line]:
    of = f"{IMAGES:,} images of {SIDE} × {SIDE} {what}"
    yield median(of, "s", [one.seconds for one in each], at_most=at_most)
    yield median(f"{of}: processor time", "s", [one.processor_seconds for one in each])
    yield median(f"{of}: peak memory / images", "×", [one.memory_share for one in each], at_most=MEMORY_SHARE)


def _in_a_process(data_dir: Path, cache: Path) -> Loaded:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_load, data_dir, cache).result()


def _load(data_dir: Path, cache: Path) -> Loaded:
    before = _peak_bytes()
    began, busy = time.perf_counter(), time.process_time()
    plan = DatasetPlan("photos", CLASSES, "computed", val_fraction=0.2, holdout_fraction=0.1)
    data = Datasets(data_dir, cache).load(plan)
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    assert sum(map(len, data.splits)) == IMAGES
    return Loaded(seconds, busy, (_peak_bytes() - before) / (IMAGES * 3 * SIDE * SIDE))


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _write(folder: Path) -> None:
    """JPEG files of smooth random colours, which take about as many bytes as photographs."""
    import numpy as np  # noqa: PLC0415 - not for those who only list the benchmarks
    from PIL import Image  # noqa: PLC0415

    random = np.random.default_rng(0)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for number in range(IMAGES // len(CLASSES)):
            small = Image.fromarray(random.integers(0, 256, (12, 12, 3), dtype=np.uint8))
            small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / name / f"{number:05}.jpg", quality=90)
