"""Digests of plans as the first release made them, for every kind that a spec of it could name: fixed for ever."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import Any, get_args

import pytest

from shared.jobspec import Caps, parse_spec
from shared.jobspec.fields.layers import ActivationName
from worker.training.plan import TrainingPlan, plan_from_spec
from worker.training.state.digests import first_digest

Document = dict[str, Any]

OPTIMIZERS: dict[str, Document] = {
    "sgd": {"kind": "sgd"},
    "nesterov": {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.0005},
    "adam": {"kind": "adam"},
    "adam-like-sgd": {"kind": "adam", "lr": 0.01, "weight_decay": 0.01},
    "adam-set": {"kind": "adam", "lr": 0.01, "betas": [0.8, 0.9], "eps": 1e-6},
    "adamw": {"kind": "adamw"},
    "adamw-like-sgd": {"kind": "adamw", "lr": 0.01, "weight_decay": 0},
    "adamw-set": {"kind": "adamw", "lr": 0.02, "betas": [0, 0.5], "eps": 1e-7, "weight_decay": 1},
}
SCHEDULES: dict[str, Document] = {
    "constant": {"kind": "constant"},
    "step": {"kind": "step"},
    "step-set": {"kind": "step", "step_epochs": 7, "gamma": 0.5},
    "cosine": {"kind": "cosine"},
    "cosine-set": {"kind": "cosine", "min_lr": 0.0005},
    "one_cycle": {"kind": "one_cycle"},
    "one_cycle-set": {
        "kind": "one_cycle",
        "pct_start": 0.25,
        "anneal_strategy": "linear",
        "div_factor": 10,
        "final_div_factor": 100,
    },
}
AUGMENTATIONS: dict[str, list[Document]] = {
    "none": [],
    "flip": [{"kind": "flip"}],
    "crop": [{"kind": "crop"}],
    "crop-set": [{"kind": "crop", "padding": 2, "padding_mode": "reflect"}],
    "cutout": [{"kind": "cutout"}],
    "all": [{"kind": "cutout", "size": 4}, {"kind": "crop", "padding_mode": "reflect"}, {"kind": "flip"}],
}
_LINEAR = {"kind": "linear", "out_features": 2}
_END = [{"kind": "flatten"}, _LINEAR]
_CONVOLUTION = {"kind": "conv2d", "out_channels": 3, "kernel_size": 3, "padding": 1}
_RESIDUAL = {"kind": "residual", "layers": [_CONVOLUTION, {"kind": "batchnorm"}]}


def _layers(*layers: Document) -> Document:
    return {"kind": "layers", "layers": [*layers, *_END]}


ARCHITECTURES: dict[str, Document] = {
    "softmax-regression": {"kind": "mlp", "hidden": []},
    "mlp": {"kind": "mlp", "hidden": [8, 4], "activation": "gelu", "output": "logits"},
    "linear": {"kind": "layers", "layers": [*_END, {**_LINEAR, "bias": False}], "output": "softmax"},
    "conv2d": _layers(_CONVOLUTION),
    "conv2d-set": _layers({**_CONVOLUTION, "stride": 2, "dilation": 2, "groups": 3, "bias": False}),
    "maxpool2d": _layers({"kind": "maxpool2d", "kernel_size": 2}),
    "maxpool2d-set": _layers({"kind": "maxpool2d", "kernel_size": 3, "stride": 2, "padding": 1}),
    "avgpool2d": _layers({"kind": "avgpool2d", "kernel_size": 2, "stride": 1}),
    "batchnorm": _layers({"kind": "batchnorm"}, {"kind": "batchnorm", "momentum": 0.4}),
    "dropout": _layers({"kind": "dropout"}, {"kind": "dropout", "p": 0.2}),
    "scale": _layers({"kind": "scale", "factor": 0.125}),
    "activations": _layers(*({"kind": kind} for kind in sorted(get_args(ActivationName)))),
    "residual": _layers(_RESIDUAL, {**_RESIDUAL, "shortcut": [_CONVOLUTION, {"kind": "relu"}]}),
    "whitening": _layers({"kind": "whitening", "kernel_size": 2}, {"kind": "gelu"}),
    "torchvision": {"kind": "torchvision", "network": "resnet18"},
}
OTHERS: dict[str, Document] = {
    "epochs": {"training": {"epochs": 20, "batch_size": 128, "shuffle": False, "seed": 3}},
    "precision": {"training": {"precision": "bf16", "label_smoothing": 0.1, "loss": "nll"}},
    "stopping": {"training": {"early_stopping": {}}},
    "stopping-set": {"training": {"early_stopping": {"monitor": "val_accuracy", "patience": 3, "min_delta": 0.5}}},
    "average": {"training": {"weight_average": {"kind": "ema"}}},
    "average-set": {"training": {"weight_average": {"kind": "ema", "decay": 0.5}}},
    "engine": {"training": {"engine": "resident"}, "resources": {"threads": 2, "device": "cpu"}},
    "dataset": {"dataset": {"name": "cifar10", "classes": ["cat", "dog", "frog"], "normalize": "computed"}},
    "dataset-set": {"dataset": {"name": "synthetic", "train_per_class": 40, "val_per_class": 7, "normalize": "none"}},
}
_MLP: Document = {"architecture": {"kind": "mlp", "hidden": [8]}}
SPECS: dict[str, Document] = {
    **{name: {**_MLP, "training": {"optimizer": optimizer}} for name, optimizer in OPTIMIZERS.items()},
    **{name: {**_MLP, "training": {"schedule": schedule}} for name, schedule in SCHEDULES.items()},
    **{name: {**_MLP, "training": {"augment": steps}} for name, steps in AUGMENTATIONS.items()},
    **{name: {"architecture": architecture} for name, architecture in ARCHITECTURES.items()},
    **{name: {**_MLP, **other} for name, other in OTHERS.items()},
}
DIGESTS = {
    "sgd": ("3cdb714758fdbffe", "71844dd473b17d82"),
    "nesterov": ("8ffd28e85e30977e", "856952c1df6adbfe"),
    "adam": ("73c61d975157cd40", "f3d669d81378e636"),
    "adam-like-sgd": ("755b2c14b0f39474", "39a3ccbcb40c7959"),
    "adam-set": ("bd096745c6bfb45b", "6ad61ba9ca508fa7"),
    "adamw": ("eda7e88d0a702a61", "47d0ad5066de354f"),
    "adamw-like-sgd": ("d2ab0755f3136d25", "46623e6069f58af6"),
    "adamw-set": ("42a6eb8f5e32127f", "6b621edfadd43264"),
    "constant": ("3cdb714758fdbffe", "71844dd473b17d82"),
    "step": ("02dd6c4796fe989b", "1d06db13e36293eb"),
    "step-set": ("3d500c78bb10d452", "759efc312eb4ccce"),
    "cosine": ("2169cf15a7b25a41", "b13fc4446541b082"),
    "cosine-set": ("9122fb46d0288f2f", "c728f61fee1f9796"),
    "one_cycle": ("8a73cb114f409733", "0906fa71a7d53d9b"),
    "one_cycle-set": ("7c77484602695590", "408511d9f9560288"),
    "none": ("3cdb714758fdbffe", "71844dd473b17d82"),
    "flip": ("f605c311b82ec81a", "2033cfb8f0cfda19"),
    "crop": ("07d318d4069214d2", "0ef001ee3287d25b"),
    "crop-set": ("ddb7c624332e2c56", "cb8a1e91383796c3"),
    "cutout": ("47667b952c114495", "9839a0c6b7f02d6b"),
    "all": ("b88c5596adc5351a", "a48f3b7ac6c59668"),
    "softmax-regression": ("5a5ac6c4a26b8012", "74fef35d6eda8ee1"),
    "mlp": ("c1ea75e4efe67648", "92d336cfd840dd24"),
    "linear": ("d7c63274af0500ed", "27373bd339b613c8"),
    "conv2d": ("f7d38b2d61787175", "2d24adfbdd457b49"),
    "conv2d-set": ("0779235f94a5e6b4", "7db3b7d885ccae8a"),
    "maxpool2d": ("7e514398d53ac7db", "48b04b80fb4070f7"),
    "maxpool2d-set": ("fc3cad381ef68880", "5e67828c2b2ef57c"),
    "avgpool2d": ("ed5599903cbf2185", "bf01d960fc266ea0"),
    "batchnorm": ("90d8edc46d33f879", "6fe10ad6b352aa42"),
    "dropout": ("6acd467f0a5bb968", "2ea99f6bcbdd69bf"),
    "scale": ("2a7236936a0e77fa", "5dffb785669a99ef"),
    "activations": ("fde9c863381284a9", "c589eaf8ddad97d8"),
    "residual": ("20d9b6be067e5c42", "25dea9bb0a7db399"),
    "whitening": ("be5b1098979757c8", "c91ea875f5353695"),
    "torchvision": ("f28c8fc5e8e31764", "d29f84a823ebdd09"),
    "epochs": ("88c60412ee740e05", "65459548e4c12871"),
    "precision": ("2d395bab06a8d204", "f9e9e97f51d915d4"),
    "stopping": ("3bc0272c20a06155", "a857664e98e16346"),
    "stopping-set": ("478250e851c08d78", "1f1728e4f89330e5"),
    "average": ("47b1940f7ede3f99", "2ac5867a0aea80d6"),
    "average-set": ("00bf3ed2c892aba7", "63040a59e608b3a8"),
    "engine": ("e59b2b87fb86fc9c", "a5fcf8dc11d505ff"),
    "dataset": ("63799ecbc4d66d1e", "b8229302ff6e6bb8"),
    "dataset-set": ("c4135830eaa81d21", "f978fd6fb3bd0a2f"),
}
"""By today's rule and by the first one, the first 16 digits of each."""
PRODUCT = "b7e6f4b7bb77288cf432fb186cc612d21d443e19e8dfe4e474c7bc04807da908"
"""Of three architectures and all optimizers, schedules and augmentations with each other: of all digests in a row."""


def _plan(document: Document) -> TrainingPlan:
    return plan_from_spec(json.loads(json.dumps(parse_spec(document, Caps()).document)))


def _digests(document: Document) -> tuple[str, str]:
    plan = _plan(document)
    return plan.digest, first_digest(plan)


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_has_the_digests_that_it_had(name: str) -> None:
    """A checkpoint of a running job is found to be its own by them, after an upgrade and beside a worker of before."""
    today, first = _digests(SPECS[name])
    assert (today[:16], first[:16]) == DIGESTS[name]


def test_every_combination_has_the_digests_that_it_had() -> None:
    """No part of a plan changes how another part counts."""
    seen = hashlib.sha256()
    architectures = {name: ARCHITECTURES[name] for name in ("mlp", "residual", "torchvision")}
    for parts in itertools.product(*(each.values() for each in (architectures, OPTIMIZERS, SCHEDULES, AUGMENTATIONS))):
        architecture, optimizer, schedule, augment = parts
        training = {"optimizer": optimizer, "schedule": schedule, "augment": augment}
        for digest in _digests({"architecture": architecture, "training": training}):
            seen.update(digest.encode())
    assert seen.hexdigest() == PRODUCT
