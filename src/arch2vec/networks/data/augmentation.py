"""Random changes of training images, for whole batches and on whatever device these are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def crops_and_flips(pixels: Tensor, padding: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Each image shifted by up to ``padding`` pixels each way, and mirrored or not.

    The image is padded with black pixels and cropped back to its size at one of the
    (2 padding + 1)^2 places.

    Args:
        pixels: (B, C, H, W).
        padding: at least 0.
        flip: whether half of the images are mirrored left to right.
        generator: on the device of the pixels.
    """
    if not padding and not flip:
        return pixels
    batch, channels, height, width = pixels.shape
    device = pixels.device
    rows = torch.arange(height, device=device).expand(batch, height)
    columns = torch.arange(width, device=device).expand(batch, width)
    if flip:
        mirrored = torch.rand((batch, 1), generator=generator, device=device) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    if padding:
        pixels = functional.pad(pixels, (padding,) * 4)
        shifts = torch.randint(2 * padding + 1, (2, batch, 1), generator=generator, device=device)
        rows, columns = rows + shifts[0], columns + shifts[1]
    images = torch.arange(batch, device=device)[:, None, None, None]
    planes = torch.arange(channels, device=device)[None, :, None, None]
    return pixels[images, planes, rows[:, None, :, None], columns[:, None, None, :]]


def cut_out(images: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Normalised images, each with a square of zeros, the mean colour, around one of its pixels.

    DeVries and Taylor (2017). For an even side the square has one more row above the
    pixel, and one more column left of it, than below and right.

    Args:
        images: (B, C, H, W).
        side: of the square in pixels, 0 for none; what lies outside of the image is cut off.
        generator: on the device of the images.
    """
    if not side:
        return images
    batch, _, height, width = images.shape
    inside = []
    for length in (height, width):
        centre = torch.randint(length, (batch, 1), generator=generator, device=images.device)
        offset = torch.arange(length, device=images.device) - centre
        inside.append((offset >= -(side // 2)) & (offset < side - side // 2))
    square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images.masked_fill(square, 0.0)
