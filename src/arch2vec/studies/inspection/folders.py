"""What a folder holds and how far it is, for every kind of folder that commands write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from arch2vec.common.documents import anything, checked, listing, mapping, number, parse_json
from arch2vec.common.ownership import is_owned
from arch2vec.common.storage import AnyPath, read_json, read_text
from arch2vec.errors import InputError
from arch2vec.searching.patience import shown
from arch2vec.studies.inspection.readers import (
    COMPARISON,
    CONFIG,
    PARETO,
    SEARCH,
    comparison_frame,
    document,
    pareto_frame,
    search_frame,
    unfinished,
)
from arch2vec.studies.inspection.status import Asked, Best, Pace, Status, asked_of, changed_at, status_of, with_owner
from arch2vec.studies.inspection.top import best_first
from arch2vec.studies.optuna.storage import is_storage

if TYPE_CHECKING:
    import pandas as pd

_DEEP = 4  # folders below the one asked about
_MANY = 1 << 63  # more epochs than anybody asks for
_METRICS = "metrics.jsonl"
_SHOWN = ("loss", "validation", "test", "validity", "uniqueness")


def inspect(folder: AnyPath) -> Status:
    """How far the work in a folder, or in a storage by its URL, is. Nothing is written, and no file is locked.

    Raises:
        InputError: there is no such folder, it holds no work of ours, or a file is damaged.
    """
    if is_storage(folder):
        return _storage(str(folder))
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder")
    found = _inspect(folder, _DEEP)
    if found is None:
        raise InputError(
            f"{folder} holds no run and no study; 'arch2vec pretrain', 'search', 'compare', 'pareto' and 'experiment' "
            "write such folders"
        )
    return found


def _inspect(folder: Path, deep: int) -> Status | None:
    for read in (_search, _comparison, _pareto, _prediction, _training):
        if (status := read(folder)) is not None:
            return with_owner(status, is_owned(folder))
    if deep == 0:
        return None
    below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    parts = tuple(part for path in below if (part := _inspect(path, deep - 1)) is not None)
    if len(parts) < 2:
        return parts[0] if parts else None
    return _together(folder, parts)


def _together(folder: Path | str, parts: tuple[Status, ...]) -> Status:
    finished = sum(part.state == "finished" for part in parts)
    updated = max(part.updated_at for part in parts)
    kinds = ", ".join(dict.fromkeys(part.kind for part in parts))
    unknown = any(part.state == "unknown" for part in parts)
    pace = Pace(finished, None if unknown else len(parts), None, updated)
    return status_of(folder, "folder", f"{len(parts)} parts: {kinds}", "parts finished", pace, parts=parts)


def _storage(url: str) -> Status:
    from arch2vec.studies.optuna.reading import stored_studies

    parts: list[Status] = []
    for study in stored_studies(url):
        frame, config = study.frame, study.config
        what = f"{config['method']} on {config['objective']}, {short_space(config['space'])}, seed {config['seed']}"
        updated = max((entry.ended_at for entry in study.entries), default=0.0) or study.started_at
        step = (updated - study.started_at) / len(frame) if len(frame) and updated > study.started_at else None
        pace = Pace(len(frame), study.budget, step, updated)
        figures = {**_spent(frame), "running": float(sum(entry.running for entry in study.entries))}
        status = status_of(study.name, "search", what, "evaluations", pace, _best(frame), figures)
        parts.append(with_owner(status, study.alive))
    return parts[0] if len(parts) == 1 else _together(shown(url), tuple(parts))


def _search(folder: Path) -> Status | None:
    study = document(folder / SEARCH)
    if study is None:
        return None
    frame, config, asked = search_frame(study), study["config"], asked_of(folder)
    what = f"{config['method']} on {config['objective']}, {short_space(config['space'])}, seed {config['seed']}"
    of = None if asked is None else asked.limits.get("budget")
    updated = changed_at(folder / SEARCH)
    done = len(frame)
    pace = _pace(asked, done, of, updated)
    return status_of(folder, "search", what, "evaluations", pace, _best(frame), _spent(frame))


def _comparison(folder: Path) -> Status | None:
    settings = document(folder / COMPARISON)
    if settings is None:
        return None
    frame, asked = comparison_frame(folder), asked_of(folder)
    methods, objectives = list(settings["methods"]), list(settings["objectives"])
    what = f"{', '.join(methods)} on {', '.join(objectives)}"
    files = [folder / COMPARISON, folder / "trajectories.parquet", *(folder / "blocks").glob("*")]
    done = len(frame.drop_duplicates(["method", "objective", "seed"]))
    runs = dict(asked.limits.get("runs", {})) if asked else {}
    of = sum(runs.values()) * len(objectives) if runs else None
    if of is None and files[1].exists() and not (folder / "blocks").exists():
        of = done  # put together, as at the end
    pace = _pace(asked, done, of, changed_at(*files))
    spent, journalled = _spent(frame), unfinished(folder, frame, methods, objectives)
    if journalled:
        spent["evaluations of runs in progress"] = float(journalled)
    return status_of(folder, "comparison", what, "runs", pace, _best(frame), spent)


def _pareto(folder: Path) -> Status | None:
    settings = document(folder / PARETO)
    if settings is None:
        return None
    frame, asked = pareto_frame(folder, settings), asked_of(folder)
    known = ", ".join(settings["known"]) or "nothing"
    what = f"{settings['objective']}: {', '.join(settings['criteria'])}; known: {known}"
    runs = dict(asked.limits.get("runs", {})) if asked else {}
    budget = asked.limits.get("budget") if asked else None
    of = sum(runs.values()) * budget if runs and budget else None
    updated = changed_at(folder / PARETO, *(folder / "runs").glob("*.json"))
    pace = _pace(asked, len(frame), of, updated)
    best = _best(frame)
    return status_of(folder, "multi-objective study", what, "evaluations", pace, best, _spent(frame))


def _pace(asked: Asked | None, done: int, of: int | None, updated_at: float) -> Pace:
    return Pace(done, of, None, updated_at) if asked is None else asked.pace(done, of, updated_at)


def _prediction(folder: Path) -> Status | None:
    path = folder / SEARCH
    settings = read_json(path) if path.is_file() else None
    if not isinstance(settings, dict) or not isinstance(settings.get("experiment"), str):
        return None
    from arch2vec.common.parquet import opened_parquet

    table, rows = folder / "runs.parquet", 0
    if table.exists():
        with opened_parquet(table) as opened:
            rows = opened.metadata.num_rows
    pace = Pace(rows, None, None, changed_at(path, table))
    return status_of(folder, str(settings["experiment"]), "results kept in runs.parquet", "rows", pace)


def _training(folder: Path) -> Status | None:
    config = folder / CONFIG
    if not (
        config.is_file() and any((folder / name).exists() for name in (_METRICS, "result.json", "encoder.safetensors"))
    ):
        return None
    settings = read_json(config)
    if not isinstance(settings, dict):
        return None
    records = training_records(folder)
    space, model = settings.get("space"), settings.get("model")
    name = model.get("name") if isinstance(model, dict) else model
    words = [str(word) for word in (name, space and f"on {short_space(space)}", settings.get("protocol")) if word]
    what = " ".join(words[:2]) + "".join(f", {word}" for word in words[2:])
    if "seed" in settings:
        what += f", seed {settings['seed']}"
    times = [sum(value for key, value in record.items() if key.startswith("seconds")) for record in records]
    step = sum(times) / len(times) if times and sum(times) > 0 else None
    pace = Pace(len(records), _epochs(settings), step, changed_at(config, folder / _METRICS))
    last = records[-1] if records else {}
    figures = {key: float(last[key]) for key in _SHOWN if _is_number(last.get(key))}
    return status_of(folder, "training", what or "a network", "epochs", pace, figures=figures)


def short_space(space: object) -> str:
    """A space as people call it: a declaration by its name."""
    text = str(space).removeprefix("declared:")
    if not text.startswith("{"):
        return text
    try:
        return str(parse_json(text, "a declaration")["name"])
    except (InputError, KeyError, TypeError):
        return f"{text[:40]}..."


def _epochs(settings: Mapping[str, Any]) -> int | None:
    """The epochs that a training's settings name, on their own or within one of them."""
    epochs = settings.get("epochs")
    if type(epochs) is int and 0 < epochs < _MANY:
        return epochs
    inner = (_epochs(value) for value in settings.values() if isinstance(value, dict))
    return next((epochs for epochs in inner if epochs is not None), None)


