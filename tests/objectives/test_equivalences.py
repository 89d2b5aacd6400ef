"""Declared equivalences against a table: doubted where they are wrong, and only there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from arch2vec.cli import main
from arch2vec.objectives import resolve_objective
from arch2vec.objectives.equivalences import doubt
from arch2vec.objectives.lookup import LookupObjective
from arch2vec.representations.ready import structure_embedding
from arch2vec.spaces import DeclaredSpace, NASBench201, SpaceDeclaration

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
RIGHT = SpaceDeclaration(
    "mine", ("conv", "skip", "none"), "edges", nodes=4, edges=EDGES, skip=("skip",), zero=("none",)
)


def table(folder: Path, noise: float) -> Path:
    """Values that depend on the function, with a skip that counts as an operation on edge 2-3."""
    space = DeclaredSpace(dataclasses.replace(RIGHT, skip={"*": ("skip",), "2-3": ()}))
    graphs = space.enumerate()
    rng = np.random.default_rng(0)
    _, function = np.unique(space.function_classes(graphs), return_inverse=True)
    values = 60 + 10 * rng.normal(size=function.max() + 1)[function] + noise * rng.normal(size=len(graphs))
    path = folder / "table.csv"
    pd.DataFrame({"architecture": space.format(graphs), "accuracy": np.clip(values, 0, 100)}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_wrong_equivalences_are_doubted_with_an_example(tmp_path: Path, noise: float) -> None:
    path = table(tmp_path, noise)
    for right in (True, False):
        skip = {"*": ("skip",), "2-3": ()} if right else ("skip",)
        space = DeclaredSpace(dataclasses.replace(RIGHT, skip=skip))
        objective = resolve_objective(f"table:{path}?validation=accuracy", space)
        assert isinstance(objective, LookupObjective)
        line = doubt(objective, structure_embedding(space))
        if right:
            assert line is None
            continue
        assert line is not None
        assert len(line.splitlines()) == 1
        first, second = (line.split()[place] for place in (2, 4))
        one, other = space.parse([first]), space.parse([second])
        assert space.function_classes(one) == space.function_classes(other)
        assert abs(objective.evaluate(first).validation - objective.evaluate(second).validation) > 10


def test_the_command_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, yaml = table(tmp_path, 0.0), tmp_path / "mine.yaml"
    yaml.write_text(
        "name: mine\ncarries: edges\noperations: [conv, skip, none]\nnodes: 4\n"
        "edges: [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]]\nskip: [skip]\nzero: [none]\n"
    )
    command = [
        "search",
        str(yaml),
        "--objective",
        f"table:{path}?validation=accuracy",
        "--method",
        "random",
        "--budget",
        "3",
    ]
    assert main(command) == 0
    assert "mine calls |" in capsys.readouterr().err
    yaml.write_text(yaml.read_text().replace("skip: [skip]", 'skip: {"*": [skip], "2-3": []}'))
    assert main(command) == 0
    assert "mine calls" not in capsys.readouterr().err


def test_the_published_table_bears_out_nasbench201(tmp_path: Path, shared_data: Path) -> None:
    published = pd.read_parquet(shared_data / "nasbench201.parquet")
    path = tmp_path / "table.csv"
    columns = published[["arch_str", "c10valid_val_12"]].set_axis(["architecture", "accuracy"], axis=1)
    columns.to_csv(path, index=False)
    names = NASBench201.operations[1:-1]
    right = dataclasses.replace(RIGHT, operations=names, skip=("skip_connect",))
    for declaration, doubtful in ((right, False), (dataclasses.replace(right, zero=("none", "avg_pool_3x3")), True)):
        space = DeclaredSpace(declaration)
        objective = resolve_objective(f"table:{path}?validation=accuracy", space)
        assert isinstance(objective, LookupObjective)
        assert (doubt(objective, structure_embedding(space)) is not None) == doubtful
