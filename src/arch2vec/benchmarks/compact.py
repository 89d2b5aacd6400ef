"""The schemas of the prepared tables ``nasbench101.parquet``, ``nasbench201.parquet`` and the surrogate's.

The benchmarks' own units are kept in the files; the schema converts them
(fractions to percent, epochs' seconds to the cost of a training).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from arch2vec.benchmarks.schema import Metric, Split, TableSchema

DATASETS = {"c10valid": "cifar10-valid", "c10": "cifar10", "c100": "cifar100", "in16": "ImageNet16-120"}
"""NAS-Bench-201's data sets by the short names of its columns."""
SPLIT_NAMES: dict[str, Split] = {"train": "train", "val": "validation", "test": "test"}

_EPOCH_COST = {"c10valid": 0.5, "c10": 1.0, "c100": 1.0, "in16": 3.034}
"""An epoch's cost relative to CIFAR-10's 50,000 images: 25,000, 50,000 and ImageNet16-120's 151,700."""
_VALIDATION_COST = {"c10valid": 2.5, "c10": 0.0, "c100": 0.5, "in16": 0.3}
"""A validation's cost relative to a pass over CIFAR-10's 10,000 test images: 25,000, none, 5,000 and 3,000."""
_HW_DEVICES = ("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga")
_HELP_DEVICES = (
    *(f"{gpu}_{batch}" for gpu in ("1080ti", "2080ti", "titan_rtx", "titanx", "titanxp") for batch in (1, 256, 32)),
    *("essential_ph_1", "eyeriss", "fpga", "gold_6226", "gold_6240", "pixel2", "pixel3", "raspi4"),
    *("samsung_a50", "samsung_s7", "silver_4114", "silver_4210r"),
)


def nasbench101() -> TableSchema:
    """``nasbench101.parquet``: the test accuracy of all cells, validation and time of 30,001 of them."""
    metrics = [
        Metric(
            "test_accuracy_108",
            "accuracy",
            "cifar10",
            "test",
            108,
            seed="mean",
            description="mean of three runs",
            terms=(("test_accuracy_108", 100.0),),
        ),
        *(
            Metric(
                name := f"val_accuracy_{epochs}_run1",
                "accuracy",
                "cifar10",
                "validation",
                epochs,
                seed=1,
                description="one run, of 30,001 cells",
                terms=((name, 100.0),),
            )
            for epochs in (4, 12, 36, 108)
        ),
        Metric(
            "train_time_108_s", "cost_s", "cifar10", epochs=108, seed=1, description="training of one run, 30,001 cells"
        ),
    ]
    return TableSchema(
        "nasbench101",
        "nasbench101",
        ("adjacency", "ops"),
        tuple(metrics),
        description="NAS-Bench-101 (Ying et al., ICML 2019): CIFAR-10, test of all 423,624 cells",
    )


def nasbench201(hardware: bool) -> TableSchema:
    """``nasbench201.parquet``, with or without the columns of ``nasbench201_hardware.parquet``."""
    metrics = [*_accuracies_201(), *_sizes_201(), *_costs_201()]
    if hardware:
        metrics += [*_hw_nas_bench(), *_help()]
    return TableSchema(
        "nasbench201",
        "nasbench201",
        ("arch_str",),
        tuple(metrics),
        description="NAS-Bench-201 (Dong and Yang, ICLR 2020): all 15,625 cells on three data sets",
    )


def surrogate301() -> TableSchema:
    """``nasbench301_surrogate_10k.parquet``: a model's predictions, no trainings."""
    metrics = (
        Metric(
            "surrogate_accuracy",
            "accuracy",
            "cifar10",
            "validation",
            seed=1,
            estimated=True,
            description="one noisy prediction of the XGBoost surrogate",
        ),
        Metric(
            "surrogate_runtime_s",
            "cost_s",
            "cifar10",
            estimated=True,
            description="training, predicted by the LightGBM surrogate",
        ),
    )
    return TableSchema(
        "nasbench301-surrogate",
        "darts_pair",
        ("normal", "reduce"),
        metrics,
        joiner="+",
        partial=True,
        description="NAS-Bench-301 (Zela et al., ICLR 2022): surrogate predictions of 10,000 random DARTS cells",
    )


