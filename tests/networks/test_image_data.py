"""Images in memory and in folders: what a pass over them gives."""

from __future__ import annotations

import colorsys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from arch2vec.networks.data import DataChoice, MemoryPart, Normalisation, load_images
from arch2vec.networks.data.augmentation import crops_and_flips, cut_out
from arch2vec.networks.data.base import ReadyPart
from arch2vec.networks.data.image_folder import FolderPart, read_folders
from arch2vec.networks.data.image_transforms import evaluation_pixels, hue_shifted, jittered, random_box
from arch2vec.networks.digits_data import digits_splits
from arch2vec.networks.recipe import Augmentation
from arch2vec.networks.recipes import RECIPES
from one_line import error_of

NORMALISATION = Normalisation((10.0, 20.0), (2.0, 4.0))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 7, seed: int = 0) -> MemoryPart:
    rng = np.random.default_rng(seed)
    pixels = torch.from_numpy(rng.integers(1, 256, size=(n, 2, 6, 5), dtype=np.uint8))
    return MemoryPart(pixels, torch.arange(n), NORMALISATION)


def test_normalisation() -> None:
    pixels = images().pixels
    x = NORMALISATION(pixels)
    assert x.dtype == torch.float32 and x.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(x[:, 1], (pixels[:, 1].float() - 20) / 4)


