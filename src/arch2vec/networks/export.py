"""Networks to take away: as a source file of plain PyTorch, or as ONNX."""

from __future__ import annotations

import logging
import warnings
from importlib.util import find_spec

import torch
from torch import nn

from arch2vec.common.storage import AnyPath, atomic_path, read_arrays
from arch2vec.errors import InputError
from arch2vec.models.stored import stored_state
from arch2vec.networks.build import NetworkPlan, build_network, count_macs, count_parameters
from arch2vec.networks.darts import DARTSNetwork
from arch2vec.networks.export_darts import darts_source
from arch2vec.networks.export_nasbench101 import nasbench101_source
from arch2vec.networks.export_parts import source_file
from arch2vec.networks.export_staged import staged_source
from arch2vec.networks.nasbench101 import NASBench101Network
from arch2vec.networks.staged import StagedNetwork
from arch2vec.spaces import SearchSpace


def network_source(space: SearchSpace, architecture: str, plan: NetworkPlan | None = None) -> str:
    """A Python file with the network of an architecture, ``Network``, that needs PyTorch only.

    Its modules have our network's order and names, so that weights fit and outputs
    are the same to the bit.

    Raises:
        InputError: as :func:`arch2vec.networks.build.build_network`, or the network cannot
            read the plan's images.
    """
    plan = NetworkPlan() if plan is None else plan
    network = build_network(space, architecture, plan, seed=None)
    if isinstance(network, DARTSNetwork):
        uses, classes = darts_source(network)
    elif isinstance(network, NASBench101Network):
        uses, classes = nasbench101_source(network)
    else:
        assert isinstance(network, StagedNetwork)
        uses, classes = staged_source(network)
    images = plan.images
    facts = [
        f"It reads images (B, {images.channels}, {images.side}, {images.side}) and gives scores of {images.classes} "
        f"classes. {count_parameters(network):,} parameters, {count_macs(network, images):,} multiply-adds an image."
    ]
    if plan.auxiliary:
        facts.append("The auxiliary head, which works in training only, is among the parameters.")
    return source_file(f"The network of an architecture of {space.name}", architecture, facts, uses, classes)


def load_weights(network: nn.Module, path: AnyPath) -> None:
    """Give a network the weights in a safetensors file, as trainings leave them.

    Raises:
        InputError: the file is damaged or of another network.
    """
    arrays, _ = read_arrays(path)
    try:
        network.load_state_dict(stored_state(network.state_dict(), arrays))
    except (InputError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} holds weights of another network: {reason[:200]}") from error


def write_onnx(network: nn.Module, plan: NetworkPlan, path: AnyPath) -> None:
    """Write a network, weights included, as an ONNX file that takes any number of images; atomically.

    The input is ``images`` (B, channels, side, side), the output ``scores`` (B, classes). The network
    is left in evaluation mode.

    Raises:
        InputError: a package is missing, the network cannot read the plan's images, or the
            file cannot be written.
    """
    require_onnx()
    images = plan.images
    batch = torch.zeros(2, images.channels, images.side, images.side)
    shapes = {"images": {0: torch.export.Dim("batch")}}
    network.eval()
    with torch.inference_mode():
        network(batch)  # what it cannot read is refused in our words
    with atomic_path(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch's own deprecations
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            network,
            (batch,),
            temporary,
            input_names=["images"],
            output_names=["scores"],
            dynamic_shapes=shapes,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def require_onnx() -> None:
    """Raise :class:`InputError` unless the packages that write ONNX are installed."""
    if find_spec("onnx") is None or find_spec("onnxscript") is None:
        raise InputError("writing ONNX needs two more packages: pip install 'arch2vec[onnx]'")
