"""What a kernel on graphs ranks architectures by, alone and beside the structure: Kendall's tau on the same draws.

    python bench/subtrees.py OUT [--objectives A,B] [--labels 16,78,100,156,424] [--draws 10] [--test-points 10000]

It is the engine of ``arch2vec experiment representations`` with the predictor ``groups``, on at most ``--test-points``
architectures of each benchmark, which depend on the draw. OUT keeps what is measured; the same command again goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from arch2vec.common.storage import atomic_path
from arch2vec.experiments.prediction import Settings, run_prediction
from arch2vec.experiments.prediction_inputs import BOTH, STRUCTURE, TARGETS
from arch2vec.representations.subtrees import SUBTREES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--objectives", default="nasbench201-cifar10,nasbench101,nasbench301-surrogate")
    parser.add_argument("--labels", default="16,78,100,156,424")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--test-points", type=int, default=10_000)
    arguments = parser.parse_args()
    settings = Settings(
        labels=[int(number) for number in arguments.labels.split(",")],
        seeds=range(arguments.draws),
        predictors=["groups"],
        encodings=[STRUCTURE, SUBTREES, BOTH],
        test_points=arguments.test_points,
    )
    lines = ["objective,labels,encoding,draws,tau,tau_std,difference,difference_se"]
    for objective in arguments.objectives.split(","):
        frame = run_prediction({objective: TARGETS[objective]}, [], settings, arguments.out)
        for labels, part in frame.groupby("labels", sort=True):
            taus = part.pivot_table(index="seed", columns="encoding", values="tau")
            for encoding in settings.encodings:
                own, away = taus[encoding], taus[encoding] - taus[STRUCTURE]
                lines.append(
                    f"{objective},{labels},{encoding},{len(own)},{own.mean():.4f},{own.std():.4f},"
                    f"{away.mean():+.4f},{away.std() / len(away) ** 0.5:.4f}"
                )
                print(lines[-1], flush=True)
        with atomic_path(arguments.out / "subtrees.csv") as path:
            path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
