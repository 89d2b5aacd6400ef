"""The training of classifiers: what a step does, and that interruption, divergence and a full disk lose nothing."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from arch2vec.networks.classifier_run import ClassifierRun
from arch2vec.networks.classifier_training import ClassifierResult, StepsDone, train_classifier
from arch2vec.networks.data import ImageData, MemoryPart, Normalisation
from arch2vec.networks.data.augmentation import crops_and_flips
from arch2vec.networks.recipe import Augmentation, Recipe
from one_line import error_of

NORMALISATION = Normalisation((100.0, 120.0, 140.0), (50.0, 60.0, 70.0))
PLAIN = Recipe("plain", "here", epochs=4, batch_size=24, learning_rate=0.05)
BUSY = replace(
    PLAIN,
    name="busy",
    nesterov=True,
    weight_decay=1e-3,
    label_smoothing=0.1,
    auxiliary=0.4,
    drop_path=0.5,
    gradient_clip=1.0,
    augmentation=Augmentation(crop_padding=1, flip=True, cutout=3),
    report=2,
)


def stripes(n: int, seed: int) -> MemoryPart:
    """Noisy images of one bright row of four pairs of rows, whose number is the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, size=n)
    pixels = rng.integers(0, 120, size=(n, 3, 8, 8))
    for row in (0, 1):
        pixels[np.arange(n), :, 2 * labels + row] += 100
    return MemoryPart(torch.from_numpy(pixels.astype(np.uint8)), torch.from_numpy(labels), NORMALISATION)


DATA = ImageData("stripes", {"seed": 0}, 4, 3, 8, stripes(70, 0), stripes(60, 1), stripes(50, 2))


class Network(nn.Module):
    """A small network with everything that a recipe can ask for, and a dropout layer."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            self.convolution = nn.Conv2d(3, 6, 3, padding=1)
            self.norm = nn.BatchNorm2d(6)
            self.dropout = nn.Dropout(0.1)
            self.classifier = nn.Linear(6 * 64, 4)
            self.second = nn.Linear(6, 4)
        self.drop_path_probability = 0.0
        self.probabilities: list[float] = []

    @override
    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        features = functional.relu(self.norm(self.convolution(images)))
        if not self.training:
            return self.classifier(features.flatten(1))
        self.probabilities.append(self.drop_path_probability)
        keep = torch.rand(len(images), 1, 1, 1) >= self.drop_path_probability
        features = self.dropout(features * keep)
        return self.classifier(features.flatten(1)), self.second(features.mean(dim=(2, 3)))


class Linear(nn.Module):
    """A linear classifier in float64, starting at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, 192, dtype=torch.float64))

    @override
    def forward(self, images: Tensor) -> Tensor:
        return images.double().flatten(1) @ self.weight.T


def weights(network: nn.Module) -> Tensor:
    return torch.cat([value.flatten().double() for value in network.state_dict().values()])


def run(
    recipe: Recipe = BUSY, seed: int = 0, out: Path | None = None, **options: object
) -> tuple[ClassifierResult, Tensor]:
    network = Network()
    result = train_classifier(network, DATA, recipe, seed, out=out, device="cpu", **options)  # type: ignore[arg-type]
    return result, weights(network)


