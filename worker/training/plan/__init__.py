"""What to train, as frozen values: one class for each kind of a part. Standard library only.

The spec was checked when it was submitted. Defaults are the spec's own; the tests hold the two together.
"""

from worker.training.plan.architectures import ArchitecturePlan, LayersPlan, MlpPlan, Output, TorchvisionPlan
from worker.training.plan.augmentations import AugmentPlan, CropPlan, CutoutPlan, FlipPlan, PaddingMode
from worker.training.plan.layers import (
    ActivationName,
    ActivationPlan,
    AvgPool2dPlan,
    BatchNormPlan,
    Conv2dPlan,
    DropoutPlan,
    FlattenPlan,
    LayerPlan,
    LinearPlan,
    MaxPool2dPlan,
    PlainLayerPlan,
    ResidualPlan,
    ScalePlan,
    WhiteningPlan,
)
from worker.training.plan.optimizers import AdamPlan, AdamWPlan, NAdamPlan, OptimizerPlan, RmsPropPlan, SgdPlan
from worker.training.plan.reader import plan_from_spec
from worker.training.plan.schedules import ConstantPlan, CosinePlan, OneCyclePlan, SchedulePlan, StepPlan
from worker.training.plan.training import (
    DatasetPlan,
    EarlyStoppingPlan,
    Monitor,
    Normalization,
    Precision,
    TrainingPlan,
    WeightAveragePlan,
)

__all__ = [
    "ActivationName",
    "ActivationPlan",
    "AdamPlan",
    "AdamWPlan",
    "ArchitecturePlan",
    "AugmentPlan",
    "AvgPool2dPlan",
    "BatchNormPlan",
    "ConstantPlan",
    "Conv2dPlan",
    "CosinePlan",
    "CropPlan",
    "CutoutPlan",
    "DatasetPlan",
    "DropoutPlan",
    "EarlyStoppingPlan",
    "FlattenPlan",
    "FlipPlan",
    "LayerPlan",
    "LayersPlan",
    "LinearPlan",
    "MaxPool2dPlan",
    "MlpPlan",
    "Monitor",
    "NAdamPlan",
    "Normalization",
    "OneCyclePlan",
    "OptimizerPlan",
    "Output",
    "PaddingMode",
    "PlainLayerPlan",
    "Precision",
    "ResidualPlan",
    "RmsPropPlan",
    "ScalePlan",
    "SchedulePlan",
    "SgdPlan",
    "StepPlan",
    "TorchvisionPlan",
    "TrainingPlan",
    "WeightAveragePlan",
    "WhiteningPlan",
    "plan_from_spec",
]
