"""How a network is trained, as JSON: optimizers, schedules, augmentations, early stopping."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.jobspec.fields.base import Part

LearningRate = Annotated[float, Field(gt=0, le=1000)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
WeightDecay = Annotated[float, Field(ge=0, le=100)]
Betas = Annotated[tuple[Fraction, Fraction], Field(strict=False)]
Epsilon = Annotated[float, Field(gt=0, le=1)]
Engine = Literal["auto", "reference", "fused", "resident", "graphs"]
JitterRange = Annotated[float, Field(ge=0, le=10)]


class Sgd(Part):
    """Stochastic gradient descent, as `torch.optim.SGD`."""

    kind: Literal["sgd"]
    lr: LearningRate = 0.01
    """Learning rate at the start."""
    momentum: Fraction = 0.0
    """Momentum: the share of the last step that is added to the next."""
    nesterov: bool = False
    """Whether to use Nesterov momentum; needs a momentum above 0."""
    weight_decay: WeightDecay = 0.0
    """L2 penalty, added to the gradient."""


class Adam(Part):
    """Adam, as `torch.optim.Adam`."""

    kind: Literal["adam"]
    lr: LearningRate = 0.001
    """Learning rate at the start."""
    betas: Betas = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    eps: Epsilon = 1e-8
    """Added to the denominator."""
    weight_decay: WeightDecay = 0.0
    """L2 penalty, added to the gradient."""


class AdamW(Part):
    """Adam with decoupled weight decay, as `torch.optim.AdamW`."""

    kind: Literal["adamw"]
    lr: LearningRate = 0.001
    """Learning rate at the start."""
    betas: Betas = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    eps: Epsilon = 1e-8
    """Added to the denominator."""
    weight_decay: WeightDecay = 0.01
    """Decoupled weight decay: each step shrinks weights by this times the learning rate."""


class RmsProp(Part):
    """RMSprop, as `torch.optim.RMSprop`."""

    kind: Literal["rmsprop"]
    lr: LearningRate = 0.01
    """Learning rate at the start."""
    alpha: Fraction = 0.99
    """Decay of the running mean of the gradient's square."""
    eps: Epsilon = 1e-8
    """Added to the denominator."""
    weight_decay: WeightDecay = 0.0
    """L2 penalty, added to the gradient."""
    momentum: Fraction = 0.0
    """Momentum: the share of the last step that is added to the next."""
    centered: bool = False
    """Whether to divide the gradient by its standard deviation, not by the root of its mean square."""


class NAdam(Part):
    """Adam with Nesterov's momentum, as `torch.optim.NAdam`."""

    kind: Literal["nadam"]
    lr: LearningRate = 0.002
    """Learning rate at the start."""
    betas: Betas = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    eps: Epsilon = 1e-8
    """Added to the denominator."""
    weight_decay: WeightDecay = 0.0
    """L2 penalty, added to the gradient."""
    momentum_decay: Fraction = 0.004
    """How fast the momentum grows from half of the first of `betas` to all of it."""


class Constant(Part):
    """A learning rate that is the same in every epoch."""

    kind: Literal["constant"]


class Step(Part):
    """The learning rate is multiplied by `gamma` after every `step_epochs` epochs, as `StepLR`."""

    kind: Literal["step"]
    step_epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    """Epochs between two cuts."""
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Factor of each cut."""


class Cosine(Part):
    """Half a cosine from `lr` in the first epoch towards `min_lr` after the last, as `CosineAnnealingLR`."""

    kind: Literal["cosine"]
    min_lr: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Learning rate that the curve ends in."""


