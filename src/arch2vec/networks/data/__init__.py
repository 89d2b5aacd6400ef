"""Image data sets to train networks on, by name."""

from __future__ import annotations

from arch2vec.networks.data.base import Batch, ImageData, MemoryPart, Normalisation, Part
from arch2vec.networks.data.named import DATASETS, DataChoice, known_data, load_images

__all__ = [
    "DATASETS",
    "Batch",
    "DataChoice",
    "ImageData",
    "MemoryPart",
    "Normalisation",
    "Part",
    "known_data",
    "load_images",
]
