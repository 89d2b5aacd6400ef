"""Images of one's own: folders of files, grey or colour, as a data set to train on."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arch2vec.networks.data import DataChoice, load_images
from arch2vec.objectives.spec import resolve_objective
from arch2vec.spaces import NASBench201
from one_line import error_of


def write(folder: Path, grey: bool, count: int = 12, classes: tuple[str, ...] = ("cat", "dog")) -> Path:
    """Images that are dark in the first class and bright in the last."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            shape = (20, 24) if grey else (20, 24, 3)
            pixels = rng.integers(120 * label, 120 * label + 100, size=shape).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.mark.parametrize("grey", [True, False])
def test_folders_of_classes_are_divided(tmp_path: Path, grey: bool) -> None:
    data = load_images(DataChoice("folder", str(write(tmp_path / "mine", grey)), size=16))
    assert (data.channels, data.size, data.classes) == (1 if grey else 3, 16, 2)
    assert data.validation is not None and data.test is not None
    assert [len(part) for part in (data.train, data.validation, data.test)] == [15, 4, 5]
    for pixels, labels in data.test.batches(5):
        assert pixels.shape == (5, data.channels, 16, 16)
        # Normalised, the dark class is below 0 and the bright one above.
        assert ((pixels.mean(dim=(1, 2, 3)) > 0).long() == labels).all()


def test_train_and_test_folders_are_taken_as_they_are(tmp_path: Path) -> None:
    for part, count in (("train", 10), ("test", 3)):
        write(tmp_path / part, grey=True, count=count)
    data = load_images(DataChoice("folder", str(tmp_path), validation=0.1))
    assert data.validation is not None and data.test is not None
    assert [len(part) for part in (data.train, data.validation, data.test)] == [18, 2, 6]


def test_a_network_is_trained_on_them(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", grey=True)
    options = "size=16&space=nasbench201&recipe=digits&epochs=1&channels=4&cells=1"
    objective = resolve_objective(f"train:folder?data_dir={folder}&{options}")
    space = NASBench201()
    found = objective.evaluate(space.format(space.enumerate()[[5]])[0])
    assert 0 <= found.validation <= 100 and found.test is not None and "folder" in objective.description


def test_bad_folders(tmp_path: Path) -> None:
    assert "need their folder" in error_of(lambda: DataChoice("folder"))
    assert "is no folder of images" in error_of(lambda: load_images(DataChoice("folder", str(tmp_path / "nowhere"))))
    (tmp_path / "empty" / "cat").mkdir(parents=True)
    assert "holds no images" in error_of(lambda: load_images(DataChoice("folder", str(tmp_path / "empty"))))
    one = write(tmp_path / "one", grey=True, classes=("cat",))
    assert "two classes at least" in error_of(lambda: load_images(DataChoice("folder", str(one))))
    broken = write(tmp_path / "broken", grey=True)
    (broken / "cat" / "0.png").write_bytes(b"no image")
    assert "0.png: it is no image" in error_of(lambda: load_images(DataChoice("folder", str(broken))))
    small = (tmp_path / "one" / "cat" / "0.png").read_bytes()
    size = b"IHDR" + (40_000).to_bytes(4) * 2 + small[24:29]  # of an image that is black all over, 1.5 MB are enough
    (broken / "cat" / "0.png").write_bytes(small[:12] + size + zlib.crc32(size).to_bytes(4) + small[33:])
    assert "0.png: it has more pixels" in error_of(lambda: load_images(DataChoice("folder", str(broken))))


def test_the_line_about_imagenet_leads_somewhere(tmp_path: Path) -> None:
    for part in ("train", "val"):
        write(tmp_path / part, grey=False)
    spec = f"train:imagenet?space=darts&data_dir={tmp_path}&size=32"
    assert "validation=0.1" in error_of(lambda: resolve_objective(spec))
    assert "4 to validate" in resolve_objective(f"{spec}&validation=0.16").description