class OneCycle(Part):
    """The learning rate rises to `lr` and falls again over the whole run, step by step, as `OneCycleLR`."""

    kind: Literal["one_cycle"]
    pct_start: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Part of the run in which the learning rate rises."""
    anneal_strategy: Literal["cos", "linear"] = "cos"
    """Whether the learning rate rises and falls along half a cosine or a line."""
    div_factor: Annotated[float, Field(ge=1, le=1e9)] = 25.0
    """Ratio of `lr` to the learning rate at the start."""
    final_div_factor: Annotated[float, Field(ge=1, le=1e9)] = 10_000.0
    """Ratio of the learning rate at the start to the one at the end."""


class WarmupCosine(Part):
    """The learning rate rises to `lr` along a line, then falls to `min_lr` along half a cosine, step by step."""

    kind: Literal["warmup_cosine"]
    warmup_epochs: Annotated[float, Field(ge=0, le=1_000_000)] = 5.0
    """Epochs, or parts of one, in which the learning rate rises; fewer than the job's."""
    min_lr: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Learning rate that the curve ends in."""


class ColorJitter(Part):
    """Changes each image's colours by random amounts, in a random order, as torchvision's `ColorJitter`."""

    kind: Literal["color_jitter"]
    brightness: JitterRange = 0.0
    """The brightness is multiplied by a random number from max(0, 1 - this) to 1 + this."""
    contrast: JitterRange = 0.0
    """The distance from the image's mean grey is multiplied by a random number, as for `brightness`."""
    saturation: JitterRange = 0.0
    """The distance from each pixel's own grey is multiplied likewise; images of one channel have none."""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Largest rotation of the hue, as a share of the circle, in both directions; images of one channel have none."""


class Flip(Part):
    """Mirrors each image left to right with probability one half."""

    kind: Literal["flip"]


class Crop(Part):
    """Pads each image and cuts the original size out at a random place, as torchvision's `RandomCrop`."""

    kind: Literal["crop"]
    padding: Annotated[int, Field(ge=1, le=16)] = 4
    """Pixels added on each side."""
    padding_mode: Literal["constant", "reflect"] = "constant"
    """Content of the padding: black, or the image mirrored in its outermost pixels."""


class Cutout(Part):
    """Makes a square in each image black, its centre anywhere in the image (DeVries and Taylor, 2017)."""

    kind: Literal["cutout"]
    size: Annotated[int, Field(ge=1)] = 8
    """Side of the square in pixels, at most the image's; parts outside of the image have no effect."""


class EarlyStopping(Part):
    """Ends the training when the monitored figure has not improved for a while."""

    monitor: Literal["val_loss", "val_accuracy", "train_loss"] = "val_loss"
    """The monitored figure: a loss improves by falling, an accuracy by rising."""
    patience: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Number of epochs without an improvement after which the training ends."""
    min_delta: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Least change that counts as an improvement."""


class MovingAverage(Part):
    """Exponential moving average of weights and BatchNorm statistics; validation and the saved files use it."""

    kind: Literal["ema"]
    decay: Fraction = 0.99
    """Decay of the average. The effective decay after step t is min(decay, (1 + t) / (10 + t))."""


Optimizer = Annotated[Sgd | Adam | AdamW | RmsProp | NAdam, Field(discriminator="kind")]
Schedule = Annotated[Constant | Step | Cosine | OneCycle | WarmupCosine, Field(discriminator="kind")]
Augmentation = Annotated[Flip | Crop | Cutout | ColorJitter, Field(discriminator="kind")]


class Training(Part):
    """How the network is trained: epochs, batches, loss, optimizer, schedule, augmentation."""

    epochs: Annotated[int, Field(ge=1)] = 100
    """Passes over the training split."""
    batch_size: Annotated[int, Field(ge=1)] = 64
    """Samples in a step; the last batch of an epoch may be shorter."""
    shuffle: bool = True
    """Whether each epoch uses its own random order of the samples."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """Seed of initial weights, order, dropout and augmentation."""
    loss: Literal["auto", "nll", "cross_entropy"] = "auto"
    """The loss; `auto` follows from the architecture's output, and a loss that contradicts it is refused."""
    label_smoothing: Fraction = 0.0
    """Probability that is spread evenly over all classes."""
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    """Arithmetic of matrix products; weights stay in fp32."""
    optimizer: Optimizer = Sgd(kind="sgd")
    """How a step is computed from the gradient."""
    schedule: Schedule = Constant(kind="constant")
    """How the learning rate changes."""
    augment: Annotated[tuple[Augmentation, ...], Field(strict=False)] = ()
    """Random changes of the training images, in this order."""
    early_stopping: EarlyStopping | None = None
    """When to stop before the last epoch; null means never."""
    weight_average: MovingAverage | None = None
    """Average of the weights to validate and save in place of the weights themselves; null means none."""
    engine: Engine = "auto"
    """Implementation of the training loop. `reference`: plain PyTorch. `fused`: without autograd, for fully
    connected networks without a weight_average on a CPU. `resident`: with the data on the device. `graphs`: whole steps
    as CUDA graphs. `auto`: the fastest that fits, so on a GPU graphs."""
