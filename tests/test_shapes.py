"""Public functions give arrays and tensors of the shapes and types that their annotations say, and take no others."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from beartype import beartype
from jaxtyping import TypeCheckError, jaxtyped

import arch2vec
from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.edit_distance import edit_distance
from arch2vec.graphs.fingerprints import fingerprint, fingerprint128
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.models.decoder import Decoder
from arch2vec.models.encoders import GCNEncoder, GCNLayer, GINEncoder, GINLayer, normalised
from arch2vec.models.losses import edge_loss, kl_divergence, operation_loss, ranking_loss, target_loss
from arch2vec.models.pooling import pooled, pooled_arrays
from arch2vec.models.present import present_in
from arch2vec.representations.discrete import adjacency_one_hot, path_encoding, short_path_encoding
from arch2vec.representations.nearest import nearest_neighbours
from arch2vec.representations.ready import vectors
from arch2vec.testing.samples import cells

B, V, K, D = 5, 4, 3, 2
Z, X, S, MASK = torch.randn(B, V, D), torch.rand(B, V, K), torch.rand(B, V, V), torch.ones(B, V)


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its annotations enforced."""
    found: Callable[..., Any] = jaxtyped(typechecker=beartype)(inspect.unwrap(function))
    return found


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


CALLS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (operation_loss, (X, X, MASK, "softmax")),
    (operation_loss, (X, X, None, "sigmoid")),
    (edge_loss, (S, S.round(), MASK)),
    (target_loss, (torch.rand(B, 7), torch.rand(B, 7))),
    (ranking_loss, (torch.rand(B), torch.rand(B))),
    (ranking_loss, (torch.rand(2, 3, B), torch.rand(2, 3, B))),
    (kl_divergence, (Z, Z, None)),
    (normalised, (S, MASK)),
    (pooled, (Z, MASK, "sum,max")),
    (pooled_arrays, (Z.numpy(), MASK.numpy() > 0, "mean")),
    (nearest_neighbours, (np.random.default_rng(0).random((9, D), dtype=np.float32), 3)),
]


@pytest.mark.parametrize(("function", "arguments"), CALLS, ids=lambda value: getattr(value, "__name__", None))
def test_what_is_annotated_holds_and_other_shapes_are_noticed(
    function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    checked(function)(*arguments)
    for place, argument in enumerate(arguments):
        if isinstance(argument, torch.Tensor | np.ndarray):
            wrong = argument[None].repeat(2, 0) if isinstance(argument, np.ndarray) else argument.to(torch.int64)
            with pytest.raises(TypeCheckError):
                checked(function)(*arguments[:place], wrong, *arguments[place + 1 :])


def test_graphs_and_what_is_made_of_them() -> None:
    embedding = cells(20)
    graphs, space = embedding.graphs, embedding.space
    for method, more in ((GraphBatch.one_hot, (6,)), (GraphBatch.symmetrised, ())):
        checked(method)(graphs, *more)
    checked(GraphBatch.mask.fget)(graphs)  # type: ignore[attr-defined]
    for function in (fingerprint, fingerprint128):
        checked(function)(graphs)
    checked(edit_distance)(graphs, graphs)
    for encoding in (adjacency_one_hot, path_encoding, short_path_encoding):
        checked(encoding)(graphs, space)
    checked(vectors)(space, embedding.architectures[:4])
    checked(Embedding.nearest)(embedding, embedding.vectors[0], 3)
    assert embedding.function_classes.dtype == np.uint64


def test_layers_and_encoders() -> None:
    present = present_in(MASK)
    for layer in (GINLayer(K, 7, generator()), GCNLayer(K, 7, generator())):
        checked(type(layer).forward)(layer, X, S, present)
        with pytest.raises(TypeCheckError):
            checked(type(layer).forward)(layer, X, S[:, :, :2], present)
    for kind in (GINEncoder, GCNEncoder):
        for variational in (False, True):
            checked(kind.forward)(kind(K, 8, 2, D, variational, generator()), X, S, MASK)
    decoder = Decoder(D, K, 0.0, generator())
    checked(Decoder.forward)(decoder, Z)


@torch.no_grad()
def test_an_encoder() -> None:
    space = arch2vec.get_space("nasbench201")
    graphs = space.sample(30, np.random.default_rng(0))
    small = arch2vec.PretrainConfig(model=ModelConfig(hidden=8, latent=D), epochs=1, batch_size=16)
    with torch.enable_grad():
        encoder = arch2vec.pretrain(space, small, graphs=graphs)
    points = checked(Encoder.encode)(encoder, graphs)
    checked(Encoder.vectors)(encoder, graphs)
    checked(Encoder.decode)(encoder, points)
    checked(Encoder.sample_prior)(encoder, 3, np.random.default_rng(0))
    with pytest.raises(TypeCheckError):
        checked(Encoder.decode)(encoder, points.astype(np.float64))


def test_there_is_something_to_check() -> None:
    for function, _ in CALLS:
        assert "Float" in str(inspect.signature(function)), function
