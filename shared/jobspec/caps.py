"""The limits that protect the service from a single submission. Each is a setting."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Caps:
    """The limits of one job.

    Attributes:
        max_parameters: trainable values of the network.
        max_layers: entries of `layers` or of `hidden`.
        max_epochs: passes over the training split.
        max_batch_size: samples in a batch.
        max_activations: values held in one forward pass of one batch, over all layers (4 bytes each in fp32).
        max_flops_per_epoch: floating-point operations of an epoch; the default is exact as a JSON number.
        max_dataset_bytes: bytes of a job's images, decoded.
        max_name_length: characters of a job's name or of one tag.
        max_tags: tags of a job.
    """

    max_parameters: int = 200_000_000
    max_layers: int = 200
    max_epochs: int = 10_000
    max_batch_size: int = 10_000
    max_activations: int = 2_000_000_000
    max_flops_per_epoch: int = 5_000_000_000_000_000
    max_dataset_bytes: int = 4_000_000_000
    max_name_length: int = 100
    max_tags: int = 20


NO_CAPS = Caps(**dict.fromkeys((field.name for field in fields(Caps)), sys.maxsize))
"""Limits that accept every job, for one that was checked before or is checked elsewhere."""
