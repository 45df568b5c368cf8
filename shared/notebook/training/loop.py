"""The training of a job: loader, loss, weight average, validation, the loop, and when it stops."""

from __future__ import annotations

from typing import assert_never

from shared.jobspec.fields.training import EarlyStopping, MovingAverage, Training
from shared.notebook.python_text import call, changed, lines, literal
from shared.notebook.record import Record
from shared.notebook.training import optimizers

_AVERAGE = '''
average = deepcopy(network)
updates = 0


@torch.no_grad()
def update_average():
    """Mix the network's weights into their average, after a step."""
    global updates
    updates += 1
    decay = min({decay}, (1 + updates) / (10 + updates))
    for mean, value in zip(average.state_dict().values(), network.state_dict().values()):
        if value.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:  # BatchNorm counts its batches
            mean.copy_(value)
'''


def words_of(record: Record) -> str:
    """Return order, loss, optimizer and precision in words."""
    training = record.spec.training
    order = "in an order that is drawn anew for each epoch" if training.shuffle else "always in the same order"
    size = f"{training.batch_size:,} image{'' if training.batch_size == 1 else 's'}"
    loader = f"The loader gives images by their numbers, {size} at a time, {order}; the last batch may be smaller."
    parts = [loader, _loss_words(record)]
    if training.label_smoothing:
        parts.append(f"A share of {training.label_smoothing:g} of each label is spread evenly over all classes.")
    return " ".join([*parts, *_precision_words(training)])


def _order(record: Record) -> str:
    """Return the statements that make the loader of the training images."""
    training = record.spec.training
    options = f"batch_size=BATCH_SIZE, shuffle={training.shuffle}, generator=order"
    steps = None if training.schedule.kind == "constant" else "STEPS = len(loader)  # of an epoch"
    return lines(
        "order = torch.Generator().manual_seed(SEED)",
        f"loader = DataLoader(range(len(train_labels)), {options})",
        steps,
    )


def optimizer_of(record: Record) -> str:
    """Return the statements that make the loader, the loss and the optimizer."""
    training = record.spec.training
    return lines(
        _order(record),
        "",
        "network = network.to(DEVICE)" if record.on_gpu else None,
        f"loss_function = {call('nn.CrossEntropyLoss', **changed(training, 'label_smoothing'))}",
        f"optimizer = {optimizers.optimizer_of(training.optimizer)}",
    )


def average_words_of(average: MovingAverage) -> str:
    """Return a weight average in words."""
    return (
        "A moving average of the weights, BatchNorm's statistics included, is validated in the network's place. After "
        f"step t it keeps min({average.decay:g}, (1 + t) / (10 + t)) of itself, so that the first weights do not weigh "
        "on it for long."
    )


def average_of(average: MovingAverage) -> str:
    """Return the statements that make `average`, and the definition of `update_average()`."""
    return _AVERAGE.replace("{decay}", literal(average.decay))


def validation_words_of() -> str:
    """Return how the validation images are scored, in words."""
    return (
        "Validation takes all images in pieces of 500. It needs no DataLoader, which would draw a number from the "
        "generator that dropout draws from."
    )


def validation_of(record: Record) -> str:
    """Return the definition of `predict(network, images)`: the scores of all images, on the CPU."""
    forward = "network(prepare(batch).to(DEVICE))" if record.on_gpu else "network(prepare(batch))"
    inner = [f"scores.append({forward})"]
    if record.spec.training.precision == "bf16":
        inner = [f"with {_autocast(record)}:", f"    scores.append({forward}.float())"]
    return lines(
        "@torch.no_grad()",
        "def predict(network, images):",
        '    """The scores of all images."""',
        "    network.eval()",
        "    scores = []",
        "    for batch in images.split(500):",
        *(f"        {line}" for line in inner),
        f"    return torch.cat(scores){'.cpu()' if record.on_gpu else ''}",
    )


