"""The command line, from its arguments to its files, its output and its exit code."""

import contextlib
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from numpy_impl import History, Linear, Sequential, load_model, mlp, save_model
from numpy_impl.app import train
from numpy_impl.app.evaluate import Scores
from numpy_impl.app.memory import peak_rss_mb
from numpy_impl.app.pictures import boundary, draw, mistakes
from numpy_impl.app.progress import ProgressBar
from numpy_impl.app.seeding import generators
from numpy_impl.cli import main
from numpy_impl.data import Dataset, load
from numpy_impl.training import Callback
from parity_tests.application.runs import (
    CLASSES,
    SIDE,
    TEST_SAMPLES,
    Result,
    pictures,
    run,
    start,
    tree,
    write_mnist,
)

PNG = b"\x89PNG\r\n\x1a\n"
EPOCH_LINE = r"epoch +\d+/\d+  loss \d+\.\d{4}  train \d+\.\d\d %  test \d+\.\d\d %  \d+\.\d s"
Capsys = pytest.CaptureFixture[str]


@pytest.fixture(scope="session", autouse=True)
def _drawing_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    # Shared by all tests: without it every process looks through the fonts anew.
    os.environ["MPLCONFIGDIR"] = str(tmp_path_factory.mktemp("matplotlib"))


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, which is empty; no data are found outside, nothing is drawn."""
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "no-mnist"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    # Drawing takes longer than all the rest; the tests that are about it undo this.
    monkeypatch.setattr(train, "draw", lambda *_: {})
    return folder


@pytest.fixture(scope="session")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of data in the format of MNIST."""
    return write_mnist(tmp_path_factory.mktemp("data") / "mnist")


