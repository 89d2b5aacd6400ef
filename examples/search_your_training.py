"""Search with your own training: the function below is yours, the rest stays as it is.

It gets an architecture's text and returns what is to be maximised. Stop the search whenever you like: with ``out``,
the same call goes on where it stopped.
"""

import sys

import torch
from sklearn.datasets import load_digits
from torch.nn import functional

import arch2vec
from arch2vec.networks.build import NetworkPlan, build_network

SPACE = arch2vec.get_space("nasbench201")
IMAGES, LABELS = (torch.tensor(array) for array in load_digits(return_X_y=True))
IMAGES = (IMAGES / 8 - 1).float().view(-1, 1, 8, 8)


def train(architecture: str) -> float:
    """Validation accuracy in percent after one pass over 300 images."""
    network = build_network(SPACE, architecture, NetworkPlan("digits", channels=4, cells=1), seed=0)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for start in range(0, 300, 30):
        scores = network(IMAGES[start : start + 30])
        optimiser.zero_grad()
        torch.autograd.backward(functional.cross_entropy(scores, LABELS[start : start + 30]))
        optimiser.step()
    with torch.no_grad():
        guesses = network.eval()(IMAGES[300:600]).argmax(dim=1)
    return 100 * float((guesses == LABELS[300:600]).float().mean())


if __name__ == "__main__":
    torch.set_num_threads(1)
    embedding = arch2vec.structure_embedding(SPACE)
    result = arch2vec.search(embedding, train, budget=8, seed=0, out=sys.argv[1] if len(sys.argv) > 1 else None)
    for trial in result.trials:
        print(f"{trial.number}: {trial.validation:5.2f} %  {trial.architecture}")
    print("best:", result.best.architecture)
