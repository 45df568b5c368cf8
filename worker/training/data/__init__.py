"""Data sets: finding them on this machine, and decoding their images into tensors, once."""

from worker.training.data.records import HeldDataset, LoadedDataset, Split, Statistics, statistics
from worker.training.data.registry import DATASETS, Dataset
from worker.training.data.search import candidates, load, survey

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
