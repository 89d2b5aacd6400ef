"""The sampler of the package arch2vec, as OptunaHub finds it."""

from arch2vec.studies.optuna.sampler import Arch2VecSampler

__all__ = ["Arch2VecSampler"]
