"""The IDX reader, on good files and on bad ones."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from numpy_impl import DataError
from numpy_impl.data import read_idx
from parity_tests.application.idx_files import CODES, idx_bytes

GOOD = idx_bytes(np.arange(30, dtype=np.uint8).reshape(5, 3, 2))
PACKED = gzip.compress(GOOD, mtime=0)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("packed", [True, False])
def test_reads_every_type_and_shape(tmp_path: Path, code: str, packed: bool) -> None:
    rng = np.random.default_rng(0)
    for shape in ((7,), (5, 3), (5, 3, 2), (0, 3)):
        array = (100 * rng.standard_normal(shape)).astype(code)
        content = idx_bytes(array)
        path = tmp_path / "file"
        path.write_bytes(gzip.compress(content) if packed else content)
        result = read_idx(path)
        assert result.dtype == np.dtype(code)
        assert result.dtype.isnative
        assert result.flags.writeable
        np.testing.assert_array_equal(result, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an IDX file"),
        (b"\0\0\x08", "an IDX file"),
        (b"<!DOCTYPE html><html>", "an IDX file"),
        (b"\0\0\x07\x01" + GOOD[4:], "an IDX file"),
        (b"\0\0\x08\0", "an IDX file"),
        (GOOD[:9], "3 dimensions in the header"),
        (GOOD[:-1], r"30 bytes of data for the shape \(5, 3, 2\), got 29"),
        (GOOD + b"x", "30 bytes of data .* got more"),
        (b"\0\0\x08\x03" + struct.pack(">3I", *[2**32 - 1] * 3), "at most"),
        (b"\0\0\x08\xff" + b"\0\0\0\1" * 3, "at most 64 dimensions, got 255"),
        (PACKED[:-9], "an undamaged gzip file"),
        (PACKED[:-6] + b"\0" * 6, "an undamaged gzip file"),
        (PACKED[:10] + b"\xff" * 20, "an undamaged gzip file"),
        (gzip.compress(GOOD + b"x" * 10**6, mtime=0), "got more"),
        (gzip.compress(b"no such thing", mtime=0), "an IDX file"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a readable file, got No such file"):
        read_idx(tmp_path / "nothing")
    with pytest.raises(DataError, match="a readable file, got Is a directory"):
        read_idx(tmp_path)


def test_a_header_alone_allocates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\0\0\x08\x01" + struct.pack(">I", 1001))
    with pytest.raises(DataError, match="at most 1000 bytes, got a header for 1001"):
        read_idx(path, max_bytes=1000)
