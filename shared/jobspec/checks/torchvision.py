"""The cost of torchvision's networks, from a table, as torchvision's own code builds them."""

from __future__ import annotations

from shared.jobspec.checks.costs import Cost, LayerCost
from shared.jobspec.checks.torchvision_counts import COUNTS, INPUT_SHAPE


def torchvision_cost(network: str, classes: int, samples: int) -> Cost:
    """Return the cost of a network by name, as if it were one layer.

    None of the networks needs two samples in a batch: their last feature maps have more than one pixel.
    """
    figures = {name: base + classes * per_class for name, (base, per_class) in COUNTS[network].items()}
    whole = LayerCost(
        kind=network,
        pointer="/architecture/network",
        input_shape=INPUT_SHAPE,
        output_shape=(classes,),
        parameters=figures["parameters"],
        weight_bytes=4 * figures["parameters"] + figures["buffer_bytes"],
        flops=figures["flops"] * samples,
        activations=figures["activations"],
    )
    return Cost(whole.parameters, whole.flops, whole.weight_bytes, (whole,))
