"""Counts of torchvision's networks on images of 3 × 32 × 32. Written by `make networks`, and checked by a test.

Each count is a pair: its value without classes, and its increase per class. Counted are parameters, other bytes of the
weights file, FLOPs of training on one image, and the values that all layers output for one image.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

INPUT_SHAPE = (3, 32, 32)

COUNTS: Mapping[str, Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "densenet121": {
            "parameters": (6_946_176, 1_025),
            "buffer_bytes": (335_560, 0),
            "flops": (5_326_503_936, 6_144),
            "activations": (12_001_280, 1),
        },
        "efficientnet_b0": {
            "parameters": (4_007_548, 1_281),
            "buffer_bytes": (168_456, 0),
            "flops": (190_030_080, 7_680),
            "activations": (1_650_040, 1),
        },
        "mobilenet_v2": {
            "parameters": (2_223_872, 1_281),
            "buffer_bytes": (136_864, 0),
            "flops": (144_921_600, 7_680),
            "activations": (1_590_016, 1),
        },
        "mobilenet_v3_small": {
            "parameters": (1_517_856, 1_025),
            "buffer_bytes": (48_720, 0),
            "flops": (32_070_144, 6_144),
            "activations": (345_928, 1),
        },
        "regnet_y_400mf": {
            "parameters": (3_903_144, 441),
            "buffer_bytes": (109_032, 0),
            "flops": (198_488_256, 2_640),
            "activations": (942_816, 1),
        },
        "resnet18": {
            "parameters": (11_168_832, 513),
            "buffer_bytes": (38_560, 0),
            "flops": (3_328_966_656, 3_072),
            "activations": (1_851_904, 1),
        },
        "resnet34": {
            "parameters": (21_276_992, 513),
            "buffer_bytes": (68_384, 0),
            "flops": (6_952_845_312, 3_072),
            "activations": (3_080_704, 1),
        },
        "shufflenet_v2_x1_0": {
            "parameters": (1_253_604, 1_025),
            "buffer_bytes": (65_168, 0),
            "flops": (268_624_128, 6_144),
            "activations": (1_562_880, 1),
        },
        "squeezenet1_1": {
            "parameters": (722_496, 513),
            "buffer_bytes": (0, 0),
            "flops": (526_909_440, 196_608),
            "activations": (1_421_312, 129),
        },
        "vgg11_bn": {
            "parameters": (9_225_984, 513),
            "buffer_bytes": (22_080, 0),
            "flops": (913_047_552, 3_072),
            "activations": (486_912, 1),
        },
    }
)
