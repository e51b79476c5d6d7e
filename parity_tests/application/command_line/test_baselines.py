"""``baselines``: the same data and the same network as ``train``, in a table, as JSON, drawn."""

import json
import re
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from numpy_impl.app import baselines, train
from numpy_impl.app.baselines import Contender, Predict, Result, picture
from numpy_impl.app.seeding import generators
from numpy_impl.baselines import RandomFeatures
from numpy_impl.data import load, load_moons
from numpy_impl.data.loader import DataLoader
from parity_tests.application.command_line.runs import (
    PNG,
    TEST_SAMPLES,
    TRAIN_SAMPLES,
    Capsys,
    check_refused,
    loaded,
    pictures,
    run,
    tree,
)

NAMES = [
    "nearest centroid",
    "3 nearest neighbors",
    "softmax regression",
    "50 random features",
    "network 784-128-10",
]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "_COMPONENTS", 50)
    for name in ("moons", "xor"):
        monkeypatch.setitem(train.DEFAULT_EPOCHS, name, 2)


def test_baselines_json(mnist: Path, work: Path, capsys: Capsys) -> None:
    result = run(capsys, "baselines", "--data", mnist, "--json")
    assert result.code == 0
    assert result.err.splitlines() == [f"{name} ..." for name in NAMES]
    found = json.loads(result.out)
    results = {entry.pop("name"): entry for entry in found.pop("results")}
    assert str(mnist) in found.pop("source")
    assert found == {
        "dataset": "mnist",
        "train_samples": TRAIN_SAMPLES,
        "test_samples": TEST_SAMPLES,
        "seed": 0,
    }
    assert list(results) == NAMES
    for entry in results.values():
        assert entry.keys() == {"test_accuracy", "fit_seconds", "predict_seconds"}
        assert 0 < entry["fit_seconds"] < 60
        assert 0 < entry["predict_seconds"] < 60
    (x, y), (new, expected) = (
        (images.reshape(len(images), -1) / 255, labels)
        for images, labels in (pictures(TRAIN_SAMPLES, 0), pictures(TEST_SAMPLES, 1))
    )
    centroids = np.stack([x[y == label].mean(axis=0) for label in range(10)])
    distances = ((new[:, np.newaxis] - centroids) ** 2).sum(axis=2)
    share = float((distances.argmin(axis=1) == expected).mean())
    assert results["nearest centroid"]["test_accuracy"] == share
    assert tree(work) == {}


def test_baselines_network_is_that_of_train(work: Path, capsys: Capsys) -> None:
    for seed in (3, 4):
        result = run(capsys, "baselines", "--dataset", "moons", "--seed", seed, "--json")
        network = json.loads(result.out)["results"][-1]
        arguments = ["--dataset", "moons", "--seed", seed, "--output", work / f"{seed}"]
        assert run(capsys, "train", *arguments).code == 0
        summary = loaded(work / f"{seed}" / "summary.json")
        assert network["name"] == f"network {summary['architecture']}"
        assert network["test_accuracy"] == summary["test_accuracy"]


def test_baselines_seed_draws_the_features(capsys: Capsys) -> None:
    result = run(capsys, "baselines", "--dataset", "moons", "--seed", 5, "--json")
    random = generators(5)
    data = load_moons(random.data)
    model = RandomFeatures(50, rng=random.weights.spawn(1)[0])
    predicted = model.fit(data.train_images, data.train_labels).predict(data.test_images)
    share = float((predicted == data.test_labels).mean())
    assert json.loads(result.out)["results"][3]["test_accuracy"] == share


