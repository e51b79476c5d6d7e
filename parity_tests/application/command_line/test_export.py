"""``export``: a saved network for PyTorch and for ONNX Runtime."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from numpy_impl import Sequential, Softmax, load_model, save_model
from parity_tests.application.command_line.runs import SIDE, Capsys, check_refused, run, tree

pytest.importorskip("safetensors")
onnx = pytest.importorskip("onnx")


def test_safetensors_takes_the_place_of_the_run(trained: Path, work: Path, capsys: Capsys) -> None:
    result = run(capsys, "export", trained, "model.safetensors")
    size = (work / "model.safetensors").stat().st_size
    assert (result.code, result.out, result.err) == (
        0,
        f"wrote model.safetensors  {size} bytes\n",
        "",
    )
    assert tree(work).keys() == {"model.safetensors"}

    from safetensors.numpy import load_file

    found, expected = load_file("model.safetensors"), load_model(trained / "weights.npz").model
    assert found.keys() == expected.state_dict().keys()
    for name, value in expected.state_dict().items():
        np.testing.assert_array_equal(found[name], value)

    np.save("a.npy", np.random.default_rng(0).random((3, SIDE, SIDE), np.float32))
    for command, *more in (("inspect",), ("predict", "a.npy")):
        by_run, by_file = (
            json.loads(run(capsys, command, model, *more, "--json").out)
            for model in (trained, "model.safetensors")
        )
        if command == "inspect":
            assert (by_run.pop("path"), by_file.pop("path")) == (
                str(trained / "weights.npz"),
                "model.safetensors",
            )
        assert by_file == by_run


def test_evaluate_takes_safetensors(trained: Path, mnist: Path, capsys: Capsys) -> None:
    assert run(capsys, "export", trained, "model.safetensors").code == 0
    by_run, by_file = (
        run(capsys, "evaluate", model, "--data", mnist) for model in (trained, "model.safetensors")
    )
    assert (by_file.code, by_file.out) == (0, by_run.out)


def test_onnx(trained: Path, work: Path, capsys: Capsys) -> None:
    runtime = pytest.importorskip("onnxruntime")
    result = run(capsys, "export", trained, "model.ONNX")
    assert (result.code, result.err) == (0, "")
    assert tree(work).keys() == {"model.ONNX"}
    network, metadata = load_model(trained / "weights.npz")
    properties = {each.key: each.value for each in onnx.load("model.ONNX").metadata_props}
    assert {key: json.loads(value) for key, value in properties.items()} == metadata
    session = runtime.InferenceSession("model.ONNX", providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).random((3, SIDE * SIDE), np.float32)
    (found,) = session.run(None, {"input": x})
    # Sums of 784, 32 and 16 products of numbers of the size of 1.
    np.testing.assert_allclose(found, network.predict(x), atol=832 * np.finfo(np.float32).eps)


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx"])
def test_a_file_that_is_there(name: str, trained: Path, work: Path, capsys: Capsys) -> None:
    (work / name).write_text("kept")
    result = run(capsys, "export", trained, name)
    check_refused(result, f"OUT: expected a new file, or --overwrite, got '{name}', which is there")
    assert tree(work) == {name: b"kept"}
    # What cannot be read leaves it too.
    check_refused(run(capsys, "export", "nowhere", name, "--overwrite"), "MODEL: expected a read")
    assert tree(work) == {name: b"kept"}
    assert run(capsys, "export", trained, name, "--overwrite").code == 0
    assert tree(work)[name] != b"kept"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("model.pt", "OUT: expected a file whose name ends in .safetensors or .onnx, got 'mo"),
        ("model", "OUT: expected a file whose name ends in .safetensors or .onnx, got 'model'"),
        ("folder.onnx", "OUT: expected a file whose name ends in .safetensors or .onnx"),
        ("nowhere/model.onnx", "OUT: expected a file in a folder that is there"),
        ("", "OUT: expected a path, got ''"),
    ],
)
def test_bad_names(output: str, expected: str, trained: Path, work: Path, capsys: Capsys) -> None:
    (work / "folder.onnx").mkdir()
    check_refused(run(capsys, "export", trained, output), expected)
    assert tree(work).keys() == {"folder.onnx"}


@pytest.mark.parametrize(
    ("command", "content"),
    [("inspect", b""), ("evaluate", b"text"), ("export", b"\xff" * 99)],
)
def test_bad_models(command: str, content: bytes, work: Path, capsys: Capsys) -> None:
    (work / "bad.safetensors").write_bytes(content)
    more = ["out.onnx"] if command == "export" else []
    result = run(capsys, command, "bad.safetensors", *more)
    check_refused(result, "MODEL: expected a safetensors file", "got 'bad.safetensors' (")
    assert tree(work).keys() == {"bad.safetensors"}


def test_a_layer_that_does_not_fit(work: Path, capsys: Capsys) -> None:
    save_model(work / "a.npz", Sequential(Softmax(dim=2)))
    check_refused(run(capsys, "export", "a.npz", "a.onnx"), "layers[0]: expected x of an axis 2")
    assert os.listdir(work) == ["a.npz"]  # noqa: PTH208 - hidden files count too


@pytest.mark.parametrize("name", ["safetensors", "onnx"])
def test_without_the_package(
    name: str, trained: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        monkeypatch.setitem(sys.modules, module, None)
    result = run(capsys, "export", trained, f"model.{name}")
    check_refused(result, f"needs {name}, which is not installed", "'numpy-mlp[interop]'")
    assert tree(work) == {}
