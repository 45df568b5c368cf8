"""Where an epoch's time goes: `python -m benchmarks.gpu.tracing tapered --out FOLDER`, a line of JSON for each run.

torch's profiler watches a few epochs once everything is recorded: which kernels ran, how long the device was busy, and
how long the host waited or launched.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.measure import SHARE_ON_A_CPU, candidates, device_name
from benchmarks.gpu.plans import NETWORKS, images, plan_of
from worker.training.data import LoadedDataset
from worker.training.plan import TrainingPlan
from worker.training.results import EpochResult
from worker.training.trainer import train

WARM, WATCHED = 4, 2
"""Epochs before the watched ones, and those."""
_ON_DEVICE = ("kernel", "gpu_memcpy", "gpu_memset")
_SHOWN = 25
_STEPS_SHOWN = 2.5

Event = dict[str, Any]


def main() -> int:
    """Trace the network, writing each record as it comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--precisions", nargs="+", default=["fp32", "tf32", "bf16"])
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = images(1.0 if device.type == "cuda" else SHARE_ON_A_CPU)
    plan = replace(plan_of(options.network), epochs=WARM + WATCHED)
    engine = candidates(plan, device)[0]
    with (options.out / "records.jsonl").open("a", encoding="utf-8") as file:
        for precision in options.precisions:
            about = {"traced": True, "network": options.network, "engine": engine, "precision": precision}
            found = {**about, **traced(replace(plan, precision=precision), data, device, engine)}
            print(shown(found), flush=True)
            del found["a_step"]
            file.write(json.dumps(found) + "\n")
            file.flush()
    print(of_the_host(plan, data, device, engine))
    print(f"{options.network} traced on {device_name(device)}")
    return 0


def traced(plan: TrainingPlan, data: LoadedDataset, device: torch.device, engine: str) -> Event:
    """Figures of the watched epochs, an epoch each, in microseconds."""
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device.type == "cuda" else [])
    watch = profile(activities=activities)
    done: list[EpochResult] = []

    def on_epoch(result: EpochResult) -> None:
        done.append(result)
        if len(done) == WARM:
            watch.start()

    train(plan, data, device, on_epoch=on_epoch, check=lambda: None, engine=engine)
    watch.stop()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        watch.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    steps = -(-len(data.train) // plan.batch_size)
    return {**_summary([event for event in events if event.get("ph") == "X"], steps), "steps": steps}


def _summary(events: list[Event], steps: int) -> Event:
    kernels = sorted((event for event in events if event.get("cat") in _ON_DEVICE), key=lambda event: event["ts"])
    calls = [event for event in events if event.get("cat") == "cuda_runtime"]
    first, last = (kernels[0]["ts"], max(k["ts"] + k["dur"] for k in kernels)) if kernels else (0.0, 0.0)
    return {
        "wall_us": (last - first) / WATCHED,
        "busy_us": _busy(kernels) / WATCHED,
        "kernels": len(kernels) / WATCHED,
        "by_kernel": _by_name(kernels),
        "by_call": _by_name(calls),
        "by_operator": _by_name(event for event in events if event.get("cat") == "cpu_op") if not kernels else [],
        "a_step": _a_step(kernels, steps),
    }


def _busy(kernels: list[Event]) -> float:
    """Microseconds in which anything ran; kernels may overlap."""
    busy, until = 0.0, 0.0
    for kernel in kernels:
        start, end = kernel["ts"], kernel["ts"] + kernel["dur"]
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    return busy


def _by_name(events: Iterable[Event]) -> list[tuple[str, float, float]]:
    """Name, times an epoch, microseconds an epoch; the longest first."""
    found: dict[str, list[float]] = defaultdict(list)
    for event in events:
        found[event["name"]].append(event["dur"])
    rows = [(name[:110], len(times) / WATCHED, sum(times) / WATCHED) for name, times in found.items()]
    return sorted(rows, key=lambda row: -row[2])[:_SHOWN]


def _a_step(kernels: list[Event], steps: int) -> list[tuple[float, float, int, str]]:
    """A few steps' kernels from the middle of an epoch: start, duration, stream, name."""
    middle = len(kernels) // 4
    part = kernels[middle : middle + int(_STEPS_SHOWN * len(kernels) / WATCHED / steps)]
    began = part[0]["ts"] if part else 0.0
    return [(k["ts"] - began, k["dur"], k.get("args", {}).get("stream", 0), k["name"][:90]) for k in part]


def shown(found: Event) -> str:
    """A record of a traced run as text, with the kernels that took the longest."""
    name = f"{found['network']} {found['precision']} {found['engine']}"
    busy = f"an epoch {found['wall_us']:.0f} µs, device busy {found['busy_us']:.0f} µs, {found['kernels']:.0f} kernels"
    rows = [f"  {times:8.1f} x {us:10.1f} µs  {what}" for what, times, us in found["by_kernel"] or found["by_operator"]]
    calls = [f"  {times:8.1f} x {us:10.1f} µs  {what}" for what, times, us in found["by_call"]]
    step = [f"  {start:9.2f} {dur:8.2f} {stream:4} {what}" for start, dur, stream, what in found["a_step"]]
    return "\n".join([f"{name}: {busy}", *rows, " host calls", *calls, " some steps", *step])


def of_the_host(plan: TrainingPlan, data: LoadedDataset, device: torch.device, engine: str) -> str:
    """Which Python functions a run's time goes to, set-up included."""
    watch = cProfile.Profile()
    watch.runcall(train, plan, data, device, on_epoch=lambda _: None, check=lambda: None, engine=engine)
    text = StringIO()
    pstats.Stats(watch, stream=text).sort_stats("cumulative").print_stats(45)
    return text.getvalue()


if __name__ == "__main__":
    sys.exit(main())
