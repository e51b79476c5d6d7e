"""Models in safetensors files: to PyTorch, back from it, and files that are none."""

import json
import os
import struct
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import numpy_impl as ours
from numpy_impl import CheckpointError, atomic
from numpy_impl.interop import load_safetensors, save_safetensors
from numpy_impl.interop import safetensors as interop
from parity_tests.cases.layer_case import LayerCase
from parity_tests.cases.models import MODELS, ModelCase
from parity_tests.checks.layers import CASES
from parity_tests.faults import Fault, planted
from parity_tests.inputs import FEATURES, HIDDEN, mixed
from torch_ref import from_torch, to_torch

pytest.importorskip("safetensors")

from safetensors import safe_open
from safetensors.torch import load_file, save_file

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
FORMS = [(case, variant) for case in CASES for variant in case.variants]


def _model(dtype: Any = np.float32, *, seed: int = 0) -> ours.Sequential:
    rng = np.random.default_rng(seed)
    model = ours.Sequential(
        ours.Linear(FEATURES, HIDDEN, bias=False, rng=rng, dtype=dtype),
        ours.BatchNorm1d(HIDDEN, dtype=dtype),
        ours.GELU(),
        ours.Residual(ours.Linear(HIDDEN, HIDDEN, rng=rng, dtype=dtype), ours.ReLU()),
        ours.Dropout(0.3, rng=rng),
        ours.Linear(HIDDEN, 5, rng=rng, dtype=dtype),
    )
    # So that running averages and their count are not those of a new layer.
    for _ in range(3):
        model(mixed(rng, (7, FEATURES)).astype(dtype))
    return model


def _same_bits(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        array = np.asarray(found[name])
        assert (array.dtype, array.shape) == (value.dtype, value.shape), name
        assert array.tobytes() == value.tobytes(), name


def _there_and_back(model: ours.Sequential, path: Path) -> None:
    """From NumPy to PyTorch and, saved by it, back: the same bits at every station."""
    state = model.state_dict()
    save_safetensors(path, model)
    tensors = load_file(path)
    _same_bits({name: tensor.numpy() for name, tensor in tensors.items()}, state)
    twin = to_torch(model)
    for tensor in twin.state_dict().values():
        tensor.fill_(7)
    twin.load_state_dict(tensors, strict=True)

    save_file(twin.state_dict(), path)
    empty = deepcopy(model)
    for array in (empty.arena.values, *empty.buffers().values()):
        array.fill(7)
    assert load_safetensors(path, empty).model is empty
    _same_bits(empty.state_dict(), state)
    _same_bits(from_torch(twin).state_dict(), state)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("case", "variant"), FORMS, ids=lambda p: getattr(p, "operation", p))
