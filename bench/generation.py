"""Architectures drawn from the prior of trained runs, decoded freely and under rules: seconds, and how good they are.

Run with runs' folders (of built-in or declared spaces), ``python bench/generation.py RUN [RUN ...]``. Times are
of the processor, on one thread, the least of several rounds in which free decoding and decoding under rules
take turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from arch2vec.encoder import Encoder
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.models.generation import JointPrior, LatentPrior
from arch2vec.pretraining.data import training_data
from arch2vec.pretraining.generation_quality import rule_generation
from arch2vec.pretraining.pretrain import config_of
from arch2vec.pretraining.quality import generation, reconstruction

DRAWS = (1_000, 10_000)
SETTINGS = (("independent", 0.0), ("independent", 1.0), ("joint", 0.0), ("joint", 0.5), ("joint", 1.0))
ROUNDS = 15


def main() -> None:
    """Print a table of times and one of quality for every run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for run in arguments.runs:
        encoder = Encoder.load(run / "encoder.safetensors")
        print(f"\n## {encoder.space.name} ({run.name})\n")
        print_times(encoder, max(DRAWS), arguments.seed)
        print_quality(encoder, arguments.seed)


def print_times(encoder: Encoder, draws: int, seed: int) -> None:
    """What becomes of ``draws`` points costs, by step."""
    Z = encoder.sample_prior(draws, np.random.default_rng(seed))
    decoded = {rules: encoder.decode(Z, rules=rules) for rules in (False, True)}
    steps: dict[str, Callable[[], object]] = {
        "draw points": lambda: encoder.sample_prior(draws, np.random.default_rng(seed)),
        "decode freely": lambda: encoder.decode(Z),
        "decode under rules": lambda: encoder.decode(Z, rules=True),
        "tell which are valid, after free decoding": lambda: encoder.space.is_valid(decoded[False]),
        "fingerprints": lambda: fingerprint(decoded[False]),
    }
    least = dict.fromkeys(steps, np.inf)
    for _ in range(ROUNDS):
        for name, step in steps.items():
            started = time.process_time()
            step()
            least[name] = min(least[name], 1e3 * (time.process_time() - started))
    print(f"| {draws:,} draws | ms |\n|---|---|")
    for name, milliseconds in least.items():
        print(f"| {name} | {milliseconds:.1f} |")
    points, free, rules, check, prints = least.values()
    print(f"| under rules / freely, with drawing | {(points + rules) / (points + free):.2f} |")
    print(
        "| under rules / freely, with drawing, checking and fingerprints | "
        f"{(points + rules + prints) / (points + free + check + prints):.2f} |"
    )
    valid = {which: int(encoder.space.is_valid(graphs).sum()) for which, graphs in decoded.items()}
    each = f"{1e3 * (points + free + check) / valid[False]:.1f}" if valid[False] else "none"
    print(f"| microseconds a valid architecture, freely | {each} ({valid[False]:,} valid) |")
    print(f"| microseconds a valid architecture, under rules | {1e3 * (points + rules) / valid[True]:.1f} |\n")


def print_quality(encoder: Encoder, seed: int) -> None:
    """Validity and so on for every setting."""
    config = config_of(encoder)
    data = training_data(encoder.space, config, None, encoder.device)
    known = data.known(config.epochs - 1)
    priors: dict[str, LatentPrior | None] = {"independent": None, "joint": JointPrior(encoder, data.prior_sample)}
    whole = {rules: reconstruction(encoder, data.held_out, rules=rules).graphs for rules in (False, True)}
    print(f"Trained on {len(known):,}. Whole graphs reconstructed:", end=" ")
    print(f"{whole[False]:.2%} freely, {whole[True]:.2%} under rules.\n")
    print("| draws | decoding | prior | temperature | valid | unique | new | operations | vertices | edges |")
    print("|" + "---|" * 10)
    for draws in DRAWS:
        free = generation(encoder, known, draws=draws, seed=seed)
        shares = (free.strict_validity, free.strict_uniqueness, free.novelty)
        print(f"| {draws:,} | free | independent | | {' | '.join(f'{share:.1%}' for share in shares)} | | | |")
        for prior, temperature in SETTINGS:
            found = rule_generation(
                encoder,
                data.held_out[:2],
                data.prior_sample,
                known,
                draws=draws,
                seed=seed,
                temperature=temperature,
                prior=priors[prior],
            )
            shares = (found.validity, found.uniqueness, found.novelty)
            apart = (found.distance.operations, found.distance.vertices, found.distance.edges)
            print(
                f"| {draws:,} | rules | {prior} | {temperature:g} | {' | '.join(f'{share:.1%}' for share in shares)} | "
                f"{' | '.join(f'{share:.3f}' for share in apart)} |"
            )


if __name__ == "__main__":
    main()
