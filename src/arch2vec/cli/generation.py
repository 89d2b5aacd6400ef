"""The command that writes architectures decoded from the latent space."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.devices import add_device
from arch2vec.cli.output import command, print_json, say
from arch2vec.cli.runs import add_run, add_sampling, load_encoder
from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.encoder import Encoder
    from arch2vec.graphs import GraphBatch

_DEFAULT_NUMBER = 1000
_DEFAULT_STEPS = 10


def add_commands(commands: Any) -> None:
    """Add this module's command to the command line."""
    parser = command(
        commands,
        "generate",
        run_generate,
        "architectures decoded from the latent space, all of them valid",
        "Architectures decoded under their space's rules from draws of the prior, or from points between two\n"
        "architectures. One a line, in the space's notation, as 'arch2vec nearest' and others take it.",
    )
    add_run(parser)
    parser.add_argument(
        "-n", type=int, metavar="N", help=f"how many architectures are drawn (default {_DEFAULT_NUMBER})"
    )
    add_sampling(parser)
    parser.add_argument(
        "--distinct",
        action="store_true",
        help="draw until there are N architectures of which no two are the same (default: some may be)",
    )
    parser.add_argument(
        "--new",
        action="store_true",
        help="leave out architectures that the representation was learned from (default: they are not)",
    )
    parser.add_argument(
        "--between",
        nargs=2,
        metavar="ARCH",
        help="instead of draws, give the architectures on the way from one to another, both included",
    )
    parser.add_argument(
        "--steps",
        type=int,
        metavar="K",
        help=f"into how many parts the way of --between is divided (default {_DEFAULT_STEPS})",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="file to write the architectures to, one a line (default: standard output)",
    )
    add_device(parser)


def run_generate(arguments: argparse.Namespace) -> None:
    """``arch2vec generate``."""
    _check(arguments)
    encoder = load_encoder(arguments.run_folder, arguments.space, arguments.device)

    import numpy as np

    from arch2vec.graphs.fingerprints import fingerprint

    started = time.perf_counter()
    graphs = _between(encoder, arguments) if arguments.between else _drawn(encoder, arguments)
    seconds = time.perf_counter() - started
    texts = encoder.space.format(graphs)  # which refuses what is no architecture
    distinct = len(np.unique(fingerprint(graphs)))
    if arguments.out is not None:
        from arch2vec.common.storage import write_text

        write_text(arguments.out, "".join(f"{text}\n" for text in texts))
    if arguments.json:
        file = None if arguments.out is None else str(arguments.out)
        print_json({"architectures": texts, "distinct": distinct, "seconds": seconds, "file": file})
        return
    if arguments.out is None:
        print("\n".join(texts))
    where = "" if arguments.out is None else f": {arguments.out}"
    say(f"{len(texts):,} architectures, {distinct:,} of them different, {seconds:.2f} s{where}")


def _check(arguments: argparse.Namespace) -> None:
    """Complain about flags that do not go together, before anything is read."""
    if arguments.between:
        drawn = {"-n": arguments.n is not None, "--distinct": arguments.distinct, "--new": arguments.new}
        drawn |= {"--temperature": arguments.temperature != 0, "--prior": arguments.prior != "independent"}
        for flag, given in drawn.items():
            if given:
                raise InputError(f"{flag} is for draws from the prior, not for architectures --between two others")
        return
    if arguments.steps is not None:
        raise InputError("--steps is for architectures --between two others")
    from arch2vec.models.generation import check_prior, check_temperature

    check_prior(arguments.prior)
    check_temperature(arguments.temperature)


def _between(encoder: Encoder, arguments: argparse.Namespace) -> GraphBatch:
    ends = encoder.space.parse(arguments.between)
    return encoder.interpolate(ends[0], ends[1], _DEFAULT_STEPS if arguments.steps is None else arguments.steps)


def _drawn(encoder: Encoder, arguments: argparse.Namespace) -> GraphBatch:
    import numpy as np

    from arch2vec.models.generation import prior_named

    prior, known = None, None
    if arguments.new or arguments.prior != "independent":
        from arch2vec.pretraining.data import training_data
        from arch2vec.pretraining.pretrain import config_of

        config = config_of(encoder)
        data = training_data(encoder.space, config, None, encoder.device)
        prior = prior_named(arguments.prior, encoder, data.prior_sample)
        known = data.known(config.epochs - 1) if arguments.new else None
    return encoder.generate(
        _DEFAULT_NUMBER if arguments.n is None else arguments.n,
        np.random.default_rng(arguments.seed),
        temperature=arguments.temperature,
        prior=prior,
        distinct=arguments.distinct,
        known=known,
    )