@pytest.mark.parametrize("nesterov", [False, True])
def test_steps_are_those_of_the_formulas(nesterov: bool) -> None:
    recipe = replace(
        PLAIN,
        batch_size=100,
        momentum=0.8,
        nesterov=nesterov,
        weight_decay=0.02,
        label_smoothing=0.2,
        gradient_clip=0.5,
        schedule="linear",
    )
    network = Linear()
    result = train_classifier(network, DATA, recipe, 0, device="cpu")
    mean, deviation = (np.array(v)[:, None, None] for v in (NORMALISATION.mean, NORMALISATION.deviation))
    assert isinstance(DATA.train, MemoryPart) and isinstance(DATA.test, MemoryPart)
    x, test = (((part.pixels.numpy() - mean) / deviation).reshape(len(part), -1) for part in (DATA.train, DATA.test))
    target = 0.8 * np.eye(4)[DATA.train.labels.numpy()] + 0.2 / 4
    weight, velocity = np.zeros((4, 192)), np.zeros((4, 192))
    for step, epoch in enumerate(result.epochs):
        scores = x @ weight.T
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        assert epoch.loss == pytest.approx(-(target * np.log(shares)).sum(axis=1).mean(), rel=1e-5)
        gradient = (shares - target).T @ x / len(x)
        gradient *= min(1, 0.5 / (np.linalg.norm(gradient) + 1e-6))
        gradient += 0.02 * weight
        velocity = 0.8 * velocity + gradient
        rate = 0.05 * (1 - step / 4)
        weight = weight - rate * (gradient + 0.8 * velocity if nesterov else velocity)
        assert epoch.learning_rate == pytest.approx(rate)
    np.testing.assert_allclose(network.weight.detach().numpy(), weight, rtol=1e-4, atol=1e-7)
    guesses = (test @ weight.T).argmax(axis=1)
    assert result.test == pytest.approx(100 * (guesses == DATA.test.labels.numpy()).mean())


def test_the_auxiliary_loss_counts_by_its_weight() -> None:
    class Two(Linear):
        @override
        def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:  # type: ignore[override]
            scores = super().forward(images)
            return (scores, scores) if self.training else scores

    one, two = Linear(), Two()
    plain = replace(PLAIN, batch_size=100, epochs=2, momentum=0.0)
    loss = train_classifier(one, DATA, replace(plain, learning_rate=0.05 * 1.4), 0, device="cpu").epochs
    same = train_classifier(two, DATA, replace(plain, auxiliary=0.4), 0, device="cpu").epochs
    torch.testing.assert_close(one.weight, two.weight)
    assert [epoch.loss for epoch in same] == pytest.approx([epoch.loss for epoch in loss])


def test_training_beats_chance_and_the_last_epochs_are_averaged() -> None:
    result, _ = run(replace(BUSY, epochs=8, evaluate_every=5))
    assert [epoch.validation is not None for epoch in result.epochs] == [False] * 4 + [True, False, True, True]
    assert result.validation is not None and result.validation > 60  # chance is 25 %
    last = [epoch.validation for epoch in result.epochs[-2:]]
    assert result.validation == pytest.approx(np.mean(np.array(last, dtype=float)))


def test_drop_path_rises_with_the_epochs() -> None:
    network = Network()
    train_classifier(network, DATA, BUSY, 0, device="cpu")
    assert network.probabilities == pytest.approx([0.0] * 3 + [0.125] * 3 + [0.25] * 3 + [0.375] * 3)


def test_repeatable_bit_for_bit_and_process_wide_state_is_left_alone() -> None:
    result, trained = run()
    torch.rand(7)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    again, same = run()
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
    assert again == result
    assert torch.equal(same, trained)
    assert not torch.equal(run(seed=1)[1], trained)


def test_only_the_training_images_influence_the_weights() -> None:
    network = Network()
    other = replace(DATA, validation=None, test=stripes(9, 8))
    result = train_classifier(network, other, BUSY, 0, device="cpu")
    assert torch.equal(weights(network), run()[1])
    assert result.validation is None


class KilledError(Exception):
    """Raised by a training's progress to interrupt it."""


def interrupted(after: int) -> Callable[[StepsDone], None]:
    steps = 0

    def stop(_: StepsDone) -> None:
        nonlocal steps
        steps += 1
        if steps > after:
            raise KilledError

    return stop


@pytest.mark.parametrize("recipe", [BUSY, replace(BUSY, optimiser="rmsprop", nesterov=False, name="rms")])
def test_interrupted_anywhere_it_ends_as_if_it_had_not_been(tmp_path: Path, recipe: Recipe) -> None:
    expected, trained = run(recipe)
    for case in range(4):
        folder = tmp_path / str(case)
        luck = random.Random(case)
        for _ in range(3):
            with pytest.raises(KilledError):
                run(recipe, out=folder, progress=interrupted(luck.randrange(5)))
        result, resumed = run(recipe, out=folder)
        assert result == expected
        assert torch.equal(resumed, trained)
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert [line["loss"] for line in lines] == [epoch.loss for epoch in expected.epochs]
        assert not (folder / "checkpoint.safetensors").exists()


