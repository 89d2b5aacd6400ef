"""Unsupervised representations of neural architectures, and search in them.

    >>> import arch2vec
    >>> space = arch2vec.get_space("nasbench201")
    >>> encoder = arch2vec.pretrain(space, seed=0)
    >>> embedding = encoder.embed(space)
    >>> result = arch2vec.search(embedding, objective, method="bo", budget=100, seed=0)
    >>> result.best

Names are imported when they are first used, so that ``import arch2vec`` and the
command line do not wait for PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arch2vec.embedding import Embedding
    from arch2vec.encoder import Encoder
    from arch2vec.errors import InputError
    from arch2vec.graphs import GraphBatch
    from arch2vec.objectives.base import Objective, Outcome
    from arch2vec.objectives.spec import resolve_objective
    from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
    from arch2vec.representations.base import Representation
    from arch2vec.representations.features import Features
    from arch2vec.representations.ready import represent, structure_embedding, vectors
    from arch2vec.representations.spec import resolve_representation
    from arch2vec.searching.base import SearchMethod
    from arch2vec.searching.spec import resolve_method
    from arch2vec.searching.study import search
    from arch2vec.spaces import DeclaredSpace, ListedSpace, SearchSpace, SpaceDeclaration, get_space
    from arch2vec.studies import run_many, run_study, summarise

_HOMES = {
    "DeclaredSpace": "arch2vec.spaces",
    "Embedding": "arch2vec.embedding",
    "Encoder": "arch2vec.encoder",
    "Features": "arch2vec.representations.features",
    "GraphBatch": "arch2vec.graphs",
    "InputError": "arch2vec.errors",
    "ListedSpace": "arch2vec.spaces",
    "Objective": "arch2vec.objectives.base",
    "Outcome": "arch2vec.objectives.base",
    "PretrainConfig": "arch2vec.pretraining.pretrain",
    "Representation": "arch2vec.representations.base",
    "SearchMethod": "arch2vec.searching.base",
    "SearchSpace": "arch2vec.spaces",
    "SpaceDeclaration": "arch2vec.spaces",
    "get_space": "arch2vec.spaces",
    "pretrain": "arch2vec.pretraining.pretrain",
    "represent": "arch2vec.representations.ready",
    "resolve_method": "arch2vec.searching.spec",
    "resolve_objective": "arch2vec.objectives.spec",
    "resolve_representation": "arch2vec.representations.spec",
    "run_many": "arch2vec.studies",
    "run_study": "arch2vec.studies",
    "search": "arch2vec.searching.study",
    "structure_embedding": "arch2vec.representations.ready",
    "summarise": "arch2vec.studies",
    "vectors": "arch2vec.representations.ready",
}

__all__ = [
    "DeclaredSpace",
    "Embedding",
    "Encoder",
    "Features",
    "GraphBatch",
    "InputError",
    "ListedSpace",
    "Objective",
    "Outcome",
    "PretrainConfig",
    "Representation",
    "SearchMethod",
    "SearchSpace",
    "SpaceDeclaration",
    "get_space",
    "pretrain",
    "represent",
    "resolve_method",
    "resolve_objective",
    "resolve_representation",
    "run_many",
    "run_study",
    "search",
    "structure_embedding",
    "summarise",
    "vectors",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
