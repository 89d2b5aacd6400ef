"""Published files of images, read from small ones in the same formats, and what is refused."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch

from arch2vec.networks.data import DataChoice, MemoryPart, load_images
from arch2vec.networks.data.archives import images_folder, md5_of, published_file
from arch2vec.networks.data.cifar import VARIANTS, read_cifar
from arch2vec.networks.data.imagenet16 import FILES, read_imagenet16
from arch2vec.networks.data.named import divided, halves
from image_archives import cifar10_members, python2_pickle, python3_pickle, rows, write_archive, write_cifar10
from one_line import error_of


def test_cifar10_is_read_in_order(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    (pixels, labels), (test_pixels, test_labels) = read_cifar("cifar10", tmp_path, None)
    expected = [rows(20, 32, 10, seed) for seed in range(6)]
    np.testing.assert_array_equal(pixels.reshape(100, -1), np.concatenate([data for data, _ in expected[:5]]))
    np.testing.assert_array_equal(labels, np.concatenate([part for _, part in expected[:5]]))
    np.testing.assert_array_equal(test_pixels.reshape(20, -1), expected[5][0])
    assert test_labels.tolist() == expected[5][1]
    # Row by row the red, then the green, then the blue pixels of an image.
    assert pixels[3, 1, 2, 7] == expected[0][0][3, 1024 + 2 * 32 + 7]


def test_the_pickles_are_what_python_2_wrote(tmp_path: Path) -> None:
    import pickle

    data, labels = rows(3, 32, 10, 0)
    document = pickle.loads(python2_pickle(data, {"labels": labels}), encoding="bytes")
    np.testing.assert_array_equal(document[b"data"], data)
    assert document[b"labels"] == labels


def test_cifar100_has_fine_labels(tmp_path: Path) -> None:
    parts = {name: rows(200, 32, 100, seed) for seed, name in enumerate(("train", "test"))}
    members = {
        f"cifar-100-python/{name}": python2_pickle(data, {"coarse_labels": [0] * 200, "fine_labels": labels})
        for name, (data, labels) in parts.items()
    }
    write_archive(tmp_path / "cifar-100-python.tar.gz", members)
    (pixels, labels), (_, test_labels) = read_cifar("cifar100", tmp_path, None)
    np.testing.assert_array_equal(pixels.reshape(200, -1), parts["train"][0])
    assert labels.tolist() == test_labels.tolist() == [*range(100), *range(100)]


@pytest.mark.parametrize(("name", "before"), [("cifar10", 0), ("cifar100", 1)])
def test_the_binary_form_gives_the_same(tmp_path: Path, name: str, before: int) -> None:
    variant = VARIANTS[name]
    archive = variant.archives[1]
    data, labels = rows(200, 32, variant.classes, 0)
    lines = np.column_stack([np.full((200, before), 7), labels, data]).astype(np.uint8)
    write_archive(tmp_path / archive.file, {member: lines.tobytes() for member in (*archive.train, archive.test)})
    (pixels, found), _ = read_cifar(name, tmp_path, None)
    repeats = len(archive.train)
    np.testing.assert_array_equal(pixels.reshape(200 * repeats, -1), np.tile(data, (repeats, 1)))
    assert found.tolist() == labels * repeats
    write_archive(tmp_path / archive.file, dict.fromkeys((*archive.train, archive.test), b"12345"))
    assert "32x32" in error_of(lambda: read_cifar(name, tmp_path, None))


def test_imagenet16_keeps_the_first_120_classes(tmp_path: Path) -> None:
    files: dict[str, str | None] = dict.fromkeys(FILES)
    for seed, name in enumerate(files):
        data, labels = rows(130, 16, 200, seed)
        document = {"data": data, "labels": [label + 1 for label in labels], "mean": data.mean(axis=0)}
        (tmp_path / name).write_bytes(python3_pickle(document))
    (pixels, kept), (_, held_out) = read_imagenet16(tmp_path, files)
    assert len(kept) == 10 * 120 and len(held_out) == 120
    assert kept[:120].tolist() == held_out.tolist() == list(range(120))
    np.testing.assert_array_equal(pixels[120:240].reshape(120, -1), rows(130, 16, 200, 1)[0][:120])
    line = error_of(lambda: read_imagenet16(tmp_path))
    assert "train_data_batch_1" in line and FILES["train_data_batch_1"] in line
    data, _ = rows(5, 16, 5, 0)
    (tmp_path / "val_data").write_bytes(python3_pickle({"data": data, "labels": [0, 1, 2, 3, 4]}))
    assert "label 0" in error_of(lambda: read_imagenet16(tmp_path, files))


def test_wrong_content_is_refused_in_one_line(tmp_path: Path) -> None:
    def complaint() -> str:
        return error_of(lambda: read_cifar("cifar10", tmp_path, None))

    path = write_cifar10(tmp_path, size=16)
    assert "images of 16x16 pixels; 32x32" in complaint()
    members = cifar10_members(4)
    write_archive(path, {name: content for name, content in members.items() if "batch_3" not in name})
    assert "holds no cifar-10-batches-py/data_batch_3" in complaint()
    write_cifar10(tmp_path, labels_key="fine_labels")
    assert "'labels'" in complaint()
    data, labels = rows(4, 32, 10, 0)
    for labels_given, said in (([0, 1, 2], "4 images and labels of shape"), ([0, 1, 2, 10], "labels from 0 to 10")):
        members["cifar-10-batches-py/data_batch_1"] = python2_pickle(data, {"labels": labels_given})
        write_archive(path, members)
        assert said in complaint()
    members["cifar-10-batches-py/data_batch_1"] = b"cos\nsystem\n(S'true'\ntR."
    write_archive(path, members)
    assert "'os.system'" in complaint()
    whole = write_cifar10(tmp_path).read_bytes()
    for size in (0, 10, len(whole) // 2):
        path.write_bytes(whole[:size])
        assert "cifar-10-python.tar.gz" in complaint()
    assert labels and "unknown CIFAR" in error_of(lambda: read_cifar("cifar", tmp_path))


def test_another_checksum_is_refused_whatever_the_file_holds(tmp_path: Path) -> None:
    path = write_cifar10(tmp_path)
    line = error_of(lambda: load_images(DataChoice("cifar10", str(tmp_path))))
    assert VARIANTS["cifar10"].archives[0].md5 in line and md5_of(path) in line
    assert len(read_cifar("cifar10", tmp_path, md5_of(path))[0][1]) == 100
    assert published_file(path.name, md5_of(path), tmp_path) == path


def test_downloads_are_checked_before_they_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "there" / "file.bin"
    source.parent.mkdir()
    source.write_bytes(b"images" * 1000)
    url, here = source.as_uri(), tmp_path / "here"
    assert "MD5" in error_of(lambda: published_file("file.bin", "0" * 32, here, url))
    assert list(here.iterdir()) == []
    assert published_file("file.bin", md5_of(source), here, url).read_bytes() == source.read_bytes()
    source.unlink()  # now it is there, and is not downloaded again
    published_file("file.bin", md5_of(here / "file.bin"), here, url)
    line = error_of(lambda: published_file("other.bin", None, here, url))
    assert "put the file into" in line
    assert list(here.iterdir()) == [here / "file.bin"]


def test_without_a_network_the_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError(OSError(101, "Network is unreachable"))

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    line = error_of(lambda: read_cifar("cifar100", tmp_path))
    assert "Network is unreachable" in line and "put the file into" in line and "cifar-100-python.tar.gz" in line
    assert list(tmp_path.iterdir()) == []


def test_a_download_cut_short_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "file.bin"
    source.write_bytes(b"half")
    opened = urllib.request.urlopen

    def longer(url: str, timeout: float) -> object:
        answer = opened(url, timeout=timeout)
        del answer.headers["Content-Length"]
        answer.headers["Content-Length"] = "8"
        return answer

    monkeypatch.setattr(urllib.request, "urlopen", longer)
    assert "after 4 of 8 bytes" in error_of(lambda: published_file("f", None, tmp_path / "x", source.as_uri()))
    assert list((tmp_path / "x").iterdir()) == []


def test_the_folder_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ARCH2VEC_IMAGES", raising=False)
    assert images_folder() == tmp_path / "cache" / "images"
    monkeypatch.setenv("ARCH2VEC_IMAGES", str(tmp_path / "images"))
    assert images_folder() == tmp_path / "images"
    assert images_folder(tmp_path / "given") == tmp_path / "given"
    assert "$ARCH2VEC_IMAGES" in error_of(lambda: published_file("x", None))


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write anywhere")
def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    source = tmp_path / "file.bin"
    source.write_bytes(b"images")
    assert "cannot write" in error_of(lambda: published_file("x", None, tmp_path / "closed", source.as_uri()))


def choice_of(**options: object) -> DataChoice:
    return DataChoice("cifar10", **options)  # type: ignore[arg-type]


def parts_of(choice: DataChoice, share: float | None = 0.5) -> list[MemoryPart | None]:
    pixels = np.arange(100, dtype=np.uint8)[:, None, None, None].repeat(3, axis=1)
    labels = np.arange(100) % 10
    data = divided(
        choice, (pixels, labels), (pixels[:40] + 100, labels[:40]), VARIANTS["cifar10"].normalisation, 10, 1, share
    )
    parts = [data.train, data.validation, data.test]
    assert all(part is None or isinstance(part, MemoryPart) for part in parts)
    return parts  # type: ignore[return-value]


def numbers(part: MemoryPart | None) -> list[int]:
    return [] if part is None else part.pixels[:, 0, 0, 0].tolist()


def test_divisions_are_partitions_that_depend_on_the_seed() -> None:
    train, validation, test = map(numbers, parts_of(choice_of()))
    assert sorted(train + validation) == list(range(100)) and len(train) == 50
    assert test == list(range(100, 140))
    assert numbers(parts_of(choice_of())[0]) == train
    assert numbers(parts_of(choice_of(split_seed=1))[0]) != train
    assert [len(numbers(part)) for part in parts_of(choice_of(validation=0.1))] == [90, 10, 40]
    train, validation, test = map(numbers, parts_of(choice_of(validation=0.0)))
    assert (train, validation, test) == (list(range(100)), [], list(range(100, 140)))
    # As NAS-Bench-201 divides CIFAR-100: all training images, the others halved.
    train, validation, test = map(numbers, parts_of(choice_of(), None))
    assert train == list(range(100)) and len(validation) == 20
    assert sorted(validation + test) == list(range(100, 140))
    assert [len(numbers(part)) for part in parts_of(choice_of(limit=50))] == [25, 25, 20]


def test_halves_refuse_an_empty_part() -> None:
    assert "3 images" in error_of(lambda: halves(3, 0.1, 0))
    first, second = halves(11, 0.3, 5)
    assert (len(first), len(second)) == (8, 3)
    assert torch.cat([first, second]).sort().values.tolist() == list(range(11))


def test_bad_choices_are_one_line() -> None:
    assert "known: cifar10" in error_of(lambda: DataChoice("cifar"))
    assert "[0, 1)" in error_of(lambda: choice_of(validation=1.0))
    assert "split_seed" in error_of(lambda: choice_of(split_seed=-1))
    assert "at least 2" in error_of(lambda: choice_of(limit=1))
    assert "validation=0.1" in error_of(lambda: DataChoice("imagenet", limit=100))