@pytest.fixture(scope="session")
def trained(mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder, for tests that only read it."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert main(_train_arguments(mnist, folder)) == 0
    return folder


def _train_arguments(mnist: Path, folder: Path, *more: str) -> list[str]:
    fixed = ["--dataset", "mnist", "--data", str(mnist), "--no-download", "--epochs", "3"]
    return ["train", *fixed, "--hidden", "32", "16", "--output", str(folder), *more]


def _loaded(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def _expected_probabilities(network: Sequential, inputs: np.ndarray) -> np.ndarray:
    # In float64, by the definition of softmax.
    x = inputs.astype(np.float64)
    for layer in network:
        x = (
            x @ layer.weight.data.T.astype(np.float64) + layer.bias.data
            if isinstance(layer, Linear) and layer.bias is not None
            else np.maximum(x, 0)
        )
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _check_refused(result: Result, *parts: str, code: int = 2) -> None:
    assert result.code == code
    assert result.err.count("\n") == 1
    assert result.err.startswith("numpy-mlp: error: ")
    for part in parts:
        assert part in result.err


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
    summary = _loaded(trained / "summary.json")
    source, seconds, peak = (summary.pop(key) for key in ("source", "seconds", "peak_rss_mb"))
    assert str(mnist) in source
    assert 0 < seconds < 120
    assert isinstance(peak, float)
    network, metadata = load_model(trained / "weights.npz")
    images, labels = pictures(TEST_SAMPLES, 1)
    p = _expected_probabilities(network, images.reshape(-1, SIDE * SIDE) / 255)
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
        "seed": 0,
        "raw_pixels": False,
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
    history = _loaded(trained / "history.json")
    assert history.keys() == History().to_dict().keys()
    assert history["epoch"] == [1, 2, 3]
    assert history["test_accuracy"][-1] == accuracy
    assert history["train_loss"][2] < history["train_loss"][0]


def test_train_output(mnist: Path, work: Path, capsys: Capsys) -> None:
    result = run(capsys, *_train_arguments(mnist, work / "run"))
    assert (result.code, result.err) == (0, "")
    summary = _loaded(work / "run" / "summary.json")
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
        result = run(capsys, *_train_arguments(mnist, work / name, "--seed", seed))
        assert result.code == 0
    a, b, c = (load_model(work / name / "weights.npz").model for name in "abc")
    assert a.arena.values.tobytes() == b.arena.values.tobytes()
    assert a.arena.values.tobytes() != c.arena.values.tobytes()


def test_train_draws_do_not_depend_on_the_data(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(capsys, *_train_arguments(mnist, work / "a")).code == 0

    def draw_and_load(*arguments: Any, rng: np.random.Generator, **more: Any) -> Dataset:
        rng.random(1000)
        return load(*arguments, rng=rng, **more)

    monkeypatch.setattr(train, "load", draw_and_load)
    assert run(capsys, *_train_arguments(mnist, work / "b")).code == 0
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
    summary = _loaded(work / "runs" / "xor-seed3" / "summary.json")
    assert (summary["optimizer"], summary["lr"], summary["seed"]) == (optimizer, lr, 3)


def test_train_default_epochs(work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "draw", draw)
    assert run(capsys, "train", "--dataset", "moons").code == 0
    folder = work / "runs" / "moons-seed0"
    summary = _loaded(folder / "summary.json")
    assert summary["epochs"] == 100
    assert summary["test_accuracy"] > 0.9
    assert (folder / "boundary.png").read_bytes().startswith(PNG)
    assert not (folder / "mistakes.png").exists()
    assert load_model(folder / "weights.npz").metadata["scale"] is None
    assert {"mnist": 10, "digits": 40}.items() <= train.DEFAULT_EPOCHS.items()


def test_train_raw_pixels(mnist: Path, work: Path, capsys: Capsys) -> None:
    result = run(capsys, *_train_arguments(mnist, work / "run", "--raw-pixels"))
    assert result.code == 0
    assert load_model(work / "run" / "weights.npz").metadata["scale"] == 1.0
    summary = _loaded(work / "run" / "summary.json")
    assert summary["raw_pixels"] is True
    evaluated = run(capsys, "evaluate", work / "run", "--data", mnist, "--json")
    assert json.loads(evaluated.out)["accuracy"] == summary["test_accuracy"]


def test_train_train_accuracy_is_of_the_first_samples(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "_TRAIN_SAMPLE", 7)
    assert run(capsys, *_train_arguments(mnist, work / "run")).code == 0
    accuracies = _loaded(work / "run" / "history.json")["train_accuracy"]
    assert all((7 * share) == pytest.approx(round(7 * share)) for share in accuracies)
    assert any(share not in (0, 1) for share in accuracies)


def test_train_folder_with_files(mnist: Path, work: Path, capsys: Capsys) -> None:
    folder = work / "run"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "boundary.png").write_text("of an earlier run")
    before = tree(work)
    result = run(capsys, *_train_arguments(mnist, folder))
    _check_refused(result, "--output: expected", "--overwrite", str(folder))
    assert tree(work) == before
    assert run(capsys, *_train_arguments(mnist, folder, "--overwrite")).code == 0
    assert (folder / "notes.txt").read_text() == "mine"
    assert not (folder / "boundary.png").exists()
    assert (folder / "summary.json").exists()


def test_train_divergence_leaves_nothing(mnist: Path, work: Path, capsys: Capsys) -> None:
    result = run(capsys, *_train_arguments(mnist, work / "runs" / "run", "--lr", "1e30"))
    _check_refused(result, "loss: expected a finite number", code=1)
    assert tree(work) == {}


def test_train_divergence_keeps_the_earlier_run(mnist: Path, work: Path, capsys: Capsys) -> None:
    assert run(capsys, *_train_arguments(mnist, work / "run")).code == 0
    before = tree(work)
    more = ("--lr", "1e30", "--optimizer", "sgd", "--overwrite")
    result = run(capsys, *_train_arguments(mnist, work / "run", *more))
    _check_refused(result, "loss: expected a finite number", code=1)
    assert tree(work) == before


def test_train_divergence_in_the_last_step(work: Path, capsys: Capsys) -> None:
    # The only loss is that of the initial weights.
    arguments = ["--dataset", "moons", "--epochs", 1, "--batch-size", 10**9, "--lr", "1e38"]
    result = run(capsys, "train", *arguments)
    _check_refused(result, "output: expected a finite number", code=1)
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
    result = run(capsys, *_train_arguments(mnist, work / "runs" / "run"))
    _check_refused(result, "No space left on device")
    assert len(written) == 3
    assert tree(work) == {}


@pytest.mark.parametrize("output", ["file", "file/run", "file/runs/run"])
def test_train_unwritable_output(output: str, mnist: Path, work: Path, capsys: Capsys) -> None:
    (work / "file").write_text("")
    before = tree(work)
    result = run(capsys, *_train_arguments(mnist, work / output))
    _check_refused(result, "--output: expected a folder that can be written to", output)
    assert tree(work) == before


def test_train_without_matplotlib(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "draw", draw)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run(capsys, *_train_arguments(mnist, work / "run"))
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


class _Interrupter(Callback):
    """Press Ctrl-C so many times after the second step of an epoch."""

    def __init__(self, epoch: int, times: int) -> None:
        self.epoch = epoch
        self.times = times

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:  # noqa: ARG002
        if (epoch, step) == (self.epoch, 2):
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)


def test_interrupt_process(mnist: Path, work: Path) -> None:
    process = start(*_train_arguments(mnist, work / "run", "--epochs", "100000"))
    assert process.stdout is not None
    for line in iter(process.stdout.readline, b""):
        if line.startswith(b"epoch      2/"):
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, b"")
    assert b"interrupted after" in out
    summary = _loaded(work / "run" / "summary.json")
    history = _loaded(work / "run" / "history.json")
    assert 2 <= len(history["epoch"]) == summary["epochs"] < 100000
    network, metadata = load_model(work / "run" / "weights.npz")
    assert network.in_features == SIDE * SIDE
    assert metadata["test_accuracy"] == summary["test_accuracy"]
    assert len(tree(work / "run")) == 6