def test_a_finished_training_is_read_not_repeated(tmp_path: Path) -> None:
    expected, trained = run(out=tmp_path)
    again, same = run(out=tmp_path, progress=interrupted(0))
    assert again == expected
    assert torch.equal(same, trained)
    assert again.seconds == expected.seconds > 0


def test_weights_are_kept_only_where_wanted(tmp_path: Path) -> None:
    run(out=tmp_path / "a", keep_weights=False)
    run(out=tmp_path / "b")
    assert sorted(path.suffix for path in (tmp_path / "a").iterdir() if path.is_file()) == [".json", ".json", ".jsonl"]
    assert (tmp_path / "b" / "weights.safetensors").exists()


CHILD = """
    import sys
    from pathlib import Path
    sys.path[:0] = {tests!r}
    import resource
    from test_classifier_training import BUSY, run
    limit = int(sys.argv[2])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    from arch2vec.errors import InputError
    from dataclasses import replace
    import time
    def wait(at):  # so that there is time to be killed, whatever else the machine does
        if at.epoch == 5 and at.step == 2:
            time.sleep(600)
    try:
        run(replace(BUSY, epochs=int(sys.argv[3])), out=Path(sys.argv[1]), progress=wait)
    except InputError as error:
        print(error)
        sys.exit(2)
"""