def test_every_layer_there_and_back(
    case: LayerCase, variant: str, dtype: np.dtype[Any], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    layer = case.make(variant, rng, dtype)
    for number, array in enumerate(layer.buffers().values(), start=1):
        array[...] = 3 * number
    model = ours.Sequential(layer)
    path = tmp_path / "model.safetensors"
    save_safetensors(path, model)
    loaded = load_safetensors(path).model
    assert repr(loaded) == repr(model)
    _same_bits(loaded.state_dict(), model.state_dict())
    if model.state_dict():
        assert loaded.dtype == dtype
        _there_and_back(model, path)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", MODELS, ids=lambda case: case.name)
def test_networks_there_and_back(case: ModelCase, dtype: np.dtype[Any], tmp_path: Path) -> None:
    model = case.make(np.random.default_rng(0), dtype)
    x = mixed(np.random.default_rng(1), case.shapes[0]).astype(dtype)
    path = tmp_path / "model.safetensors"
    save_safetensors(path, model, {"scale": 1 / 255})
    loaded = load_safetensors(path)
    assert loaded.metadata == {"scale": 1 / 255}
    np.testing.assert_array_equal(loaded.model.predict(x), model.predict(x))
    _there_and_back(model, path)


@pytest.mark.parametrize(
    ("function", "old", "new"),
    [
        (
            "save_safetensors",
            "model.state_dict()",
            "{n: a.T for n, a in model.state_dict().items()}",
        ),
        ("save_safetensors", "model.state_dict()", "{p.name: p.data for p in model.parameters()}"),
        (
            "save_safetensors",
            "model.state_dict()",
            "{n: a for n, a in model.state_dict().items() if a.ndim}",
        ),
        (
            "save_safetensors",
            "model.state_dict()",
            "{n: np.ascontiguousarray(a) for n, a in model.state_dict().items()}",
        ),
        ("load_safetensors", "model.load_state_dict(arrays)", "pass"),
    ],
)
def test_faults_are_noticed(function: str, old: str, new: str, tmp_path: Path) -> None:
    fault = Fault("planted", interop.__name__, function, old, new, ())
    with planted(fault), pytest.raises((AssertionError, RuntimeError, CheckpointError)):
        _there_and_back(_model(), tmp_path / "model.safetensors")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_twin_computes_the_same(dtype: np.dtype[Any], tmp_path: Path) -> None:
    model, other = _model(dtype), to_torch(_model(dtype, seed=1))
    path = tmp_path / "model.safetensors"
    save_safetensors(path, model)
    x = np.random.default_rng(1).standard_normal((7, FEATURES)).astype(dtype)
    other.load_state_dict(load_file(path))
    other.eval()
    with torch.no_grad():
        theirs = other(torch.from_numpy(x)).numpy()
    # Sums of 13 and 11 products, and what lies between: 64 roundings of numbers of the size of 10.
    np.testing.assert_allclose(theirs, model.predict(x), atol=640 * np.finfo(dtype).eps, rtol=0)


def test_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_safetensors(path, _model(), {"names": ["ä", "b"]})
    with safe_open(path, "np") as file:
        noted = file.metadata()
    assert noted.keys() == {"format", "numpy-mlp"}
    assert noted["format"] == "pt"
    header = json.loads(noted["numpy-mlp"])
    assert header["layers"][0] == {
        "type": "Linear",
        "in_features": FEATURES,
        "out_features": HIDDEN,
        "bias": False,
    }
    assert load_safetensors(path).metadata == {"names": ["ä", "b"]}
    assert load_safetensors(path).model.training
    assert os.listdir(tmp_path) == ["model.safetensors"]  # noqa: PTH208 - hidden files count too


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    save_safetensors(path, _model())
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_safetensors(path, _model(np.float64))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.safetensors"]  # noqa: PTH208 - hidden files count too


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for metadata, message in (
        ({"x": np.float32(1)}, "metadata: expected JSON-serializable values"),
        ({"x": "x" * interop.LONGEST_HEADER}, "metadata: expected at most 1048576 bytes"),
        (
            {"x": "x" * (interop.LONGEST_HEADER - 700)},
            "metadata: expected with the names of arrays, at most 1048576 bytes",
        ),
    ):
        with pytest.raises(ours.InputError, match=message):
            save_safetensors(path, _model(), metadata)

    class Bump(ours.ReLU):
        pass

    with pytest.raises(ours.InputError, match="types of layers that numpy_impl has, got 'Bump'"):
        save_safetensors(path, ours.Sequential(Bump()))
    with pytest.raises(ours.InputError, match="path: expected a path with the name of a file"):
        save_safetensors("", _model())
    assert not list(tmp_path.iterdir())


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    save_safetensors(path, _model())
    for name in [name for name in sys.modules if name.partition(".")[0] == "safetensors"]:
        monkeypatch.setitem(sys.modules, name, None)
    for call in (lambda: save_safetensors(path, _model()), lambda: load_safetensors(path)):
        with pytest.raises(ours.MissingExtraError, match=r"pip install 'numpy-mlp\[interop\]'"):
            call()


def test_a_file_of_pytorch_needs_a_model(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file(to_torch(_model()).state_dict(), path)
    with pytest.raises(CheckpointError, match="a model to load into, as the file notes no layers"):
        load_safetensors(path)
    model = _model(seed=1)
    loaded = load_safetensors(path, model)
    assert loaded.metadata == {}
    _same_bits(model.state_dict(), _model().state_dict())


def test_layers_that_are_not_those_of_the_model(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    rng = np.random.default_rng(0)
    save_safetensors(path, ours.Sequential(ours.Linear(3, 3, rng=rng), ours.Tanh()))
    for other, message in (
        ([ours.ReLU()], "at 1 {'type': 'ReLU'}, got {'type': 'Tanh'}"),
        ([], "at 1 None, got {'type': 'Tanh'}"),
        ([ours.Tanh(), ours.Tanh()], "at 2 {'type': 'Tanh'}, got None"),
    ):
        model = ours.Sequential(ours.Linear(3, 3, rng=None), *other)
        with pytest.raises(CheckpointError, match=message):
            load_safetensors(path, model)
        assert not model.arena.values.any()


def _tensors(**changes: Any) -> dict[str, torch.Tensor]:
    """What PyTorch would save, with changes; None leaves out."""
    state = to_torch(_model()).state_dict()
    state |= {name.replace("_", "."): value for name, value in changes.items()}
    return {name: value for name, value in state.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"5_weight": None}, "no 5.weight"),
        ({"6_weight": torch.zeros(3)}, "6.weight, of which it has none"),
        ({"5_weight": torch.zeros(HIDDEN, 5)}, r"float32 \(11, 5\) for 5.weight of float32 \(5, 1"),
        ({"5_bias": torch.zeros(5, 1)}, r"float32 \(5, 1\) for 5.bias of float32 \(5,\)"),
        ({"5_bias": torch.zeros(5).double()}, r"float64 \(5,\) for 5.bias of float32 \(5,\)"),
        ({"5_bias": torch.zeros(5).long()}, r"int64 \(5,\) for 5.bias of float32 \(5,\)"),
        ({"5_bias": torch.zeros(5).half()}, "arrays of F32, F64, I64, got 5.bias of F16"),
        ({"5_bias": torch.zeros(5).bfloat16()}, "arrays of F32, F64, I64, got 5.bias of BF16"),
        ({"5_bias": torch.zeros(5).bool()}, "arrays of F32, F64, I64, got 5.bias of BOOL"),
        ({"5_bias": torch.zeros(5).cfloat()}, "arrays of F32, F64, I64, got 5.bias of C64"),
        ({f"a{n}": torch.zeros(1) for n in range(9)}, "of which it has none; and 1 more"),
        ({"a" * 999: torch.zeros(1)}, r"got a{200}\.\.\.$"),
    ],
)
def test_arrays_that_do_not_fit(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file(_tensors(**changes), path)
    model = _model(seed=1)
    before = {name: value.copy() for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=message) as raised:
        load_safetensors(path, model)
    assert raised.value.argument == str(path)
    _same_bits(model.state_dict(), before)


def _file(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def _entry(*shape: int, dtype: str = "F32", offsets: tuple[int, int] = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


_ZEROS = bytes(8)
_A = b'"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "with a header, got 0 bytes"),
        (b"1234567", "with a header, got 7 bytes"),
        (_file({}, length=2**64 - 1), "with a header, got 10 bytes"),
        (_file({}, length=3), "with a header, got 10 bytes"),
        (_file(b" " * (interop.LONGEST_HEADER + 1)), "at most 1048576 bytes, got 1048577 bytes"),
        (_file(b"{{"), "with JSON as header, got Expecting property name"),
        (_file(b'{"\xff":1}'), "with JSON as header, got 'utf-8' codec can't decode"),
        (_file(b"[" * 100_000), "with JSON as header"),
        (_file(b'{"a":' * 100_000), "with JSON as header"),
        (_file(b"1" * 10_000), "with JSON as header"),
        (_file([]), "with an object as header"),
        (_file(b"{" + _A + b"," + _A + b"}", _ZEROS), "the same key twice"),
        (_file(b'{"a":{"dtype":"F32","dtype":"F32"}}'), "the same key twice"),
        (_file({"a": 1}), "got a of None"),
        (_file({"a": _entry(2, dtype="X")}, _ZEROS), "got a of X"),
        (_file({"a": {**_entry(2), "dtype": ["F32"]}}, _ZEROS), "got a of ..F32.."),
        (_file({"__metadata__": 1}), "invalid type"),
        (_file({"__metadata__": {"numpy-mlp": 1}}), "invalid type"),
        (_file({"a": _entry(2)}, _ZEROS[1:]), "incomplete metadata"),
        (_file({"a": _entry(2)}, _ZEROS + b"0"), "file not fully covered"),
        (_file({"a": _entry(3)}, _ZEROS), "a safetensors file, got"),
        (_file({"a": _entry(2, offsets=(8, 0))}, _ZEROS), "invalid offset"),
        (_file({"a": _entry(2), "b": _entry(2, offsets=(4, 12))}, bytes(12)), "invalid offset"),
        (_file({"a": _entry(2), "b": _entry(2, offsets=(12, 20))}, bytes(20)), "invalid offset"),
        (_file({"a": _entry(2**33, 2**33)}, _ZEROS), "overflow"),
        (_file({"a": _entry(0, 2**62, offsets=(0, 0))}), "array is too big"),
        (_file({"a": _entry(*[1] * 70, offsets=(0, 4))}, bytes(4)), "maximum supported dimension"),
        (_file({"a": _entry(-2)}, _ZEROS), "invalid value"),
        (_file({"a": {**_entry(), "shape": [2.0]}}, _ZEROS), "invalid type"),
        (_file({"a": {**_entry(), "shape": [10**30]}}, _ZEROS), "a safetensors file, got"),
        (
            _file({"a": {**_entry(), "dtype": "\0\n"}}, _ZEROS),
            "arrays of F32, F64, I64, got a of  ",
        ),
        (_file({"__metadata__": None, "a": _entry(2)}, _ZEROS), "a model to load into|no 0.weight"),
        (_file({"__metadata__": {"numpy-mlp": "{"}}), "a header of numpy-mlp"),
        (_file({"__metadata__": {"numpy-mlp": "[" * 99_999}}), "a header of numpy-mlp"),
        (_file({"__metadata__": {"numpy-mlp": "{}"}}), "a header of numpy-mlp"),
    ],
)
def test_files_that_are_none(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    for model in (None, _model()):
        with pytest.raises(CheckpointError, match=message) as raised:
            load_safetensors(path, model)
        assert raised.value.argument == str(path)
        assert len(str(raised.value)) < 600 + len(str(path))
        assert str(raised.value).isprintable()


def _lying(**changes: Any) -> bytes:
    header = {
        "format": "numpy-mlp",
        "version": 1,
        "dtype": "float32",
        "layers": [{"type": "Linear", "in_features": 2, "out_features": 1, "bias": False}],
        "metadata": {},
    }
    noted = {"numpy-mlp": json.dumps(header | changes)}
    return _file({"__metadata__": noted, "0.weight": _entry(1, 2)}, _ZEROS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "format numpy-mlp 1, got numpy-mlp 2"),
        ({"dtype": "float16"}, "dtype float32 or float64"),
        ({"dtype": "float64"}, r"got float32 \(1, 2\) for 0.weight of float64 \(1, 2\)"),
        ({"layers": []}, "at least one layer"),
        ({"layers": [{"type": "Evil"}]}, "types of layers that numpy_impl has"),
        ({"layers": [{"type": "ReLU"}]}, "0.weight, of which it has none"),
        (
            {"layers": [{"type": "Linear", "in_features": 10**9, "out_features": 10**9}]},
            r"0.weight: expected shape \(1000000000, 1000000000\), got shape \(1, 2\)",
        ),
    ],
)
def test_layers_that_lie(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(_lying())
    assert len(load_safetensors(path).model) == 1
    path.write_bytes(_lying(**changes))
    with pytest.raises(CheckpointError, match=message):
        load_safetensors(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, got in (
        (tmp_path / "none", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (pipe, "a pipe or a device"),
        (Path("/dev/zero"), "a pipe or a device"),
    ):
        with pytest.raises(CheckpointError, match=f"a readable file, got {got}"):
            load_safetensors(path)


def test_every_cut_and_every_changed_byte_is_right_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_safetensors(path, ours.mlp([2, 3, 2], rng=np.random.default_rng(0)))
    content = path.read_bytes()
    length = 8 + int.from_bytes(content[:8], "little")

    def outcome(changed: bytes) -> bool:
        path.write_bytes(changed)
        try:
            load_safetensors(path)
        except CheckpointError:
            return False
        return True

    assert outcome(content)
    assert not any(outcome(content[:size]) for size in range(len(content)))
    flips: list[Callable[[int], int]] = [lambda b: b ^ 1, lambda b: b ^ 0x80, lambda _: 0]
    for position in range(length):
        for flip in flips:
            outcome(content[:position] + bytes([flip(content[position])]) + content[position + 1 :])


@pytest.mark.parametrize("unit", [b"[],", b"{},", b'{"a":0},', b"[0],"])
def test_memory_for_a_header_is_bounded(unit: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    count = (interop.LONGEST_HEADER - 20) // len(unit)
    path.write_bytes(_file(b'{"a":[' + unit * count + b"0]}"))
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match="got a of None"):
            load_safetensors(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20


def test_memory_for_a_file_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_safetensors(path, ours.Sequential(ours.Linear(1000, 1000, rng=None)))
    size = path.stat().st_size
    load_safetensors(path)
    tracemalloc.start()
    try:
        load_safetensors(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The arrays, and values and gradients twice: those of the layer move into those of the model.
    assert peak < 5 * size + (1 << 20)
