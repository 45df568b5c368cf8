"""Data sets: finding them on this machine, and decoding their images into tensors, once."""

from worker.training.data.datasets import MAX_BYTES, Datasets, candidates, load
from worker.training.data.images import ImageForm, prepare
from worker.training.data.records import HeldDataset, LoadedDataset, Split, SplitName, Statistics, statistics
from worker.training.data.registry import DATASETS, Dataset

__all__ = [
    "DATASETS",
    "MAX_BYTES",
    "Dataset",
    "Datasets",
    "HeldDataset",
    "ImageForm",
    "LoadedDataset",
    "Split",
    "SplitName",
    "Statistics",
    "candidates",
    "load",
    "prepare",
    "statistics",
]
