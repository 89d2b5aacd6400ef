"""What is done to an image from a file before it is a network's input, with Pillow.

Random crops and colours are those with which ImageNet is trained (Szegedy et al.,
CVPR 2015; Howard, 2013): see :class:`arch2vec.networks.recipe.Augmentation`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arch2vec.networks.recipe import Augmentation

if TYPE_CHECKING:
    from PIL.Image import Image

_AREA = (0.08, 1.0)
_RATIO = (3 / 4, 4 / 3)
_ATTEMPTS = 10
_MARGIN = 256 / 224  # the shorter side before the central crop, in units of the crop


def training_pixels(image: Image, size: int, augmentation: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random view of an image: (3, size, size)."""
    from PIL import Image as Images

    if augmentation.resized_crop:
        box = random_box(image.width, image.height, rng)
        image = image.resize((size, size), Images.Resampling.BILINEAR, box=box)
    else:
        image = _central(image, size)
    if augmentation.flip and rng.random() < 0.5:
        image = image.transpose(Images.Transpose.FLIP_LEFT_RIGHT)
    if any(augmentation.jitter):
        image = jittered(image, augmentation.jitter, rng)
    return _planes(image)


def evaluation_pixels(image: Image, size: int) -> NDArray[np.uint8]:
    """The central (3, size, size) of an image whose shorter side is scaled to 256 / 224 of that."""
    return _planes(_central(image, size))


def random_box(width: int, height: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Left, upper, right and lower bound of a part of an image.

    Its area is uniform in 8 to 100 % of the image's and its aspect ratio log-uniform in
    3/4 to 4/3; after ten draws that do not fit in, it is the largest central part whose
    ratio is within these.
    """
    for _ in range(_ATTEMPTS):
        area = width * height * rng.uniform(*_AREA)
        ratio = math.exp(rng.uniform(math.log(_RATIO[0]), math.log(_RATIO[1])))
        across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < across <= width and 0 < down <= height:
            left, upper = int(rng.integers(width - across + 1)), int(rng.integers(height - down + 1))
            return left, upper, left + across, upper + down
    across = min(width, max(1, round(height * _RATIO[1])))
    down = min(height, max(1, round(width / _RATIO[0])))
    left, upper = (width - across) // 2, (height - down) // 2
    return left, upper, left + across, upper + down


def jittered(image: Image, jitter: tuple[float, float, float, float], rng: np.random.Generator) -> Image:
    """An image with brightness, contrast, saturation and hue changed at random, in random order."""
    from PIL import ImageEnhance

    enhancers = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for change in rng.permutation(4).tolist():
        amount = jitter[change]
        if not amount:
            continue
        if change == 3:
            image = hue_shifted(image, rng.uniform(-amount, amount))
        else:
            image = enhancers[change](image).enhance(rng.uniform(1 - amount, 1 + amount))
    return image


def hue_shifted(image: Image, share: float) -> Image:
    """An image with all hues moved along the colour circle by ``share`` of it, to one part in 256."""
    from PIL import Image as Images

    planes = np.array(image.convert("HSV"))
    planes[..., 0] += np.uint8(round(256 * share) % 256)  # modulo 256, as the circle is
    return Images.fromarray(planes, "HSV").convert("RGB")


def _central(image: Image, size: int) -> Image:
    from PIL import Image as Images

    shorter = round(size * _MARGIN)
    scale = shorter / min(image.width, image.height)
    width, height = max(shorter, round(image.width * scale)), max(shorter, round(image.height * scale))
    image = image.resize((width, height), Images.Resampling.BILINEAR)
    left, upper = (width - size) // 2, (height - size) // 2
    return image.crop((left, upper, left + size, upper + size))


def _planes(image: Image) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.asarray(image, dtype=np.uint8).transpose(2, 0, 1))