def training_records(folder: Path) -> list[dict[str, Any]]:
    """What a training has written down of its epochs, in their order.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / _METRICS
    if not path.exists():
        return []
    lines = read_text(path).splitlines()
    records = [parse_json(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]
    return cast(list[dict[str, Any]], checked(records, listing(_epoch), path))


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (type(value) is int and abs(value) < _MANY)


def _epoch(value: Any, place: str) -> None:
    mapping(anything)(value, place)
    for name, entry in value.items():
        if name.startswith("seconds"):
            number(0)(entry, f"{place}.{name}")


def _best(frame: pd.DataFrame) -> Best | None:
    found = best_first(frame).head(1).to_dict("records")
    if not found:
        return None
    row = found[0]
    test = None if row["test"] != row["test"] else float(row["test"])
    described = str(row["unit"]), bool(row["minimise"])
    return Best(str(row["architecture"]), float(row["validation"]), test, float(row["cost_s"]), *described)


def _spent(frame: pd.DataFrame) -> dict[str, float]:
    failed = int(frame["validation"].isna().sum())
    pruned = int(frame["pruned"].sum())
    given_up = {"pruned": float(pruned)} if pruned else {}
    found = {"evaluations": float(len(frame)), "failed": float(failed), **given_up}
    return {**found, "cost_s": float(frame["cost_s"].sum())}
