"""IDX files, plain and packed."""

import gzip
import io
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import DataError
from numpy_impl.data import read_idx
from parity_tests.fuzz.damage import SIZES, pick
from parity_tests.fuzz.target import Target

_WIDTHS = {0x08: 1, 0x09: 1, 0x0B: 2, 0x0C: 4, 0x0D: 4, 0x0E: 8}
_KINDS = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}

MAX_BYTES = 1 << 23
# Megabytes of zeros in kilobytes.
_BOMB = gzip.compress(bytes(1 << 25), mtime=0)


def make(rng: np.random.Generator, damage: bool) -> bytes:
    """Make a file of a few numbers."""
    code = pick(rng, list(_WIDTHS))
    shape = [int(size) for size in rng.integers(0, 5, rng.integers(1, 5))]
    if damage and rng.random() < 0.1:
        # An array may have 64 dimensions.
        shape = [1] * pick(rng, (63, 64, 65, 255))
    numbers = rng.bytes(math.prod(shape) * _WIDTHS[code])
    magic = bytes([0, 0, code, len(shape)])
    if damage:
        for _ in range(int(rng.integers(1, 3))):
            magic, shape, numbers = _damaged(rng, magic, shape, numbers)
    content = magic + struct.pack(f">{len(shape)}I", *shape) + numbers
    return _packed(rng, content, damage)


def _damaged(
    rng: np.random.Generator, magic: bytes, shape: list[int], numbers: bytes
) -> tuple[bytes, list[int], bytes]:
    way = int(rng.integers(6))
    shape = list(shape)
    if way == 0:
        at = int(rng.integers(4))
        magic = magic[:at] + rng.bytes(1) + magic[at + 1 :]
    elif way == 1:
        shape[int(rng.integers(len(shape)))] = pick(rng, SIZES)
    elif way == 2:
        shape = [pick(rng, (0, 2**31, 2**32 - 1)) for _ in shape]
    elif way == 3:
        # As many numbers as an unchecked product of the sizes would be, modulo 2^32 or 2^64.
        shape = pick(
            rng, ([2**31, 2], [2**16, 2**16], [2**31, 2**31, 4], [0, 2**32 - 1, 2**32 - 1])
        )
        magic = bytes([*magic[:3], len(shape)])
        numbers = b""
    elif way == 4:
        numbers = numbers[: int(rng.integers(len(numbers) + 1))]
    else:
        numbers += rng.bytes(int(rng.integers(1, 20)))
    return magic, shape, numbers


def _packed(rng: np.random.Generator, content: bytes, damage: bool) -> bytes:
    way = int(rng.integers(8 if damage else 4))
    if way == 0:
        return content
    packed = gzip.compress(content, int(rng.integers(10)), mtime=0)
    if way == 1:
        half = len(content) // 2
        return gzip.compress(content[:half], mtime=0) + gzip.compress(content[half:], mtime=0)
    if way == 2:
        named = io.BytesIO()
        with gzip.GzipFile("name", "wb", fileobj=named) as file:
            file.write(content)
        return named.getvalue()
    if way == 4:
        return packed + pick(rng, (b"\0" * 20, b"x", _BOMB))
    if way == 5:
        return packed[:-8] + rng.bytes(8)
    if way == 6:
        return packed[: int(rng.integers(len(packed)))]
    if way == 7:
        # A header that asks for some of the zeros, or for all of them and more.
        size = pick(rng, (0, 1000, MAX_BYTES, MAX_BYTES + 1, 1 << 25, 2**32 - 1))
        return gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", size)) + _BOMB
    return packed


def plain(data: bytes) -> tuple[str, tuple[int, ...], bytes]:
    """Return type, shape and numbers of a file, by another way than the reader's."""
    content = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    assert content[:2] == b"\0\0"
    axes = content[3]
    assert axes > 0
    shape = tuple(int.from_bytes(content[4 * i : 4 * i + 4], "big") for i in range(1, axes + 1))
    return _KINDS[content[2]], shape, content[4 + 4 * axes :]


def check(data: bytes, result: NDArray[Any]) -> None:
    """The array has the type, shape and numbers of the file."""
    kind, shape, numbers = plain(data)
    assert (result.dtype.str[1:], result.shape) == (kind, shape), f"{result.dtype} {result.shape}"
    assert result.flags.writeable
    assert result.dtype.isnative
    assert result.astype(result.dtype.newbyteorder(">")).tobytes() == numbers, "other numbers"


def read(path: Path) -> NDArray[Any]:
    """Read a file of at most `MAX_BYTES`."""
    return read_idx(path, max_bytes=MAX_BYTES)


def memory(data: bytes) -> int:
    """Three times what the file holds, which is at most 1032 times its size if it is packed."""
    packed = data[:2] == b"\x1f\x8b"
    return 3 * min(MAX_BYTES, 1032 * len(data) if packed else len(data)) + (4 << 20)


TARGET = Target("idx", make, read, (DataError,), check, memory)
