"""Trials of Ray Tune's whose architectures arch2vec proposes: Tune's OptunaSearch takes our sampler as it is.

Needs pip install 'arch2vec[ray]' 'ray[tune]'.
"""

from ray import tune
from ray.tune.search.optuna import OptunaSearch

from arch2vec.studies.optuna.sampler import Arch2VecSampler

sampler = Arch2VecSampler("nasbench201", method="evolution", seed=0)


def train(config: dict[str, str | int]) -> None:
    """Stands for a training: Tune calls it with a trial's parameters, on any machine of the cluster."""
    architecture = sampler.architecture(config)
    tune.report({"accuracy": architecture.count("nor_conv_3x3")})


search = OptunaSearch(space=sampler.parameters.distributions(), sampler=sampler, metric="accuracy", mode="max")
settings = tune.TuneConfig(search_alg=search, num_samples=20, max_concurrent_trials=2, reuse_actors=True)
results = tune.Tuner(train, tune_config=settings, run_config=tune.RunConfig(verbose=0)).fit()
best = results.get_best_result("accuracy", "max")
print(f"{len({sampler.architecture(result.config) for result in results})} architectures")
print(f"best: {sampler.architecture(best.config)} with {best.metrics['accuracy']}")