def test_interrupt_first_epoch(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "progress_callback", lambda: _Interrupter(1, 1))
    result = run(capsys, *_train_arguments(mnist, work / "run"))
    assert (result.code, result.err) == (130, "")
    assert tree(work / "run").keys() == {"weights.npz"}
    assert run(capsys, "inspect", work / "run").code == 0


def test_interrupt_twice(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "progress_callback", lambda: _Interrupter(2, 2))
    result = run(capsys, *_train_arguments(mnist, work / "run"))
    assert (result.code, result.err) == (130, "")
    assert tree(work) == {}


def test_interrupt_while_drawing(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "draw", interrupt)
    result = run(capsys, *_train_arguments(mnist, work / "run"))
    assert (result.code, result.err) == (130, "")
    assert tree(work / "run").keys() == {"weights.npz", "history.json", "summary.json"}


def test_progress_terminal(mnist: Path, work: Path) -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    environment["PYTHONPATH"] = str(Path(train.__file__).parents[2])
    command = [sys.executable, "-m", "numpy_impl", *_train_arguments(mnist, work / "run")]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    shown = b""
    # Linux reports the end of the other side as an error.
    with contextlib.suppress(OSError):
        while block := os.read(master, 65536):
            shown += block
    os.close(master)
    assert process.wait(timeout=20) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert len(re.findall(EPOCH_LINE, text)) == 3
    assert "━" in text
    assert re.search(r"epoch 1/3 .*\d+ %  loss \d+\.\d{4}", text)
    # The cursor is hidden while the bar is there, and shown again at the end.
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def test_progress_rare_updates(monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    refreshed = []
    monkeypatch.setattr("rich.progress.Progress.refresh", lambda *_: refreshed.append(True))
    bar = ProgressBar()
    begin = time.perf_counter()
    bar.on_fit_begin(1, 5000)
    for step in range(1, 5001):
        bar.on_step_end(1, step, 0.5)
    bar.on_fit_end(History())
    seconds = time.perf_counter() - begin
    capsys.readouterr()
    # A few belong to the start, the first step and the end.
    assert 1 <= len(refreshed) <= 10 * seconds + 4


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_without_rich(
    terminal: bool,
    mnist: Path,
    work: Path,
    capsys: Capsys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    result = run(capsys, *_train_arguments(mnist, work / "run"))
    assert (result.code, result.err) == (0, "")
    assert len([line for line in result.lines if re.fullmatch(EPOCH_LINE, line)]) == 3


def test_evaluate_json(trained: Path, mnist: Path, capsys: Capsys) -> None:
    result = run(capsys, "evaluate", trained, "--data", mnist, "--json")
    assert (result.code, result.err) == (0, "")
    images, labels = pictures(TEST_SAMPLES, 1)
    network = load_model(trained / "weights.npz").model
    p = _expected_probabilities(network, images.reshape(-1, SIDE * SIDE) / 255)
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
    assert found["accuracy"] == _loaded(work / "run" / "summary.json")["test_accuracy"]


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
    _check_refused(result, expected)


def test_evaluate_unknown_dataset(mnist: Path, work: Path, capsys: Capsys) -> None:
    save_model(work / "other.npz", mlp([784, 10], rng=np.random.default_rng(0)))
    result = run(capsys, "evaluate", work / "other.npz", "--data", mnist)
    _check_refused(result, "--dataset: expected a name")


@pytest.fixture
def samples() -> np.ndarray:
    return pictures(CLASSES, 2)[0]


def _check_predictions(result: Result, trained: Path, inputs: np.ndarray) -> None:
    assert (result.code, result.err) == (0, "")
    network = load_model(trained / "weights.npz").model
    p = _expected_probabilities(network, inputs.reshape(-1, SIDE * SIDE))
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
    assert run(capsys, *_train_arguments(mnist, work / "run", "--raw-pixels")).code == 0
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
    p = _expected_probabilities(load_model(work / "run" / "weights.npz").model, points)
    assert [row["label"] for row in json.loads(result.out)] == p.argmax(axis=1).tolist()
    np.save(work / "bytes.npy", points.astype(np.uint8))
    for argv, expected in (
        (["bytes.npy"], "FILE: expected floating-point numbers"),
        (["picture.png"], "FILE: expected a .npy file, as 2 features are no square"),
        (["points.npy", "--invert"], "--invert: expected a model of pictures"),
    ):
        _check_refused(run(capsys, "predict", work / "run", *argv), expected)


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
    _check_refused(result, "FILE: ", expected, "bad.npy")
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
        _check_refused(result, "FILE: ", expected, repr(name))
        assert result.out == ""


def test_predict_overflow(work: Path, capsys: Capsys) -> None:
    network = mlp([4, 2], rng=np.random.default_rng(0))
    network.arena.values.fill(3e38)
    save_model(work / "huge.npz", network)
    np.save(work / "a.npy", np.ones(4))
    _check_refused(run(capsys, "predict", "huge.npz", "a.npy"), "FILE: expected numbers")


def test_predict_without_pillow(
    trained: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "p.png").write_bytes(PNG)
    monkeypatch.setitem(sys.modules, "PIL", None)
    result = run(capsys, "predict", trained, "p.png")
    _check_refused(result, "pillow", "pip install 'numpy-mlp[cli]'")


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
    _check_refused(result, "MODEL: expected finite parameters")


BAD_ARGUMENTS = [
    ([], "required: COMMAND"),
    (["fly"], "COMMAND: "),
    (["train", "--colour"], "--colour"),
    (["train", "--epoch", "3"], "--epoch"),
    (["train", "--dataset"], "--dataset: "),
    (
        ["train", "--dataset", "imagenet"],
        "--dataset: expected one of auto, mnist, digits, moons, xor, got 'imagenet'",
    ),
    (
        ["train", "--optimizer", "rmsprop"],
        "--optimizer: expected one of sgd, adam, adamw, got 'rmsprop'",
    ),
    (["train", "--epochs", "abc"], "--epochs: expected an integer of at least 1, got 'abc'"),
    (["train", "--epochs", "0"], "--epochs: expected an integer of at least 1, got '0'"),
    (["train", "--epochs", "1.5"], "--epochs: expected an integer of at least 1, got '1.5'"),
    (["train", "--batch-size", "0"], "--batch-size: expected an integer of at least 1, got '0'"),
    (["train", "--batch-size", "-3"], "--batch-size: expected an integer of at least 1"),
    (["train", "--lr", "nan"], "--lr: expected a finite number above 0, got 'nan'"),
    (["train", "--lr", "inf"], "--lr: expected a finite number above 0, got 'inf'"),
    (["train", "--lr", "0"], "--lr: expected a finite number above 0, got '0'"),
    (["train", "--lr", "-1"], "--lr: expected a finite number above 0, got '-1'"),
    (["train", "--lr", "fast"], "--lr: expected a finite number above 0, got 'fast'"),
    (["train", "--hidden"], "--hidden: "),
    (["train", "--hidden", "8", "0"], "--hidden: expected an integer from 1 to 1000000, got '0'"),
    (["train", "--hidden", "9" * 30], "--hidden: expected an integer from 1 to 1000000"),
    (["train", "--seed", "-1"], "--seed: expected an integer of at least 0, got '-1'"),
    (["train", "--output", ""], "--output: expected a path, got ''"),
    (["train", "--dataset", "moons", "--raw-pixels"], "--raw-pixels: expected a data set of"),
    (["train", "--dataset", "mnist", "--data", "nowhere", "--no-download"], "--data: expected"),
    (["train", "--dataset", "mnist", "--data", ".", "--no-download"], "--data: expected"),
    (["evaluate"], "required: MODEL"),
    (["evaluate", "nowhere"], "MODEL: expected a readable file, got 'nowhere'"),
    (["evaluate", "."], "MODEL: expected a readable file, got 'weights.npz'"),
    (["evaluate", "nowhere", "--dataset", "x"], "--dataset: expected one of auto"),
    (["predict", "nowhere"], "required: FILE"),
    (["predict", "nowhere", "x.png"], "MODEL: expected a readable file"),
    (["inspect", "nowhere.npz"], "MODEL: expected a readable file, got 'nowhere.npz'"),
]


@pytest.mark.parametrize(("argv", "expected"), BAD_ARGUMENTS)
def test_bad_arguments(argv: list[str], expected: str, work: Path, capsys: Capsys) -> None:
    _check_refused(run(capsys, *argv), expected)
    assert tree(work) == {}


@pytest.mark.parametrize("command", ["evaluate", "inspect"])
@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut"])
def test_bad_model(command: str, content: bytes, work: Path, capsys: Capsys) -> None:
    (work / "model.npz").write_bytes(content)
    result = run(capsys, command, "model.npz")
    _check_refused(result, "MODEL: expected a model saved by numpy-mlp, got 'model.npz'")


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"dataset": 3}, "a dataset name in its metadata, got 3"),
        ({"dataset": "moons", "seed": -1}, "a seed of at least 0 in its metadata, got -1"),
        ({"dataset": "mnist", "scale": "big"}, "a scale above 0 in its metadata, got 'big'"),
    ],
)
def test_bad_metadata(
    metadata: dict[str, object], expected: str, mnist: Path, work: Path, capsys: Capsys
) -> None:
    save_model(work / "m.npz", mlp([784, 10], rng=np.random.default_rng(0)), metadata)
    _check_refused(run(capsys, "evaluate", "m.npz", "--data", mnist), f"MODEL: expected {expected}")


