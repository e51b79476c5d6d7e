"""Models in files."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl import CheckpointError, load_model, save_model


def _model(dtype: type = np.float32) -> ours.Sequential:
    rng = np.random.default_rng(0)
    return ours.Sequential(
        ours.Linear(13, 11, rng=rng, dtype=dtype),
        ours.ReLU(),
        ours.Linear(11, 5, bias=False, rng=rng, dtype=dtype),
    )


def _rewrite(path: Path, **changes: Any) -> None:
    """Change arrays of an archive, or leave them out (None)."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files} | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


def _header(path: Path, **changes: Any) -> np.ndarray:
    with np.load(path) as archive:
        header = json.loads(archive["header"].tobytes()) | changes
    return np.frombuffer(json.dumps(header).encode(), np.uint8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip(tmp_path: Path, dtype: type) -> None:
    model, path = _model(dtype), tmp_path / "model.npz"
    save_model(path, model, {"scale": 1 / 255, "names": ["a", "b"]})
    loaded, metadata = load_model(path)
    assert metadata == {"scale": 1 / 255, "names": ["a", "b"]}
    assert repr(loaded) == repr(model)
    assert loaded.dtype == dtype
    np.testing.assert_array_equal(loaded.arena.values, model.arena.values)
    assert os.listdir(tmp_path) == ["model.npz"]  # noqa: PTH208 - hidden files count too


def test_the_file_is_plain_arrays_under_pytorchs_names(tmp_path: Path) -> None:
    save_model(tmp_path / "model.npz", _model())
    with np.load(tmp_path / "model.npz", allow_pickle=False) as archive:
        assert sorted(archive.files) == ["0.bias", "0.weight", "2.weight", "header"]
        assert archive["0.weight"].shape == (11, 13)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.npz"
    save_model(path, _model())
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(path, _model(np.float64))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.npz"]  # noqa: PTH208 - hidden files count too


def test_metadata_must_be_json(tmp_path: Path) -> None:
    for metadata in ({"x": np.float32(1)}, {"x": float("nan")}):
        with pytest.raises(ours.InputError, match="metadata: expected JSON-serializable values"):
            save_model(tmp_path / "model.npz", _model(), metadata)
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    with pytest.raises(CheckpointError, match="a readable file, got No such file"):
        load_model(path)
    with pytest.raises(CheckpointError, match="a readable file, got Is a directory"):
        load_model(tmp_path)
    for content in (b"", b"text", b"PK\x03\x04 cut off", b"\x80\x04K\x01."):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="a model saved by numpy-mlp, got another file"):
            load_model(path)
    np.savez(path, a=np.zeros(3))
    with pytest.raises(CheckpointError, match="an archive without a header"):
        load_model(path)
    np.savez(path, header=np.array([object()]), allow_pickle=True)
    with pytest.raises(CheckpointError, match="a model saved by numpy-mlp"):
        load_model(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "format numpy-mlp 1, got other 1"),
        ({"version": 2}, "format numpy-mlp 1, got numpy-mlp 2"),
        ({"dtype": "float16"}, "dtype float32 or float64, got 'float16'"),
        ({"layers": [{"type": "Linear"}]}, "arguments of Linear"),
        ({"layers": [{"type": "Evil"}]}, "types of layers that numpy_impl has"),
        ({"layers": [{"type": "ReLU", "x": 1}]}, "arguments of ReLU"),
        ({"layers": ["ReLU"]}, "an object"),
        ({"layers": []}, "at least one layer"),
        (
            {"layers": [{"type": "Linear", "in_features": 10**9, "out_features": 10**9}]},
            r"0.weight: expected shape \(1000000000, 1000000000\), got shape \(11, 13\)",
        ),
    ],
)
def test_headers_that_lie(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "model.npz"
    save_model(path, _model())
    _rewrite(path, header=_header(path, **changes))
    with pytest.raises(CheckpointError, match=message):
        load_model(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"0.bias": None}, r"0.bias: expected shape \(11,\), got nothing"),
        ({"0.bias": np.zeros(12, np.float32)}, r"0.bias: expected shape \(11,\), got shape"),
        ({"0.bias": np.zeros(11, int)}, "0.bias: expected floating-point numbers"),
        ({"extra": np.zeros(1, np.float32)}, "unexpected key extra"),
        ({"0.weight": None}, "0.weight: expected shape .* got nothing"),
        ({"header": np.zeros(3, np.uint8)}, "a header of numpy-mlp, got another header"),
        ({"header": np.zeros(3)}, "a header of numpy-mlp, got another header"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "model.npz"
    save_model(path, _model())
    _rewrite(path, **changes)
    with pytest.raises(CheckpointError, match=message):
        load_model(path)


def test_a_cut_or_changed_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    save_model(path, _model())
    content = path.read_bytes()
    for damaged in (
        content[: len(content) // 2],
        content[:200] + b"\xff" + content[201:],
        content[:-30] + b"\0" * 30,
    ):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            load_model(path)
