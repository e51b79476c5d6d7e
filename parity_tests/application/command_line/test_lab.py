"""``lab``: somebody's network in a process of its own, judged whatever it does."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from numpy_impl import lab
from numpy_impl.app.lab import lab_images
from numpy_impl.app.lab_child import cross_entropy
from numpy_impl.app.lab_start import look, remarks
from numpy_impl.data import Dataset
from parity_tests.application.command_line.runs import Capsys, check_refused, run

SOUND = Path(lab.__file__)

# A network as short as can be, with a place for what goes wrong.
NETWORK = """
import numpy as np

class NeuralNetwork:
    def __init__(self, input_size=784, hidden_size=128, output_size=10, lr=0.01):
        self.W = np.random.randn(input_size, output_size) * 0.01

    def forward(self, X):
        e = np.exp(X @ self.W)
        return e / e.sum(axis=1, keepdims=True)

    def train_step(self, X, y):
        p = self.forward(X)
        loss = -np.log(p[np.arange(len(y)), y]).mean()
        p[np.arange(len(y)), y] -= 1
        self.W -= 0.1 * X.T @ p / len(y)
        {step}
        return loss

    def predict(self, X):
        return self.forward(X).argmax(axis=1)
"""


def judge(
    capsys: Capsys, mnist: Path, file: object, *more: str
) -> tuple[int, dict[str, object], dict[str, object]]:
    """Judge a file, and return the exit code, all that was found, and the first training."""
    result = run(capsys, "lab", file, "--data", mnist, "--dataset", "mnist", "--json", *more)
    assert result.err == ""
    found = json.loads(result.out)
    return result.code, found, found["runs"][0]


@pytest.mark.parametrize(
    ("step", "verdict", "message"),
    [
        ("while True: pass", "too slow", "more than 2 s and was ended while"),
        ("self.kept = np.ones((1, 10**9))", "out of memory", "more than 512 MB"),
        ("raise ValueError('no')", "raised", "ValueError: no (mine.py:17: raise ValueError"),
        ("raise SystemExit(0)", "raised", "SystemExit: 0 (mine.py:17"),
        ("__import__('os')._exit(3)", "crashed", "exit code 3"),
        ("__import__('os').kill(__import__('os').getpid(), 11)", "crashed", "SIGSEGV"),
        ("input()", "raised", "EOFError"),
        ("loss = np.nan", "wrong result", "train_step returns a loss of nan"),
        ("loss = np.ones(3)", "wrong result", "returns float64 of shape (3,)"),
        ("loss = None", "wrong result", "returns NoneType"),
        ("self.W[:] = np.nan", "wrong result", "a loss of nan in epoch 1, step 2"),
        ("self.predict = lambda X: X", "wrong result", "predict returns float32 of shape"),
        ("self.forward = lambda X: X", "raised", "could not be broadcast together"),
    ],
)
def test_what_goes_wrong_gets_a_verdict(
    step: str, verdict: str, message: str, mnist: Path, work: Path, capsys: Capsys
) -> None:
    (work / "mine.py").write_text(NETWORK.format(step=step))
    seconds = "2" if verdict == "too slow" else "30"
    code, found, training = judge(capsys, mnist, "mine.py", "--seconds", seconds, "--memory", "512")
    assert (code, found["accepted"], found["mean_score"]) == (1, False, None)
    assert training["verdict"] == verdict
    assert message in str(training["message"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("e / e.sum(axis=1, keepdims=True)", "e", "rows that are no probabilities"),
        ("e / e.sum(axis=1, keepdims=True)", "e.argmax(axis=1)", "int64 of shape (300,)"),
        ("class NeuralNetwork", "class Net", "no class NeuralNetwork; its classes are Net"),
        ("NeuralNetwork:", "NeuralNetwork", "SyntaxError"),
    ],
)
def test_what_is_no_network_gets_a_verdict(
    old: str, new: str, message: str, mnist: Path, work: Path, capsys: Capsys
) -> None:
    (work / "mine.py").write_text(NETWORK.format(step="").replace(old, new))
    code, _, training = judge(capsys, mnist, "mine.py")
    assert code == 1
    assert training["verdict"] in ("wrong result", "raised")
    assert message in str(training["message"])


def test_a_sound_network_is_scored(mnist: Path, capsys: Capsys) -> None:
    code, found, training = judge(capsys, mnist, f"{SOUND}:PlainNetwork", "--seeds", "2")
    assert (found["class"], found["dataset"], found["batch_size"]) == ("PlainNetwork", "mnist", 32)
    runs = found["runs"]
    assert isinstance(runs, list)
    scores = [entry["score"] for entry in runs]
    assert found["mean_score"] == pytest.approx(sum(scores) / 2)
    assert code == (0 if sum(scores) / 2 >= 0.85 else 1)
    assert [entry["verdict"] for entry in runs] == ["scored", "scored"]
    assert runs[0]["epochs"] != runs[1]["epochs"]
    assert [entry["epoch"] for entry in runs[0]["epochs"]] == list(range(1, 9))
    losses = [entry["train_loss"] for entry in runs[0]["epochs"]]
    assert losses == sorted(losses, reverse=True)
    assert training["remarks"] == []


def test_the_same_seed_gives_the_same_figures(mnist: Path, work: Path, capsys: Capsys) -> None:
    (work / "mine.py").write_text(NETWORK.format(step=""))
    found = [judge(capsys, mnist, "mine.py", "--seed", "3")[2]["epochs"] for _ in range(2)]
    other = judge(capsys, mnist, "mine.py", "--seed", "4")[2]["epochs"]
    assert found[0] == found[1] != other


def test_inverted_initialization_is_named(mnist: Path, work: Path, capsys: Capsys) -> None:
    inverted = SOUND.read_text().replace("* np.sqrt(\n            2", "/ np.sqrt(\n            2")
    assert inverted.count("/ np.sqrt") == 2
    (work / "mine.py").write_text(inverted)
    result = run(capsys, "lab", "mine.py:PlainNetwork", "--data", mnist, "--dataset", "mnist")
    assert "W1 has a standard deviation of 19.8, 392 times He's" in result.out
    assert "Multiply by sqrt(2 / n), where it is divided by it." in result.out
    assert re.search(r"^W1 +19\.8 +39\d +[\d.e+]+ +[\d.e-]+$", result.out, re.MULTILINE)
    assert "who knows nothing has ln 10 = 2.303" in result.out


def test_figures_of_the_start() -> None:
    net = lab.PlainNetwork(rng=np.random.default_rng(0))
    twin = lab.PlainNetwork(rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    x, y = rng.random((50, 784), dtype=np.float32), rng.integers(0, 10, 50)
    found = look(net, x, y)
    z1 = x @ twin.W1
    z2 = np.maximum(z1, 0) @ twin.W2
    assert [layer["name"] for layer in found["layers"]] == ["W1", "W2"]
    for layer, z, w in zip(found["layers"], (z1, z2), (twin.W1, twin.W2), strict=True):
        assert layer["z"] == pytest.approx(np.sqrt((z**2).mean()), rel=1e-5)
        assert layer["std"] == pytest.approx(w.std())
    before = twin.W2.copy()
    assert found["first_loss"] == twin.train_step(x, y)
    change = np.sqrt(((twin.W2 - before) ** 2).mean() / (before**2).mean())
    assert found["layers"][1]["change"] == pytest.approx(change, rel=1e-5)
    assert remarks(found, 10) == []


@pytest.mark.parametrize(("factor", "words"), [(0.0, "W1 is zero"), (3.0, "3 times He's")])
def test_other_scales_are_told(factor: float, words: str) -> None:
    net = lab.PlainNetwork(rng=np.random.default_rng(0))
    net.W1 *= factor
    rng = np.random.default_rng(1)
    told = remarks(look(net, rng.random((50, 784)), rng.integers(0, 10, 50)), 10)
    assert any(words in remark for remark in told)


def test_the_loss_of_an_impossible_class_is_finite() -> None:
    assert cross_entropy(np.array([0.0, 1.0])) == pytest.approx(-np.log(2.0**-1022) / 2)


def made(train: int, test: int) -> Dataset:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (count, 4), dtype=np.uint8) for count in (train, test)]
    labels = [rng.integers(0, 10, count) for count in (train, test)]
    return Dataset("mnist", "made", images[0], labels[0], images[1], labels[1], 10, 1 / 255)


@pytest.mark.parametrize(
    ("train", "test", "parts"),
    [
        (60_000, 10_000, [(54_500, 58_750), (5_500, 6_000), (6_000, 7_000)]),
        (1_437, 360, [(0, 1_437), (0, 120), (120, 360)]),
        (60_000, 6_999, [(0, 4_250), (0, 500), (500, 1_500)]),
    ],
)
def test_pictures_of_each_purpose(train: int, test: int, parts: list[tuple[int, int]]) -> None:
    data = made(train, test)
    images = lab_images(data)
    for name, source, (begin, end) in zip(
        ("train", "validation", "score"), ("train", "test", "test"), parts, strict=True
    ):
        x, y = getattr(data, f"{source}_images"), getattr(data, f"{source}_labels")
        np.testing.assert_array_equal(getattr(images, f"{name}_y"), y[begin:end])
        pixels = getattr(images, f"{name}_x")
        assert pixels.dtype == np.float32
        np.testing.assert_allclose(pixels, x[begin:end] / 255, rtol=1e-6)


def test_refusals(mnist: Path, capsys: Capsys) -> None:
    check_refused(run(capsys, "lab", "none.py"), "FILE: expected a file of Python", "none.py")
    check_refused(run(capsys, "lab", SOUND, "--dataset", "xor"), "--dataset: expected pictures")
    check_refused(run(capsys, "lab", SOUND, "--data", mnist, "--seeds", "0"), "--seeds")