def loop_of(record: Record) -> str:
    """Return the training loop, which fills `history`, `best_epoch` and `best_weights`."""
    training = record.spec.training
    validated = "average" if record.averaged else "network"
    stopping = training.early_stopping
    return lines(
        'history = {"train_loss": [], "train_accuracy": [], "val_loss": [], "val_accuracy": []}',
        "best_accuracy = -1.0",
        None if stopping is None else f"{_best_name(stopping)}, waited = None, 0",
        "",
        "for epoch in range(1, EPOCHS + 1):",
        *_epoch(record),
        "",
        f"    scores = predict({validated}, val_images)",
        "    val_loss = F.cross_entropy(scores.double(), val_labels).item()",
        "    val_accuracy = (scores.argmax(1) == val_labels).sum().item() / len(val_labels)",
        "    for name, figure in zip(history, (train_loss, train_accuracy, val_loss, val_accuracy)):",
        "        history[name].append(figure)",
        '    training, validation = f"{train_loss:.4f} {train_accuracy:.1%}", f"{val_loss:.4f} {val_accuracy:.1%}"',
        '    print(f"epoch {epoch}: training {training}, validation {validation}")',
        "",
        "    if val_accuracy > best_accuracy:",
        "        best_epoch, best_accuracy = epoch, val_accuracy",
        f"        best_weights = deepcopy({validated}.state_dict())",
        *([] if stopping is None else ["", *_stopping(stopping)]),
    )


def stopping_words_of(stopping: EarlyStopping) -> str:
    """Return when the training ends before its last epoch, in words."""
    by = f" by more than {stopping.min_delta:g}" if stopping.min_delta else ""
    epochs = "an epoch" if stopping.patience == 1 else f"{stopping.patience} epochs"
    return f"Training ends early once the {_MONITORED[stopping.monitor]} has not improved{by} for {epochs}."


_MONITORED = {"val_loss": "validation loss", "val_accuracy": "validation accuracy", "train_loss": "training loss"}


def _loss_words(record: Record) -> str:
    output = record.spec.architecture.output
    match output:
        case "logits":
            return "The loss is cross-entropy."
        case "log_softmax":
            return "The loss, cross-entropy of the scores, is the negative log likelihood of their log-softmax."
        case "softmax":
            return "The loss, cross-entropy of the scores, is the negative log likelihood of their softmax."
        case _:
            assert_never(output)


def _precision_words(training: Training) -> list[str]:
    match training.precision:
        case "fp32":
            return []
        case "bf16":
            return ["Products are computed in bfloat16, by autocast; weights stay in 32 bits."]
        case "tf32":
            return ["On a GPU products are computed in TF32, with 10 bits of mantissa; weights stay in 32 bits."]
        case _:
            assert_never(training.precision)


def _autocast(record: Record) -> str:
    return f"torch.autocast({'DEVICE.type' if record.on_gpu else literal('cpu')}, dtype=torch.bfloat16)"


def _epoch(record: Record) -> list[str]:
    """Return the statements of an epoch's training, up to its mean loss and accuracy."""
    training = record.spec.training
    scheduled = training.schedule.kind != "constant"
    batches = "enumerate(loader, start=(epoch - 1) * STEPS)" if scheduled else "loader"
    chosen = "train_images[numbers]"
    images = f"prepare(augment({chosen}))" if training.augment else f"prepare({chosen})"
    forward = ["scores = network(images)", "loss = loss_function(scores, labels)"]
    if training.precision == "bf16":
        forward = [f"with {_autocast(record)}:", *(f"    {line}" for line in forward)]
    device = ".to(DEVICE)" if record.on_gpu else ""
    step = [
        f"images, labels = {images}{device}, train_labels[numbers]{device}",
        *forward,
        *(['optimizer.param_groups[0]["lr"] = learning_rate(step)'] if scheduled else []),
        "optimizer.zero_grad()",
        "loss.backward()",
        "optimizer.step()",
        *(["update_average()"] if record.averaged else []),
        "losses.append(loss.item() * len(labels))",
        "correct += (scores.argmax(1) == labels).sum().item()",
    ]
    return [
        "    network.train()",
        "    losses, correct = [], 0",
        f"    for {'step, numbers' if scheduled else 'numbers'} in {batches}:",
        *(f"        {line}" for line in step),
        "    train_loss = math.fsum(losses) / len(train_labels)",
        "    train_accuracy = correct / len(train_labels)",
    ]


def _best_name(stopping: EarlyStopping) -> str:
    return "highest" if stopping.monitor == "val_accuracy" else "lowest"


def _stopping(stopping: EarlyStopping) -> list[str]:
    """Return the statements that leave the loop once the monitored figure has not improved for too long."""
    figure, best = stopping.monitor, _best_name(stopping)
    sign, compare = ("+", ">") if best == "highest" else ("-", "<")
    bound = f"{best} {sign} {literal(stopping.min_delta)}" if stopping.min_delta else best
    return [
        f"    if {best} is None or {figure} {compare} {bound}:",
        f"        {best}, waited = {figure}, 0",
        "    else:",
        "        waited += 1",
        f"    if waited == {stopping.patience}:",
        "        break",
    ]
