"""The command that gives an architecture out of hand: as source code, as ONNX, as a picture."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.architectures import read_architectures, say_notation
from arch2vec.cli.output import command, print_json
from arch2vec.common.documents import shown
from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.networks.build import NetworkPlan
    from arch2vec.spaces import SearchSpace
    from arch2vec.spaces.reading import Reading

_WORD = re.compile(r"[\w./-]*[a-z][\w./-]*")  # a path rather than an architecture
_PICTURES = (".svg", ".png", ".pdf")
_DESCRIPTION = """\
Write an architecture to files, each of a kind that its name ends in:
  .py                 its network in plain PyTorch, a file that needs nothing else
  .onnx               its network with weights, random ones of --seed if there are no others
  .svg, .png, .pdf    a picture of its cell
The network is the published one of its search space unless you say otherwise."""


def add_commands(commands: Any) -> None:
    """Add this module's command to the command line."""
    parser = command(
        commands, "export", run_export, "write an architecture as PyTorch, ONNX or a picture", _DESCRIPTION
    )
    parser.add_argument(
        "architecture",
        metavar="ARCH",
        help="in its space's notation or another that is known, or the name of a published DARTS genotype: DARTS_V2, "
        "ARCH2VEC_BO, ...; "
        "or the folder of a search or comparison, for the best that it has found",
    )
    parser.add_argument(
        "--rank",
        type=int,
        metavar="N",
        help="where ARCH is a folder: take the N-th best of it, as 'arch2vec top' lists them (default: the best)",
    )
    parser.add_argument(
        "--by",
        metavar="NUMBER",
        help="where ARCH is a folder: take the best by another number, as in 'arch2vec top --by' "
        "(default: by validation)",
    )
    parser.add_argument(
        "--space",
        help="the search space that ARCH is of (default: darts_pair for published genotypes, and a folder's own)",
    )
    parser.add_argument(
        "--to",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="the files to write; what a name ends in says what kind of file it becomes",
    )
    network = parser.add_argument_group("the network")
    network.add_argument(
        "--data",
        default="cifar10",
        help="the images that the network reads, which say its input and its classes: cifar10 "
        "(default), cifar100, imagenet16-120, imagenet or digits",
    )
    network.add_argument(
        "--channels",
        type=int,
        help="width of the network: channels of the first cells (default: as published for the space)",
    )
    network.add_argument(
        "--cells",
        "--layers",
        type=int,
        help="depth of the network: cells in each stage, for DARTS cells in all (default: as published for the space)",
    )
    network.add_argument(
        "--classes", type=int, help="how many classes the network tells apart (default: those of --data)"
    )
    network.add_argument(
        "--input-size",
        type=int,
        metavar="PIXELS",
        help="height and width of the images in pixels (default: those of --data)",
    )
    network.add_argument(
        "--input-channels", type=int, help="how many channels the images have (default: those of --data)"
    )
    network.add_argument(
        "--auxiliary",
        action="store_true",
        help="give a network of DARTS cells its auxiliary head, for training (default: without)",
    )
    network.add_argument(
        "--operation",
        action="append",
        default=[],
        metavar="NAME=LAYER",
        help="for a space of your own: which layer an operation of it is, also python:FILE.py:CLASS for a "
        "module of your own that is made with a number of channels; may be given several times",
    )
    network.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="for .onnx files: a safetensors file of trained weights (default: random ones of --seed)",
    )


def run_export(arguments: argparse.Namespace) -> None:
    """``arch2vec export``."""
    writers = {path: _writer(path) for path in arguments.to}
    if arguments.weights is not None and not any(path.suffix.lower() == ".onnx" for path in writers):
        raise InputError("--weights are for .onnx files; a .py file holds no weights, its network loads them")
    space, reading = _architecture(arguments)
    architecture = space.format(reading.graphs)[0]
    for path, write in writers.items():
        write(arguments, space, architecture, path)
    say_notation(reading)
    if arguments.json:
        document: dict[str, Any] = {
            "architecture": architecture,
            "space": space.reference,
            "files": [str(path) for path in writers],
        }
        if any(write is not _write_picture for write in writers.values()):
            document |= _sizes(arguments, space, architecture)
        print_json(document)
    else:
        print("\n".join(str(path) for path in writers))


_Writer = Callable[[argparse.Namespace, "SearchSpace", str, Path], None]


def _writer(path: Path) -> _Writer:
    """What writes a file of this name.

    Raises:
        InputError: nothing does.
    """
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise InputError(f"cannot export to {path}: its name must end in {', '.join(_WRITERS)}")
    if os.path.isdir(path):  # noqa: PTH112  # of a name that is too long, Path complains
        raise InputError(f"cannot export to {path}: it is a folder")
    if suffix == ".onnx":
        from arch2vec.networks.export import require_onnx

        require_onnx()
    return _WRITERS[suffix]


