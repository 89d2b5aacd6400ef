"""Commands around the representation: spaces, pretrain, evaluate, embed, nearest."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.architectures import (
    NOTATION,
    add_architectures,
    listed_architectures,
    read_architectures,
    say_notation,
)
from arch2vec.cli.choices import REPRESENTATION
from arch2vec.cli.devices import add_device
from arch2vec.cli.output import command, percent, pretraining_bar, print_json, print_table, say
from arch2vec.common.request import note_start
from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.embedding import Embedding
    from arch2vec.encoder import Encoder


def add_commands(commands: Any) -> None:
    """Add this module's commands to the command line."""
    command(commands, "spaces", run_spaces, "what can be searched: vertices, operations, size", random=False)

    parser = command(
        commands,
        "pretrain",
        run_pretrain,
        "learn the representation of a search space",
        "Learn the representation of a search space, without training one of its architectures.\n"
        "Running the same command again resumes after the last whole epoch.",
    )
    parser.add_argument("space", metavar="SPACE", help="a search space; 'arch2vec spaces' lists them")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run's folder")
    parser.add_argument("--model", default="arch2vec", help="which model (default arch2vec)")
    parser.add_argument(
        "--protocol",
        default="paper",
        help="paper: training mode throughout; release: as run for the published figures (default paper)",
    )
    parser.add_argument(
        "--activation",
        help="of the operation logits: sigmoid, or softmax as in the paper's text (default: sigmoid for up to 8 "
        "operations and in the release protocol, else softmax)",
    )
    parser.add_argument("--epochs", type=int, default=10, help="passes over the training split (default 10)")
    parser.add_argument("--sample", type=int, metavar="N", help="learn from N architectures instead of all")
    parser.add_argument("--stream", action="store_true", help="draw the N anew for every epoch, never holding all")
    parser.add_argument("--batch-size", type=int, default=32, help="graphs a step (default 32)")
    parser.add_argument("--threads", type=int, help="default: one for batches below 128, else all")
    parser.add_argument("--processes", type=int, default=1, help="that share every batch (default 1)")
    parser.add_argument(
        "--precision",
        default="float32",
        help="of the encoder's matrix products: float32 (default), or bfloat16, faster from batches of 256",
    )
    parser.add_argument("--compile", action="store_true", help="compile the encoder first, which takes a minute")
    parser.add_argument(
        "--replay", action="store_true", help="record a training step once and replay it (CUDA graphs); on a GPU only"
    )
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of Adam (default 0.001)")
    parser.add_argument("--schedule", default="constant", help="of the learning rate: constant (default) or cosine")
    add_device(parser)
    _add_departures(parser)

    parser = command(
        commands,
        "evaluate",
        run_evaluate,
        "reconstruction accuracy, validity and uniqueness of a representation",
        "Reconstruction accuracy of a representation, validity, uniqueness and novelty of what draws from the prior\n"
        "decode to: freely, as in the paper, and under the space's rules. --temperature and --prior are for these.",
    )
    add_run(parser)
    parser.add_argument("--draws", type=int, default=10_000, help="draws from the prior (default 10000)")
    add_sampling(parser)
    add_device(parser)

    parser = command(
        commands, "embed", run_embed, "vectors of all, N sampled or given architectures, as Parquet or safetensors"
    )
    parser.add_argument(
        "source",
        type=Path,
        metavar="SPACE|RUN",
        help="a search space (its architectures' structure, no pre-training), or a folder made by 'arch2vec pretrain'",
    )
    add_space(parser)
    parser.add_argument("--representation", metavar="R", help=REPRESENTATION)
    parser.add_argument("--sample", type=int, metavar="N", help="N architectures of the space instead of all")
    add_architectures(parser)
    parser.add_argument(
        "--transfer",
        type=Path,
        metavar="DIR",
        help="add what a search on another data set or in another space, in this folder, lets expect of each",
    )
    parser.add_argument("--transfer-space", metavar="SPACE", help="of that search, where it is one of your own")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: embedding.parquet in RUN, or SPACE.parquet")
    add_device(parser)

    parser = command(commands, "nearest", run_nearest, "the most similar architectures")
    add_run(parser)
    parser.add_argument("architecture", metavar="ARCH", help=NOTATION)
    parser.add_argument("-k", type=int, default=10, help="how many (default 10)")
    add_device(parser)


