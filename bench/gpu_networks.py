"""Steps of ``bench/gpu.py``: how fast the networks of the three spaces are trained, and what DARTS would take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from arch2vec.experiments.darts_settings import DartsSettings
from arch2vec.networks.build import NetworkPlan, build_network
from arch2vec.networks.classifier_run import ClassifierRun
from arch2vec.networks.data.named import DataChoice, load_images
from arch2vec.networks.recipes import get_recipe
from arch2vec.spaces import get_space
from arch2vec.spaces.darts.published import PUBLISHED_GENOTYPES
from arch2vec.spaces.nasbench101.notation import EXAMPLE
from gpu_common import Setting, peak_memory, synchronised

ARCHITECTURES = {
    "nasbench101": EXAMPLE,
    "nasbench201": "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    "darts_pair": PUBLISHED_GENOTYPES["ARCH2VEC_BO"],
}
BATCHES = {"nasbench101": 256, "nasbench201": 256, "darts_pair": 96}
VARIANTS = ("plain", "channels last", "+ float16", "+ CUDA graph", "+ compiled")
_COMPILED = ("nasbench101", "nasbench201")  # twenty DARTS cells take minutes to compile


def images_per_second(setting: Setting) -> dict[str, Any]:
    """Images a second of training steps on random images of CIFAR-10's shape, and memory."""
    rows: list[dict[str, Any]] = []
    for space, architecture in ARCHITECTURES.items():
        for variant in VARIANTS:
            if not setting.on_gpu and variant not in ("plain", "channels last"):
                rows.append({"space": space, "variant": variant, "skipped": "needs a GPU"})
            elif variant != "+ compiled" or space in _COMPILED:
                rows.append({"space": space, "variant": variant, **_rate(space, architecture, variant, setting)})
    return {"rows": rows}


def _rate(space: str, architecture: str, variant: str, setting: Setting) -> dict[str, Any]:
    try:
        with peak_memory(setting.device) as memory:
            step, batch = _step(space, architecture, variant, setting)
            for _ in range(1 if setting.small else 4):
                step()
            times = 1 if setting.small else 15
            started = synchronised(setting.device)
            for _ in range(times):
                step()
            seconds = (synchronised(setting.device) - started) / times
            return {"batch": batch, "ms_per_step": 1e3 * seconds, "images_per_s": batch / seconds, **memory()}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def _step(space: str, architecture: str, variant: str, setting: Setting) -> tuple[Callable[[], object], int]:
    """A training step of a network: forward, backward, update."""
    small = NetworkPlan("cifar10", channels=8, cells=3 if space == "darts_pair" else 1)
    plan = small if setting.small else NetworkPlan("cifar10")
    batch = 4 if setting.small else BATCHES[space]
    network: nn.Module = build_network(get_space(space), architecture, plan, seed=0).to(setting.device)
    images = torch.randn(batch, 3, 32, 32, device=setting.device)
    labels = torch.randint(10, (batch,), device=setting.device)
    if variant != "plain":
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = images.contiguous(memory_format=torch.channels_last)
    short = variant in VARIANTS[2:]
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, fused=True)
    forward: Callable[[torch.Tensor], Any] = network
    if variant == "+ compiled":
        forward = torch.compile(network)

    def step() -> None:
        optimiser.zero_grad(set_to_none=False)
        with torch.autocast(setting.device.type, torch.float16, enabled=short, cache_enabled=False):
            found = forward(images)
        scores = found[0] if isinstance(found, tuple) else found
        torch.autograd.backward(functional.cross_entropy(scores.float(), labels))
        optimiser.step()

    if variant != "+ CUDA graph":
        return step, batch
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay, batch


def darts_experiment(setting: Setting) -> dict[str, Any]:
    """What all trainings of the paper's DARTS experiment would take, from the seconds of some steps of each kind."""
    settings = DartsSettings(data="digits") if setting.small else DartsSettings()
    found: dict[str, Any] = {}
    days = 0.0
    for step, trainings, images in (("search", settings.budget, 45_000), ("final", settings.final_seeds, 50_000)):
        recipe, plan = settings.recipe(step), settings.plan(step)
        rate = _recipe_rate(recipe, plan, setting)
        taken = trainings * recipe.epochs * images / rate / 86_400
        found |= {f"{step}_images_per_s": rate, f"{step}_gpu_days": taken, f"{step}_epochs": recipe.epochs}
        days += taken
    return {
        **found,
        "gpu_days": days,
        "published_gpu_days": 10.5,
        "what": "one search of 100 trainings and the best cell trained with 3 seeds; evaluations of epochs left out",
        "two_searches_gpu_days": 2 * days,
    }


def _recipe_rate(recipe: Any, plan: NetworkPlan, setting: Setting) -> float:
    """Images a second of the library's own training, with its recipe."""
    data = load_images(DataChoice("digits", limit=64)) if setting.small else _random_images(recipe.batch_size)
    network = build_network(get_space("darts_pair"), ARCHITECTURES["darts_pair"], plan, seed=0)
    run = ClassifierRun(network, data, replace(recipe, epochs=4, evaluate_every=4), 0, setting.device)
    run.train_epoch(0)
    started = synchronised(setting.device)
    run.train_epoch(1)
    return len(data.train) / (synchronised(setting.device) - started)


def _random_images(batch: int) -> Any:
    from arch2vec.networks.data.base import ImageData, MemoryPart, Normalisation

    steps = 12
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (steps * batch, 3, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.randint(10, (steps * batch,), generator=generator)
    part = MemoryPart(pixels, labels, Normalisation((0.5,) * 3, (0.25,) * 3))
    return ImageData("random", {}, 10, 3, 32, part, None, None)


def training_repeats(setting: Setting) -> dict[str, Any]:
    """Whether two trainings of one epoch with one seed end with the same weights."""
    data = load_images(DataChoice("digits", limit=256 if setting.small else None))
    recipe = replace(get_recipe("digits"), epochs=1)
    plan = NetworkPlan("digits", channels=8, cells=1)
    states = []
    for _ in range(2):
        network = build_network(get_space("nasbench201"), ARCHITECTURES["nasbench201"], plan, seed=0)
        ClassifierRun(network, data, recipe, 0, setting.device).train_epoch(0)
        states.append(torch.cat([value.flatten().float() for value in network.state_dict().values()]))
    return {
        "same_bits": bool(torch.equal(*states)),
        "largest_difference": float((states[0] - states[1]).abs().max()),
    }
