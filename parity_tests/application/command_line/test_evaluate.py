"""``evaluate``: every figure against its definition."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from numpy_impl import load_model, mlp, save_model
from parity_tests.application.command_line.runs import (
    CLASSES,
    SIDE,
    TEST_SAMPLES,
    Capsys,
    check_refused,
    expected_probabilities,
    loaded,
    pictures,
    run,
)


def test_evaluate_json(trained: Path, mnist: Path, capsys: Capsys) -> None:
    result = run(capsys, "evaluate", trained, "--data", mnist, "--json")
    assert (result.code, result.err) == (0, "")
    images, labels = pictures(TEST_SAMPLES, 1)
    network = load_model(trained / "weights.npz").model
    p = expected_probabilities(network, images.reshape(-1, SIDE * SIDE) / 255)
    counts = np.zeros((CLASSES, CLASSES), int)
    for label, predicted in zip(labels, p.argmax(axis=1), strict=True):
        counts[label, predicted] += 1
    found = json.loads(result.out)
    assert found["confusion"] == counts.tolist()
    assert (found["dataset"], found["samples"]) == ("mnist", TEST_SAMPLES)
    assert found["accuracy"] == pytest.approx(counts.trace() / TEST_SAMPLES)
    for label, report in enumerate(found["classes"]):
        taken, actual = counts[:, label].sum(), counts[label].sum()
        precision = pytest.approx(counts[label, label] / taken) if taken else None
        assert report == {
            "label": label,
            "precision": precision,
            "recall": pytest.approx(counts[label, label] / actual),
            "samples": actual,
        }


def test_evaluate_text(trained: Path, mnist: Path, capsys: Capsys) -> None:
    found = json.loads(run(capsys, "evaluate", trained, "--data", mnist, "--json").out)
    result = run(capsys, "evaluate", trained / "weights.npz", "--data", mnist)
    assert (result.code, result.err) == (0, "")
    assert result.lines[0] == found["source"]
    assert f"{100 * found['accuracy']:.2f} %" in result.lines[2]
    recall = f"{100 * found['classes'][3]['recall']:.2f} %"
    assert any(re.fullmatch(rf"3 .* {recall} +10", line) for line in result.lines)
    matrix = [[int(cell) for cell in line.split()] for line in result.lines[-CLASSES:]]
    assert [row[1:] for row in matrix] == found["confusion"]


def test_evaluate_data_of_the_training(work: Path, capsys: Capsys) -> None:
    arguments = ["--dataset", "moons", "--epochs", 2, "--seed", 4, "--output", work / "run"]
    assert run(capsys, "train", *arguments).code == 0
    found = json.loads(run(capsys, "evaluate", work / "run", "--json").out)
    assert found["dataset"] == "moons"
    assert found["accuracy"] == loaded(work / "run" / "summary.json")["test_accuracy"]


def test_evaluate_scales_as_in_training(mnist: Path, work: Path, capsys: Capsys) -> None:
    # Class 1 wins by the sum of the pixels, if they come as they are; else class 0 by its bias.
    network = mlp([SIDE * SIDE, CLASSES], rng=np.random.default_rng(0))
    network.arena.values.fill(0)
    weight, bias = network.parameters()
    weight.data[1] = 1.0
    bias.data[0] = 10_000.0
    for scale, winner in ((1.0, 1), (1 / 255, 0)):
        save_model(work / "m.npz", network, {"dataset": "mnist", "scale": scale})
        found = json.loads(run(capsys, "evaluate", "m.npz", "--data", mnist, "--json").out)
        assert np.sum(found["confusion"], axis=0)[winner] == TEST_SAMPLES


def test_evaluate_class_that_is_never_predicted(mnist: Path, work: Path, capsys: Capsys) -> None:
    network = mlp([SIDE * SIDE, CLASSES], rng=np.random.default_rng(0))
    network.arena.values.fill(0)
    save_model(work / "zero.npz", network)
    arguments = ["evaluate", work / "zero.npz", "--dataset", "mnist", "--data", mnist]
    found = json.loads(run(capsys, *arguments, "--json").out)
    assert found["accuracy"] == 0.1
    assert found["classes"][0] == {
        "label": 0, "precision": 0.1, "recall": 1.0, "samples": 10
    }  # fmt: skip
    assert found["classes"][1]["precision"] is None
    assert re.search(r"\n1 +- +0.00 % +10\n", run(capsys, *arguments).out)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([2, 10], "--dataset: expected data of 2 features, as the model's, got 784 in mnist"),
        ([784, 3], "--dataset: expected data of 3 classes, as the model's, got 10 in mnist"),
    ],
)
def test_evaluate_misfit(
    sizes: list[int], expected: str, mnist: Path, work: Path, capsys: Capsys
) -> None:
    save_model(work / "other.npz", mlp(sizes, rng=np.random.default_rng(0)))
    result = run(capsys, "evaluate", work / "other.npz", "--dataset", "mnist", "--data", mnist)
    check_refused(result, expected)


def test_evaluate_unknown_dataset(mnist: Path, work: Path, capsys: Capsys) -> None:
    save_model(work / "other.npz", mlp([784, 10], rng=np.random.default_rng(0)))
    result = run(capsys, "evaluate", work / "other.npz", "--data", mnist)
    check_refused(result, "--dataset: expected a name")
