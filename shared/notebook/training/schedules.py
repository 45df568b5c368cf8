"""The learning rate of each step as a function of the step's number, written out for each kind of schedule."""

from __future__ import annotations

from typing import assert_never

from shared.jobspec.fields.training import Constant, Cosine, OneCycle, Schedule, Step, WarmupCosine
from shared.notebook.python_text import joined, literal


def words_of(schedule: Schedule) -> str:
    """Return a schedule in words."""
    match schedule:
        case Constant():
            return "The learning rate stays as it is."
        case Step():
            return (
                f"The learning rate is multiplied by {schedule.gamma:g} after every {schedule.step_epochs} epochs, "
                "as by `torch.optim.lr_scheduler.StepLR`."
            )
        case Cosine():
            return (
                f"The learning rate falls by half a cosine wave towards {schedule.min_lr:g}, epoch by epoch, as by "
                "`torch.optim.lr_scheduler.CosineAnnealingLR`."
            )
        case OneCycle():
            return (
                f"The learning rate rises in the first {100 * schedule.pct_start:g} % of all steps and falls in the "
                "others, as by `torch.optim.lr_scheduler.OneCycleLR` (Smith and Topin, 2017)."
            )
        case WarmupCosine():
            return (
                f"The learning rate rises along a line for {schedule.warmup_epochs:g} epochs, then falls by half a "
                f"cosine wave towards {schedule.min_lr:g}, step by step."
            )
        case _:
            assert_never(schedule)


def function_of(schedule: Schedule, lr: float) -> str:
    """Return the definition of `learning_rate(step)`; an empty text where the rate is the same in every step.

    The function counts steps from 0 over the whole run, of `STEPS` steps an epoch. Its arithmetic is the worker's,
    operation by operation, so that the rates are equal to the last bit.
    """
    match schedule:
        case Constant():
            return ""
        case Step():
            return _step(schedule, lr)
        case Cosine():
            return _cosine(schedule, lr)
        case OneCycle():
            return _one_cycle(schedule, lr)
        case WarmupCosine():
            return _warmup_cosine(schedule, lr)
        case _:
            assert_never(schedule)


def _wave(start: str, end: float) -> str:
    """Return the rate at `angle`, from 0 to pi, of half a cosine wave from one rate to another."""
    if not end:
        return f"{start} * (1 + math.cos(angle)) / 2"
    return f"{literal(end)} + ({start} - {literal(end)}) * (1 + math.cos(angle)) / 2"


def _step(schedule: Step, lr: float) -> str:
    return f'''
def learning_rate(step):
    """The rate of a step, counted from 0 over the whole run."""
    return {literal(lr)} * {literal(schedule.gamma)} ** (step // STEPS // {schedule.step_epochs})
'''


def _cosine(schedule: Cosine, lr: float) -> str:
    return f'''
def learning_rate(step):
    """The rate of a step, counted from 0 over the whole run; it is the same in all steps of an epoch."""
    angle = math.pi * (step // STEPS) / EPOCHS
    return {_wave(literal(lr), schedule.min_lr)}
'''


def _one_cycle(schedule: OneCycle, lr: float) -> str:
    return joined(
        f'''
def learning_rate(step):
    """The rate of a step, counted from 0 over the whole run."""
    highest = {literal(lr)}
    first = highest / {literal(schedule.div_factor)}
    last = first / {literal(schedule.final_div_factor)}
    end = EPOCHS * STEPS - 1  # the last step
    top = {literal(schedule.pct_start)} * (EPOCHS * STEPS) - 1  # not always a whole number of steps
    if step > top:
        return between(highest, last, (step - top) / (end - top))
    return between(first, highest, step / top if top else 1.0)
''',
        _BETWEEN[schedule.anneal_strategy],
    )


_BETWEEN = {
    "cos": '''
def between(start, end, share):
    """The rate at this share of the way from one rate to another, along half a cosine wave."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
''',
    "linear": '''
def between(start, end, share):
    """The rate at this share of the way from one rate to another, along a line."""
    return start + (end - start) * share
''',
}


def _warmup_cosine(schedule: WarmupCosine, lr: float) -> str:
    return f'''
def learning_rate(step):
    """The rate of a step, counted from 0 over the whole run."""
    highest = {literal(lr)}
    warmup = {literal(schedule.warmup_epochs)} * STEPS  # not always a whole number of steps
    if step < warmup:
        return highest * (step + 1) / (warmup + 1)
    angle = math.pi * (step - warmup) / (EPOCHS * STEPS - warmup)
    return {_wave("highest", schedule.min_lr)}
'''
