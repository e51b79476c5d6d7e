"""``predict``: arrays and pictures, and files that are neither."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from numpy_impl import load_model, mlp, save_model
from parity_tests.application.command_line.runs import (
    CLASSES,
    PNG,
    SIDE,
    Capsys,
    Result,
    check_refused,
    expected_probabilities,
    pictures,
    run,
    train_arguments,
)


@pytest.fixture
def samples() -> np.ndarray:
    return pictures(CLASSES, 2)[0]


def _check_predictions(result: Result, trained: Path, inputs: np.ndarray) -> None:
    assert (result.code, result.err) == (0, "")
    network = load_model(trained / "weights.npz").model
    p = expected_probabilities(network, inputs.reshape(-1, SIDE * SIDE))
    found = json.loads(result.out)
    assert len(found) == len(p)
    for prediction, row in zip(found, p, strict=True):
        second, first = np.argsort(row)[-2:]
        assert prediction["label"] == first
        assert prediction["probability"] == pytest.approx(row[first], rel=1e-4)
        assert prediction["runner_up"]["label"] == second
        assert prediction["runner_up"]["probability"] == pytest.approx(row[second], rel=1e-4)


@pytest.mark.parametrize("shape", [(10, 784), (10, 28, 28)])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "float16"])
def test_predict_array(
    shape: tuple[int, ...],
    dtype: str,
    samples: np.ndarray,
    trained: Path,
    work: Path,
    capsys: Capsys,
) -> None:
    inputs = samples / 255
    array = samples if dtype == "uint8" else inputs.astype(dtype)
    np.save(work / "a.npy", array.reshape(shape))
    result = run(capsys, "predict", trained, "a.npy", "--json")
    _check_predictions(result, trained, inputs if dtype == "uint8" else array)
    assert [(p["file"], p["row"]) for p in json.loads(result.out)] == [
        ("a.npy", row) for row in range(10)
    ]


@pytest.mark.parametrize("shape", [(784,), (28, 28), (1, 784), (1, 28, 28)])
def test_predict_single_array(
    shape: tuple[int, ...],
    samples: np.ndarray,
    trained: Path,
    work: Path,
    capsys: Capsys,
) -> None:
    np.save(work / "a.npy", samples[3].reshape(shape))
    result = run(capsys, "predict", trained, "a.npy", "--json")
    _check_predictions(result, trained, samples[3] / 255)
    row = 0 if shape[0] == 1 else None
    assert json.loads(result.out)[0]["row"] == row


@pytest.mark.parametrize("kind", ["grey", "colour", "transparent", "deep", "large", "inverted"])
def test_predict_picture(
    kind: str, samples: np.ndarray, trained: Path, work: Path, capsys: Capsys
) -> None:
    image_module = pytest.importorskip("PIL.Image")
    grey = samples[7]
    arrays = {
        "grey": grey,
        "colour": np.repeat(grey[..., None], 3, axis=2),
        # All white where it is not transparent.
        "transparent": np.dstack([np.full((28, 28, 3), 255, np.uint8), grey]),
        "deep": grey.astype(np.uint16) * 257,
        "large": grey.repeat(4, axis=0).repeat(4, axis=1),
        "inverted": 255 - grey,
    }
    picture = image_module.fromarray(arrays[kind])
    picture.save(work / "p.png")
    flags = ["--invert"] if kind == "inverted" else []
    result = run(capsys, "predict", trained, "p.png", "--json", *flags)
    if kind == "large":
        grey = np.asarray(picture.resize((28, 28), image_module.Resampling.LANCZOS))
    _check_predictions(result, trained, grey / 255)
    assert json.loads(result.out)[0]["row"] is None


def test_predict_inverted_arrays(
    samples: np.ndarray, trained: Path, work: Path, capsys: Capsys
) -> None:
    np.save(work / "a.npy", 255 - samples)
    np.save(work / "b.npy", 1 - samples / 255)
    result = run(capsys, "predict", trained, "a.npy", "b.npy", "--invert", "--json")
    _check_predictions(result, trained, np.concatenate([samples, samples]) / 255)


def test_predict_raw_pixel_model(
    samples: np.ndarray, mnist: Path, work: Path, capsys: Capsys
) -> None:
    assert run(capsys, *train_arguments(mnist, work / "run", "--raw-pixels")).code == 0
    np.save(work / "a.npy", samples)
    result = run(capsys, "predict", work / "run", "a.npy", "--json")
    _check_predictions(result, work / "run", samples.astype(np.float64))


def test_predict_text(samples: np.ndarray, trained: Path, work: Path, capsys: Capsys) -> None:
    np.save(work / "one.npy", samples[0])
    np.save(work / "two.npy", samples[1:3])
    files = ["one.npy", "two.npy"]
    found = json.loads(run(capsys, "predict", trained, *files, "--json").out)
    result = run(capsys, "predict", trained, *files)
    assert [line.split()[0] for line in result.lines] == [
        "sample", "one.npy", "two.npy[0]", "two.npy[1]"
    ]  # fmt: skip
    for line, prediction in zip(result.lines[1:], found, strict=True):
        second = prediction["runner_up"]
        assert line.split()[1:] == [
            str(prediction["label"]), f"{100 * prediction['probability']:.2f}", "%",
            str(second["label"]), f"{100 * second['probability']:.2f}", "%",
        ]  # fmt: skip


def test_predict_points(work: Path, capsys: Capsys) -> None:
    arguments = ["--dataset", "moons", "--epochs", 1, "--output", work / "run"]
    assert run(capsys, "train", *arguments).code == 0
    points = np.array([[-2.5, 0.5], [3.0, -1.0]], np.float32)
    np.save(work / "points.npy", points)
    result = run(capsys, "predict", work / "run", "points.npy", "--json")
    p = expected_probabilities(load_model(work / "run" / "weights.npz").model, points)
    assert [row["label"] for row in json.loads(result.out)] == p.argmax(axis=1).tolist()
    np.save(work / "bytes.npy", points.astype(np.uint8))
    for argv, expected in (
        (["bytes.npy"], "FILE: expected floating-point numbers"),
        (["picture.png"], "FILE: expected a .npy file, as 2 features are no square"),
        (["points.npy", "--invert"], "--invert: expected a model of pictures"),
    ):
        check_refused(run(capsys, "predict", work / "run", *argv), expected)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((28, 29)), "expected one or more samples of shape (784,) or (28, 28)"),
        (np.zeros((2, 3, 784)), "expected one or more samples"),
        (np.float32(0.5), "expected one or more samples"),
        (np.zeros((0, 784)), "expected one or more samples"),
        (np.zeros(784, np.int64), "floating-point numbers or uint8 pixels, got int64"),
        (np.zeros(784, np.int8), "floating-point numbers or uint8 pixels, got int8"),
        (np.zeros(784, bool), "floating-point numbers or uint8 pixels, got bool"),
        (np.zeros(784, complex), "floating-point numbers or uint8 pixels, got complex128"),
        (np.full(784, np.nan), "expected finite numbers"),
        (np.full(784, -np.inf), "expected finite numbers"),
        (np.full(784, 255.0), "expected numbers from 0 to 1, as the model's inputs"),
        (np.full(784, -0.5), "expected numbers from 0 to 1, as the model's inputs"),
        (np.array([None] * 784), "expected an array of numbers in .npy format"),
    ],
)
def test_predict_bad_array(
    array: np.ndarray, expected: str, trained: Path, work: Path, capsys: Capsys
) -> None:
    np.save(work / "good.npy", np.zeros(784))
    np.save(work / "bad.npy", array)
    result = run(capsys, "predict", trained, "good.npy", "bad.npy")
    check_refused(result, "FILE: ", expected, "bad.npy")
    assert result.out == ""


def test_predict_bad_files(trained: Path, work: Path, capsys: Capsys) -> None:
    for name in ("text.png", "text.npy"):
        (work / name).write_text("no such format")
    (work / "empty.npy").write_bytes(b"")
    (work / "cut.npy").write_bytes(b"PK\x03\x04 of an archive")
    np.savez(work / "archive", a=np.zeros(784))
    (work / "archive.npz").rename(work / "archive.npy")
    image_module = pytest.importorskip("PIL.Image")
    image_module.fromarray(pictures(1, 0)[0][0]).save(work / "whole.png")
    (work / "cut.png").write_bytes((work / "whole.png").read_bytes()[:200])
    for name, expected in (
        ("missing.png", "No such file or directory"),
        ("missing.npy", "No such file or directory"),
        (".", "Is a directory"),
        ("text.png", "expected a picture or a .npy file"),
        ("cut.png", "expected a readable picture"),
        ("text.npy", "expected an array of numbers in .npy format"),
        ("empty.npy", "expected an array of numbers in .npy format"),
        ("cut.npy", "expected an array of numbers in .npy format"),
        ("archive.npy", "expected an array in .npy format, got an archive"),
    ):
        result = run(capsys, "predict", trained, "whole.png", name)
        check_refused(result, "FILE: ", expected, repr(name))
        assert result.out == ""


def test_predict_overflow(work: Path, capsys: Capsys) -> None:
    network = mlp([4, 2], rng=np.random.default_rng(0))
    network.arena.values.fill(3e38)
    save_model(work / "huge.npz", network)
    np.save(work / "a.npy", np.ones(4))
    check_refused(run(capsys, "predict", "huge.npz", "a.npy"), "FILE: expected numbers")


def test_predict_without_pillow(
    trained: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "p.png").write_bytes(PNG)
    monkeypatch.setitem(sys.modules, "PIL", None)
    result = run(capsys, "predict", trained, "p.png")
    check_refused(result, "pillow", "pip install 'numpy-mlp[cli]'")
