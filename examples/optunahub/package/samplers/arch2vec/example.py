"""Twenty trials on NAS-Bench-201; counting convolutions stands for a training."""

from __future__ import annotations

import optuna
import optunahub

sampler = optunahub.load_module("samplers/arch2vec").Arch2VecSampler("nasbench201", seed=0)


def objective(trial: optuna.Trial) -> float:
    """What an architecture is worth."""
    return float(sampler.suggest(trial).count("nor_conv_3x3"))


if __name__ == "__main__":
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=20)
    print(study.best_trial.user_attrs["architecture"])