def _add_departures(parser: argparse.ArgumentParser) -> None:
    """The options by which a model departs from the paper's."""
    group = parser.add_argument_group("departures from the paper's model")
    group.add_argument(
        "--function-graph",
        action="store_true",
        help="read, and reconstruct, what an architecture computes: without skips, zeros and what only they feed",
    )
    group.add_argument(
        "--directed", action="store_true", help="weigh what a vertex reads apart from what reads it, instead of adding"
    )
    group.add_argument(
        "--pools",
        metavar="P,P,...",
        help="how vertices make a vector: of sum, mean, max, min, side by side (default: sum; release: mean)",
    )
    group.add_argument(
        "--targets",
        metavar="T,T,...",
        help="learn to predict more, without labels: structure (paths, walks, costs), costs, flow (of random "
        "weights), rank:PROXY (order architectures as a zero-cost proxy does)",
    )
    group.add_argument("--target-weight", type=float, default=1.0, help="of their error in the loss (default 1)")
    group.add_argument(
        "--mask", type=float, default=0.0, help="share of inner operations hidden from the encoder (default 0)"
    )
    group.add_argument("--latent", type=int, default=16, help="numbers a vertex, and a pool (default 16)")


def add_run(parser: argparse.ArgumentParser) -> None:
    """A run's folder, and its space where that has to be named."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a folder made by 'arch2vec pretrain'")
    add_space(parser)


def add_sampling(parser: argparse.ArgumentParser) -> None:
    """How architectures are generated."""
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.0,
        metavar="T",
        help="of noise on what the decoder believes: 0 takes the most likely architecture (default), "
        "1 draws from its probabilities",
    )
    parser.add_argument(
        "--prior",
        default="independent",
        help="independent: a normal distribution for each number, as in the paper (default); "
        "joint: one for all vertices of an architecture together",
    )


def add_space(parser: argparse.ArgumentParser) -> None:
    """The flag by which a user allows their own Python search space to be run."""
    parser.add_argument(
        "--space", metavar="SPACE", help="needed where RUN is of a space in your own Python code: python:FILE:NAME"
    )


def run_spaces(arguments: argparse.Namespace) -> None:
    """``arch2vec spaces``."""
    from arch2vec.spaces import SPACES, get_space

    spaces = [get_space(name) for name in SPACES]
    if arguments.json:
        print_json(
            {
                "spaces": [
                    {
                        "name": space.name,
                        "vertices": space.num_vertices,
                        "operations": list(space.operations),
                        "size": space.size,
                    }
                    for space in spaces
                ]
            }
        )
        return
    rows = [
        [space.name, str(space.num_vertices), ", ".join(space.operations), f"{space.size:,}" if space.size else "?"]
        for space in spaces
    ]
    print_table("Search spaces", ["space", "vertices", "operations", "architectures"], rows)


def run_pretrain(arguments: argparse.Namespace) -> None:
    """``arch2vec pretrain``."""
    from arch2vec.spaces import get_space

    space = get_space(arguments.space)

    from arch2vec.models.autoencoder import ModelConfig
    from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
    from arch2vec.pretraining.processes import is_first

    config = PretrainConfig(
        model=ModelConfig(
            name=arguments.model,
            latent=arguments.latent,
            directed=arguments.directed,
            function_graph=arguments.function_graph,
            mask=arguments.mask,
        ),
        protocol=arguments.protocol,
        activation=arguments.activation,
        epochs=arguments.epochs,
        sample=arguments.sample,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        schedule=arguments.schedule,
        stream=arguments.stream,
        threads=arguments.threads,
        processes=arguments.processes,
        precision=arguments.precision,
        compile=arguments.compile,
        replay=arguments.replay,
        seed=arguments.seed,
        pools=arguments.pools,
        targets=arguments.targets,
        target_weight=arguments.target_weight,
    )
    started = time.perf_counter()
    with pretraining_bar(f"pre-training on {space.name}") as show:
        encoder = pretrain(space, config, out=arguments.out, progress=show, device=arguments.device)
    if not is_first():
        return
    if arguments.out is not None:
        note_start(arguments.out)
    _report_quality(encoder.training["last_epoch"], time.perf_counter() - started, arguments.json, space.name)


def run_evaluate(arguments: argparse.Namespace) -> None:
    """``arch2vec evaluate``."""
    from arch2vec.models.generation import check_prior, check_temperature, prior_named
    from arch2vec.pretraining.data import training_data
    from arch2vec.pretraining.generation_quality import rule_generation
    from arch2vec.pretraining.pretrain import config_of
    from arch2vec.pretraining.quality import quality

    if arguments.draws < 1:
        raise InputError(f"--draws must be at least 1, got {arguments.draws}")
    check_prior(arguments.prior)
    check_temperature(arguments.temperature)
    encoder = load_encoder(arguments.run_folder, arguments.space, arguments.device)
    started = time.perf_counter()
    config = config_of(encoder)
    data = training_data(encoder.space, config, None, encoder.device)
    known = data.known(config.epochs - 1)
    measured = quality(encoder, data.held_out, known, draws=arguments.draws, seed=arguments.seed)
    rules = rule_generation(
        encoder,
        data.held_out,
        data.prior_sample,
        known,
        draws=arguments.draws,
        seed=arguments.seed,
        temperature=arguments.temperature,
        prior=prior_named(arguments.prior, encoder, data.prior_sample),
    )
    seconds = time.perf_counter() - started
    _report_quality({**measured.to_dict(), "rules": rules.to_dict()}, seconds, arguments.json, encoder.space.name)


def _report_quality(quality: dict[str, Any], seconds: float, as_json: bool, space: str) -> None:
    keys = ("reconstruction", "validity", "strict_validity", "uniqueness", "strict_uniqueness", "novelty")
    rules = quality.get("rules")
    if as_json:
        under_rules = {} if rules is None else {"rules": rules}
        print_json({**{key: quality[key] for key in keys}, **under_rules, "seconds": seconds})
        return
    reconstructed = quality["reconstruction"]
    rows = [
        ["operations reconstructed", percent(reconstructed["operations"])],
        ["edges reconstructed", percent(reconstructed["edges"])],
        ["whole graphs reconstructed", percent(reconstructed["graphs"])],
        ["validity, as released", percent(quality["validity"])],
        ["uniqueness of these", percent(quality["uniqueness"])],
        ["strict validity", percent(quality["strict_validity"])],
        ["uniqueness of these", percent(quality["strict_uniqueness"])],
        ["novelty of these", percent(quality["novelty"])],
    ]
    if rules is not None:
        rows += [
            ["under rules: whole graphs reconstructed", percent(rules["reconstruction"]["graphs"])],
            ["under rules: validity", percent(rules["validity"])],
            ["under rules: uniqueness", percent(rules["uniqueness"])],
            ["under rules: novelty", percent(rules["novelty"])],
            *(
                [f"under rules: {name} unlike the training split's", percent(share)]
                for name, share in rules["distance"].items()
            ),
        ]
    print_table(f"Representation of {space}", ["on held-out graphs, and on draws from the prior", "%"], rows)
    say(f"{seconds:.1f} s")


def run_embed(arguments: argparse.Namespace) -> None:
    """``arch2vec embed``."""
    if arguments.transfer_space is not None and arguments.transfer is None:
        raise InputError("--transfer-space says of what space a search elsewhere is; name its folder: --transfer DIR")
    if arguments.architectures is not None and arguments.sample is not None:
        raise InputError("--sample draws architectures and --architectures names them; give one of the two")
    import numpy as np

    from arch2vec.cli.inputs import open_source  # which needs this module first

    source = open_source(
        arguments.source, arguments.space, representation=arguments.representation, device=arguments.device
    )
    if source.of is None:
        raise InputError(f"{arguments.source} holds vectors already; a search space or a run's folder can be embedded")
    own = arguments.source / "embedding.parquet" if arguments.source.is_dir() else Path(f"{source.space.name}.parquet")
    path = arguments.out or own
    started = time.perf_counter()
    reading = None
    if arguments.architectures is not None:
        texts = listed_architectures(arguments.architectures)
        reading = read_architectures(source.space, texts, arguments.architectures)
        embedding = source.of(reading.graphs)
    elif arguments.sample is not None:
        embedding = source.of(source.space.sample(arguments.sample, np.random.default_rng(arguments.seed)))
    else:
        embedding = source.whole()
    if arguments.transfer is not None:
        embedding = _with_evaluations(embedding, arguments.transfer, arguments.transfer_space)
    seconds = time.perf_counter() - started
    embedding.save(path)
    if reading is not None:
        say_notation(reading)
    if arguments.json:
        print_json(
            {
                "architectures": len(embedding),
                "dimensions": embedding.dimensions,
                "seconds": seconds,
                "file": str(path),
            }
        )
    else:
        print(f"{len(embedding):,} architectures, {embedding.dimensions} dimensions, {seconds:.2f} s: {path}")


def _with_evaluations(embedding: Embedding, folder: Path, named: str | None) -> Embedding:
    """The embedding with what the evaluations of a search elsewhere let expect of its architectures."""
    from arch2vec.representations.transfer import evaluated_elsewhere, with_transfer
    from arch2vec.spaces import get_space
    from arch2vec.studies.inspection.top import evaluations

    found, architectures, values = evaluations(folder)
    try:
        own = named is None and found == embedding.space.name
        space = embedding.space if own else get_space(named or found)
    except InputError as error:
        if named is not None:
            raise
        raise InputError(
            f"the search in {folder} is of the search space {found!r}: say where it is, --transfer-space FILE.yaml"
        ) from error
    source = evaluated_elsewhere(space, space.parse(architectures))
    return with_transfer(embedding, source, range(len(architectures)), values)


def run_nearest(arguments: argparse.Namespace) -> None:
    """``arch2vec nearest``."""
    encoder = load_encoder(arguments.run_folder, arguments.space, arguments.device)
    reading = read_architectures(encoder.space, [arguments.architecture])
    graph, embedding = reading.graphs, embed_some(encoder)
    rows, distances = embedding.nearest(encoder.vectors(graph)[0], arguments.k)
    say_notation(reading)
    found = [(embedding.architectures[row], float(distance)) for row, distance in zip(rows, distances, strict=True)]
    if arguments.json:
        neighbours = [{"architecture": architecture, "distance": distance} for architecture, distance in found]
        print_json({"architecture": encoder.space.format(graph)[0], "nearest": neighbours})
        return
    print_table(
        f"Nearest to {encoder.space.format(graph)[0]}",
        ["architecture", "distance"],
        [[architecture, f"{distance:.4f}"] for architecture, distance in found],
    )


def embed_some(encoder: Encoder) -> Embedding:
    """The embedding of all architectures of the encoder's space.

    A space too large to list is embedded as far as the encoder has learned from it.
    """
    if encoder.space.enumerable:
        return encoder.embed(encoder.space)
    from arch2vec.pretraining.pretrain import architectures, config_of

    return encoder.embed(architectures(encoder.space, config_of(encoder)))


def load_encoder(run: Path, space: str | None = None, device: str | None = "cpu") -> Encoder:
    """The encoder of a run's folder, on a device; None for a GPU if there is one.

    Raises:
        InputError: there is none, or its training has not finished.
    """
    if not run.exists():  # before PyTorch is imported, which takes seconds
        raise InputError(f"no run in {run}; make one with: arch2vec pretrain SPACE --out {run}")
    from arch2vec.encoder import Encoder
    from arch2vec.spaces import get_space

    return Encoder.load(run, device, space=get_space(space) if space else None)
