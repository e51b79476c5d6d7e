"""Models in safetensors files."""

import json
from pathlib import Path
from typing import Any

import numpy as np

import numpy_impl as ours
from numpy_impl.checkpoint import FORMAT, LoadedModel, make_header
from numpy_impl.interop.safetensors import LONGEST_HEADER, load_safetensors
from parity_tests.fuzz.damage import SIZES, damage_json, pick
from parity_tests.fuzz.models import make_model
from parity_tests.fuzz.target import Target

_NAMES = {"float32": "F32", "float64": "F64", "int64": "I64"}


def make(rng: np.random.Generator, damage: bool) -> bytes:
    """Make a file with a small network, as the format's description has it."""
    model = make_model(rng)
    noted = make_header(model, {"scale": 0.5})
    data, entries = b"", dict[str, Any]()
    for name, array in model.state_dict().items():
        content = np.ascontiguousarray(array).tobytes()
        place = [len(data), len(data) + len(content)]
        dtype = _NAMES[array.dtype.name]
        entries[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": place}
        data += content
    # Where the fault is: in the notes, in the entries, in the header's text, in its length, beyond.
    where = rng.choice(5, p=[0.25, 0.25, 0.25, 0.1, 0.15]) if damage else None
    if where == 0:
        noted = damage_json(rng, json.loads(noted)).decode(errors="replace")
    if where == 1 and entries:
        _damage_entry(rng, pick(rng, list(entries.values())))
    header = {"__metadata__": {"format": "pt", FORMAT: noted}, **entries}
    text = damage_json(rng, header) if where == 2 else json.dumps(header).encode()
    length = len(text)
    if where == 3:
        length = pick(rng, (*SIZES, 2**63, 2**64 - 1, length - 1, length + 1)) % 2**64
    if where == 4:
        data = pick(rng, (data[:-1], data + b"\0", b"", data[1:], data * 2))
    return length.to_bytes(8, "little") + text + data


def _damage_entry(rng: np.random.Generator, entry: dict[str, Any]) -> None:
    way = int(rng.integers(3))
    if way == 0:
        entry["dtype"] = pick(rng, ("BF16", "F16", "F8_E4M3", "I32", "BOOL", "F64", "F32", "", 4))
    elif way == 1:
        size = pick(rng, (*SIZES, 2**62, 2**63, 2**64, -1, 0.5))
        entry["shape"] = pick(rng, ([size], [size, size], [0, size], [1] * 70, [], "3", [True]))
    else:
        start, end = entry["data_offsets"]
        entry["data_offsets"] = pick(
            rng, ([end, start], [start, end + 4], [0, 0], [start], [start, 2**64], [-4, end - 4])
        )


def read(path: Path) -> LoadedModel:
    """Read a model."""
    return load_safetensors(path)


def check(data: bytes, result: LoadedModel) -> None:
    """The model has the numbers that stand in the file."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__")
    state = result.model.state_dict()
    assert state.keys() == header.keys()
    for name, array in state.items():
        start, end = (8 + length + place for place in header[name]["data_offsets"])
        assert list(array.shape) == header[name]["shape"]
        assert np.ascontiguousarray(array).tobytes() == data[start:end], f"{name}: other numbers"


def memory(data: bytes) -> int:
    """Five times the file, and what its header may take."""
    header = min(int.from_bytes(data[:8], "little"), len(data), LONGEST_HEADER)
    return 5 * len(data) + min(64 << 20, (4 << 20) + 100 * header)


TARGET = Target("safetensors", make, read, (ours.CheckpointError,), check, memory)
