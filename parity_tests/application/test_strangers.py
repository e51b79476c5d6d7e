"""Files that readers once did not treat as they should, as the fuzzer found them, or near that.

What each did is said beside it. None may do anything but raise the error of its reader, in a moment
and in little memory.
"""

import gzip
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl import CheckpointError, DataError, InputError, load_model, save_model
from numpy_impl.checkpoint import MAX_HEADER_BYTES
from numpy_impl.data import read_idx
from parity_tests.fuzz.models import Member, npy, zipped

WEIGHT = np.arange(6, dtype=np.float32).reshape(3, 2)
LINEAR = '{"type": "Linear", "in_features": 2, "out_features": 3, "bias": false}'


def header(layers: str = LINEAR, *, version: str = "1", name: str = "numpy-mlp") -> bytes:
    """Return a header with these layers, as it stands in the archive."""
    head = f'{{"format": "{name}", "version": {version}, "dtype": "float32", '
    text = f'{head}"layers": [{layers}], "metadata": {{}}}}'
    return npy(np.frombuffer(text.encode(), np.uint8))


def with_head(head: str, numbers: bytes = WEIGHT.tobytes()) -> bytes:
    """Return an array that begins with this text instead of NumPy's."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + numbers


def with_shape(shape: str, descr: str = "'<f4'") -> bytes:
    """Return an array whose head has another shape, or another type."""
    return with_head(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n")


def archive(
    head: bytes | None = None,
    weight: bytes | None = None,
    *more: Member,
    method: int = zipfile.ZIP_STORED,
) -> bytes:
    """Return a model of one layer, with another header or weight, and more members."""
    return zipped(
        [
            Member("header.npy", header() if head is None else head, method),
            Member("0.weight.npy", npy(WEIGHT) if weight is None else weight, method),
            *more,
        ]
    )


def _bomb() -> bytes:
    zeros = npy(np.zeros((1 << 24, 1), np.float32))
    return zipped([Member("header.npy", header()), Member("0.weight.npy", zeros, 8)])


def _many_members() -> bytes:
    """Return an archive whose list of members is 6 MB long, most of it a comment."""
    data = bytearray(archive())
    at, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry = bytearray(data[at : data.index(b"PK\x01\x02", at + 1)])
    entry[32:34] = struct.pack("<H", 60_000)
    entries = (bytes(entry) + bytes(60_000)) * 100
    tail = bytearray(data[end:])
    tail[8:16] = struct.pack("<HHI", 100, 100, len(entries))
    return bytes(data[:at]) + entries + bytes(tail)


def _lying_directory() -> bytes:
    data = bytearray(archive(method=zipfile.ZIP_DEFLATED))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 1 << 16)
    return bytes(data)


def _encrypted() -> bytes:
    data = bytearray(archive())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.rindex(mark) + place] |= 1
    return bytes(data)


def test_the_model_itself_is_right(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(archive())
    np.testing.assert_array_equal(load_model(tmp_path / "file").model[0].weight.data, WEIGHT)


MODELS: dict[str, tuple[Callable[[], bytes], str]] = {
    # Text at the head of an array, which NumPy evaluates.
    "RecursionError from JSON": (
        lambda: archive(header("[" * 100_000 + "]" * 100_000)),
        "a header of numpy-mlp",
    ),
    "TokenError from a head that is no dictionary": (
        lambda: archive(weight=with_head("[" * 5000)),
        "no array of numbers in '0.weight'",
    ),
    "IndexError from a type that is an empty tuple": (
        lambda: archive(weight=with_shape("(3, 2)", "(" * 90 + ")" * 90)),
        "no array of numbers",
    ),
    "TypeError from a size that is True": (
        lambda: archive(weight=with_shape("(True,)")),
        "no array of numbers",
    ),
    "OverflowError from a size above 64 bits": (
        lambda: archive(weight=with_shape(f"({10**30},)")),
        "no array of numbers",
    ),
    "a warning for sizes of Python 2": (
        lambda: archive(weight=with_shape("(3L, 2L)")),
        "no array of numbers",
    ),
    "a message of 5000 characters": (
        lambda: archive(weight=with_head("1" * 5000)),
        "no array of numbers",
    ),
    "16 GB asked for by 24 bytes": (
        lambda: archive(weight=with_shape("(4294967296,)")),
        "17179869184 bytes in '0.weight', .* left of max_bytes",
    ),
    "24 bytes for a shape of 8": (
        lambda: archive(weight=with_shape("(2,)")),
        "92 bytes in '0.weight' for 8 of numbers",
    ),
    "a size below 0": (lambda: archive(weight=with_shape("(-1, 2)")), "no array of numbers"),
    "objects": (
        lambda: archive(weight=npy(np.array([[None] * 2] * 3))),
        "no array of numbers",
    ),
    "fields": (
        lambda: archive(weight=npy(np.zeros(3, [("a", "f4"), ("b", "f4")]))),
        "no array of numbers",
    ),
    "65 axes": (
        lambda: archive(weight=with_shape(f"({'1, ' * 64}1)")),
        "for 4 of numbers",
    ),
    # Arrays that became others.
    "a warning for a number above float32": (
        lambda: archive(weight=npy(np.full((3, 2), 1e300))),
        "0.weight: expected float32 as in the header, or int64, got float64",
    ),
    "half precision, taken for single": (
        lambda: archive(weight=npy(WEIGHT.astype(np.float16))),
        "0.weight: expected float32 as in the header, or int64, got float16",
    ),
    # Members of archives.
    "AttributeError from a header that is no array": (
        lambda: archive(b"text"),
        "no array of numbers in 'header'",
    ),
    "AttributeError from another that is none": (
        lambda: archive(None, b"text"),
        "no array of numbers in '0.weight'",
    ),
    "64 MB in 70 kB": (_bomb, "67108864 bytes in '0.weight', .* are left of max_bytes"),
    "a member that is longer by its list": (_lying_directory, "65536 bytes in '0.weight' for 24"),
    "a list of 6 MB": (_many_members, "a list of members of 6"),
    "two members of one name": (
        lambda: archive(None, None, Member("0.weight.npy", npy(WEIGHT))),
        "two members '0.weight.npy'",
    ),
    "a name that ends a line": (
        lambda: archive(None, None, Member("x\n.npy", npy(WEIGHT))),
        r"a member 'x\\n.npy'",
    ),
    "a member that is no array": (
        lambda: archive(None, None, Member("weight", b"")),
        "a member 'weight'",
    ),
    "another compression": (
        lambda: archive(method=zipfile.ZIP_LZMA),
        "in another compression",
    ),
    "a password": (_encrypted, "in another compression"),
    "an archive behind a program": (lambda: b"#!/bin/sh\n" + archive(), "got another file"),
    # Headers.
    "a version that is True": (
        lambda: archive(header(version="true")),
        "a header of numpy-mlp, got another header",
    ),
    "a format that ends the line": (
        lambda: archive(header(name="\\n")),
        "format numpy-mlp 1, got   1",
    ),
    "half a character": (
        lambda: archive(header(name="\\ud800")),
        "a header of numpy-mlp, got another header",
    ),
    "NaN": (lambda: archive(header(LINEAR.replace("2", "NaN"))), "got another header"),
    "1e400": (lambda: archive(header(LINEAR.replace("2", "1e400"))), "got another header"),
    "UTF-16": (
        lambda: archive(npy(np.frombuffer("{}".encode("utf-16"), np.uint8))),
        "got another header",
    ),
    "a number of 5000 digits": (
        lambda: archive(header(LINEAR.replace("2", "1" * 5000))),
        "got another header",
    ),
    "a message of 4000 digits": (
        lambda: archive(header(LINEAR.replace("2", "1" * 4000))),
        r"0.weight: expected shape \(3, 1111",
    ),
    "OverflowError from a probability of 400 digits": (
        lambda: archive(header(f'{LINEAR}, {{"type": "Dropout", "p": {10**400}}}')),
        "p: expected a finite number at least 0, got int 1000",
    ),
    "OverflowError from a slope of 400 digits": (
        lambda: archive(header(f'{LINEAR}, {{"type": "LeakyReLU", "negative_slope": {10**400}}}')),
        "negative_slope: expected a finite number, got int 1000",
    ),
    "a bias of 2": (
        lambda: archive(header(LINEAR.replace("false", "0"))),
        "bias: expected True or False, got int 0",
    ),
    "a width below 0": (
        lambda: archive(header(LINEAR.replace("2", "-1"))),
        r"0.weight: expected shape \(3, -1\)",
    ),
    "a width that is text": (
        lambda: archive(header(LINEAR.replace("2", '"x"'))),
        r"0.weight: expected shape \(3, 'x'\)",
    ),
    "a type that is none": (
        lambda: archive(header('{"type": "__class__"}')),
        "types of layers that numpy_impl has",
    ),
    "two hundred blocks in each other": (
        lambda: archive(header('{"type":"Residual","layers":[' * 200 + "]}" * 200)),
        "at most 16 blocks inside each other",
    ),
    "a header above its bound": (
        lambda: archive(npy(np.zeros(MAX_HEADER_BYTES + 1, np.uint8))),
        f"a header of at most {MAX_HEADER_BYTES} bytes",
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str, tmp_path: Path) -> None:
    make, message = MODELS[name]
    path = tmp_path / "file"
    path.write_bytes(make())
    with pytest.raises(CheckpointError, match=message) as caught:
        load_model(path, max_bytes=1 << 21)
    assert len(str(caught.value)) < 2000 + len(str(path))
    assert str(caught.value).isprintable()


def test_a_width_without_arrays(tmp_path: Path) -> None:
    # ValueError from an empty array of so many columns, made to see how many axes it has.
    layer = f'{{"type": "LayerNorm", "normalized_shape": [{10**18}], "elementwise_affine": false}}'
    path = tmp_path / "file"
    path.write_bytes(
        zipped([Member("header.npy", header(f'{layer}, {{"type": "Softmax", "dim": -1}}'))])
    )
    assert load_model(path).model.in_features == 10**18


def test_three_thousand_layers(tmp_path: Path) -> None:
    # Each was compared with all before it. The longest header holds sixty thousand.
    path = tmp_path / "file"
    layers = ",".join(['{"type":"ReLU"}'] * 3000)
    path.write_bytes(zipped([Member("header.npy", header(layers))]))
    compared = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal compared
        compared += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        assert len(load_model(path).model) == 3000
    finally:
        sys.setprofile(before)
    assert compared < 100 * 3000


def test_what_is_saved_can_be_loaded(tmp_path: Path) -> None:
    model = ours.Sequential(ours.ReLU())
    fits = "x" * (MAX_HEADER_BYTES - 200)
    save_model(tmp_path / "file", model, {"text": fits})
    assert load_model(tmp_path / "file").metadata == {"text": fits}
    with pytest.raises(InputError, match=f"metadata: expected at most {MAX_HEADER_BYTES} bytes"):
        save_model(tmp_path / "file", model, {"text": fits + "x" * 200})


def test_the_bound_is_the_callers(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(archive())
    arrays = len(header()) - 128 + WEIGHT.nbytes
    load_model(tmp_path / "file", max_bytes=arrays)
    with pytest.raises(CheckpointError, match="left of max_bytes"):
        load_model(tmp_path / "file", max_bytes=arrays - 1)
    for reader in (load_model, read_idx):
        with pytest.raises(InputError, match="max_bytes: expected an integer of at least 1, got "):
            reader(tmp_path / "file", max_bytes=0)


def _idx(code: int, shape: tuple[int, ...], numbers: bytes = b"") -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape) + numbers


IDX: dict[str, tuple[bytes, str]] = {
    "ValueError from 65 axes": (_idx(8, (1,) * 65, b"x"), "at most 64 dimensions, got 65"),
    "a message of 2400 characters": (
        _idx(8, (0,) + (2**32 - 1,) * 200, b"x"),
        "at most 64 dimensions, got 201",
    ),
    "ValueError from sizes beside a 0": (
        _idx(8, (0, 2**32 - 1, 2**32 - 1, 2**32 - 1)),
        "dimensions that an array can have",
    ),
    "a product that is 0 modulo 2^64": (
        _idx(8, (2**31, 2**31, 4)),
        "at most 1000000 bytes, got a header for",
    ),
    "zeros without end": (
        gzip.compress(_idx(8, (1000,)) + bytes(10**7), mtime=0),
        "1000 bytes of data .* got more",
    ),
}


@pytest.mark.parametrize("name", IDX)
def test_idx(name: str, tmp_path: Path) -> None:
    content, message = IDX[name]
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(path, max_bytes=10**6)


@pytest.mark.parametrize("packed", [False, True])
def test_a_header_does_not_allocate(packed: bool, tmp_path: Path) -> None:
    # A gigabyte was allocated on the word of eight bytes.
    content = _idx(8, (1 << 30,), b"few")
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if packed else content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"1073741824 bytes of data .* got 3"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
