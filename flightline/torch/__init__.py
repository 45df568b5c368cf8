"""Flightline's networks as modules of torch, and modules of torch as Flightline's architectures. Needs torch alone.

`spec` makes the ``architecture`` of a job of an `nn.Sequential`, `network` a module of an architecture, and
`Model.to_torch` a `Classifier` of what a job has trained.
"""

from flightline.torch.architectures import spec, weight_names
from flightline.torch.classifiers import Classifier, classifier
from flightline.torch.modules import GlobalAvgPool, Residual, Scale, Whitening
from flightline.torch.networks import network

__all__ = [
    "Classifier",
    "GlobalAvgPool",
    "Residual",
    "Scale",
    "Whitening",
    "classifier",
    "network",
    "spec",
    "weight_names",
]
