"""What zero-cost proxies are worth: their rank correlations with the accuracies of trained networks.

A random sample of a benchmark's architectures gets its proxies on one or more
kinds of batches; what is reported is Spearman's and Kendall's correlation with the
benchmark's accuracies. Undefined values rank last, as a search would rank them; how many
there are is reported with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

from arch2vec.common.ownership import owned
from arch2vec.common.storage import atomic_path, claim, require_writable, write_text
from arch2vec.errors import InputError
from arch2vec.experiments.prediction_inputs import TARGETS, Columns, Target, columns_of
from arch2vec.experiments.proxy_published import PUBLISHED, published
from arch2vec.proxies.registry import get_proxies
from arch2vec.proxies.settings import ProxySetting
from arch2vec.proxies.table import SECONDS, compute_table

if TYPE_CHECKING:
    import pandas as pd

SPACES: Mapping[str, Mapping[str, Target]] = {
    "nasbench101": {"cifar10": TARGETS["nasbench101"]},
    "nasbench201": {name: TARGETS[f"nasbench201-{name}"] for name in ("cifar10", "cifar100", "imagenet16-120")},
}
"""The spaces with accuracies of trained networks: what there is, by data set."""

_RESAMPLES = 200


@owned
def run_proxies(
    space: str,
    settings: Sequence[ProxySetting],
    sample: int | None,
    out: Path,
    *,
    names: Sequence[str] | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> pd.DataFrame:
    """Compute proxies that are missing in ``out``, and correlate.

    Args:
        space: a key of :data:`SPACES`.
        settings: one for each kind of batch.
        sample: how many of the benchmark's architectures, drawn uniformly; None for all.
        out: a folder; ``proxies-BATCH.parquet`` in it has the values, as they come.
        names: of the proxies, None for all.
        seed: of the sample, and of the standard errors.
        workers: processes, one core each.
        progress: is called with the networks done, their number and the batch.

    Returns:
        A row for each (batch, proxy, dataset): ``architectures``, ``undefined``, ``spearman``
        with its standard error over 200 bootstrap samples ``spearman_se``, ``kendall`` (tau-b), ``seconds``
        of one core for all proxies of an architecture (mean), ``published_spearman``,
        ``published_kendall`` and ``source``, NaN and empty where there are none.

    Raises:
        InputError: there are no accuracies of the space, the sample is larger than the table, a
            table is not found, or ``out`` holds something else.
    """
    import pandas as pd

    if space not in SPACES:
        raise InputError(
            f"no accuracies of trained networks are known for the space {space!r}; there are for {', '.join(SPACES)}"
        )
    if not settings:
        raise InputError("at least one batch must be named: digits, random")
    wanted = [proxy.name for proxy in get_proxies(names)]
    targets = SPACES[space]
    table: Columns = next(iter(columns_of(targets.values()).values()))
    count = len(table) if sample is None else sample
    if not 3 <= count <= len(table):
        raise InputError(f"a sample of {space} must have 3 to {len(table):,} architectures, got {count:,}")
    require_writable(out)
    claim(out / "study.json", "study", {"experiment": "proxies", "space": space, "seed": seed})
    # A smaller sample is part of a larger one, so that more architectures add to what is there.
    rows = np.random.default_rng(seed).permutation(len(table))[:count]
    architectures = table.space.format(table.graphs(rows))
    found: list[dict[str, Any]] = []
    for place, setting in enumerate(settings):
        path, batch = out / f"proxies-{setting.batch}.parquet", setting.batch

        def show(done: int, total: int, _note: str, place: int = place, batch: str = batch) -> None:
            if progress is not None:
                progress(place * total + done, len(settings) * total, batch)

        frame = compute_table(table.space, architectures, wanted, setting, path, workers=workers, progress=show)
        seconds = float(frame[SECONDS].mean())
        for name in wanted:
            values = frame[name].to_numpy(dtype=np.float64)
            for dataset, target in targets.items():
                rho, tau = published(name, dataset) if space == "nasbench201" else (None, None)
                known = rho is not None or tau is not None
                found.append(
                    {
                        "batch": setting.batch,
                        "proxy": name,
                        "dataset": dataset,
                        "architectures": count,
                        "undefined": int(np.isnan(values).sum()),
                        **correlations(values, table.values(target)[rows], seed),
                        "seconds": seconds,
                        "published_spearman": np.nan if rho is None else rho,
                        "published_kendall": np.nan if tau is None else tau,
                        "source": PUBLISHED[name].source if known else "",
                    }
                )
    return pd.DataFrame(found)


def correlations(values: NDArray[np.float64], accuracies: NDArray[np.float64], seed: int) -> dict[str, float]:
    """Spearman's and Kendall's correlation, undefined values ranked last; NaN where all values are the same."""
    ranked = np.where(np.isnan(values), -np.inf, values)
    if np.all(ranked == ranked[0]) or np.ptp(accuracies) == 0:
        return {"spearman": np.nan, "spearman_se": np.nan, "kendall": np.nan}
    order = np.unique(ranked, return_inverse=True)[1].astype(np.float64)  # finite, and nothing but the ranks is used
    rows = np.random.default_rng(seed).integers(len(order), size=(_RESAMPLES, len(order)))
    with np.errstate(invalid="ignore"):  # a draw of equal values has no correlation: NaN
        draws = _rank_correlations(order[rows], accuracies[rows])
    return {
        "spearman": float(_rank_correlations(order[None], accuracies[None])[0]),
        "spearman_se": float(np.nanstd(draws, ddof=1)) if np.isfinite(draws).sum() > 1 else np.nan,
        "kendall": float(kendalltau(order, accuracies).statistic),
    }


def _rank_correlations(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R,) Spearman's correlation of each row of (R, n) with the other's."""
    x, y = (rankdata(values, axis=1) - (values.shape[1] + 1) / 2 for values in (x, y))
    products: NDArray[np.float64] = (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return products


def to_markdown(frame: pd.DataFrame, space: str, settings: Sequence[ProxySetting]) -> str:
    """The table for reading, a section for each data set."""
    count = int(frame["architectures"].iloc[0])
    lines = [
        f"# Zero-cost proxies on {space}",
        "",
        f"Rank correlations with the accuracies of trained networks over {count:,} architectures drawn at random:",
        "Spearman's rho ± its standard error by bootstrap / Kendall's tau-b. No network was trained for the proxies.",
        "Undefined values (at most as many as stated) rank last. Batches:",
        "",
    ]
    for setting in settings:
        seconds = frame.loc[frame["batch"] == setting.batch, "seconds"].iloc[0]
        lines.append(
            f"- {setting.batch}: {setting.description}; {seconds:.2f} s of one core an architecture for all proxies"
        )
    batches = [setting.batch for setting in settings]
    sources: dict[str, int] = {}
    for dataset, part in frame.groupby("dataset", sort=False):
        lines += ["", f"## {dataset}", "", f"{SPACES[space][str(dataset)].description}.", ""]
        lines.append("| proxy | " + " | ".join(batches) + " | undefined | published |")
        lines.append("|---|" + "---|" * (len(batches) + 2))
        for proxy, rows in part.groupby("proxy", sort=False):
            by_batch = {row["batch"]: row for row in rows.to_dict("records")}
            cells = [figure(by_batch[batch]) for batch in batches]
            first = by_batch[batches[0]]
            known = figure(first, "published_")
            if known:
                known += f" [{sources.setdefault(first['source'], len(sources) + 1)}]"
            undefined = max(int(row["undefined"]) for row in by_batch.values())
            lines.append(f"| {proxy} | " + " | ".join(cells) + f" | {undefined} | {known} |")
    if sources:
        lines += ["", "Published:", "", *(f"[{number}] {source}\n" for source, number in sources.items())]
    return "\n".join(lines).rstrip() + "\n"


def figure(row: Mapping[Any, Any], prefix: str = "") -> str:
    """Spearman's correlation ± its standard error / Kendall's, what there is of it."""
    rho, tau = row[f"{prefix}spearman"], row[f"{prefix}kendall"]
    digits = 3 if not prefix else 2
    error = row.get(f"{prefix}spearman_se", np.nan)
    first = "" if rho != rho else f"{rho:.{digits}f}" + (f" ± {error:.3f}" if error == error else "")
    second = "" if tau != tau else f"{tau:.3f}".removesuffix("0" if prefix else "")
    if not first and not second:
        return ""
    return f"{first or '-'} / {second or '-'}"


def write_tables(frame: pd.DataFrame, space: str, settings: Sequence[ProxySetting], out: Path) -> None:
    """Write ``table.md``, ``table.csv`` and ``table.parquet``."""
    with atomic_path(out / "table.csv") as path:
        frame.to_csv(path, index=False, float_format="%.6g")
    with atomic_path(out / "table.parquet") as path:
        frame.to_parquet(path, index=False)
    write_text(out / "table.md", to_markdown(frame, space, settings))


def to_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The table for ``--json``; published figures are ``{"spearman", "kendall", "source"}``."""
    rows = []
    for row in frame.to_dict("records"):
        known = {name: row[f"published_{name}"] for name in ("spearman", "kendall")}
        ours = {str(name): value for name, value in row.items() if not str(name).startswith("published_")}
        source = ours.pop("source")
        rows.append({**ours, "published": {**known, "source": source} if source else {}})
    return rows
