"""Fast settings by what the processor does fast."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from arch2vec.cli import main
from arch2vec.pretraining import fast
from arch2vec.pretraining.fast import fast_config, slow_precision, timed_choice
from arch2vec.pretraining.patience import within_steps
from arch2vec.pretraining.settings import PretrainConfig
from arch2vec.spaces import get_space

SPACE = get_space("nasbench201")


def times(monkeypatch: pytest.MonkeyPatch, half: float, second_thread: float, cores: int = 2) -> None:
    """A processor on which products in bfloat16, and with two threads, take so many times as long."""

    def seconds(_rows: int, _width: int, kind: torch.dtype, threads: int, _clock: object) -> float:
        return (half if kind == torch.bfloat16 else 1.0) * (second_thread if threads > 1 else 1.0)

    monkeypatch.setattr(fast, "_product_s", seconds)
    monkeypatch.setattr(fast, "get_num_threads", lambda: cores)


@pytest.mark.parametrize(
    ("half", "second", "cores", "precision", "threads"),
    [
        (0.5, 0.6, 2, "bfloat16", 2),
        (6.0, 0.6, 2, "float32", 2),
        (0.95, 1.4, 2, "float32", 1),
        (0.5, 0.5, 1, "bfloat16", 1),
    ],
)
def test_what_is_fast_is_chosen(
    monkeypatch: pytest.MonkeyPatch, half: float, second: float, cores: int, precision: str, threads: int
) -> None:
    times(monkeypatch, half, second, cores)
    config = fast_config(SPACE)
    assert (config.precision, config.threads) == (precision, threads)
    assert (config.batch_size, config.schedule, config.epochs) == (64, "cosine", 4)
    said = fast_config(SPACE, threads=3, batch_size=256, precision="bfloat16")
    assert (said.threads, said.batch_size, said.precision) == (3, 256, "bfloat16")


def test_a_slow_precision_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    times(monkeypatch, 4.0, 1.0)
    line = slow_precision(SPACE, PretrainConfig(precision="bfloat16"))
    assert line is not None and line.startswith(
        "bfloat16 takes 4.0 times as long as single precision on this processor"
    )
    assert slow_precision(SPACE, PretrainConfig()) is None
    times(monkeypatch, 0.6, 1.0)
    assert slow_precision(SPACE, PretrainConfig(precision="bfloat16")) is None


def test_the_timing_itself() -> None:
    choice = timed_choice(SPACE, 32, 16)
    assert choice.precision in ("float32", "bfloat16") and choice.threads >= 1 and choice.bfloat16 > 0


def test_the_command_says_what_it_chose_and_keeps_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    times(monkeypatch, 5.0, 1.0)
    command = ["pretrain", "nasbench201", "--sample", "200", "--epochs", "1", "--fast", "--out", str(tmp_path / "run")]
    assert main(command) == 0
    assert "fast on this processor: float32" in capsys.readouterr().err
    times(monkeypatch, 0.5, 0.5)  # another processor
    assert main(command) == 0
    assert "fast on this processor: float32, 1" in capsys.readouterr().err


def test_large_spaces_have_no_further_epochs() -> None:
    assert within_steps(10, 90, 11_914) == 0  # NAS-Bench-101
    assert within_steps(10, 90, 440) == 12
    assert within_steps(10, 90, 3) == 90
