"""``arch2vec proxies``: zero-cost proxies of the architectures of a space."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.architectures import add_architectures, listed_architectures, read_architectures, say_notation
from arch2vec.cli.devices import DEVICE, add_device
from arch2vec.cli.output import command, print_json, print_table, progress_bar, say
from arch2vec.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from arch2vec.graphs import GraphBatch
    from arch2vec.proxies.settings import ProxySetting
    from arch2vec.spaces import SearchSpace


def add_commands(commands: Any) -> None:
    """Add ``proxies`` to the command line."""
    parser = command(
        commands,
        "proxies",
        run_proxies,
        "what untrained networks give away: zero-cost proxies of all, N or given architectures, as Parquet",
        "Zero-cost proxies of all (or N) architectures: synflow, jacov, NASWOT, Zen, SNIP, GraSP, Fisher, sizes.\n"
        "No network is trained, and no value is an accuracy.\n"
        "The same command again resumes; more architectures or proxies add to the file.",
    )
    parser.add_argument("source", metavar="SPACE", help="a search space, or a run's folder, for the space of that run")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="the Parquet file to write; the same command again adds to it",
    )
    parser.add_argument(
        "--sample",
        type=int,
        metavar="N",
        help="compute the proxies of N architectures drawn from the space (default: of all)",
    )
    add_architectures(parser)
    add_setting(parser)
    parser.add_argument(
        "--batch", default="digits", help="the images that networks are shown: digits (default) or random"
    )
    add_device(parser, f"{DEVICE} (default: the processor, on which each worker has a core)")
    parser.add_argument(
        "--space",
        metavar="SPACE",
        help="needed where SPACE is a run of a space in your own Python code: python:FILE:NAME",
    )


def add_setting(parser: argparse.ArgumentParser) -> None:
    """The flags that say how proxies are computed, whatever the batch."""
    parser.add_argument("--names", metavar="A,B", help="names of the proxies, separated by commas (default: all)")
    parser.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="how many images networks are shown (default: 32 digits, or 64 random ones)",
    )
    parser.add_argument(
        "--channels",
        type=int,
        metavar="N",
        help="width of the networks: channels of the first cells (default: as published for the space)",
    )
    parser.add_argument(
        "--cells",
        type=int,
        metavar="N",
        help="depth of the networks: cells a stage, for DARTS in all (default: as published for the space)",
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="how many processes compute side by side, one core each (default 1)"
    )


def setting_of(arguments: argparse.Namespace, batch: str) -> ProxySetting:
    """The setting that the flags say."""
    from arch2vec.proxies.settings import ProxySetting

    return ProxySetting(batch, arguments.batch_size, arguments.channels, arguments.cells, arguments.seed)


def sampled(space: SearchSpace, sample: int | None, seed: int) -> GraphBatch:
    """All architectures of a space, or a sample of them.

    Raises:
        InputError: there are too few, or too many to list.
    """
    import numpy as np

    if sample is not None and sample < 1:
        raise InputError(f"--sample must be at least 1, got {sample}")
    if sample is None:
        if not space.enumerable:
            raise InputError(f"{space.name} has too many architectures to list; say how many with --sample")
        return space.enumerate()
    space.check_sample_size(sample)
    return space.sample(sample, np.random.default_rng(seed))


def run_proxies(arguments: argparse.Namespace) -> None:
    """``arch2vec proxies``."""
    from arch2vec.cli.inputs import names
    from arch2vec.cli.runs import load_encoder
    from arch2vec.common.storage import require_writable
    from arch2vec.spaces import get_space

    if arguments.out.suffix != ".parquet":
        raise InputError(f"--out must end in .parquet, got {arguments.out}")
    if arguments.architectures is not None and arguments.sample is not None:
        raise InputError("--sample draws architectures and --architectures names them; give one of the two")
    setting = setting_of(arguments, arguments.batch)
    if Path(arguments.source).is_dir():
        space = load_encoder(Path(arguments.source), arguments.space).space
    else:
        space = get_space(arguments.source)
    reading = None
    if arguments.architectures is None:
        graphs = sampled(space, arguments.sample, arguments.seed)
    else:
        texts = listed_architectures(arguments.architectures)
        reading = read_architectures(space, texts, arguments.architectures)
        graphs = reading.graphs
    architectures = list(dict.fromkeys(space.format(graphs)))
    require_writable(arguments.out.parent)

    from arch2vec.proxies.table import compute_table

    wanted = names(arguments.names) if arguments.names else None
    started = time.perf_counter()
    with progress_bar("proxies") as update:
        frame = compute_table(
            space,
            architectures,
            wanted,
            setting,
            arguments.out,
            workers=arguments.workers,
            progress=update,
            device=arguments.device or "cpu",
        )
    if reading is not None:
        say_notation(reading)
    _report(frame, space, setting, arguments, time.perf_counter() - started)


def _report(
    frame: pd.DataFrame, space: SearchSpace, setting: ProxySetting, arguments: argparse.Namespace, seconds: float
) -> None:
    columns = [str(name) for name in frame.columns[1:-1]]
    undefined = {name: int(frame[name].isna().sum()) for name in columns}
    if arguments.json:
        print_json(
            {
                "architectures": len(frame),
                "proxies": columns,
                "undefined": undefined,
                "seconds": seconds,
                "file": str(arguments.out),
            }
        )
        return
    levels = (0.05, 0.5, 0.95)
    rows = []
    for name in columns:
        quantiles = frame[name].quantile(list(levels)).tolist()
        rows.append([name, *(f"{value:.4g}" for value in quantiles), str(undefined[name])])
    print_table(
        f"Zero-cost proxies of {len(frame):,} architectures of {space.name}",
        ["proxy", "5 %", "median", "95 %", "undefined"],
        rows,
        footer=f"on {setting.description}; no network is trained, and no value is an accuracy",
    )
    say(f"{seconds:.1f} s; {frame['seconds'].mean():.3f} s of one core an architecture; {arguments.out}")
