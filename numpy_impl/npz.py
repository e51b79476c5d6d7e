r"""Archives of arrays, as `numpy.savez` writes them, from anybody.

`numpy.load` does not do for files from strangers, even without pickles. It evaluates what stands at
the head of an array as Python, warns about some of it, and allocates whatever size that says; and
an archive of kilobytes may unpack to gigabytes. Here the head must be what NumPy writes, to the
letter, nothing is allocated before it has arrived, and all that arrives is counted.

====================  =========================================================================
bytes of an array     meaning
====================  =========================================================================
0 to 7                ``\x93NUMPY``, then 1 and 0: the version
8, 9                  length of what follows, n, little-endian
10 to n + 9           ``{'descr': '<f4', 'fortran_order': False, 'shape': (11, 13), }``, padded
the rest              the numbers
====================  =========================================================================

The format is described at
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import io
import math
import os
import re
import zipfile
import zlib
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl.arrays import check_positive_int
from numpy_impl.errors import CheckpointError
from numpy_impl.paths import as_path
from numpy_impl.untrusted import one_line, read_up_to

DEFAULT_MAX_BYTES = 1 << 30

_START = b"PK\x03\x04"
_SUFFIX = ".npy"
_MAGIC = b"\x93NUMPY\x01\x00"
_HEAD = re.compile(
    r"\{'descr': '(?P<type>\|[biu]1|[<>](?:[iu][248]|f[248]))', "
    r"'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>(?:\d{1,19}, ?)*\d{0,19})\), \} *\n"
)
# The most that is read at once. That holds for the list of an archive's members, too, each of which
# takes some fifteen times as much memory as it has bytes there.
_AT_ONCE = 1 << 22  # bytes
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class _File(io.FileIO):
    """A file that is not read in large pieces, whatever it says of itself."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _AT_ONCE:
            raise zipfile.BadZipFile(f"a list of members of {size} bytes")
        return super().read(size)


def read_npz(
    path: str | os.PathLike[str], *, expected: str, max_bytes: int = DEFAULT_MAX_BYTES
) -> dict[str, NDArray[Any]]:
    """Read all arrays of an archive.

    It takes memory of at most three times `max_bytes`, and 128 MiB for a long list of members.

    Parameters
    ----------
    path : path
        Of the file.
    expected : str
        What the file should be, for errors.
    max_bytes : int, default 2**30
        The most that all arrays together may take.

    Returns
    -------
    dict of str to ndarray
        In native byte order: booleans, integers and floating-point numbers of up to 8 bytes.

    Raises
    ------
    CheckpointError
        If the file cannot be read, is no such archive, is damaged, or its arrays are larger.
    InputError
        If `path` is no path, or `max_bytes` no positive integer.
    """
    max_bytes = check_positive_int("max_bytes", max_bytes)
    where = as_path("path", path)
    try:
        with _File(where) as file:
            # What stands before an archive, zipfile would read over.
            if file.read(len(_START)) != _START or not zipfile.is_zipfile(file):
                raise CheckpointError(str(path), expected, "another file")
            with zipfile.ZipFile(file) as archive:
                return _read_members(archive, max_bytes)
    except OSError as error:
        raise CheckpointError(str(path), "a readable file", error.strerror or str(error)) from None
    except CheckpointError:
        raise
    # What zipfile and zlib raise for damage, and for what they do not read.
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        reason = one_line(str(error)) or type(error).__name__
        raise CheckpointError(str(path), expected, reason) from None


def _read_members(archive: zipfile.ZipFile, max_bytes: int) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    left = max_bytes
    for member in archive.infolist():
        name = member.filename.removesuffix(_SUFFIX)
        if name == member.filename or not name.isprintable():
            raise ValueError(f"a member {member.filename!r}")
        if name in arrays:
            raise ValueError(f"two members {member.filename!r}")
        if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
            raise ValueError(f"a member {member.filename!r} in another compression")
        with archive.open(member) as file:
            array = arrays[name] = _read_array(name, file, member.file_size, left)
        left -= array.nbytes
    return arrays


def _read_array(name: str, file: IO[bytes], length: int, left: int) -> NDArray[Any]:
    start = read_up_to(file, len(_MAGIC) + 2)
    head = read_up_to(file, int.from_bytes(start[len(_MAGIC) :], "little"))
    parts = _HEAD.fullmatch(head.decode("latin-1"))
    if not start.startswith(_MAGIC) or parts is None:
        raise ValueError(f"no array of numbers in {name!r}")
    dtype = np.dtype(parts["type"])
    shape = tuple(int(size) for size in parts["shape"].split(",") if size.strip())
    size = math.prod(shape) * dtype.itemsize
    if size > left:
        raise ValueError(f"{size} bytes in {name!r}, {left} are left of max_bytes")
    if len(start) + len(head) + size != length:
        raise ValueError(f"{length} bytes in {name!r} for {size} of numbers")
    # One byte more than promised, to notice what is too long; at the end zipfile checks the CRC.
    data = read_up_to(file, size + 1)
    if len(data) != size:
        got = f"{len(data)}" if len(data) < size else "more"
        raise ValueError(f"{got} instead of {size} bytes in {name!r}")
    array = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="), copy=False)
    return array.reshape(shape, order="F" if parts["fortran"] == "True" else "C")
