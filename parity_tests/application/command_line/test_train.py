"""``train``: its files, its output, its randomness, its pictures, and what stops it."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numpy_impl import History, load_model, mlp
from numpy_impl.app import train
from numpy_impl.app.evaluate import Scores
from numpy_impl.app.pictures import boundary, draw, mistakes
from numpy_impl.app.presets import PRESETS, Fading
from numpy_impl.app.seeding import generators
from numpy_impl.data import Dataset, load
from parity_tests.application.command_line.runs import (
    EPOCH_LINE,
    PNG,
    SIDE,
    TEST_SAMPLES,
    Capsys,
    check_refused,
    expected_probabilities,
    loaded,
    pictures,
    run,
    train_arguments,
    tree,
)


def test_train_files(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == [
        "confusion.png",
        "curves.png",
        "history.json",
        "mistakes.png",
        "summary.json",
        "weights.npz",
    ]
    for path in trained.glob("*.png"):
        assert path.read_bytes().startswith(PNG)


def test_train_summary(trained: Path, mnist: Path) -> None:
    summary = loaded(trained / "summary.json")
    source, seconds, peak = (summary.pop(key) for key in ("source", "seconds", "peak_rss_mb"))
    assert str(mnist) in source
    assert 0 < seconds < 120
    assert isinstance(peak, float)
    network, metadata = load_model(trained / "weights.npz")
    images, labels = pictures(TEST_SAMPLES, 1)
    p = expected_probabilities(network, images.reshape(-1, SIDE * SIDE) / 255)
    accuracy = float((p.argmax(axis=1) == labels).mean())
    assert accuracy > 0.3
    assert summary == {
        "dataset": "mnist",
        "architecture": "784-32-16-10",
        "parameters": 784 * 32 + 32 + 32 * 16 + 16 + 16 * 10 + 10,
        "optimizer": "adam",
        "lr": 1e-3,
        "batch_size": 64,
        "epochs": 3,
        "workers": 1,
        "seed": 0,
        "raw_pixels": False,
        "preset": None,
        "resumed": False,
        "test_accuracy": accuracy,
        "budget": {"seconds": 120, "peak_rss_mb": 2048, "within": peak <= 2048},
    }
    assert metadata == {
        "dataset": "mnist",
        "classes": 10,
        "scale": 1 / 255,
        "seed": 0,
        "test_accuracy": accuracy,
    }
    history = loaded(trained / "history.json")
    assert history.keys() == History().to_dict().keys()
    assert history["epoch"] == [1, 2, 3]
    assert history["test_accuracy"][-1] == accuracy
    assert history["train_loss"][2] < history["train_loss"][0]


def test_train_output(mnist: Path, work: Path, capsys: Capsys) -> None:
    result = run(capsys, *train_arguments(mnist, work / "run"))
    assert (result.code, result.err) == (0, "")
    summary = loaded(work / "run" / "summary.json")
    assert result.lines[0] == summary["source"]
    for line in result.lines[1:4]:
        assert re.fullmatch(EPOCH_LINE, line)
    assert [line.split()[1] for line in result.lines[1:4]] == ["1/3", "2/3", "3/3"]
    assert result.lines[4] == f"test accuracy  {100 * summary['test_accuracy']:.2f} %"
    assert re.fullmatch(r"time +\d+\.\d s, \d+% of 120 s", result.lines[5])
    assert re.fullmatch(r"peak memory +\d+ MB, \d+% of 2048 MB", result.lines[6])
    assert {line.removeprefix("wrote").strip() for line in result.lines[7:]} == {
        str(path) for path in (work / "run").iterdir()
    }


def test_train_seed_decides_the_weights(mnist: Path, work: Path, capsys: Capsys) -> None:
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        result = run(capsys, *train_arguments(mnist, work / name, "--seed", seed))
        assert result.code == 0
    a, b, c = (load_model(work / name / "weights.npz").model for name in "abc")
    assert a.arena.values.tobytes() == b.arena.values.tobytes()
    assert a.arena.values.tobytes() != c.arena.values.tobytes()


def test_train_with_two_workers_gives_nearly_the_same(
    mnist: Path, work: Path, capsys: Capsys
) -> None:
    for name in ("1", "2"):
        assert run(capsys, *train_arguments(mnist, work / name, "--workers", name)).code == 0
    one, two = (load_model(work / name / "weights.npz").model.arena.values for name in "12")
    assert one.tobytes() != two.tobytes()
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-3)
    assert loaded(work / "2" / "summary.json")["workers"] == 2


def test_train_draws_do_not_depend_on_the_data(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(capsys, *train_arguments(mnist, work / "a")).code == 0

    def draw_and_load(*arguments: Any, rng: np.random.Generator, **more: Any) -> Dataset:
        rng.random(1000)
        return load(*arguments, rng=rng, **more)

    monkeypatch.setattr(train, "load", draw_and_load)
    assert run(capsys, *train_arguments(mnist, work / "b")).code == 0
    assert (work / "a" / "weights.npz").read_bytes() == (work / "b" / "weights.npz").read_bytes()


def test_generators_differ() -> None:
    first, again, other = (
        [generator.random() for generator in generators(seed)] for seed in (1, 1, 2)
    )
    assert first == again
    assert len({*first, *other}) == 6


def test_train_draws_are_independent(work: Path, capsys: Capsys) -> None:
    # Wider layers draw more weights, which must not change the data drawn.
    for width in (4, 8):
        arguments = ["--dataset", "moons", "--epochs", 1, "--hidden", width]
        assert run(capsys, "train", *arguments, "--output", work / f"{width}").code == 0
    evaluations = []
    for width in (4, 8):
        result = run(capsys, "evaluate", work / f"{width}", "--json")
        classes = json.loads(result.out)["classes"]
        evaluations.append([report["samples"] for report in classes])
    assert evaluations[0] == evaluations[1]


@pytest.mark.parametrize(("optimizer", "lr"), [("sgd", 0.1), ("adam", 1e-3), ("adamw", 1e-3)])
def test_train_default_rate(optimizer: str, lr: float, work: Path, capsys: Capsys) -> None:
    result = run(
        capsys,
        "train",
        "--dataset",
        "xor",
        "--optimizer",
        optimizer,
        "--epochs",
        1,
        "--seed",
        3,
    )
    assert result.code == 0
    summary = loaded(work / "runs" / "xor-seed3" / "summary.json")
    assert (summary["optimizer"], summary["lr"], summary["seed"]) == (optimizer, lr, 3)


def test_train_default_epochs(work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "draw", draw)
    assert run(capsys, "train", "--dataset", "moons").code == 0
    folder = work / "runs" / "moons-seed0"
    summary = loaded(folder / "summary.json")
    assert summary["epochs"] == 100
    assert summary["test_accuracy"] > 0.9
    assert (folder / "boundary.png").read_bytes().startswith(PNG)
    assert not (folder / "mistakes.png").exists()
    assert load_model(folder / "weights.npz").metadata["scale"] is None
    assert {"mnist": 10, "digits": 40}.items() <= train.DEFAULT_EPOCHS.items()


def test_train_raw_pixels(mnist: Path, work: Path, capsys: Capsys) -> None:
    result = run(capsys, *train_arguments(mnist, work / "run", "--raw-pixels"))
    assert result.code == 0
    assert load_model(work / "run" / "weights.npz").metadata["scale"] == 1.0
    summary = loaded(work / "run" / "summary.json")
    assert summary["raw_pixels"] is True
    evaluated = run(capsys, "evaluate", work / "run", "--data", mnist, "--json")
    assert json.loads(evaluated.out)["accuracy"] == summary["test_accuracy"]


def test_train_train_accuracy_is_of_the_first_samples(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "_TRAIN_SAMPLE", 7)
    assert run(capsys, *train_arguments(mnist, work / "run")).code == 0
    accuracies = loaded(work / "run" / "history.json")["train_accuracy"]
    assert all((7 * share) == pytest.approx(round(7 * share)) for share in accuracies)
    assert any(share not in (0, 1) for share in accuracies)


def test_train_folder_with_files(mnist: Path, work: Path, capsys: Capsys) -> None:
    folder = work / "run"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "boundary.png").write_text("of an earlier run")
    before = tree(work)
    result = run(capsys, *train_arguments(mnist, folder))
    check_refused(result, "--output: expected", "--overwrite", str(folder))
    assert tree(work) == before
    assert run(capsys, *train_arguments(mnist, folder, "--overwrite")).code == 0
    assert (folder / "notes.txt").read_text() == "mine"
    assert not (folder / "boundary.png").exists()
    assert (folder / "summary.json").exists()


def test_train_divergence_leaves_nothing(mnist: Path, work: Path, capsys: Capsys) -> None:
    result = run(capsys, *train_arguments(mnist, work / "runs" / "run", "--lr", "1e30"))
    check_refused(result, "loss: expected a finite number", code=1)
    assert tree(work) == {}


def test_train_divergence_keeps_the_earlier_run(mnist: Path, work: Path, capsys: Capsys) -> None:
    assert run(capsys, *train_arguments(mnist, work / "run")).code == 0
    before = tree(work)
    more = ("--lr", "1e30", "--optimizer", "sgd", "--overwrite")
    result = run(capsys, *train_arguments(mnist, work / "run", *more))
    check_refused(result, "loss: expected a finite number", code=1)
    assert tree(work) == before


def test_train_divergence_in_the_last_step(work: Path, capsys: Capsys) -> None:
    # The only loss is that of the initial weights.
    arguments = ["--dataset", "moons", "--epochs", 1, "--batch-size", 10**9, "--lr", "1e38"]
    result = run(capsys, "train", *arguments)
    check_refused(result, "output: expected a finite number", code=1)
    assert tree(work) == {}


def test_train_full_disk_leaves_nothing(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def refuse(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    result = run(capsys, *train_arguments(mnist, work / "runs" / "run"))
    check_refused(result, "No space left on device")
    assert len(written) == 3
    assert tree(work) == {}


@pytest.mark.parametrize("output", ["file", "file/run", "file/runs/run"])
def test_train_unwritable_output(output: str, mnist: Path, work: Path, capsys: Capsys) -> None:
    (work / "file").write_text("")
    before = tree(work)
    result = run(capsys, *train_arguments(mnist, work / output))
    check_refused(result, "--output: expected a folder that can be written to", output)
    assert tree(work) == before


def test_train_without_matplotlib(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "draw", draw)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run(capsys, *train_arguments(mnist, work / "run"))
    assert (result.code, result.err) == (0, "")
    assert len([line for line in result.lines if "pip install 'numpy-mlp[cli]'" in line]) == 1
    assert tree(work / "run").keys() == {"weights.npz", "history.json", "summary.json"}


def test_train_pictures_of_extreme_results() -> None:
    right = Scores(np.eye(3), np.arange(3))
    title = mistakes(np.zeros((3, 16), np.uint8), right).get_suptitle()
    assert title == "No mistakes on 3 test pictures"
    # Without a decision there is no boundary, about which matplotlib would warn.
    network = mlp([2, 2], rng=np.random.default_rng(0))
    network.arena.values[:] = [0, 0, 0, 0, 0, 9]
    points = np.array([[0, 0], [1, 2]], np.float32)
    figure = boundary(network, points, Scores(network.predict(points), np.array([1, 0])))
    assert figure.axes[0].get_title() == "Decision boundary, test accuracy 50.00 %"


def test_train_worst_mistakes_come_first() -> None:
    logits = np.array([[4.0, 0, 0], [0, 0, 1], [0, 9, 0], [0, 0, 2]])
    figure = mistakes(np.zeros((4, 16), np.uint8), Scores(logits, np.array([2, 0, 0, 2])))
    assert figure.get_suptitle() == "The worst 3 of 3 mistakes on 4 test pictures"
    assert [axes.get_title().splitlines()[0] for axes in figure.axes] == [
        "true 0, said 1",
        "true 2, said 0",
        "true 0, said 2",
    ]
    assert figure.axes[1].get_title().splitlines()[1] == "with 96.47 %"


def test_train_needs_no_other_package() -> None:
    code = (
        "import sys, numpy_impl.cli; "
        "print(sorted({'rich', 'matplotlib', 'PIL', 'sklearn', 'torch'} & set(sys.modules)))"
    )
    path = str(Path(train.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": path}
    out = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert out == "[]\n"


def test_a_preset_looks_at_the_test_images_once(mnist: Path, work: Path, capsys: Capsys) -> None:
    fixed = ["--data", mnist, "--dataset", "mnist", "--epochs", "2", "--output", work / "best"]
    result = run(capsys, "train", "--preset", "best", *fixed)
    assert result.code == 0
    assert re.fullmatch(r"epoch 1/2  loss \d\.\d{4}  train -  test -  \d+\.\d s", result.lines[1])
    history = loaded(work / "best" / "history.json")
    assert history["test_accuracy"] == history["train_accuracy"] == [None, None]
    summary = loaded(work / "best" / "summary.json")
    assert (summary["preset"], summary["optimizer"]) == ("best", "adamw")
    assert (summary["architecture"], summary["epochs"]) == ("784-128-10", 2)
    assert 0 <= summary["test_accuracy"] <= 1


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        (["--lr", "0.1"], ["--lr: expected none beside --preset best, got 0.1"]),
        (["--hidden", "7"], ["--hidden: expected none beside"]),
        (["--workers", "2"], ["--workers: expected none beside"]),
        (["--dataset", "moons"], ["--preset: expected pictures of 28 x 28 for it, got moons"]),
    ],
)
def test_a_preset_decides_alone(
    more: list[str], parts: list[str], mnist: Path, work: Path, capsys: Capsys
) -> None:
    data = [] if "moons" in more else ["--dataset", "mnist", "--data", str(mnist)]
    check_refused(run(capsys, "train", "--preset", "best", *data, *more), *parts)
    assert tree(work) == {}


def test_pictures_become_calmer_from_epoch_to_epoch() -> None:
    transform = PRESETS["best"].transform()
    fading = Fading(transform, 0.25)
    strengths = []
    history = History()
    fading.on_fit_begin(4, 1)
    for _ in range(4):
        strengths.append(transform.strength)
        history.append(train_loss=0, train_accuracy=0, test_accuracy=0, seconds=0)
        fading.on_epoch_end(history)
    assert strengths == [1.0, 0.75, 0.5, 0.25]
