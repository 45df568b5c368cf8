"""What torchvision's networks cost: they are built by torchvision alone, so their figures come from a table."""

from __future__ import annotations

from shared.jobspec.checks.costs import Cost, LayerCost
from shared.jobspec.checks.torchvision_counts import COUNTS, INPUT_SHAPE


def torchvision_cost(network: str, classes: int, samples: int) -> Cost:
    """The cost of a network by name, as if it were one layer.

    None of them needs two samples in a batch: their last images have more pixels than one.
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
