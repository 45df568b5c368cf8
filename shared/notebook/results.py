"""The figures that a job recorded beside those that the notebook gets, the curves, and the confusion matrix."""

from __future__ import annotations

from shared.notebook.images import splits
from shared.notebook.python_text import filled
from shared.notebook.record import Record

MOST_EPOCHS = 500
"""Most epochs whose recorded figures a notebook shows; of more, that many are taken at equal distances."""

_FIGURES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
_COMPARISON = """
print(f"{'figure':15} {'last here':>12} {'last of job':>12} {'largest difference':>19}")
for name, figures in recorded.items():
    ours = history[name]
    pairs = [(ours[epoch - 1], theirs) for epoch, theirs in zip(epochs, figures) if epoch <= len(ours)]
    difference = max(abs(here - theirs) for here, theirs in pairs)
    print(f"{name:15} {pairs[-1][0]:12.6f} {pairs[-1][1]:12.6f} {difference:19.1e}")
"""
_PLOT = """
try:
    import matplotlib.pyplot as plt
except ImportError:
    print("The curves need matplotlib: pip install matplotlib")
else:
    figure, panels = plt.subplots(1, 2, figsize=(11, 4))
    for panel, kind in zip(panels, ("loss", "accuracy")):
        for split, colour in (("train", "tab:blue"), ("val", "tab:orange")):
            ours = history[f"{split}_{kind}"]
            panel.plot(range(1, len(ours) + 1), ours, color=colour, label=split)
            {recorded}
        panel.set(xlabel="epoch", ylabel=kind)
        panel.legend()
    plt.show()
"""
_RECORDED_CURVE = 'panel.plot(epochs, recorded[f"{split}_{kind}"], "--", color=colour, label=f"{split}, the job")'
_CONFUSION = """
{network}.load_state_dict(best_weights)
predicted = predict({network}, val_images).argmax(1)
confusion = torch.bincount(val_labels * len(CLASSES) + predicted, minlength=len(CLASSES) ** 2).view(len(CLASSES), -1)
print(f"epoch {best_epoch}, {best_accuracy:.2%} of the validation images; a row for each true class:")
print(confusion)
"""
_TEST = """
test_accuracy = (predict({network}, test_images).argmax(1) == test_labels).sum().item() / len(test_labels)
print(f"{test_accuracy:.2%} of the test images")
"""


def figures_of(record: Record) -> str:
    """Return the statement that holds the job's recorded figures; an empty text before its first epoch."""
    count = len(record.epochs.epoch)
    if not count:
        return ""
    stride = -(-count // MOST_EPOCHS)
    kept = slice((count - 1) % stride, None, stride)  # the last epoch is always among them
    first = record.epochs.epoch[kept][0]
    columns = [f'    "{name}": {filled(getattr(record.epochs, name)[kept], "    ")},' for name in _FIGURES]
    step = f", {stride}" if stride > 1 else ""
    return "\n".join([f"epochs = range({first}, {count + 1}{step})", "recorded = {", *columns, "}"])


def comparison_of(record: Record) -> str:
    """Return the statements that print both figures; an empty text where the job has none."""
    return _COMPARISON if record.epochs.epoch else ""


def plot_of(record: Record) -> str:
    """Return the statements that draw the curves, the job's among them where it has some."""
    curve = _RECORDED_CURVE if record.epochs.epoch else ""
    return "\n".join(line for line in _PLOT.replace("{recorded}", curve).splitlines() if line.strip())


def confusion_of(record: Record) -> str:
    """Return the statements that print the confusion matrix of the best weights and, if there is one, the test's."""
    code = f"{_CONFUSION}{_TEST}" if splits.tested(record.spec.dataset) else _CONFUSION
    return code.replace("{network}", "average" if record.averaged else "network")


def comparison_words_of(record: Record) -> str:
    """Return how close the figures must be to the job's."""
    if not record.epochs.epoch:
        return "The job had no epochs when this notebook was written, so there is nothing to compare with yet."
    engine = record.job.engine or "reference"
    same = "the same kind of processor, the same version of torch and the same images"
    if engine == "reference" and record.job.exact:
        return f"The job ran the same plain loop: with {same}, every difference is zero."
    if engine == "reference":
        return (
            f"The job ran the same plain loop: with {same}, differences are in the last digits, as for two runs of it."
        )
    bound = (
        "within 2 % an epoch over the first five in training, by more in validation on few images"
        if record.spec.training.precision == "bf16"
        else "by less than a ten-thousandth over the first two epochs, more for networks with BatchNorm"
    )
    return (
        f"The job ran the engine `{engine}`, which does the same arithmetic in another order. Its roundings differ, so "
        f"with {same} losses differ {bound}, and drift apart slowly after that."
    )


def evaluation_words_of(record: Record) -> str:
    """Return what the job recorded of its best weights."""
    words = "The best weights are those with the highest validation accuracy, of equally good ones the earliest."
    if record.evaluation is None:
        return words
    best = record.evaluation
    rows = ", ".join(map(str, best.confusion_matrix)) if len(best.classes) <= 10 else ""
    matrix = f", with the confusion matrix [{rows}]" if rows else ""
    tested = "" if record.test is None else f" On the test images they reach {record.test.accuracy:.2%}."
    return f"{words} The job's are those of epoch {best.epoch}: {best.accuracy:.2%}{matrix}.{tested}"