def test_baselines_table_and_files(work: Path, capsys: Capsys) -> None:
    for _ in range(2):  # an earlier result is replaced
        result = run(capsys, "baselines", "--dataset", "xor", "--output", "a/b")
        assert result.code == 0
        assert tree(work).keys() == {"a", "a/b", "a/b/baselines.json", "a/b/baselines.png"}
    found = loaded(work / "a/b/baselines.json")
    assert (work / "a/b/baselines.png").read_bytes().startswith(PNG)
    assert result.lines[0] == found["source"]
    assert result.lines[1] == "2000 training samples, 1000 test samples, seed 0"
    assert result.lines[3].split() == ["test", "accuracy", "fit", "predict"]
    for line, entry in zip(result.lines[4:9], found["results"], strict=True):
        pattern = (
            rf"{entry['name']} +{100 * entry['test_accuracy']:.2f} % +\d+\.\d\d s +\d+\.\d\d s"
        )
        assert re.fullmatch(pattern, line)
    assert result.lines[9:] == ["wrote a/b/baselines.png", "wrote a/b/baselines.json"]


def test_baselines_inputs_are_those_of_the_network(mnist: Path) -> None:
    data = load("mnist", folder=mnist, rng=np.random.default_rng(0), download=False)
    loader = DataLoader(
        data.test_images, data.test_labels, batch_size=TEST_SAMPLES, scale=data.scale
    )
    [(inputs, _)] = loader
    np.testing.assert_array_equal(data.inputs(data.test_images), inputs)


def test_baselines_times(capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(x: np.ndarray, seconds: float = 0) -> np.ndarray:
        time.sleep(seconds)
        return np.zeros(len(x), int)

    def learn(seconds: float) -> Predict:
        time.sleep(seconds)
        return partial(answer, seconds=0.1 - seconds)

    contenders = [
        Contender("slow to learn", partial(learn, 0.1)),
        Contender("b", partial(learn, 0)),
    ]
    monkeypatch.setattr(baselines, "_contenders", lambda *_: contenders)
    result = run(capsys, "baselines", "--dataset", "xor", "--json")
    first, second = json.loads(result.out)["results"]
    assert first["fit_seconds"] >= 0.1
    assert second["predict_seconds"] >= 0.1
    assert first["test_accuracy"] == second["test_accuracy"] == 0.5


def test_baselines_other_files_stay(work: Path, capsys: Capsys) -> None:
    for name in ("weights.npz", "summary.json", "notes"):
        (work / name).write_text("mine")
    assert run(capsys, "baselines", "--dataset", "xor", "--output", ".").code == 0
    assert {name for name, content in tree(work).items() if content == b"mine"} == {
        "weights.npz",
        "summary.json",
        "notes",
    }


def test_baselines_without_matplotlib(
    work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run(capsys, "baselines", "--dataset", "xor", "--output", "a")
    assert result.code == 0
    assert "pip install 'numpy-mlp[cli]'" in result.err.splitlines()[-1]
    assert tree(work).keys() == {"a", "a/baselines.json"}


def test_baselines_picture() -> None:
    left, right = picture([Result("a", 0.75, 0.5, 2.0), Result("b", 0.9, 3.0, 0.01)]).axes
    assert [bar.get_width() for bar in left.patches] == pytest.approx([25, 10])
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", "b"]
    assert left.yaxis_inverted()
    points = {str(line.get_label()): list(line.get_xdata()) for line in right.lines}
    assert points == {"fit": [0.5, 3.0], "predict": [2.0, 0.01]}
    assert [line.get_ydata().tolist() for line in right.lines] == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--dataset", "imagenet"], "--dataset: expected one of auto, mnist"),
        (["--seed", "-1"], "--seed: expected an integer of at least 0, got '-1'"),
        (["--output", ""], "--output: expected a path, got ''"),
        (["--data", "nowhere"], "--data: expected"),
    ],
)
def test_baselines_bad_arguments(
    argv: list[str], expected: str, work: Path, capsys: Capsys
) -> None:
    check_refused(run(capsys, "baselines", *argv), expected)
    assert tree(work) == {}


def test_baselines_failure_leaves_nothing(work: Path, capsys: Capsys) -> None:
    (work / "file").write_text("")
    argv = ["baselines", "--dataset", "xor", "--output", "file"]
    # Before anything is computed: no line about a contender.
    check_refused(run(capsys, *argv), "--output: expected a folder that can be written to")
    argv = ["baselines", "--dataset", "mnist", "--data", ".", "--output", "new/folder"]
    check_refused(run(capsys, *argv), "--data: expected")
    assert tree(work).keys() == {"file"}
