"""Writers of the original benchmark formats, for tests; slow and plain on purpose."""

from __future__ import annotations

import base64
import bz2
import json
import pickle
import struct
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

HASHES_OF_LABELS = {"input": -1, "output": -2, "conv3x3-bn-relu": 0, "conv1x1-bn-relu": 1, "maxpool3x3": 2}


def slow_crc32c(data: bytes) -> int:
    """Bit by bit, as RFC 3720 defines it."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ 0x82F63B78 if state & 1 else state >> 1
    return state ^ 0xFFFFFFFF


def tfrecord(records: Iterable[bytes]) -> bytes:
    parts = []
    for record in records:
        length = struct.pack("<Q", len(record))
        for part in (length, record):
            crc = slow_crc32c(part)
            turned = ((crc >> 15) | (crc << 17)) & 0xFFFFFFFF
            parts += [part, struct.pack("<I", (turned + 0xA282EAD8) & 0xFFFFFFFF)]
    return b"".join(parts)


def varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF
    out = []
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def model_metrics(evaluations: Sequence[Sequence[float]], parameters: int, seconds: float, path: bytes = b"") -> bytes:
    """Evaluations are (epoch, seconds, train, validation, test)."""
    message = b""
    for evaluation in evaluations:
        body = b"".join(bytes([8 * n + 1]) + struct.pack("<d", value) for n, value in enumerate(evaluation, start=1))
        if path:
            body += bytes([8 * 6 + 2]) + varint(len(path)) + path
        message += bytes([8 + 2]) + varint(len(body)) + body
    return message + bytes([16]) + varint(parameters) + bytes([24 + 1]) + struct.pack("<d", seconds)


def nasbench101_record(module_hash: str, epochs: int, matrix: str, operations: str, message: bytes) -> bytes:
    return json.dumps([module_hash, epochs, matrix, operations, base64.b64encode(message).decode()]).encode()


def official_records(path: Path) -> dict[int, dict[str, Any]]:
    """The complete official records by index, as they are in the original files (but for the weights)."""
    records = {}
    for name, budgets in json.loads(path.read_text()).items():
        space, index = name.split("/")
        if space == "tss":
            states = {hp: _state(int(index), budget) for hp, budget in budgets.items()}
            records[int(index)] = states
    return records


def _state(index: int, budget: Mapping[str, Any]) -> dict[str, Any]:
    results = {}
    for key, trial in budget["results"].items():
        dataset, seed = key.split("@")
        original = dict(trial)
        for curve in ("train_acc1es", "train_acc5es", "train_losses", "train_times"):
            if trial[curve] is not None:
                original[curve] = OrderedDict((int(epoch), value) for epoch, value in trial[curve].items())
        original["seed"] = int(seed)
        original["net_state_dict"] = None
        results[dataset, int(seed)] = original
    seeds: dict[str, list[int]] = {}
    for dataset, seed in results:
        seeds.setdefault(dataset, []).append(seed)
    return {
        "arch_index": index,
        "arch_str": budget["arch"],
        "all_results": results,
        "dataset_seed": seeds,
        "clear_net_done": True,
    }


def whole_document(architectures: Sequence[str], records: Mapping[int, Any], *, old: bool) -> dict[str, Any]:
    """What a single file holds; ``old`` as in NAS-Bench-201's own, whose budgets have other names."""
    names = {"12": "less", "200": "full"} if old else {"12": "12", "200": "200"}
    return {
        "meta_archs": list(architectures),
        "total_archs": len(architectures),
        "arch2infos": {
            index: {names[budget]: state for budget, state in states.items()} for index, states in records.items()
        },
        "evaluated_indexes": set(records),
    }


def write_pbz2(path: Path, document: object) -> Path:
    path.write_bytes(bz2.compress(pickle.dumps(document, protocol=4)))
    return path
