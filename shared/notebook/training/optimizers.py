"""Optimizers as torch's classes, written out."""

from __future__ import annotations

from typing import assert_never

from shared.jobspec.fields.training import Adam, AdamW, NAdam, Optimizer, RmsProp, Sgd
from shared.notebook.python_text import broken, changed, options_of


def optimizer_of(optimizer: Optimizer) -> str:
    """Return the call that makes the optimizer of `network`'s parameters; options that are torch's own are left out."""
    match optimizer:
        case Sgd():
            return _made("SGD", optimizer, "momentum", "nesterov", "weight_decay")
        case Adam():
            return _made("Adam", optimizer, "betas", "eps", "weight_decay")
        case AdamW():
            return _made("AdamW", optimizer, "betas", "eps", "weight_decay")
        case RmsProp():
            return _made("RMSprop", optimizer, "alpha", "eps", "weight_decay", "momentum", "centered")
        case NAdam():
            return _made("NAdam", optimizer, "betas", "eps", "weight_decay", "momentum_decay")
        case _:
            assert_never(optimizer)


def _made(name: str, optimizer: Optimizer, *options: str) -> str:
    arguments = options_of(lr=optimizer.lr, **changed(optimizer, *options))
    return broken(f"torch.optim.{name}", ["network.parameters()", *arguments])
