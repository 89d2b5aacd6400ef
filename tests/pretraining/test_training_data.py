from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from arch2vec.cli import main
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.models.inputs import GraphTensors
from arch2vec.pretraining.data import StreamedGraphs, training_data
from arch2vec.pretraining.pretrain import PretrainConfig, PretrainingProgress, pretrain
from arch2vec.spaces import DARTS, NASBench101, NASBench201, SearchSpace

CPU = torch.device("cpu")
CONFIG = PretrainConfig(model=ModelConfig(hidden=16), epochs=2, sample=600, stream=True, batch_size=50, seed=2)


def streamed(space: SearchSpace, config: PretrainConfig = CONFIG) -> StreamedGraphs:
    data = training_data(space, config, None, CPU)
    assert isinstance(data, StreamedGraphs)
    return data


def graphs_of(batches: list[GraphTensors]) -> GraphBatch:
    codes = [np.where(b.X.any(-1), b.X.argmax(-1), 255) for b in batches]
    return GraphBatch.of(np.concatenate(codes), np.concatenate([b.A.numpy() for b in batches]))


@pytest.mark.parametrize("space", [NASBench101(), DARTS()])
def test_a_stream_is_fresh_repeatable_and_never_held_out(space: SearchSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arch2vec.pretraining.data._STREAM_CHUNK", 128)
    data = streamed(space)
    epochs = [list(data.batches(epoch)) for epoch in (0, 1, 0)]
    assert [len(batch.X) for batch in epochs[0]] == [50] * 10 + [40]
    graphs = [graphs_of(batches) for batches in epochs]
    assert all(space.is_valid(part).all() for part in graphs)
    assert np.array_equal(graphs[0].ops, graphs[2].ops)
    assert np.array_equal(graphs[0].adjacency, graphs[2].adjacency)
    prints = [fingerprint(part) for part in graphs]
    assert len(np.intersect1d(prints[0], prints[1])) < 10
    assert not np.isin(np.concatenate(prints), fingerprint(data.held_out)).any()
    assert len(data.held_out) == 60
    assert np.array_equal(np.sort(data.known(0)), np.sort(prints[0]))
    assert np.array_equal(streamed(space).known(1), data.known(1))
    assert np.array_equal(data.prior_sample.ops, graphs[0].ops[:128])


def test_held_out_graphs_are_left_out_of_a_small_space() -> None:
    """With a third of the space held out, a third of what is drawn has to be dropped."""
    space = NASBench201()
    data = streamed(space, replace(CONFIG, sample=12_000, held_out=0.4))
    prints = fingerprint(graphs_of(list(data.batches(0))))
    assert len(prints) == len(data) == 7_200
    assert not np.isin(prints, fingerprint(data.held_out)).any()


def test_a_resumed_stream_ends_bit_for_bit_the_same(tmp_path: Path) -> None:
    whole = pretrain(DARTS(), CONFIG, out=tmp_path / "whole")

    def interrupt(at: PretrainingProgress) -> None:
        if at.epoch == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        pretrain(DARTS(), CONFIG, out=tmp_path / "cut", progress=interrupt)
    resumed = pretrain(DARTS(), CONFIG, out=tmp_path / "cut")
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name])
    assert np.array_equal(whole.prior, resumed.prior)
    first, second = whole.training["last_epoch"], resumed.training["last_epoch"]
    assert {**first, "seconds_training": 0, "seconds_measuring": 0} == {
        **second,
        "seconds_training": 0,
        "seconds_measuring": 0,
    }


def test_wrong_streams() -> None:
    with pytest.raises(InputError, match="a stream needs a sample"):
        replace(CONFIG, sample=None)
    with pytest.raises(InputError, match="draws its graphs itself"):
        pretrain(NASBench201(), CONFIG, graphs=NASBench201().enumerate())
    with pytest.raises(InputError, match="too few to hold out"):
        streamed(NASBench201(), replace(CONFIG, sample=3))


def test_a_folder_from_before_a_setting_was_there_still_resumes(tmp_path: Path) -> None:
    config = replace(CONFIG, stream=False, epochs=1)
    space = NASBench201()
    first = pretrain(space, config, out=tmp_path)
    record = tmp_path / "config.json"
    settings = json.loads(record.read_text())
    for name in ("stream", "processes", "precision", "compile", "schedule", "checksum"):
        del settings[name]
    record.write_text(json.dumps(settings))
    again = pretrain(space, config, out=tmp_path)
    assert np.array_equal(again.prior, first.prior)
    with pytest.raises(InputError, match="precision"):
        pretrain(space, replace(config, precision="bfloat16"), out=tmp_path)


def test_the_command_line_streams_and_measures_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--sample", "600", "--stream", "--epochs", "2", "--batch-size", "64", "--seed", "1"]
    assert main(["pretrain", "darts", *options, "--out", str(tmp_path), "--json"]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert main(["evaluate", str(tmp_path), "--seed", "1", "--json"]) == 0
    evaluated = json.loads(capsys.readouterr().out)
    assert evaluated.pop("rules")["validity"] == 1
    assert {**trained, "seconds": 0} == {**evaluated, "seconds": 0}
