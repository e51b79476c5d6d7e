"""Data files made for tests."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: NDArray[Any]) -> bytes:
    """Return an array in the IDX format."""
    header = struct.pack(">BBBB", 0, 0, CODES[array.dtype.str[1:]], array.ndim)
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return header + shape + array.astype(array.dtype.newbyteorder(">")).tobytes()


def pictures(samples: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw pictures of 28 x 28 pixels in which the label can be read off: two lit rows of pixels.

    The very first pixel is the label itself, so that a picture can be matched with its label.
    """
    labels = rng.integers(0, 10, samples).astype(np.uint8)
    images = rng.integers(0, 60, (samples, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label + 3 : 2 * label + 5] = 250
        image[0, 0] = label
    return images, labels


def write_mnist(
    folder: Path, *, train: int = 300, test: int = 100, seed: int = 0, packed: bool = True
) -> None:
    """Write the four files of a small data set in MNIST's format."""
    rng = np.random.default_rng(seed)
    for part, samples in (("train", train), ("t10k", test)):
        images, labels = pictures(samples, rng)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            content = idx_bytes(array)
            path = folder / f"{part}-{name}-ubyte"
            if packed:
                path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
            else:
                path.write_bytes(content)
