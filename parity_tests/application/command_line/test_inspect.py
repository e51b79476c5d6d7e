"""``inspect``: architecture, counts and statistics of weights."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from numpy_impl import load_model, mlp, save_model
from parity_tests.application.command_line.runs import (
    Capsys,
    check_refused,
    run,
)


def test_inspect_json(trained: Path, capsys: Capsys) -> None:
    result = run(capsys, "inspect", trained, "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    network, metadata = load_model(trained / "weights.npz")
    size = 784 * 32 + 32 + 32 * 16 + 16 + 16 * 10 + 10
    assert found["metadata"] == metadata
    assert (found["architecture"], found["dtype"]) == ("784-32-16-10", "float32")
    assert (found["parameters"], found["bytes"]) == (size, 4 * size)
    assert [list(layer.values()) for layer in found["layers"]] == [
        [0, "Linear", 784, 32, 784 * 32 + 32],
        [1, "ReLU", 32, 32, 0],
        [2, "Linear", 32, 16, 32 * 16 + 16],
        [3, "ReLU", 16, 16, 0],
        [4, "Linear", 16, 10, 16 * 10 + 10],
    ]
    for report, (name, value) in zip(
        found["statistics"], network.state_dict().items(), strict=True
    ):
        exact = value.astype(np.float64)
        assert report == {
            "name": name,
            "shape": list(value.shape),
            "mean": pytest.approx(exact.mean()),
            "std": pytest.approx(exact.std()),
            "min": value.min(),
            "max": value.max(),
            "zeros": (value == 0).mean(),
            "norm": pytest.approx(np.sqrt((exact**2).sum())),
        }


def test_inspect_text(trained: Path, capsys: Capsys) -> None:
    result = run(capsys, "inspect", trained / "weights.npz")
    assert (result.code, result.err) == (0, "")
    assert result.lines[1] == "784-32-16-10  25818 parameters  float32  103272 bytes"
    assert re.search(r"\n0 Linear +784 +32 +25120\n1 ReLU +32 +32 +0\n", result.out)
    assert re.search(r"\ntotal +25818\n", result.out)
    assert re.search(r"\n4.weight +10 x 16 +-?\d\.\d{4} ", result.out)
    assert re.search(r"\ndataset +\"mnist\"\n", result.out)


def test_inspect_damaged_weights(work: Path, capsys: Capsys) -> None:
    network = mlp([4, 2], rng=np.random.default_rng(0))
    network.arena.values[-1] = np.nan
    save_model(work / "nan.npz", network)
    found = json.loads(run(capsys, "inspect", "nan.npz", "--json").out)
    assert found["statistics"][1]["mean"] is None
    assert run(capsys, "inspect", "nan.npz").code == 0
    np.save(work / "a.npy", np.zeros(4))
    result = run(capsys, "predict", "nan.npz", "a.npy")
    check_refused(result, "MODEL: expected finite parameters")