def _accuracies_201() -> Iterator[Metric]:
    for short in ("c10valid", "c100", "in16"):
        for split in ("train", "val", "test"):
            yield _accuracy(f"{short}_{split}_200", short, split, 200)
    for short in ("c10", "c100", "in16"):
        yield _accuracy(f"{short}_test_200_nats", short, "test", 200, "mean of the NATS-Bench release's runs")
    yield _accuracy("c10_test_200_nb201v10", "c10", "test", 200, "mean of the NAS-Bench-201 v1.0 release's runs")
    for short, split in (("c10valid", "val"), ("c10", "test")):
        yield _accuracy(f"{short}_{split}_12", short, split, 12)
    for short in ("c100", "in16"):
        for split in ("val", "test"):
            yield _accuracy(f"{short}_{split}_12", short, split, 12)
    yield Metric("c10valid_test_200_seed888", "accuracy", "cifar10-valid", "test", 200, seed=888)


def _accuracy(column: str, short: str, split: str, epochs: int, description: str = "") -> Metric:
    told = description or "mean of the runs there are"
    return Metric(column, "accuracy", DATASETS[short], SPLIT_NAMES[split], epochs, seed="mean", description=told)


def _sizes_201() -> Iterator[Metric]:
    for short in ("c10", "c100", "in16"):
        yield Metric(f"params_{short}", "parameters", DATASETS[short])
        yield Metric(f"macs_{short}", "macs", DATASETS[short], terms=((f"mflops_{short}", 1e6),))


def _costs_201() -> Iterator[Metric]:
    for suffix, estimated in (("", False), ("_est", True)):
        which = "estimated from the other cells, error 1.4 %" if estimated else "of the first 1,000 cells"
        epoch, one_pass = f"c10_train_s_per_epoch{suffix}", f"c10_test_s_per_pass{suffix}"
        yield Metric(
            epoch, "cost_s", "cifar10", epochs=1, estimated=estimated, description=f"one epoch of training, {which}"
        )
        yield Metric(
            one_pass, "cost_s", "cifar10", estimated=estimated, description=f"one pass over 10,000 test images, {which}"
        )
        for short, dataset in DATASETS.items():
            share = _VALIDATION_COST[short]
            for epochs in (12, 200):
                told = "training and one validation" if share else "training"
                terms = [(epoch, epochs * _EPOCH_COST[short])] + ([(one_pass, share)] if share else [])
                yield Metric(
                    f"{short}_cost_{epochs}_s{suffix}",
                    "cost_s",
                    dataset,
                    epochs=epochs,
                    estimated=estimated,
                    description=f"{told}, {which}",
                    terms=tuple(terms),
                )


def _hw_nas_bench() -> Iterator[Metric]:
    for short in ("c10", "c100", "in16"):
        for device in _HW_DEVICES:
            # The Edge TPU cannot run some architectures; the publishers wrote -1 for these.
            absent = -1.0 if device == "edgetpu" else None
            yield Metric(
                f"{short}_{device}_latency",
                "latency_ms",
                DATASETS[short],
                device=device,
                description="HW-NAS-Bench (Li et al., ICLR 2021)",
                absent=absent,
            )
        for device in ("edgegpu", "eyeriss", "fpga"):
            yield Metric(
                f"{short}_{device}_energy",
                "energy_mj",
                DATASETS[short],
                device=device,
                description="HW-NAS-Bench (Li et al., ICLR 2021)",
            )
        yield Metric(
            f"{short}_eyeriss_arithmetic_intensity",
            "intensity",
            DATASETS[short],
            device="eyeriss",
            description="HW-NAS-Bench (Li et al., ICLR 2021)",
        )


def _help() -> Iterable[Metric]:
    return (
        Metric(
            f"help_{device}",
            "latency_ms",
            device=device,
            description="HELP (Lee et al., NeurIPS 2021); a number at the end of a GPU's name is the batch size",
        )
        for device in _HELP_DEVICES
    )
