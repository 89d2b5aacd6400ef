"""Devices by their names, and which one a process has."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from arch2vec.cli.main import build_parser
from arch2vec.common.devices import (
    described,
    device_of_process,
    exact_convolutions,
    get_device,
    repeatable_convolutions,
)
from arch2vec.errors import InputError
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.pretraining.processes import place_of_launched


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 0)
    assert get_device("cpu") == get_device() == torch.device("cpu")
    for name, said in (
        ("cuda", "finds no GPU here"),
        ("cuda:1", "finds no GPU here"),
        ("gpu", "no device is called 'gpu'"),
        ("", "no device is called ''"),
        ("mps", "computes on cpu or cuda"),
    ):
        with pytest.raises(InputError, match=said):
            get_device(name)
    gpus(monkeypatch, 2)
    assert get_device() == get_device("cuda") == torch.device("cuda")
    assert get_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(InputError, match="there are 2 GPUs, cuda:0 to cuda:1"):
        get_device("cuda:2")


def test_processes_have_a_gpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert device_of_process(cpu, 3, 8) == cpu
    assert device_of_process(torch.device("cuda", 1), 0, 1) == torch.device("cuda", 1)
    assert [device_of_process(cuda, place, 2) for place in range(2)] == [
        torch.device("cuda", 0),
        torch.device("cuda", 1),
    ]
    with pytest.raises(InputError, match="3 processes need a GPU each, and there are 2; ask for 2"):
        device_of_process(cuda, 0, 3)
    with pytest.raises(InputError, match="cannot share 'cuda:0'; say 'cuda'"):
        device_of_process(torch.device("cuda", 0), 1, 2)


def test_more_processes_than_gpus_are_refused_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gpus(monkeypatch, 1)
    with pytest.raises(InputError, match="2 processes need a GPU each"):
        pretrain("nasbench201", PretrainConfig(processes=2), device="cuda", out=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_where_a_launcher_has_put_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "5")
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert place_of_launched() == (5, 8)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert place_of_launched() == (1, 4)


def test_a_machine_is_described() -> None:
    about = described(torch.device("cpu"))
    assert about["device"] == "cpu"
    assert about["torch"] == torch.__version__


def test_convolutions_flags_are_put_back() -> None:
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32
    with exact_convolutions():
        assert torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.allow_tf32
    with repeatable_convolutions():
        assert torch.backends.cudnn.deterministic
    assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32) == before


def test_steps_are_replayed_on_a_gpu_only() -> None:
    with pytest.raises(InputError, match="replayed on a GPU only, not on 'cpu'"):
        pretrain("nasbench201", PretrainConfig(epochs=1, sample=100, replay=True), device="cpu")
    with pytest.raises(InputError, match="replay is only for a single process"):
        PretrainConfig(replay=True, processes=2)


def commands(parser: argparse.ArgumentParser, before: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, part in action.choices.items():
                yield from commands(part, f"{before} {name}".strip())
            return
    yield before, parser


ALL = list(commands(build_parser()))


WITHOUT = {
    # Nothing is computed with vectors or models.
    *("spaces", "data", "data show", "data convert", "export", "status", "top"),
    # The benchmark is of one core of a processor, and proxies' times are of one, too.
    *("experiment digits-201", "experiment proxies"),
    # What is drawn of a representation is some thousands of architectures.
    *("report", "experiment figures", "experiment smoothness"),
}


def test_every_command_that_computes_takes_a_device() -> None:
    found = {name: {option for action in parser._actions for option in action.option_strings} for name, parser in ALL}
    assert {name for name, options in found.items() if "--device" not in options} <= WITHOUT


@pytest.mark.parametrize("name", ["nowhere", "cuda:99"])
def test_an_unknown_device_is_one_line(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from arch2vec.cli import main

    command = ["search", "nasbench201", "--objective", "digits-201", "--budget", "3", "--device", name]
    assert main([*command, "--out", str(tmp_path / "study")]) == 2
    assert "device" in capsys.readouterr().err
