"""Pre-training that goes on until it is good, what is said when it is not, and runs that get more epochs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch2vec.cli import main
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining import patience
from arch2vec.pretraining.patience import PATIENCE, advice, goes_on
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.spaces import get_space

CHAIN = """\
name: chain4
carries: vertices
operations: [relu, tanh, skip]
vertices: 6
edges: [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]
"""
SMALL = ModelConfig(hidden=16, layers=2, latent=4)


def record(graphs: float, operations: float = 0.5) -> dict[str, Any]:
    return {"reconstruction": {"graphs": graphs, "operations": operations, "edges": 1.0}}


@given(st.lists(st.floats(0, 1), max_size=60), st.integers(1, 10), st.integers(0, 50))
def test_when_there_is_another_epoch(shares: list[float], epochs: int, further: int) -> None:
    history = [record(share) for share in shares]
    another = goes_on(history, epochs, further)
    if len(history) < epochs:
        assert another
    elif len(history) >= epochs + further or shares[-1] >= 0.9:
        assert not another
    else:
        assert another == (max(shares[-PATIENCE:]) > max(shares[:-PATIENCE], default=-1.0))


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    (tmp_path / "chain.yaml").write_text(CHAIN)
    return tmp_path / "chain.yaml"


def test_a_finished_run_gets_more_epochs_and_ends_like_one_go(chain: Path, tmp_path: Path) -> None:
    space = get_space(str(chain))
    config = PretrainConfig(model=SMALL, epochs=2)
    first = pretrain(space, config, out=tmp_path / "run")
    assert first.training["last_epoch"]["epoch"] == 2
    longer = PretrainConfig(model=SMALL, epochs=5)
    again, whole = pretrain(space, longer, out=tmp_path / "run"), pretrain(space, longer)
    graphs = space.enumerate()
    np.testing.assert_array_equal(again.vectors(graphs), whole.vectors(graphs))
    assert json.loads((tmp_path / "run/config.json").read_text())["epochs"] == 5
    assert len((tmp_path / "run/metrics.jsonl").read_text().splitlines()) == 5
    np.testing.assert_array_equal(Encoder.load(tmp_path / "run").vectors(graphs), whole.vectors(graphs))
    for other in (PretrainConfig(model=SMALL, epochs=4), PretrainConfig(model=SMALL, epochs=6, seed=1)):
        with pytest.raises(InputError, match="choose another output folder"):
            pretrain(space, other, out=tmp_path / "run")


@pytest.mark.parametrize("name", ["encoder.safetensors", "checkpoint.safetensors"])
def test_files_of_another_run_are_not_mixed_in(name: str, chain: Path, tmp_path: Path) -> None:
    space = get_space(str(chain))
    for seed in (0, 1):
        pretrain(space, PretrainConfig(model=SMALL, epochs=1, seed=seed), out=tmp_path / str(seed))
    shutil.copy(tmp_path / "1" / name, tmp_path / "0" / name)
    with pytest.raises(InputError, match=f"{name} is of another run, with seed 1, not 0"):
        pretrain(space, PretrainConfig(model=SMALL, epochs=2), out=tmp_path / "0")


def test_a_schedule_has_an_end(chain: Path, tmp_path: Path) -> None:
    space = get_space(str(chain))
    pretrain(space, PretrainConfig(model=SMALL, epochs=2, schedule="cosine"), out=tmp_path / "run")
    with pytest.raises(InputError, match="has come down to 0 in its 2 epochs"):
        pretrain(space, PretrainConfig(model=SMALL, epochs=3, schedule="cosine"), out=tmp_path / "run")
    assert json.loads((tmp_path / "run/config.json").read_text())["epochs"] == 2
    with pytest.raises(InputError, match="a schedule ends at its last epoch"):
        PretrainConfig(schedule="cosine", further=1)


def test_further_epochs_end_when_it_is_good_and_resume_exactly(chain: Path, tmp_path: Path) -> None:
    space = get_space(str(chain))
    config = PretrainConfig(model=SMALL, epochs=1, further=8)
    whole = pretrain(space, config, out=tmp_path / "whole")
    lines = (tmp_path / "whole/metrics.jsonl").read_text().splitlines()
    history = [json.loads(line) for line in lines]
    assert 3 < len(history) <= 9
    assert [goes_on(history[:done], 1, 8) for done in range(len(history) + 1)] == [True] * len(history) + [False]
    assert pretrain(space, config, out=tmp_path / "whole").training["last_epoch"] == whole.training["last_epoch"]
    # Stopped after three epochs, and gone on with.
    stopped = tmp_path / "stopped"

    class StoppedError(Exception):
        pass

    def stop(at: Any) -> None:
        if at.epoch == 4:
            raise StoppedError

    with pytest.raises(StoppedError):
        pretrain(space, config, out=stopped, progress=stop)
    again = pretrain(space, config, out=stopped)
    np.testing.assert_array_equal(again.vectors(space.enumerate()), whole.vectors(space.enumerate()))


def test_the_papers_setting_is_as_it_was(chain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert PretrainConfig().further == 0
    assert main(["pretrain", str(chain), "--protocol", "paper", "--out", str(tmp_path / "paper")]) == 0
    assert "reconstruction is not good" in capsys.readouterr().err
    assert len((tmp_path / "paper/metrics.jsonl").read_text().splitlines()) == 10


def test_what_is_said_when_it_is_not_good(
    chain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = str(tmp_path / "run")
    assert main(["pretrain", str(chain), "--epochs", "2", "--out", run]) == 0
    line = next(line for line in capsys.readouterr().err.splitlines() if "not good" in line)
    assert "--epochs 12 goes on from here" in line
    # Where nobody says how long, it goes on with that run.
    monkeypatch.setattr(patience, "GOOD", 0.0)
    assert main(["pretrain", str(chain), "--out", run]) == 0
    assert "not good" not in capsys.readouterr().err
    assert len((tmp_path / "run/metrics.jsonl").read_text().splitlines()) == 10
    assert json.loads((tmp_path / "run/config.json").read_text())["further"] == patience.FURTHER
    monkeypatch.undo()
    assert advice(record(0.95), 10, sampled=False) is None
    assert "a larger --sample" in str(advice(record(0.2), None, sampled=True))


def test_edges_that_are_given_are_not_decoded(chain: Path, tmp_path: Path) -> None:
    space = get_space(str(chain))
    encoder = pretrain(space, PretrainConfig(model=SMALL, epochs=1))
    assert encoder.training["last_epoch"]["reconstruction"]["edges"] == 1
    decoded = encoder.decode(encoder.sample_prior(20, np.random.default_rng(0)))
    assert (decoded.adjacency == space.enumerate().adjacency[0]).all()
    assert get_space("nasbench201").given_edges is None