def test_no_memory(
    work: Path, mnist: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise MemoryError("Unable to allocate 1. TiB")

    monkeypatch.setattr(train, "mlp", refuse)
    result = run(capsys, *_train_arguments(mnist, work / "run"))
    _check_refused(result, "memory: expected", "Unable to allocate 1. TiB")
    assert tree(work) == {}


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_information(argument: str, capsys: Capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main([argument])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    expected = {"--version": "numpy-mlp 0.1.0\n", "--help": "usage: numpy-mlp "}
    assert out.startswith(expected[argument])


def test_help_shows_the_defaults(capsys: Capsys) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert "10 for mnist, 40 for digits, 100 for moons, 100 for xor" in out
    assert "0.1 for sgd, 0.001 for adam, 0.001 for adamw" in out


def test_process(trained: Path) -> None:
    process = start("inspect", trained)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")
    assert b"784-32-16-10" in out
    process = start("inspect", "nowhere")
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, b"")
    assert err.startswith(b"numpy-mlp: error: MODEL: ")


def test_closed_pipe(trained: Path) -> None:
    process = start("inspect", trained)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=20), err) == (141, b"")


def test_peak_memory(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("VmPeak:\t 9999 kB\nVmHWM:\t    2000 kB\nVmRSS:\t 1000 kB\n")
    assert peak_rss_mb(status) == 2.048
    measured = peak_rss_mb(tmp_path / "missing")
    assert measured is not None
    assert 10 < measured < 100_000
