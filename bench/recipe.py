"""The short recipe of pre-training beside the paper's setting, on spaces that the paper does not have.

    python bench/recipe.py [SPACE.yaml ...] [--seeds 0,1]

Each space is learned by the default, which is the recipe with further epochs where it is not good yet, and by the
paper's ten epochs. Without a space, it takes those of ``examples/`` and three chains of operations: what is told is how
much of held-out architectures is decoded right, the epochs made, and seconds of the processor.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from arch2vec.pretraining.patience import FURTHER
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.pretraining.recipe import short_config
from arch2vec.spaces import SearchSpace, get_space

EXAMPLES = ("examples/spaces/channels.yaml", "examples/spaces/reducing.yaml", "examples/my_space.yaml")
CHAINS = ((6, 3), (20, 12), (40, 12))
"""Vertices and operations of chains."""
MOST = 8_000  # architectures that are learned from


def chain(vertices: int, operations: int, folder: Path) -> str:
    """The file of a space whose architectures are a path of vertices, each with any operation."""
    names = [f"op{place}" for place in range(operations)]
    edges = [[at, at + 1] for at in range(vertices - 1)]
    file = folder / f"chain{vertices}x{operations}.yaml"
    file.write_text(
        f"name: {file.stem}\ncarries: vertices\noperations: {names}\nvertices: {vertices}\nedges: {edges}\n".replace(
            "'", ""
        )
    )
    return str(file)


def measured(space: SearchSpace, config: PretrainConfig) -> tuple[float, float, float, int, float]:
    """Shares of operations, edges and whole graphs, epochs, and seconds of the processor."""
    started = time.process_time()
    last = pretrain(space, config, device="cpu").training["last_epoch"]
    right = last["reconstruction"]
    spent = time.process_time() - started
    return right["operations"], right["edges"], right["graphs"], last["epoch"], spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spaces", nargs="*", metavar="SPACE")
    parser.add_argument("--seeds", default="0,1")
    arguments = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    print("| space | setting | operations, % | edges, % | whole, % | epochs | processor, s |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made:
        chains = [] if arguments.spaces else [chain(*shape, Path(made)) for shape in CHAINS]
        for name in [*(arguments.spaces or EXAMPLES), *chains]:
            space = get_space(name)
            sample = None if space.size is not None and space.size <= MOST else MOST
            settings = {
                "recipe": [short_config(space, sample=sample, seed=seed, further=FURTHER) for seed in seeds],
                "paper": [PretrainConfig(sample=sample, seed=seed) for seed in seeds],
            }
            for setting, configs in settings.items():
                figures = np.array([measured(space, config) for config in configs])
                shares = [f"{np.mean(100 * column):.1f} ± {np.std(100 * column):.1f}" for column in figures.T[:3]]
                epochs = ", ".join(f"{count:.0f}" for count in figures[:, 3])
                print(f"| {space.name} | {setting} | {' | '.join(shares)} | {epochs} | {figures[:, 4].mean():.0f} |")


if __name__ == "__main__":
    main()
