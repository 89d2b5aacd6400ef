"""What ``import arch2vec`` offers, used as the README says."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import arch2vec
from arch2vec.models.autoencoder import ModelConfig


def test_every_public_name_is_there_and_importing_is_light() -> None:
    assert all(getattr(arch2vec, name) is not None for name in arch2vec.__all__)
    code = "import sys, arch2vec; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_the_readme_path(tmp_path: Path) -> None:
    space = arch2vec.get_space("nasbench201")
    config = arch2vec.PretrainConfig(model=ModelConfig(hidden=16), epochs=1, batch_size=512)
    encoder = arch2vec.pretrain(space, config, seed=1)
    embedding = encoder.embed(space)
    assert embedding.vectors.shape == (15_625, 16)

    def objective(architecture: str) -> float:
        return 50.0 + 5 * architecture.count("3x3") - 7 * architecture.count("none")

    result = arch2vec.search(embedding, objective, method="bo", budget=40, seed=0, out=tmp_path)
    assert result.evaluations == 40
    assert result.best.validation == objective(result.best.architecture)
    random = arch2vec.search(embedding, objective, method="random", budget=40, seed=0)
    assert result.best.validation >= random.best.validation


def test_no_two_public_classes_have_one_name() -> None:
    package = Path(arch2vec.__file__).parent
    found: dict[str, list[str]] = {}
    for path in sorted(package.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(str(path.relative_to(package)))
    assert len(found) > 300
    assert {name: where for name, where in found.items() if len(where) > 1} == {}
