"""Models in archives of arrays, alone or as checkpoints of a training."""

import contextlib
import io
import json
import re
import struct
import zipfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import numpy_impl as ours
from numpy_impl.checkpoint import (
    FORMAT,
    FORMAT_VERSION,
    MAX_HEADER_BYTES,
    Checkpoint,
    LoadedModel,
    architecture,
)
from numpy_impl.nested import pack
from numpy_impl.random_state import random_state
from parity_tests.fuzz.damage import SIZES, damage_json, pick
from parity_tests.fuzz.target import Target

MAX_BYTES = 1 << 20

_ACTIVATIONS = ("ReLU", "GELU", "Tanh", "ELU", "LeakyReLU", "Softplus", "Hardtanh", "Identity")
# What stands under the name of a type, and some of which is none.
_TYPES = (*_ACTIVATIONS, "Linear", "Flatten", "GLU", "Softmax", "PReLU", "Threshold", "RMSNorm")
_NO_TYPES = ("Layer", "Sequential", "Adam", "load_model", "checkpoint", "__class__", "_module", "")

_BOMB_SIZE = 1 << 24


@dataclass
class Member:
    """One file of an archive.

    Attributes
    ----------
    name : str
        Of the file.
    content : bytes
        What is in it.
    method : int
        How it is compressed.
    extra : bytes
        The extra field of its header.
    """

    name: str
    content: bytes
    method: int = zipfile.ZIP_STORED
    extra: bytes = field(default=b"")


def make_model(rng: np.random.Generator) -> ours.Sequential:
    """Make a small network with layers of many types."""
    dtype = pick(rng, (np.float32, np.float64))
    width = int(rng.integers(1, 4))
    layers: list[ours.Layer] = []
    for _ in range(int(rng.integers(1, 4))):
        after = int(rng.integers(1, 4))
        bias = bool(rng.integers(2))
        layers.append(ours.Linear(width, after, bias, rng=rng, dtype=dtype))
        width = after
        layers.append(_layer(rng, width, dtype))
    return ours.Sequential(*layers)


def _layer(rng: np.random.Generator, width: int, dtype: type) -> ours.Layer:
    way = int(rng.integers(8))
    if way == 0:
        track = bool(rng.integers(2))
        return ours.BatchNorm1d(width, affine=track, track_running_stats=track, dtype=dtype)
    if way == 1:
        return ours.LayerNorm(width, elementwise_affine=bool(rng.integers(2)), dtype=dtype)
    if way == 2:
        return ours.Residual(ours.Linear(width, width, rng=rng, dtype=dtype), ours.ReLU())
    if way == 3:
        return ours.Dropout(0.25, rng=None)
    if way == 4:
        return ours.PReLU(width, dtype=dtype)
    layer: ours.Layer = getattr(ours, pick(rng, _ACTIVATIONS))()
    return layer


def make(rng: np.random.Generator, damage: bool, *, trained: bool = False) -> bytes:
    """Make an archive with a small network, and the state of its training if that is wanted."""
    model = make_model(rng)
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "dtype": model.dtype.name,
        "layers": architecture(model),
        "metadata": {"scale": 0.5, "names": ["a", "ä"], "seed": 1},
    }
    arrays = model.state_dict()
    if trained:
        header["state"] = pack("state", _state(rng, model), arrays)
    # Where the fault is: in the header, in the arrays, at the head of one, in the archive.
    where = rng.choice(4, p=[0.5, 0.2, 0.15, 0.15]) if damage else None
    text = json.dumps(header).encode()
    if where == 0:
        text = _damaged_header(rng, header)
    if where == 1:
        arrays = _damaged_arrays(rng, arrays)
    method = pick(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    arrays = {"header": np.frombuffer(text, np.uint8), **arrays}
    members = [Member(f"{name}.npy", npy(array), method) for name, array in arrays.items()]
    if where == 2:
        member = pick(rng, members)
        member.content = _damaged_head(rng, member.content)
    if where == 3:
        return _damaged_archive(rng, members)
    return zipped(members)


def _state(rng: np.random.Generator, model: ours.Sequential) -> dict[str, Any]:
    parameters = model.parameters()
    optimizer = ours.Adam(parameters, lr=0.01) if parameters else None
    if optimizer is not None:
        optimizer.step()
    return {
        "optimizer": None if optimizer is None else optimizer.state_dict(),
        "generators": [random_state(rng), random_state(np.random.Generator(np.random.MT19937(1)))],
        "best": float("inf"),
        "milestones": {3: 1, 7: 2},
    }


def npy(array: NDArray[Any]) -> bytes:
    """Return an array as NumPy writes it."""
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True)
    return file.getvalue()


