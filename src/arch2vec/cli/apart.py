"""How the command line says where a search's evaluations are made."""

from __future__ import annotations

import argparse
from typing import Any

TIMEOUT = "an evaluation, in a process of its own, has failed after S seconds (default: never)"


def add_apart(parser: argparse.ArgumentParser) -> None:
    """Where evaluations are made, and what becomes of those that misbehave."""
    group = parser.add_argument_group("evaluations that take their time")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="evaluations at once, each in a process of its own, where one that ends its process is a failed trial "
        "(default: one after the other, in this process)",
    )
    group.add_argument("--timeout-per-training", type=float, metavar="S", help=TIMEOUT)
    group.add_argument(
        "--retries",
        type=int,
        default=0,
        metavar="N",
        help="try an evaluation that failed again, up to N times, before it is a failed trial (default 0)",
    )
    group.add_argument(
        "--resources",
        default="",
        metavar="NAME=NUMBER",
        help="of each evaluation: gpu=1 for a graphics card of its own, gpu=0.5 for half of one, cpu=4 for threads",
    )
    group.add_argument(
        "--pruner",
        metavar="P",
        help="give trainings up on the way by what they report: median, percentile, successive-halving or hyperband, "
        "with settings as median?trials=5&warmup=3 or hyperband?least=1&most=81&factor=3 (default: none is)",
    )
    group.add_argument(
        "--engine",
        choices=("processes", "ray"),
        default="processes",
        help="who makes evaluations: processes of this machine (default), or a cluster of Ray's",
    )
    group.add_argument(
        "--address",
        metavar="A",
        help="address of a Ray cluster: auto for this machine's, or ray://HOST:10001 (default: one is started here)",
    )
    group.add_argument(
        "--storage",
        metavar="URL",
        help="keep the trials in an Optuna storage, on which any number of machines may run this command at once: "
        "sqlite:///FILE, journal:///FILE, postgresql://USER@HOST/DATABASE or mysql://...",
    )
    group.add_argument(
        "--study", metavar="NAME", help="name of the study there (default: the objective, method, space and seed)"
    )


def apart_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of :func:`add_apart`, as searches take them."""
    from arch2vec.errors import InputError
    from arch2vec.studies.resources import read_resources

    resources = read_resources(arguments.resources)
    executor = None
    if arguments.engine == "ray":
        from arch2vec.studies.ray import RayEngine

        executor = RayEngine(arguments.address, arguments.workers, arguments.timeout_per_training, resources)
    elif arguments.address is not None:
        raise InputError(f"--address {arguments.address} is of a cluster; say --engine ray too")
    return {
        "workers": arguments.workers,
        "executor": executor,
        "timeout_s": arguments.timeout_per_training,
        "retries": arguments.retries,
        "resources": resources,
        "storage": arguments.storage,
        "study_name": arguments.study,
        "pruner": arguments.pruner,
    }
