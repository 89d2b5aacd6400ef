"""Commands around pre-training: spaces, pretrain, evaluate."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.devices import add_device
from arch2vec.cli.output import command, percent, pretraining_bar, print_json, print_table, say
from arch2vec.cli.runs import add_run, add_sampling, load_encoder, require_room
from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.models.autoencoder import ModelConfig
    from arch2vec.pretraining.settings import PretrainConfig
    from arch2vec.spaces import SearchSpace


_SETTINGS = (
    *("protocol", "activation", "epochs", "sample", "stream", "batch_size", "learning_rate", "schedule", "warmup"),
    *("kl_warmup", "eps", "beta2", "threads", "processes", "precision", "compile", "replay", "seed"),
    *("pools", "targets", "target_weight"),
)
"""Options that are settings of a configuration, by the same names; None where they were not said."""


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
    parser.add_argument(
        "space",
        metavar="SPACE",
        help="the search space to learn: one that 'arch2vec spaces' lists, a declaration FILE.yaml, or"
        " python:FILE:NAME",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="RUN",
        help="folder of the run; the same command resumes from it, and other commands read it",
    )
    parser.add_argument(
        "--model", default="arch2vec", help="which model learns: arch2vec (default), arch2vec-no-kl, vgae or gae"
    )
    parser.add_argument(
        "--protocol",
        help="how training goes: paper, in training mode throughout, or release, as run for the published figures "
        "(default: as paper, and on until reconstruction is good)",
    )
    parser.add_argument(
        "--activation",
        help="what makes probabilities of operations: sigmoid, or softmax as in the paper's text (default: "
        "sigmoid for up to 8 operations and in the release protocol, else softmax)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        help="how many passes over the training split are made; more than before go on with a finished run (default: "
        "10, and without --protocol up to 90 more until 90%% of held-out architectures are decoded right or that gets "
        "no better)",
    )
    parser.add_argument(
        "--sample", type=int, metavar="N", help="learn from N architectures drawn from the space (default: from all)"
    )
    parser.add_argument(
        "--stream",
        action="store_true",
        help="draw the N architectures of --sample anew for every epoch, never holding all of them "
        "(default: drawn once)",
    )
    parser.add_argument("--batch-size", type=int, help="how many graphs a training step takes (default 32)")
    parser.add_argument(
        "--threads",
        type=int,
        help="how many threads of the processor are used (default: one for batches below 128, else all)",
    )
    parser.add_argument(
        "--processes", type=int, default=1, help="how many processes share every batch, on GPUs one each (default 1)"
    )
    parser.add_argument(
        "--fast",
        action="store_true",
        help="the same quality in a tenth of the time: 4 epochs, or more where they are short, in which the learning "
        "rate and the weight of the KL divergence rise first, and the precision and threads that a short timing finds "
        "fast on this processor; what else you say stays (default: the paper's setting)",
    )
    parser.add_argument(
        "--precision",
        help="precision of the encoder's matrix products: float32 (default), or bfloat16, which is "
        "faster from batches of 256 on",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the encoder before training, which takes a minute and is up to 15 %% faster then (default: not)",
    )
    parser.add_argument(
        "--replay",
        action="store_true",
        help="record a training step once and replay it, as a CUDA graph; on a GPU only (default: not)",
    )
    parser.add_argument(
        "--learning-rate",
        type=float,
        help="learning rate of Adam, at the first step where it falls (default 0.001)",
    )
    parser.add_argument(
        "--schedule",
        help="how the learning rate goes on: constant (default), or cosine, falling to 0 at the last step",
    )
    parser.add_argument(
        "--warmup",
        type=float,
        metavar="SHARE",
        help="share of all steps in which the learning rate of --schedule cosine rises from 0 first (default 0)",
    )
    parser.add_argument(
        "--kl-warmup",
        type=float,
        metavar="SHARE",
        help="share of all steps, with --schedule cosine, in which the weight of the KL divergence rises from 0 to "
        "its own; operations are told apart much sooner (default 0)",
    )
    parser.add_argument(
        "--eps",
        type=float,
        help="how much more than each of its neighbours a vertex counts in a layer, where training starts (default 0)",
    )
    parser.add_argument(
        "--beta2", type=float, help="share of its mean of squared gradients that a step of Adam keeps (default 0.999)"
    )
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
    parser.add_argument(
        "--draws", type=int, default=10_000, help="how many draws from the prior are decoded (default 10,000)"
    )
    add_sampling(parser)
    add_device(parser)


def _add_departures(parser: argparse.ArgumentParser) -> None:
    """The options by which a model departs from the paper's."""
    group = parser.add_argument_group("departures from the paper's model")
    group.add_argument(
        "--function-graph",
        action="store_true",
        help="read, and reconstruct, what an architecture computes: without skips, zeros and what only"
        " they feed (default: the graph as it is written)",
    )
    group.add_argument(
        "--directed",
        action="store_true",
        help="weigh what a vertex reads apart from what reads it (default: the two are added)",
    )
    group.add_argument(
        "--pools",
        metavar="P,P,...",
        help="how the vectors of vertices make that of an architecture: sum, mean, max, min, several "
        "of them side by side (default: sum; with --protocol release: mean)",
    )
    group.add_argument(
        "--targets",
        metavar="T,T,...",
        help="what the model learns to predict beside reconstruction, without labels: structure (paths, walks and "
        "costs), costs, flow (of random weights), rank:PROXY (the order by a zero-cost proxy) (default: nothing)",
    )
    group.add_argument(
        "--target-weight", type=float, default=1.0, help="factor of the error of --targets in the loss (default 1)"
    )
    group.add_argument(
        "--mask",
        type=float,
        default=0.0,
        help="share of inner operations that are hidden from the encoder in training (default 0)",
    )
    group.add_argument(
        "--edge-bias",
        action="store_true",
        help="give the decoder's edges a bias, for graphs of many vertices and few edges (default: not, but where the "
        "wiring is free in a space of your own and you do not say how to train)",
    )
    group.add_argument(
        "--latent",
        type=int,
        default=16,
        help="how many numbers describe a vertex, and each pool of an architecture (default 16)",
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
    from arch2vec.common.request import note_start
    from arch2vec.spaces import get_space

    space = get_space(arguments.space)

    from arch2vec.models.autoencoder import ModelConfig
    from arch2vec.pretraining.pretrain import pretrain
    from arch2vec.pretraining.processes import is_first

    if not arguments.stream:
        require_room(space, arguments.sample, "add --stream, which draws them as they are needed")
    model = ModelConfig(
        name=arguments.model,
        latent=arguments.latent,
        directed=arguments.directed,
        function_graph=arguments.function_graph,
        mask=arguments.mask,
        edge_bias=arguments.edge_bias,
    )
    config = _config(space, model, arguments)
    started = time.perf_counter()
    with pretraining_bar(f"pre-training on {space.name}") as show:
        encoder = pretrain(space, config, out=arguments.out, progress=show, device=arguments.device)
    if not is_first():
        return
    if arguments.out is not None:
        note_start(arguments.out)
    last = encoder.training["last_epoch"]
    _report_quality(last, time.perf_counter() - started, arguments.json, space.name)
    _advise(last, last.get("epoch"), arguments.sample is not None)


def _config(space: SearchSpace, model: ModelConfig, arguments: argparse.Namespace) -> PretrainConfig:
    """The configuration that options mean; says what was chosen, or what is slow on this processor."""
    from arch2vec.common.storage import read_json
    from arch2vec.models.autoencoder import PRECISIONS
    from arch2vec.pretraining.fast import fast_config, slow_precision
    from arch2vec.pretraining.recipe import continued, default_config

    said: dict[str, Any] = {name: getattr(arguments, name) for name in _SETTINGS}
    said = {"model": model, **{name: value for name, value in said.items() if value is not None}}
    record = arguments.out / "config.json"
    found = read_json(record) if record.exists() else None
    if isinstance(found, dict):
        said = continued(found, said)
    if arguments.fast:
        # A run that is there keeps what was chosen for it.
        if isinstance(found, dict) and found.get("precision") in PRECISIONS:
            said = {"precision": found["precision"], "threads": found.get("threads"), **said}
        config = fast_config(space, **said)
        say(
            f"fast on this processor: {config.precision}, {config.threads} of its cores; {config.epochs} epochs in "
            f"batches of {config.batch_size}"
        )
        return config
    config = default_config(space, **said)
    line = slow_precision(space, config) if arguments.device in (None, "cpu") else None
    if line is not None:
        say(line)
    return config


def _advise(measured: dict[str, Any], epochs: int | None, sampled: bool) -> None:
    from arch2vec.pretraining.patience import advice

    line = advice(measured, epochs, sampled)
    if line is not None:
        say(line)


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
    _advise(measured.to_dict(), encoder.training["last_epoch"].get("epoch"), config.sample is not None)


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
