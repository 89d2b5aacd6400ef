"""What a cell of my_space.yaml is worth: a small network, trained on handwritten digits."""

from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from arch2vec.spaces import DeclaredSpace, SpaceDeclaration, get_space

torch.set_num_threads(1)  # networks this small only wait for one another on more
SPACE = get_space(str(Path(__file__).with_name("my_space.yaml")))
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


class Cell(nn.Module):
    """Every vertex applies its operation to the sum of the vertices that it reads."""

    def __init__(self, architecture: str) -> None:
        super().__init__()
        graph = SPACE.parse([architecture])
        count = int(graph.mask.sum())
        self.reads = [graph.adjacency[0, :, vertex].nonzero()[0].tolist() for vertex in range(count)]
        names = [SPACE.operations[code] for code in graph.ops[0, :count]]
        self.vertices = nn.ModuleList(
            nn.Sequential(nn.Linear(64, 64), ACTIVATIONS[name]()) if name in ACTIVATIONS else nn.Identity()
            for name in names
        )
        self.classify = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 64) pixels to (N, 10) scores."""
        values = [images]
        for reads, operation in zip(self.reads[1:], self.vertices[1:], strict=True):
            values.append(operation(torch.stack([values[source] for source in reads]).sum(dim=0)))
        scores: Tensor = self.classify(values[-1])
        return scores


def train(architecture: str) -> dict[str, float]:
    """Accuracy in percent on scikit-learn's digits after 30 steps on 600 of them, initial weights from seed 0."""
    pixels, digits = (torch.tensor(array) for array in load_digits(return_X_y=True))
    images = pixels.float() / 16
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Cell(architecture)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
    for _ in range(30):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(images[:600]), digits[:600])
        torch.autograd.backward(loss)
        optimizer.step()
    right = 100 * (network(images).argmax(dim=1) == digits).float()
    return {"validation": right[600:1200].mean().item(), "test": right[1200:].mean().item()}


class Residual(DeclaredSpace):
    """A space declared in Python: operations on five edges between four nodes, one of them optional."""

    def __init__(self) -> None:
        super().__init__(
            SpaceDeclaration(
                name="residual",
                carries="edges",
                operations=("conv3x3", "conv5x5", "skip", "none"),
                nodes=4,
                edges=((0, 1), (1, 2), (0, 2), (2, 3), (0, 3)),
                allowed={"0-3": ("skip", "none")},
                skip=("skip",),
                zero=("none",),
            )
        )
