"""What people type first: paths as text, one architecture, lists of them, the numbers of their own functions."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import arch2vec
from arch2vec.cli.main import main
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.objectives import FunctionObjective
from one_line import error_of

DECLARATION = """name: chain4
carries: vertices
operations: [relu, tanh, skip]
vertices: 5
edges: [[0,1],[1,2],[2,3],[3,4]]
"""
CELLS = ["|".join(names) for names in itertools.product(("relu", "tanh", "skip"), repeat=3)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a declared space and a run of it."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "chain.yaml").write_text(DECLARATION)
    config = arch2vec.PretrainConfig(model=ModelConfig(hidden=8, latent=4), epochs=1)
    arch2vec.pretrain(arch2vec.get_space(str(folder / "chain.yaml")), config, out=str(folder / "run"))
    return folder


def worth(architecture: str) -> dict[str, float]:
    """The documented form: a mapping of numbers."""
    return {"validation": 50.0 + architecture.count("relu"), "test": 40.0}


def sized(architecture: str, fidelity: int | None = None) -> Mapping[str, object]:
    return {"validation": 10.0 + (fidelity or 0), "extra": {"size": float(CELLS.index(architecture))}}


def test_paths_are_text_or_paths(place: Path, tmp_path: Path) -> None:
    for kind in (str, Path):
        encoder = arch2vec.Encoder.load(kind(place / "run"))  # the folder of a run
        encoder.save(kind(tmp_path / "encoder.safetensors"))
        embedding = arch2vec.Encoder.load(kind(tmp_path / "encoder.safetensors")).embed()
        for name in ("vectors.parquet", "vectors.safetensors", "vectors"):
            embedding.save(kind(tmp_path / name))
            assert arch2vec.Embedding.load(kind(tmp_path / name)).architectures == embedding.architectures
        arch2vec.search(embedding, worth, method="random", budget=3, out=kind(tmp_path / f"study-{kind.__name__}"))
        arch2vec.run_many(embedding, worth, ["random"], 2, 3, out=kind(tmp_path / f"many-{kind.__name__}"))
        from arch2vec.studies.inspection import inspect, top

        assert len(top(kind(tmp_path / "study-str"))) == 3 and inspect(kind(tmp_path / "study-str")).done == 3
    assert "no run in" in error_of(lambda: arch2vec.Encoder.load(str(tmp_path / "study-str")))


def test_embed_takes_what_it_is_given(place: Path) -> None:
    encoder = arch2vec.Encoder.load(place / "run")
    whole = encoder.embed()
    assert len(whole) == len(encoder.embed(encoder.space)) == 27
    for given in (CELLS[5], [CELLS[5]], (CELLS[5],), f"'{CELLS[5]}'"):
        one = encoder.embed(given)
        assert one.architectures == [CELLS[5]]
        assert one.vectors[0].tolist() == pytest.approx(whole.vectors[whole.index_of(CELLS[5])].tolist(), abs=1e-5)
    for wrong in (3, 2.5, {"relu"}, object()):
        assert "takes architectures as text" in error_of(lambda wrong=wrong: encoder.embed(wrong))  # type: ignore[misc]
    assert "at least one architecture" in error_of(lambda: encoder.embed([]))
    assert "not a chain4 architecture: 'relu'" in error_of(lambda: encoder.embed("relu"))


def test_lists_of_architectures_on_the_command_line(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = f"# the best\n\n{CELLS[3]}\n  '{CELLS[8]}'\n"
    (tmp_path / "mine.txt").write_text(lines)
    for where in (str(tmp_path / "mine.txt"), "-"):
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        out = tmp_path / "some.parquet"
        assert main(["embed", str(place / "run"), "--architectures", where, "--out", str(out), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["architectures"] == 2
        assert pd.read_parquet(out)["architecture"].tolist() == [CELLS[3], CELLS[8]]
    for text, said in (
        ("# none\n", "there are no architectures in"),
        ("relu|tanh|tanh\nrelu\n", "architecture 2: not a"),
    ):
        (tmp_path / "mine.txt").write_text(text)
        assert main(["embed", str(place / "run"), "--architectures", str(tmp_path / "mine.txt")]) == 2
        assert said in capsys.readouterr().err
    assert main(["embed", str(place / "run"), "--architectures", "-", "--sample", "3"]) == 2
    capsys.readouterr()
    monkeypatch.setattr("arch2vec.cli.architectures._MOST", 10_000)
    assert main(["embed", str(place / "run"), "--architectures", "/dev/zero"]) == 2
    assert "the list of architectures in /dev/zero has more than 10,000 characters" in capsys.readouterr().err
    (tmp_path / "cells.txt").write_text("(4, 0, 3, 1, 4, 3)\n7\n7\n")
    arguments = ["proxies", "nasbench201", "--architectures", str(tmp_path / "cells.txt"), "--names", "parameters"]
    assert main([*arguments, "--out", str(tmp_path / "proxies.parquet"), "--json"]) == 0
    streams = capsys.readouterr()
    assert json.loads(streams.out)["architectures"] == 2 and "read as" in streams.err


def test_what_the_command_line_knows_is_known_in_python(place: Path) -> None:
    embedding = arch2vec.Encoder.load(place / "run").embed()
    assert "for the space 'nasbench201'" in error_of(lambda: arch2vec.search(embedding, "digits-201", budget=3))
    space = arch2vec.get_space("nasbench201")
    cells = arch2vec.Embedding(space, space.enumerate()[list(range(30))], np.zeros((30, 2), np.float32))
    found = arch2vec.search(cells, "digits-201", method="random", budget=3)
    assert found.evaluations == 3 and 0 <= found.best.validation <= 100
    assert len(arch2vec.run_many(cells, "digits-201?signal=2", ["random"], 2, 3)) == 6


def test_a_functions_fidelities_can_be_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    embedding = arch2vec.Encoder.load(place / "run").embed()
    objective = FunctionObjective(sized, fidelities=[1, 3, 9])
    trials = arch2vec.search(embedding, objective, method="bohb", budget=20).trials
    assert {trial.fidelity for trial in trials} == {1, 3, 9}
    (place / "mine.py").write_text("def f(a, fidelity=None):\n    return 50 + (fidelity or 0)\n")
    common = ["search", str(place / "run"), "--method", "bohb", "--budget", "9", "--objective"]
    assert main([*common, f"python:{place}/mine.py:f?fidelities=1,3"]) == 0
    assert "one fidelity" not in capsys.readouterr().err
    assert main([*common, f"python:{place}/mine.py:f"]) == 0
    assert "fidelities=3,9,27" in capsys.readouterr().err
    assert "ascending" in error_of(lambda: FunctionObjective(sized, fidelities=[3, 1]))
    assert "no parameter 'fidelity'" in error_of(lambda: FunctionObjective(worth, fidelities=[1]))


def test_top_and_export_choose_by_a_functions_numbers(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    embedding = arch2vec.Encoder.load(place / "run").embed()
    study = tmp_path / "study"
    trials = arch2vec.search(embedding, sized, method="random", budget=8, out=study).trials
    numbers = sorted(CELLS.index(trial.architecture) for trial in trials)
    for by, expected in (("size", numbers[::-1]), ("min:size", numbers)):
        assert main(["top", str(study), "--by", by, "-k", "8", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["rows"]
        assert [CELLS.index(row["architecture"]) for row in rows] == expected
    assert main(["top", str(study), "--by", "sizes"]) == 2
    assert "there are validation, cost_s, size" in capsys.readouterr().err
    out = ["--space", str(place / "chain.yaml"), "--to", str(tmp_path / "cell.svg"), "--json"]
    assert main(["export", str(study), "--rank", "2", "--by", "size", *out]) == 0
    assert json.loads(capsys.readouterr().out)["architecture"] == CELLS[numbers[-2]]
    # The study itself says of which space it is.
    assert main(["export", str(study), *out[2:]]) == 0
    assert json.loads(capsys.readouterr().out)["architecture"] in CELLS
    assert main(["export", str(study), "--rank", "9", *out]) == 2
    assert "there is no number 9" in capsys.readouterr().err


def test_an_activation_of_ones_own_is_exported(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["export", "relu|tanh|skip", "--space", str(place / "chain.yaml"), "--to", str(tmp_path / "model.py")]
    more = ["--operation", "relu=relu", "--operation", "tanh=tanh", "--operation", "skip=skip"]
    assert main([*common, *more, "--channels", "4", "--cells", "1"]) == 0
    assert "nn.ReLU()" in (source := (tmp_path / "model.py").read_text()) and "nn.Tanh()" in source


def test_the_commands_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["--version"], f"arch2vec {arch2vec.__version__}\n"),
        (["spaces", "--help"], "nothing is random"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0 and said in " ".join(capsys.readouterr().out.split(" "))
    for arguments, prog in (
        (["search", "r", "--objective", "x", "--bud", "3"], "search"),
        (["data", "show", "x", "--y"], "data show"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2 and f"see arch2vec {prog}" in capsys.readouterr().err
    assert main(["data", "--json"]) == 0
    assert "digits-201" in [entry["name"] for entry in json.loads(capsys.readouterr().out)["files"]]
