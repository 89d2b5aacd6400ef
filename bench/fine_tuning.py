"""A pre-trained encoder that is fine-tuned on what a search evaluates, beside the same network from scratch.

    python bench/fine_tuning.py OUT [--runs 30] [--budget 50] [--epochs 10] [--variants A;B]

NAS-Bench-201, CIFAR-10: the validation accuracy after 12 epochs is the signal, the test accuracy after 200 is reported.
All searches are the same (expected improvement, 8 random architectures, learning whenever there are half as many
values more) but for the surrogate: ``scratch, squares`` is ``supervised-bo``, ``scratch, ranking`` learns
the order, ``fine-tuned, ranking`` begins with an encoder pre-trained for ``--epochs``, ``structure`` is ``group-bo``.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np

from arch2vec import benchmarks
from arch2vec.common.threads import thread_count
from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.models.regressor import RegressorConfig
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.pretraining.supervised import SupervisedConfig
from arch2vec.representations.ready import structure_embedding
from arch2vec.searching.bo import BayesianOptimization
from arch2vec.searching.group_bo import GroupedBayesianOptimization
from arch2vec.searching.supervised_bo import SupervisedBayesianOptimization
from arch2vec.spaces import get_space

SIGNAL, REPORTED = "c10valid_val_12", "c10_test_200_nats"
SHOWN = (16, 25, 50)
INITIAL = 8


def method(variant: str, embedding: Embedding, encoder: Encoder | None, seed: int) -> BayesianOptimization:
    if variant == "structure":
        return GroupedBayesianOptimization(embedding, seed=seed)
    if variant == "fine-tuned, ranking":
        return SupervisedBayesianOptimization(embedding, seed=seed, initial=INITIAL, start=encoder)
    loss = variant.removeprefix("scratch, ")
    training = SupervisedConfig(RegressorConfig(), epochs=25, loss=loss)  # type: ignore[arg-type]
    return SupervisedBayesianOptimization(embedding, seed=seed, initial=INITIAL, training=training)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=10, help="of pre-training (default 10)")
    parser.add_argument("--variants", default="structure;fine-tuned, ranking;scratch, ranking;scratch, squares")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    space, benchmark = get_space("nasbench201"), benchmarks.load("nasbench201")
    signal, reported = benchmark.column(SIGNAL), benchmark.column(REPORTED)
    embedding = structure_embedding(space, space.parse(benchmark.architectures))
    encoder = None
    path = arguments.out / "fine_tuning.csv"
    for variant in arguments.variants.split(";"):
        if variant.startswith("fine-tuned"):
            config = PretrainConfig(epochs=arguments.epochs)
            encoder = pretrain(space, config, out=arguments.out / "encoder", device="cpu")
        started = time.process_time()
        with thread_count(1):
            methods = [method(variant, embedding, encoder, seed) for seed in range(arguments.runs)]
            best = np.full((len(methods), 2), -np.inf)
            row: dict[str, object] = {"variant": variant, "runs": len(methods)}
            for step in range(1, arguments.budget + 1):
                asked = type(methods[0]).ask_together(methods)
                for run, (candidate,) in enumerate(asked):
                    value = float(signal[candidate.index])
                    methods[run].tell([candidate], [value])
                    best[run] = max(tuple(best[run]), (value, float(reported[candidate.index])))
                if step in SHOWN:
                    row |= {
                        f"validation_{step}": f"{best[:, 0].mean():.3f}",
                        f"test_{step}": f"{best[:, 1].mean():.3f}",
                        f"test_std_{step}": f"{best[:, 1].std(ddof=1):.3f}",
                        f"optimum_share_{step}": f"{(best[:, 0] >= signal.max()).mean():.2f}",
                    }
        row["processor_s_a_run"] = f"{(time.process_time() - started) / len(methods):.2f}"
        print(row, flush=True)
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)


if __name__ == "__main__":
    main()
