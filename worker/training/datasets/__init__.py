"""Data sets: what this machine holds, and images as tensors, decoded once."""

from worker.training.datasets.loading import candidates, load, survey
from worker.training.datasets.records import HeldDataset, LoadedDataset, Split, Statistics, statistics
from worker.training.datasets.registry import DATASETS, Dataset

__all__ = [
    "DATASETS",
    "Dataset",
    "HeldDataset",
    "LoadedDataset",
    "Split",
    "Statistics",
    "candidates",
    "load",
    "statistics",
    "survey",
]