def _architecture(arguments: argparse.Namespace) -> tuple[SearchSpace, Reading]:
    """The search space, and the architecture."""
    from arch2vec.spaces import get_space
    from arch2vec.spaces.darts.reading import cells_of, published
    from arch2vec.spaces.reading import unwrapped

    given, named = arguments.architecture.strip(), arguments.space
    if os.path.isdir(given):  # noqa: PTH112  # a pasted genotype is too long for a path, at which Path complains
        from arch2vec.studies.inspection.top import ranked

        architecture, found = ranked(given, arguments.rank or 1, arguments.by)
        space = _space_of_study(named, found, given)
        return space, space.read([architecture])
    if arguments.rank is not None or arguments.by is not None:
        raise InputError(f"--rank and --by choose from a study's folder, and {given[:60]!r} is none")
    if named is None and _WORD.fullmatch(given) and published(given) is None:
        raise InputError(
            f"{given} is no folder of a search or comparison; an architecture is named with its search space, as in "
            "--space nasbench201, a published genotype by its name: DARTS_V2"
        )
    if named is None and "~" not in given and cells_of(unwrapped(given)) is not None:
        named = "darts_pair"  # published genotypes are of this space unless somebody says otherwise
    if named is None:
        raise InputError(
            "name the architecture's search space: --space nasbench101, nasbench201, darts, darts_pair or FILE.yaml"
        )
    space = get_space(named)
    return space, read_architectures(space, [given])


def _space_of_study(named: str | None, found: str | None, folder: str) -> SearchSpace:
    """The space that a study's architectures are of: the one that the user names, else what the folder says.

    The folder's word runs no code.
    """
    from arch2vec.spaces import get_space, stored_space

    if named is not None:
        return get_space(named)
    try:
        return stored_space(found or "", None, folder)
    except InputError as error:
        raise InputError(
            f"the study in {folder} is of the search space {shown(found)}: say where it is, --space FILE.yaml"
        ) from error


def _plan(arguments: argparse.Namespace) -> NetworkPlan:
    from arch2vec.networks.build import NetworkPlan

    return NetworkPlan(
        data=arguments.data,
        channels=arguments.channels,
        cells=arguments.cells,
        classes=arguments.classes,
        input_size=arguments.input_size,
        input_channels=arguments.input_channels,
        auxiliary=arguments.auxiliary,
        layers=_layers(arguments.operation),
    )


def _layers(given: list[str]) -> Mapping[str, str]:
    layers: dict[str, str] = {}
    for entry in given:
        name, sign, layer = entry.rpartition("=")
        if not sign or not name:
            raise InputError(f"--operation takes NAME=LAYER, such as conv=sep_conv_3x3; got {entry!r}")
        if layers.get(name, layer) != layer:
            raise InputError(f"--operation says twice what {name!r} is: {layers[name]} and {layer}")
        layers[name] = layer
    return layers


def _write_source(arguments: argparse.Namespace, space: SearchSpace, architecture: str, path: Path) -> None:
    from arch2vec.common.storage import write_text
    from arch2vec.networks.export import network_source

    write_text(path, network_source(space, architecture, _plan(arguments)))


def _write_onnx(arguments: argparse.Namespace, space: SearchSpace, architecture: str, path: Path) -> None:
    from arch2vec.networks.build import build_network
    from arch2vec.networks.export import load_weights, write_onnx

    if not 0 <= arguments.seed < 2**63:
        raise InputError(f"a seed of weights is in 0 .. 2^63 - 1, got {arguments.seed}")
    plan = _plan(arguments)
    network = build_network(space, architecture, plan, arguments.seed)
    if arguments.weights is not None:
        load_weights(network, arguments.weights)
    write_onnx(network, plan, path)


def _write_picture(_arguments: argparse.Namespace, space: SearchSpace, architecture: str, path: Path) -> None:
    from arch2vec.reports.cells import draw_cell

    draw_cell(space, space.parse([architecture]), path)


def _sizes(arguments: argparse.Namespace, space: SearchSpace, architecture: str) -> dict[str, int]:
    from arch2vec.networks.build import build_network, count_macs, count_parameters
    from arch2vec.networks.darts import DARTSNetwork
    from arch2vec.networks.nasbench201 import NASBench201Network
    from arch2vec.spaces.darts.cost import count_cost as count_darts
    from arch2vec.spaces.darts.pair import DARTSPair
    from arch2vec.spaces.nasbench201.cost import count_cost

    plan = _plan(arguments)
    network = build_network(space, architecture, plan, seed=None)
    sizes = {"parameters": count_parameters(network), "macs": count_macs(network, plan.images)}
    if isinstance(network, NASBench201Network):
        # The benchmark's list counts convolutions that lead nowhere too, as the parameters do; they are not computed.
        every = count_cost(space.parse([architecture]), network.skeleton, plan.images.side).macs[0]
        sizes["macs_with_idle"] = int(every)
    if isinstance(network, DARTSNetwork):
        graphs = space.parse([architecture])
        cells = space.split(graphs) if isinstance(space, DARTSPair) else (graphs, None)
        sizes["macs_with_norms"] = int(count_darts(*cells, skeleton=network.skeleton).macs_with_norms[0])
    return sizes


_WRITERS: Mapping[str, _Writer] = {
    ".py": _write_source,
    ".onnx": _write_onnx,
    **dict.fromkeys(_PICTURES, _write_picture),
}