def child(folder: Path, limit: int = 0, epochs: int = 4) -> subprocess.Popen[str]:
    code = textwrap.dedent(CHILD).format(tests=[str(folder) for folder in Path(__file__).parents[:2]])
    command = [sys.executable, "-c", code, str(folder), str(limit), str(epochs)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.slow
def test_killed_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    recipe = replace(BUSY, epochs=7)
    metrics = tmp_path / "metrics.jsonl"
    process = child(tmp_path, epochs=7)
    while process.poll() is None and not (metrics.exists() and metrics.read_text().count("\n") >= 3):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    assert 3 <= metrics.read_text().count("\n") < 7
    result, trained = run(recipe, out=tmp_path)
    expected, same = run(recipe)
    assert result == expected
    assert torch.equal(trained, same)


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        run(out=tmp_path, progress=interrupted(4))  # after the first epoch
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    process = child(tmp_path, limit=len(before) // 2)
    printed, errors = process.communicate()
    assert process.returncode == 2, errors
    assert printed.count("\n") == 1
    assert "cannot write" in printed and "File too large" in printed and "repeat the command" in printed
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before
    result, trained = run(out=tmp_path)
    expected, same = run()
    assert result == expected
    assert torch.equal(trained, same)


def test_divergence_is_a_failed_result_that_stays(tmp_path: Path) -> None:
    wild = replace(BUSY, learning_rate=1e30, gradient_clip=0.0)
    result, _ = run(wild, out=tmp_path)
    assert result.failed
    assert result.validation is not None and math.isnan(result.validation)
    assert result.test is not None and math.isnan(result.test)
    assert len(result.epochs) < wild.epochs
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["failed"] is True
    assert "not finite in epoch" in written["reason"]
    again, _ = run(wild, out=tmp_path, progress=interrupted(0))
    assert again.failed and again.epochs == result.epochs
    assert again.seconds == result.seconds > sum(epoch.seconds for epoch in result.epochs)  # what failed costs as well


def test_accuracies_are_counted() -> None:
    model = Linear()
    with torch.no_grad():
        model.weight[3] += 1.0  # class 3 where the pixels' sum is positive, else the first class
    part = stripes(50, 4)
    guesses = torch.where(NORMALISATION(part.pixels).double().sum(dim=(1, 2, 3)) > 0, 3, 0)
    expected = 100 * sum(int(a == b) for a, b in zip(guesses, part.labels, strict=True)) / 50
    assert 0 < expected < 100
    run_of = ClassifierRun(model, replace(DATA, size=999), replace(PLAIN, batch_size=7), 0, torch.device("cpu"))
    assert run_of.accuracy(part) == pytest.approx(expected)


def test_divergence_of_the_auxiliary_head_alone_and_in_the_last_step_is_noticed() -> None:
    class Diverging(Network):
        @override
        def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
            output = super().forward(images)
            return (output[0], output[1] * math.inf) if isinstance(output, tuple) else output

    assert train_classifier(Diverging(), DATA, BUSY, 0, device="cpu").failed
    last = replace(PLAIN, epochs=1, batch_size=100, learning_rate=1e38)
    assert train_classifier(Network(), DATA, last, 0, device="cpu").failed


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_trains_with_mixed_precision_and_resumes(tmp_path: Path) -> None:
    class OnGPU(Network):
        @override
        def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
            assert images.is_cuda and torch.is_autocast_enabled("cuda")
            features = functional.relu(self.norm(self.convolution(images)))
            scores = self.classifier(features.flatten(1))
            return (scores, self.second(features.mean(dim=(2, 3)))) if self.training else scores

    recipe = replace(BUSY, epochs=8)
    with pytest.raises(KilledError):
        train_classifier(OnGPU(), DATA, recipe, 0, out=tmp_path, device="cuda", progress=interrupted(10))
    result = train_classifier(OnGPU(), DATA, recipe, 0, out=tmp_path, device="cuda")
    assert [epoch.epoch for epoch in result.epochs] == list(range(1, 9))
    assert result.validation is not None and result.validation > 60


def test_the_streams_order_is_that_of_the_seed() -> None:
    images = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).reshape(2, 3, 4, 4)
    drawn = [crops_and_flips(images, 1, True, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    assert "drops paths" in error_of(lambda: train_classifier(Linear(), DATA, BUSY, 0, device="cpu"))
    auxiliary = replace(PLAIN, auxiliary=0.4)
    assert "auxiliary head" in error_of(lambda: train_classifier(Linear(), DATA, auxiliary, 0, device="cpu"))
    assert "seed" in error_of(lambda: run(seed=-1))
    assert "at least 1 thread" in error_of(lambda: run(threads=0))
    crops = replace(PLAIN, augmentation=Augmentation(resized_crop=True))
    assert "in memory" in error_of(lambda: run(crops))
    run(out=tmp_path / "a", identity={"architecture": "x"})
    other = {"architecture": "y"}
    assert "architecture 'x', not 'y'" in error_of(lambda: run(out=tmp_path / "a", identity=other))
    assert "training_seed 0, not 1" in error_of(lambda: run(seed=1, out=tmp_path / "a", identity={"architecture": "x"}))
    (tmp_path / "file").write_text("")
    assert "cannot write" in error_of(lambda: run(out=tmp_path / "file"))


def test_damaged_folders_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        run(out=tmp_path, progress=interrupted(4))
    path = tmp_path / "checkpoint.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:500])
    assert "checkpoint.safetensors" in error_of(lambda: run(out=tmp_path))
    path.write_bytes(whole)
    assert "drop_path 0.5, not 0.0" in error_of(lambda: run(replace(BUSY, drop_path=0.0), out=tmp_path))

    class Larger(Network):
        def __init__(self) -> None:
            super().__init__()
            self.third = nn.Linear(2, 2)

    assert "does not fit" in error_of(lambda: train_classifier(Larger(), DATA, BUSY, 0, out=tmp_path, device="cpu"))
    (tmp_path / "result.json").write_text("{}")
    assert "result.json is damaged" in error_of(lambda: run(out=tmp_path))


def test_records_are_whole() -> None:
    result, _ = run(replace(PLAIN, epochs=1))
    assert set(asdict(result.epochs[0])) == {"epoch", "learning_rate", "loss", "validation", "test", "seconds"}
