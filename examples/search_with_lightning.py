"""Search with trainings of Lightning's: a module around the network, a trainer, and a metric that is the outcome.

Needs pip install lightning. A training that falls behind is given up on the way: a callback reports every epoch.
"""

import logging

import lightning
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import arch2vec
from arch2vec.networks.build import NetworkPlan, build_network
from arch2vec.objectives.reporting import Report

SPACE = arch2vec.get_space("nasbench201")
IMAGES, LABELS = (torch.tensor(array) for array in load_digits(return_X_y=True))
DATA = TensorDataset((IMAGES / 8 - 1).float().view(-1, 1, 8, 8), LABELS)
TRAINING, VALIDATION = (torch.utils.data.Subset(DATA, range(*bounds)) for bounds in ((0, 300), (300, 600)))
logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)


class Classifier(lightning.LightningModule):
    """A network that an architecture makes, as Lightning trains one."""

    def __init__(self, architecture: str) -> None:
        super().__init__()
        self.network = build_network(SPACE, architecture, NetworkPlan("digits", channels=4, cells=1), seed=0)

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """The loss of a batch."""
        images, labels = batch
        return functional.cross_entropy(self.network(images), labels)

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        """Its accuracy in percent."""
        images, labels = batch
        self.log("accuracy", 100 * (self.network(images).argmax(dim=1) == labels).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=0.01)


class Reports(lightning.Callback):
    """Tells the search how far a training has come; what is not worth going on with ends here."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def on_validation_epoch_end(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        """After every epoch."""
        self.report(trainer.current_epoch + 1, float(trainer.callback_metrics["accuracy"]))


def train(architecture: str, report: Report) -> float:
    """Validation accuracy in percent after three epochs."""
    trainer = lightning.Trainer(
        max_epochs=3,
        callbacks=[Reports(report)],
        accelerator="cpu",
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loaders = (DataLoader(TRAINING, batch_size=30), DataLoader(VALIDATION, batch_size=300))
    trainer.fit(Classifier(architecture), *loaders)
    return float(trainer.callback_metrics["accuracy"])


if __name__ == "__main__":
    result = arch2vec.search(
        arch2vec.structure_embedding(SPACE), train, method="evolution", budget=8, pruner="median?trials=2", seed=0
    )
    for trial in result.trials:
        print(f"{trial.number}: {trial.validation:5.2f} %, {len(trial.reports)} epochs  {trial.architecture}")
    print("best:", result.best.architecture)
