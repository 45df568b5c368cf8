"""A notebook's first words, and its settings."""

from __future__ import annotations

import re

from shared.jobs.status import JobStatus
from shared.notebook.network import architecture
from shared.notebook.python_text import lines
from shared.notebook.record import Record

_STATES: dict[str, str] = {
    JobStatus.SUCCEEDED: "succeeded",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELLED: "was cancelled",
    JobStatus.RUNNING: "was still running",
    JobStatus.PAUSED: "was paused by its sweep",
}
"""What became of a job, in words; any other status stands for itself."""


def words_of(record: Record) -> str:
    """Return the title, and what the job did and with what result."""
    spec, job = record.spec, record.job
    title = job.name or job.preset or f"{spec.architecture.kind} on {spec.dataset.name}"
    kind, classes = architecture.title_of(spec.architecture), len(spec.dataset.classes)
    epochs = f"{spec.training.epochs:,} epoch{'' if spec.training.epochs == 1 else 's'}"
    what = (
        f"This notebook repeats job `{job.id}` of Flightline in plain PyTorch: {kind} is trained for {epochs} "
        f"to tell {classes} classes of images of the data set {plain(spec.dataset.name)} apart."
    )
    needs = (
        "Run it from top to bottom. It needs torch, torchvision (with Pillow, which comes with it) and numpy; the "
        "curves at its end need matplotlib."
    )
    return "\n\n".join(part for part in (f"# {plain(title)}", what, _outcome(record), needs) if part)


def settings_of(record: Record) -> str:
    """Return the constants of the run, and what must be set before anything is computed."""
    training = record.spec.training
    return lines(
        f"SEED = {training.seed}",
        f"EPOCHS = {training.epochs}",
        f"BATCH_SIZE = {training.batch_size}",
        "",
        f"torch.set_num_threads({record.spec.resources.threads})  # more threads add in another order",
        *(_gpu_settings(record) if record.on_gpu else ()),
    )


def plain(text: str) -> str:
    """Return a text as Markdown that shows it as it is."""
    return re.sub(r"([\\`*_\[\]<>#|~$&])", r"\\\1", " ".join(text.split()))


def _outcome(record: Record) -> str:
    """Return how the job ended, where it ran and with what."""
    job = record.job
    state = _STATES.get(job.status, f"is {job.status}")
    if job.result is None:
        return f"The job {state}; it had no epochs when this notebook was written."
    best = f"its best validation accuracy was {job.result.best_val_accuracy:.2%}, in epoch {job.result.best_epoch}"
    return f"The job {state} after {job.progress.epoch} of {job.progress.epochs} epochs; {best}.{_environment(record)}"


def _environment(record: Record) -> str:
    found = record.environment
    if not found:
        return ""
    threads = record.spec.resources.threads
    device = f"{found.get('device')} ({found.get('capability')}, {threads} thread{'' if threads == 1 else 's'})"
    return f" It ran on {device} with torch {found.get('torch')} and the engine `{found.get('engine')}`."


def _gpu_settings(record: Record) -> tuple[str, ...]:
    """Return the settings under which a GPU gives the same bits every time, as in the job."""
    products = "tf32" if record.spec.training.precision == "tf32" else "ieee"
    return (
        'os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # without it cuBLAS may add in any order',
        "torch.use_deterministic_algorithms(True, warn_only=True)",
        f'torch.backends.cuda.matmul.fp32_precision = torch.backends.cudnn.conv.fp32_precision = "{products}"',
        'DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")',
    )
