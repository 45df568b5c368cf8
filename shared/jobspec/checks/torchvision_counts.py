"""Counts of torchvision's networks on images of any size. Written by `make networks`, and checked by a test.

A network makes its images smaller step by step; between two steps it works on one level, whose pixels follow from the
image's. A count that depends on the classes is a pair: its value without classes, and its increase per class.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Level(NamedTuple):
    """What a network does at one size of its images.

    Attributes:
        step: kernel, stride and padding of the step from the level before, and whether it rounds up (0 or 1).
        products: multiplications of convolutions for each pixel, without those of the first one.
        values: values that all layers output for each pixel.
        normalizes: whether a batchnorm works here.
    """

    step: tuple[int, int, int, int]
    products: tuple[int, int]
    values: tuple[int, int]
    normalizes: bool


class Counts(NamedTuple):
    """The counts of one network.

    Attributes:
        parameters: trainable values, without those of the first convolution's kernel.
        stem: values of the first convolution's kernel, for each channel of the images.
        buffer_bytes: other bytes of the weights file.
        levels: from the whole image to the smallest size.
        products: multiplications of layers whose work does not depend on the image's size.
        values: values that such layers output.
    """

    parameters: tuple[int, int]
    stem: int
    buffer_bytes: int
    levels: tuple[Level, ...]
    products: tuple[int, int]
    values: tuple[int, int]


COUNTS: Mapping[str, Counts] = MappingProxyType(
    {
        "densenet121": Counts(
            parameters=(6_944_448, 1_025),
            stem=576,
            buffer_bytes=335_560,
            levels=(
                Level((1, 1, 0, 0), (364_544, 0), (5_120, 0), True),
                Level((2, 2, 0, 0), (1_040_384, 0), (13_696, 0), True),
                Level((2, 2, 0, 0), (3_325_952, 0), (42_752, 0), True),
                Level((2, 2, 0, 0), (2_129_920, 0), (32_256, 0), True),
            ),
            products=(0, 1_024),
            values=(0, 1),
        ),
        "efficientnet_b0": Counts(
            parameters=(4_006_684, 1_281),
            stem=288,
            buffer_bytes=168_456,
            levels=(
                Level((1, 1, 0, 0), (2_336, 0), (512, 0), True),
                Level((3, 2, 1, 0), (14_832, 0), (1_704, 0), True),
                Level((5, 2, 2, 0), (44_160, 0), (2_792, 0), True),
                Level((3, 2, 1, 0), (697_680, 0), (20_976, 0), True),
                Level((5, 2, 2, 0), (2_569_120, 0), (36_256, 0), True),
            ),
            products=(627_200, 1_280),
            values=(30_200, 1),
        ),
        "mobilenet_v2": Counts(
            parameters=(2_223_008, 1_281),
            stem=288,
            buffer_bytes=136_864,
            levels=(
                Level((1, 1, 0, 0), (2_336, 0), (512, 0), True),
                Level((3, 2, 1, 0), (14_832, 0), (1_680, 0), True),
                Level((3, 2, 1, 0), (40_080, 0), (3_504, 0), True),
                Level((3, 2, 1, 0), (523_584, 0), (19_520, 0), True),
                Level((3, 2, 1, 0), (1_608_064, 0), (24_448, 0), True),
            ),
            products=(0, 1_280),
            values=(1_280, 1),
        ),
        "mobilenet_v3_small": Counts(
            parameters=(1_517_424, 1_025),
            stem=144,
            buffer_bytes=48_720,
            levels=(
                Level((1, 1, 0, 0), (0, 0), (48, 0), True),
                Level((3, 2, 1, 0), (1_552, 0), (296, 0), True),
                Level((3, 2, 1, 0), (9_696, 0), (1_128, 0), True),
                Level((5, 2, 2, 0), (101_448, 0), (6_048, 0), True),
                Level((5, 2, 2, 0), (340_128, 0), (10_080, 0), True),
            ),
            products=(1_048_576, 1_024),
            values=(11_720, 1),
        ),
        "regnet_y_400mf": Counts(
            parameters=(3_902_280, 441),
            stem=288,
            buffer_bytes=109_032,
            levels=(
                Level((1, 1, 0, 0), (1_536, 0), (240, 0), True),
                Level((1, 2, 0, 0), (12_288, 0), (696, 0), True),
                Level((1, 2, 0, 0), (103_168, 0), (3_328, 0), True),
                Level((1, 2, 0, 0), (678_912, 0), (12_344, 0), True),
                Level((1, 2, 0, 0), (2_411_200, 0), (23_320, 0), True),
            ),
            products=(662_816, 440),
            values=(15_104, 1),
        ),
        "resnet18": Counts(
            parameters=(11_167_104, 513),
            stem=576,
            buffer_bytes=38_560,
            levels=(
                Level((1, 1, 0, 0), (147_456, 0), (1_024, 0), True),
                Level((3, 2, 1, 0), (524_288, 0), (1_792, 0), True),
                Level((3, 2, 1, 0), (2_097_152, 0), (3_584, 0), True),
                Level((3, 2, 1, 0), (8_388_608, 0), (7_168, 0), True),
            ),
            products=(0, 512),
            values=(512, 1),
        ),
        "resnet34": Counts(
            parameters=(21_275_264, 513),
            stem=576,
            buffer_bytes=68_384,
            levels=(
                Level((1, 1, 0, 0), (221_184, 0), (1_408, 0), True),
                Level((3, 2, 1, 0), (1_114_112, 0), (3_328, 0), True),
                Level((3, 2, 1, 0), (6_815_744, 0), (9_728, 0), True),
                Level((3, 2, 1, 0), (13_107_200, 0), (10_240, 0), True),
            ),
            products=(0, 512),
            values=(512, 1),
        ),
        "shufflenet_v2_x1_0": Counts(
            parameters=(1_252_956, 1_025),
            stem=216,
            buffer_bytes=65_168,
            levels=(
                Level((1, 1, 0, 0), (1_392, 0), (270, 0), True),
                Level((3, 2, 1, 0), (40_700, 0), (2_252, 0), True),
                Level((3, 2, 1, 0), (278_516, 0), (8_352, 0), True),
                Level((3, 2, 1, 0), (916_168, 0), (10_960, 0), True),
            ),
            products=(0, 1_024),
            values=(0, 1),
        ),
        "squeezenet1_1": Counts(
            parameters=(720_768, 513),
            stem=576,
            buffer_bytes=0,
            levels=(
                Level((1, 1, 0, 0), (23_552, 0), (768, 0), False),
                Level((3, 2, 0, 1), (94_208, 0), (1_280, 0), False),
                Level((3, 2, 0, 1), (600_064, 512), (4_800, 2), False),
            ),
            products=(0, 0),
            values=(0, 1),
        ),
        "vgg11_bn": Counts(
            parameters=(9_224_256, 513),
            stem=576,
            buffer_bytes=22_080,
            levels=(
                Level((1, 1, 0, 0), (0, 0), (192, 0), True),
                Level((2, 2, 0, 0), (73_728, 0), (448, 0), True),
                Level((2, 2, 0, 0), (884_736, 0), (1_664, 0), True),
                Level((2, 2, 0, 0), (3_538_944, 0), (3_328, 0), True),
                Level((2, 2, 0, 0), (4_718_592, 0), (3_584, 0), True),
                Level((2, 2, 0, 0), (0, 0), (512, 0), False),
            ),
            products=(0, 512),
            values=(1_024, 1),
        ),
    }
)
