"""Names of objectives and columns as people write them, for titles and axes."""

from __future__ import annotations

import re

_BENCHMARKS = {"nasbench101": "NAS-Bench-101", "nasbench201": "NAS-Bench-201", "nasbench301": "NAS-Bench-301"}
_DATASETS = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "imagenet16-120": "ImageNet16-120",
    "c10": "CIFAR-10",
    "c100": "CIFAR-100",
    "in16": "ImageNet16-120",
    "measured": "cells with a validation accuracy",
}
_COUNTED = {
    "params": "parameters",
    "parameters": "parameters",
    "macs": "multiply-adds",
    "flops": "multiply-adds",
}
_UNITS = {"milliseconds": "ms", "seconds": "s", "millijoules": "mJ"}
_DEVICES = {
    "edgegpu": "edge GPU",
    "raspi4": "Raspberry Pi 4",
    "edgetpu": "edge TPU",
    "pixel3": "Pixel 3",
    "eyeriss": "Eyeriss",
    "fpga": "FPGA",
}
_OBJECTIVE = re.compile(rf"({'|'.join(_BENCHMARKS)})(?:-(.+))?")
_EPOCHS = re.compile(r"(.*?)-?(\d+)epochs")


def objective_title(name: str) -> str:
    """An objective's name for a heading; one that is nobody's but the user's stays as it is.

    >>> objective_title("nasbench201-cifar10-200epochs"), objective_title("mine")
    ('NAS-Bench-201, CIFAR-10, 200 epochs', 'mine')
    """
    found = _OBJECTIVE.fullmatch(name)
    if found is None:
        return name
    benchmark, rest = _BENCHMARKS[found[1]], found[2] or ""
    epochs = _EPOCHS.fullmatch(rest)
    parts = [epochs[1], f"{epochs[2]} epochs"] if epochs else [rest]
    return ", ".join([benchmark, *(_DATASETS.get(part, part) for part in parts if part)])


def cost_label(column: str, unit: str) -> str:
    """What an axis of a table's column says: a time has its unit, and numbers that are counted need none.

    Args:
        column: its name in the table.
        unit: of its numbers, in words.

    >>> cost_label("params_c10", "trainable parameters"), cost_label("c10_edgegpu_latency", "inference latency, ms")
    ('parameters, CIFAR-10', 'latency on an edge GPU, CIFAR-10 (ms)')
    """
    words = column_title(column)
    if words.partition(",")[0] in _COUNTED.values() or not unit:
        return words
    last = unit.rpartition(", ")[2]
    return f"{words} ({_UNITS.get(last, last)})"


def column_title(column: str) -> str:
    """A column of costs as people call it.

    >>> column_title("params_c10"), column_title("c10_edgegpu_latency"), column_title("my_cost")
    ('parameters, CIFAR-10', 'latency on an edge GPU, CIFAR-10', 'my cost')
    """
    head, _, rest = column.partition("_")
    if (counted := _COUNTED.get(head.lower())) is not None:
        return counted + (f", {_DATASETS.get(rest, rest.replace('_', ' '))}" if rest else "")
    device, _, what = rest.partition("_")
    if head in _DATASETS and device in _DEVICES and what:
        article = "an" if _DEVICES[device][0] in "aeiouEF" else "a"
        return f"{what.replace('_', ' ')} on {article} {_DEVICES[device]}, {_DATASETS[head]}"
    return column.replace("_", " ")
