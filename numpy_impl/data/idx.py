"""The IDX format, in which MNIST is kept: a header that says everything, then the numbers.

====================  =========================================================================
bytes                 meaning
====================  =========================================================================
0, 1                  zero
2                     type of the numbers (`_TYPES`)
3                     number of dimensions, d
4 to 4 d + 3          the dimensions, as big-endian unsigned 32-bit integers
the rest              the numbers, big-endian, last dimension fastest
====================  =========================================================================

The format is described at http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import math
import os
import struct
import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from numpy_impl.arrays import check_positive_int
from numpy_impl.errors import DataError
from numpy_impl.paths import as_path
from numpy_impl.untrusted import read_up_to

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_MOST_DIMENSIONS = 64  # of an array in NumPy

DEFAULT_MAX_BYTES = 1 << 30


def read_idx(path: str | os.PathLike[str], *, max_bytes: int = DEFAULT_MAX_BYTES) -> NDArray[Any]:
    """Read an IDX file, plain or compressed with gzip.

    It takes memory of at most three times `max_bytes`, and 4 MiB; and never more than three times
    what the file holds and 4 MiB, whatever its header claims.

    Parameters
    ----------
    path : path
        Of the file. Whether it is compressed is told by its first bytes, not by its name.
    max_bytes : int, default 2**30
        The largest array to read. A file is never unpacked further than its header promises.

    Returns
    -------
    ndarray
        In native byte order, of the dimensions in the header.

    Raises
    ------
    DataError
        If the file cannot be read, is not IDX, is damaged, too short, too long, or larger than
        `max_bytes`.
    InputError
        If `max_bytes` is not a positive integer.
    """
    where = as_path("path", path)
    name = str(where)
    max_bytes = check_positive_int("max_bytes", max_bytes)
    try:
        with where.open("rb") as file:
            compressed = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            if compressed:
                with gzip.open(file) as unpacked:
                    return _parse(name, unpacked, max_bytes)
            return _parse(name, file, max_bytes)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(name, "an undamaged gzip file", str(error)) from None
    except OSError as error:
        raise DataError(name, "a readable file", error.strerror or str(error)) from None


def _parse(name: str, file: BinaryIO | gzip.GzipFile, max_bytes: int) -> NDArray[Any]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise DataError(name, "an IDX file (0, 0, type, dimensions)", f"the first bytes {magic!r}")
    dtype, dimensions = np.dtype(_TYPES[magic[2]]), magic[3]
    if dimensions > _MOST_DIMENSIONS:
        raise DataError(name, f"at most {_MOST_DIMENSIONS} dimensions", f"{dimensions}")
    header = file.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise DataError(name, f"{dimensions} dimensions in the header", "a file that ends there")
    shape = struct.unpack(f">{dimensions}I", header)
    size = math.prod(shape) * dtype.itemsize
    if size > max_bytes:
        raise DataError(name, f"at most {max_bytes} bytes", f"a header for {size}")
    # One byte more than promised, to notice what is too long; at the end gzip checks its CRC.
    data = read_up_to(file, size + 1)
    if len(data) != size:
        got = f"{len(data)}" if len(data) < size else "more"
        raise DataError(name, f"{size} bytes of data for the shape {shape}", got)
    array = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="), copy=False)
    try:
        return array.reshape(shape)
    except ValueError as error:
        raise DataError(name, "dimensions that an array can have", str(error)) from None