def zipped(members: list[Member]) -> bytes:
    """Return an archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        # zipfile warns about two members of one name; that is asked for here.
        for member in members:
            info = zipfile.ZipInfo(member.name)
            info.compress_type = member.method
            info.extra = member.extra
            archive.NameToInfo.pop(member.name, None)
            archive.writestr(info, member.content)
    return file.getvalue()


def _damaged_header(rng: np.random.Generator, header: dict[str, Any]) -> bytes:
    layers = header["layers"]
    if rng.random() < 0.2:
        entry = pick(rng, layers)
        entry["type"] = pick(rng, (*_TYPES, *_NO_TYPES))
        if rng.random() < 0.5:
            entry[pick(rng, ("dim", "dtype", "rng", "eps", "bias", "start_dim"))] = 1
    elif rng.random() < 0.1:
        # A width that no array confirms, and layers that make something of it.
        wide = pick(rng, (2**31, 2**62, 2**63, 10**30))
        norm = {"type": "LayerNorm", "normalized_shape": [wide], "elementwise_affine": False}
        header["layers"] = [norm, {"type": pick(rng, ("Softmax", "GLU", "Softmin")), "dim": -1}]
    return damage_json(rng, header)


def _damaged_arrays(
    rng: np.random.Generator, arrays: dict[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    changed = dict(arrays)
    name = pick(rng, list(arrays))
    array = arrays[name]
    way = int(rng.integers(8))
    if way == 0:
        del changed[name]
    elif way == 1:
        new = pick(rng, ("extra", "0", "", "../0.weight", "0.weight\n", "ä" * 300, "header.npy"))
        changed[new] = array
    elif way == 2:
        kinds = ("f2", "f4", "f8", "i8", "u8", "i4", "u1", "?", "c8", "U5", "S3", "M8[s]", "O")
        with np.errstate(all="ignore"):
            changed[name] = np.ones(array.shape).astype(pick(rng, kinds))
    elif way == 3:
        changed[name] = np.full(array.shape, pick(rng, (1e300, np.inf, np.nan, -1.0)))
    elif way == 4:
        changed[name] = np.asfortranarray(array)
    elif way == 5:
        changed[name] = array.astype(array.dtype.newbyteorder(">"))
    elif way == 6:
        shapes: tuple[tuple[int, ...], ...] = ((), (0,), (1, *array.shape), array.shape[::-1])
        changed[name] = np.ones(pick(rng, shapes), array.dtype)
    else:
        fields = np.dtype([("a", "f4"), ("b", "i4", (2,))])
        changed[name] = np.zeros(array.shape, fields)
    return changed


def _damaged_head(rng: np.random.Generator, content: bytes) -> bytes:
    """Change what stands at the head of an array, and keep the length that stands before it."""
    length = int.from_bytes(content[8:10], "little")
    head, numbers = content[10 : 10 + length].decode("latin-1"), content[10 + length :]
    version = b"\x01\x00"
    way = int(rng.integers(8))
    if way < 3:
        size = pick(rng, (*SIZES, 2**63 - 1, 2**63, 2**64, 10**30, -1))
        shapes = (f"({size},)", f"({size}, {size})", f"(0, {size})", "(-1, -1)", "(2.0,)", "1")
        shapes += (f"({'1, ' * 69}1)", "(True,)", "((1,),)", "(1L,)", f"({'9' * 5000},)")
        head = re.sub(r"\([\d, ]*\)", pick(rng, shapes), head)
    elif way == 3:
        kinds = ("|O", "<U4", "|V0", "|S0", "<f3", ">f4", "<f16", "|b1", "<m8", "x", "", "|f4")
        head = re.sub(r"'[<>|]..?'", repr(pick(rng, kinds)), head)
    elif way == 4:
        others = ("[('a', '<f4')]", "[('a', '|O')]", "None", "0", "(" * 90 + ")" * 90, "-" * 3000)
        head = re.sub(r"'[<>|]..?'", pick(rng, others), head)
    elif way == 5:
        head = pick(rng, ("", "{}", "[" * 5000, "\n" * 100, "1" * 9000, head + "x", "{'descr'"))
    elif way == 6:
        head = head.replace("False", pick(rng, ("True", "1", "None", "false")))
    else:
        version = pick(rng, (b"\x02\x00", b"\x03\x00", b"\x00\x00", b"\xff\xff"))
    lengths = [len(head), pick(rng, (0, 1, 2**16 - 1)), len(head)]
    return b"\x93NUMPY" + version + struct.pack("<H", pick(rng, lengths)) + head.encode() + numbers


def _damaged_archive(rng: np.random.Generator, members: list[Member]) -> bytes:
    way = int(rng.integers(9))
    member = pick(rng, members)
    if way == 0:
        members.append(member)
    elif way == 1:
        member.method = pick(rng, (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    elif way == 2:
        # Zeros without end, of which the head names all, or none.
        shape = pick(rng, (f"({_BOMB_SIZE // 4},)", "(1,)", "()"))
        head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head
        member.content = start + bytes(_BOMB_SIZE)
        member.method = zipfile.ZIP_DEFLATED
    elif way == 3:
        sizes = struct.pack("<QQ", *(pick(rng, (0, 5, 2**31, 2**62, 2**64 - 1)) for _ in range(2)))
        member.extra = pick(
            rng, (b"\x01\x00\x10\x00" + sizes, b"\x01\x00\xff\xff", b"\x75\x70\x01\x00x")
        )
    elif way == 4:
        member.name = pick(
            rng, ("header", "/0.weight.npy", "..\\a.npy", "a" * 60000 + ".npy", ".npy")
        )
    elif way == 5:
        member.content = zipped(members)
    elif way == 6:
        members += [Member(f"{number}.npy", member.content) for number in range(100, 400)]
    data = bytearray(zipped(members))
    if way >= 7:
        _damage_directory(rng, data)
    return pick(rng, (b"", b"", b"", b"#!/bin/sh\n")) + bytes(data)


def _damage_directory(rng: np.random.Generator, data: bytearray) -> None:
    """Change a number in the list of the members, or at its end."""
    entries = [match.start() for match in re.finditer(b"PK\x01\x02", data)]
    end = data.rindex(b"PK\x05\x06")
    size = pick(rng, (*SIZES, len(data), len(data) - 1))
    # Places and widths: flags, method, CRC, sizes, lengths of names and comments, offset.
    inside = ((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4))
    at_end = ((8, 2), (10, 2), (12, 4), (16, 4), (20, 2))
    if rng.random() < 0.7:
        start, (place, width) = pick(rng, entries), pick(rng, inside)
    else:
        start, (place, width) = end, pick(rng, at_end)
    value = size % 256**width
    data[start + place : start + place + width] = value.to_bytes(width, "little")


def check(data: bytes, result: LoadedModel) -> None:
    """The model has the layers of the header and the numbers of the arrays, as NumPy reads them."""
    _check(data, result.model, result.metadata)


def check_trained(data: bytes, result: Checkpoint) -> None:
    """The model is right, and the state is one that can be saved again."""
    _check(data, result.model, result.metadata)
    assert isinstance(result.state, dict)
    pack("state", result.state, {})


def _check(data: bytes, model: ours.Sequential, metadata: dict[str, Any]) -> None:
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        names = [name for name in archive.files if not name.startswith("state/")]
        arrays = {name: archive[name] for name in names}
    header = json.loads(arrays.pop("header").tobytes())
    assert metadata == header["metadata"]
    assert model.dtype.name == header["dtype"]
    _check_layers(architecture(model), header["layers"])
    state = model.state_dict()
    assert state.keys() == arrays.keys(), sorted(state.keys() ^ arrays.keys())
    for name, array in state.items():
        given = arrays[name]
        assert (array.shape, array.dtype) == (given.shape, given.dtype.newbyteorder("=")), name
        assert array.tobytes() == given.astype(array.dtype).tobytes(), f"{name}: other numbers"


def _check_layers(own: list[dict[str, Any]], given: list[dict[str, Any]]) -> None:
    assert len(own) == len(given)
    for layer, entry in zip(own, given, strict=True):
        if layer["type"] == entry["type"] == "Residual":
            _check_layers(layer["layers"], entry["layers"])
            continue
        affine = layer.get("affine", layer.get("elementwise_affine", True))
        for key, value in entry.items():
            # Without a scale there is no shift, whatever the header says.
            if key == "bias" and not affine:
                continue
            own_value = layer[key]
            if isinstance(own_value, float) and type(value) is int:
                value = float(value)
            # As lists, a width and a shape of one axis are the same; True is no number.
            same = own_value in (value, [value])
            same = same and isinstance(own_value, bool) == isinstance(value, bool)
            assert same, f"{entry['type']}: {key} {value!r} became {own_value!r}"


def read(path: Path) -> LoadedModel:
    """Read a model of at most `MAX_BYTES`."""
    return ours.load_model(path, max_bytes=MAX_BYTES)


def read_trained(path: Path) -> Checkpoint:
    """Read a checkpoint of at most `MAX_BYTES`."""
    return ours.load_checkpoint(path, max_bytes=MAX_BYTES)


def memory(data: bytes) -> int:
    """Six times the largest model, and what its header and the list of the members may take."""
    header = 0
    with contextlib.suppress(Exception), zipfile.ZipFile(io.BytesIO(data)) as archive:
        header = min(archive.getinfo("header.npy").file_size, MAX_HEADER_BYTES)
    return 6 * MAX_BYTES + min(256 << 20, (4 << 20) + 100 * header + 20 * len(data))


_REFUSALS = (ours.CheckpointError,)
TARGET = Target("npz", make, read, _REFUSALS, check, memory)
TRAINED = Target(
    "checkpoint", partial(make, trained=True), read_trained, _REFUSALS, check_trained, memory
)