@given(st.integers(0, 2), st.booleans(), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_crops_and_flips_are_places_in_the_padded_image(padding: int, flip: bool, seed: int) -> None:
    pixels = images().pixels
    changed = crops_and_flips(pixels, padding, flip, generator(seed))
    padded = np.pad(pixels.numpy(), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    mirrors = (1, -1) if flip else (1,)
    for before, after in zip(padded, changed.numpy(), strict=True):
        places = [
            before[:, y : y + 6, x : x + 5][:, :, ::mirror]
            for y in range(2 * padding + 1)
            for x in range(2 * padding + 1)
            for mirror in mirrors
        ]
        assert any(np.array_equal(place, after) for place in places)


def test_all_shifts_and_both_mirrorings_come_equally_often() -> None:
    marked = torch.zeros(9000, 1, 3, 3, dtype=torch.uint8)
    marked[:, :, 1, 1] = 1
    marked[:, :, 1, 2] = 2
    changed = crops_and_flips(marked, 1, True, generator(0)).flatten(1)
    middle = (changed == 1).int().argmax(dim=1).bincount(minlength=9)
    assert (middle - 1000).abs().max() < 150
    # The mark of 2 is right of it or left of it; where the crop has lost it there is nothing to compare.
    kept = changed[(changed == 2).any(dim=1)]
    right = ((kept == 2).int().argmax(dim=1) > (kept == 1).int().argmax(dim=1)).double().mean()
    assert abs(right - 0.5) < 0.03


@given(st.integers(1, 9), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_cutout_is_a_square_cut_off_by_the_border(side: int, seed: int) -> None:
    x = cut_out(torch.ones(50, 3, 6, 5), side, generator(seed))
    for image in x:
        assert torch.equal(image[0], image[1])
        rows, columns = (image[0] == 0).any(dim=1), (image[0] == 0).any(dim=0)
        assert torch.equal(image[0] == 0, rows[:, None] & columns[None, :])
        for line, length in ((rows, 6), (columns, 5)):
            where = line.nonzero().flatten()
            assert len(where) == where[-1] - where[0] + 1 <= side  # in one piece
            inside = where[0] > 0 and where[-1] < length - 1
            assert not inside or len(where) == side


def test_passes_cover_all_images_once_and_depend_on_the_seed() -> None:
    part = images(23)
    passes = [list(part.training_batches(5, Augmentation(crop_padding=1, flip=True), seed)) for seed in (0, 0, 1)]
    assert [len(labels) for _, labels in passes[0]] == [5, 5, 5, 4, 4]
    order = [torch.cat([labels for _, labels in one]) for one in passes]
    assert order[0].sort().values.tolist() == list(range(23))
    assert torch.equal(order[0], order[1]) and not torch.equal(order[0], order[2])
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(passes[0], passes[1], strict=True))
    plain = torch.cat([x for x, _ in part.batches(5)])
    torch.testing.assert_close(plain, NORMALISATION(part.pixels))
    x, labels = next(part.training_batches(23, Augmentation(), 4))
    torch.testing.assert_close(x, plain[labels])


def test_images_that_are_ready_come_as_they_are_in_the_order_of_a_seed_or_of_one_stream() -> None:
    pixels = torch.arange(11.0).reshape(11, 1, 1, 1).expand(11, 1, 2, 2).contiguous()
    part = ReadyPart(pixels, torch.arange(11))

    def orders(part: ReadyPart, *seeds: int) -> list[list[int]]:
        passes = [list(part.training_batches(4, Augmentation(), seed)) for seed in seeds]
        for batches in passes:
            assert [len(labels) for _, labels in batches] == [4, 4, 3]
            assert all((x == labels[:, None, None, None]).all() for x, labels in batches)
        return [torch.cat([labels for _, labels in batches]).tolist() for batches in passes]

    first, second, third = orders(part, 0, 0, 1)
    assert sorted(first) == sorted(third) == list(range(11))
    assert first == second != third
    streamed = orders(replace(part, stream=generator(5)), 0, 0)
    expected = generator(5)
    assert streamed == [torch.randperm(11, generator=expected).tolist() for _ in range(2)]
    assert torch.equal(torch.cat([x for x, _ in part.batches(4)]), pixels)
    assert "not augmented" in error_of(lambda: list(part.training_batches(4, Augmentation(flip=True), 0)))
    labels = torch.zeros(2, dtype=torch.int64)
    assert "got (2, 8, 8) torch.float32 and (2,)" in error_of(lambda: ReadyPart(torch.zeros(2, 8, 8), labels))
    assert "float32" in error_of(lambda: ReadyPart(torch.zeros(2, 1, 8, 8, dtype=torch.float64), labels))
    assert "N of at least 1" in error_of(lambda: ReadyPart(torch.zeros(0, 1, 8, 8), labels[:0]))


def test_the_digits_are_those_of_the_objective() -> None:
    data = load_images(DataChoice("digits", split_seed=3))
    splits = digits_splits(400, 700, 3)
    assert (data.classes, data.channels, data.size) == (10, 1, 8)
    for ours, theirs in ((data.train, splits.train), (data.validation, splits.validation), (data.test, splits.test)):
        assert ours is not None
        x, labels = next(ours.batches(1000))
        assert torch.equal(labels, theirs.labels)
        torch.testing.assert_close(x, theirs.pixels, atol=0.01, rtol=0)
    whole = load_images(DataChoice("digits", validation=0.0))
    assert (len(whole.train), whole.validation) == (1100, None)
    assert "1,100 images to train, 697 to test" in whole.description
    few = load_images(DataChoice("digits", limit=110))
    assert few.validation is not None and few.test is not None
    assert (len(few.train), len(few.validation), len(few.test)) == (40, 70, 70)


def test_bad_images_in_memory() -> None:
    assert "uint8" in error_of(lambda: MemoryPart(torch.zeros(2, 2, 3, 3), torch.zeros(2), NORMALISATION))
    wrong = torch.zeros(2, 3, 3, 3, dtype=torch.uint8)
    assert "3 channels" in error_of(lambda: MemoryPart(wrong, torch.zeros(2), NORMALISATION))
    assert "positive deviation" in error_of(lambda: Normalisation((1.0,), (0.0,)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of images of different sizes and formats."""
    rng = np.random.default_rng(0)
    for name, count in (("train", 5), ("val", 2)):
        for label, class_name in enumerate(("n01", "n02")):
            place = tmp_path / name / class_name
            place.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, size=(20 + number, 30 - number, 3), dtype=np.uint8)
                pixels[..., 0] = 40 + 100 * label
                Image.fromarray(pixels).save(place / f"{number}.{'png' if number % 2 else 'JPEG'}")
    (tmp_path / "train" / "n01" / "notes.txt").write_text("no image")
    Image.new("L", (25, 25), 200).save(tmp_path / "train" / "n01" / "grey.png")
    return tmp_path


def test_folders_are_classes(folder: Path) -> None:
    classes, train, test = read_folders(folder, 16, workers=0)
    assert classes == ["n01", "n02"]
    assert train.labels.tolist() == [0] * 6 + [1] * 5 and test.labels.tolist() == [0] * 2 + [1] * 2
    x, labels = next(test.batches(10))
    assert x.shape == (4, 3, 16, 16) and labels.tolist() == [0, 0, 1, 1]
    red = (x[:, 0] * 58.395 + 123.675).mean(dim=(1, 2))
    np.testing.assert_allclose(red, [40, 40, 140, 140], atol=6)  # JPEG is lossy


def test_a_stream_does_not_depend_on_who_reads_it(folder: Path) -> None:
    _, train, _ = read_folders(folder, 16, workers=0)
    _, helped, _ = read_folders(folder, 16, workers=2)
    augmentation = RECIPES["darts-imagenet"].augmentation
    passes = [
        list(part.training_batches(4, augmentation, seed)) for part, seed in ((train, 5), (helped, 5), (train, 6))
    ]
    assert [len(labels) for _, labels in passes[0]] == [4, 4, 3]
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(passes[0], passes[1], strict=True))
    assert not torch.equal(passes[0][0][0], passes[2][0][0])
    assert torch.cat([labels for _, labels in passes[0]]).sort().values.tolist() == [0] * 6 + [1] * 5


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_image_is_one_line(folder: Path, workers: int) -> None:
    path = folder / "val" / "n02" / "0.JPEG"
    path.write_bytes(path.read_bytes()[:200])
    _, _, test = read_folders(folder, 16, workers=workers)
    assert f"cannot read the image {path}" in error_of(lambda: list(test.batches(2)))


def test_bad_folders_are_one_line(folder: Path, tmp_path: Path) -> None:
    assert "no folder of images" in error_of(lambda: read_folders(tmp_path / "nothing", 16, 0))
    (folder / "val" / "n03").mkdir()
    assert "'n03'" in error_of(lambda: read_folders(folder, 16, 0))
    (tmp_path / "empty" / "train" / "n01").mkdir(parents=True)
    assert "holds no images" in error_of(lambda: read_folders(tmp_path / "empty", 16, 0))
    assert "workers" in error_of(lambda: FolderPart([], torch.zeros(0), 16, workers=-1))
    part = FolderPart([], torch.zeros(0), 16)
    assert "small images" in error_of(lambda: list(part.training_batches(2, Augmentation(crop_padding=4), 0)))


def test_evaluation_takes_the_centre() -> None:
    pixels = np.zeros((512, 1024, 3), dtype=np.uint8)
    pixels[32:480, 288:736] = 255  # the central 448 pixels: 224 after halving
    view = evaluation_pixels(Image.fromarray(pixels), 224)
    assert view.shape == (3, 224, 224)
    assert view[:, 1:-1, 1:-1].min() == 255
    assert view[:, [0, -1]].min() > 190  # resampling mixes the border with what is outside


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 100))
@settings(max_examples=100, deadline=None)
def test_random_boxes_are_inside_and_shaped_as_published(width: int, height: int, seed: int) -> None:
    left, upper, right, lower = random_box(width, height, np.random.default_rng(seed))
    assert 0 <= left < right <= width and 0 <= upper < lower <= height
    if 3 / 4 <= width / height <= 4 / 3 and min(width, height) > 50:
        across, down = right - left, lower - upper
        assert 0.07 < across * down / (width * height) <= 1
        assert 0.72 < across / down < 1.39


def test_hues_move_along_the_circle() -> None:
    colours = [(200, 40, 40), (40, 200, 90), (10, 60, 220)]
    image = Image.fromarray(np.array([colours], dtype=np.uint8))
    shifted = np.asarray(hue_shifted(image, 0.25))[0]
    for colour, found in zip(colours, shifted, strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(part / 255 for part in colour))
        expected = np.array(colorsys.hsv_to_rgb((hue + 0.25) % 1, saturation, value)) * 255
        np.testing.assert_allclose(found, expected, atol=6)  # Pillow's hues have 256 steps


def test_jitter_changes_what_it_says() -> None:
    image = Image.fromarray(np.full((4, 4, 3), (100, 50, 20), dtype=np.uint8))
    seen = [np.asarray(jittered(image, (0.4, 0, 0, 0), np.random.default_rng(seed)))[0, 0] for seed in range(200)]
    factors = np.array([pixel[0] / 100 for pixel in seen])
    assert 0.59 < factors.min() < 0.65 and 1.35 < factors.max() < 1.41
    assert all(abs(pixel[1] / 50 - factor) < 0.03 for pixel, factor in zip(seen, factors, strict=True))
