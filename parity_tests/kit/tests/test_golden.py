"""Golden values: what is written is what PyTorch says, and a network is held to it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from numpy_impl import InputError
from parity_tests.kit.catalogue import networks
from parity_tests.kit.catalogue.correct import CORRECT, Correct
from parity_tests.kit.check import examine
from parity_tests.kit.child import examine_apart
from parity_tests.kit.golden import VERSION, GoldenError, load, make
from parity_tests.kit.tests.asked import Array, Classifier, network
from parity_tests.kit.verdicts import Report


def _named(name: str) -> Correct:
    return next(correct for correct in CORRECT if correct.name == name)


LESSON = _named("lesson")


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    path = tmp_path / "mlp.npz"
    make(path, _sizes(LESSON), "relu", "softmax", "cross_entropy")
    return path


def _sizes(correct: Correct) -> list[int]:
    sizes: list[int] = examine(correct.network).spec["sizes"]
    return sizes


def _examined(path: Path, old: str = "", new: str = "") -> Report:
    network = LESSON.planted(old, new) if old else LESSON.network
    return examine(network, golden=load(path))


def test_a_right_network_agrees(golden: Path) -> None:
    report = _examined(golden)
    assert report.failures == []
    assert report.spec["arbiter"].startswith("mlp.npz: at most")


def test_a_slope_that_is_left_out_is_the_usual_one(tmp_path: Path) -> None:
    leaky = _named("layers leaky relu deep")
    make(tmp_path / "mlp.npz", _sizes(leaky), "leaky_relu", "identity", "cross_entropy")
    report = examine(leaky.network, golden=load(tmp_path / "mlp.npz"))
    assert report.failures == []
    assert "at most" in report.spec["arbiter"]


def test_outputs_agree_where_steps_show_no_gradient(tmp_path: Path) -> None:
    class Stepping(Classifier):
        """With an adaptive optimizer inside, whose steps are no multiples of a gradient."""

        def __init__(self) -> None:
            super().__init__()
            self.squares = [np.zeros_like(p) for p in self.w + self.b]

        def step(self, x: Array, y: Array, lr: float) -> None:
            own = zip(self.w + self.b, self.squares, self.gradients(x, y), strict=True)
            for p, square, g in own:
                square *= 0.99
                square += 0.01 * g**2
                p -= lr * g / (np.sqrt(square) + 1e-8)

    make(tmp_path / "mlp.npz", Classifier.sizes, "relu", "softmax", "cross_entropy")
    stepping = network(Stepping, gradients=None, loss=None)
    report = examine(stepping, golden=load(tmp_path / "mlp.npz"))
    assert report.failures == []
    assert report.spec["arbiter"].startswith("mlp.npz: at most")


def test_a_fault_is_named_without_pytorch(golden: Path) -> None:
    report = _examined(golden, "d2 = d2 / n", "d2 = 2 * d2 / n")
    assert [verdict.cause for verdict in report.failures] == ["factor-two"]


def test_other_values_do_not_agree(golden: Path) -> None:
    with np.load(golden) as archive:
        arrays = dict(archive)
    arrays["gradient1_W2"] = arrays["gradient1_W2"] + 1e-6
    np.savez(golden, **arrays)
    assert [verdict.tensor for verdict in _examined(golden).failures] == ["W2"]


@pytest.mark.parametrize(
    ("hidden", "output", "loss", "cause"),
    [
        ("tanh", "softmax", "cross_entropy", "another-activation"),
        ("relu", "sigmoid", "cross_entropy", "another-output"),
        ("relu", "softmax", "squared_error", "another-loss"),
    ],
)
def test_a_network_of_another_kind_is_told(
    tmp_path: Path, hidden: str, output: str, loss: str, cause: str
) -> None:
    path = tmp_path / "mlp.npz"
    make(path, _sizes(LESSON), hidden, output, loss)
    report = _examined(path)
    assert [verdict.cause for verdict in report.failures] == [cause]
    assert "not asked" in report.spec["arbiter"]


def test_values_for_other_inputs_are_not_taken(golden: Path) -> None:
    start = "    def forward(self, X):"
    report = _examined(golden, start, f"{start}\n        X /= 255")
    assert "inputs changed" in report.spec["arbiter"]
    assert {verdict.aspect for verdict in report.failures} == {"side effects"}


def test_values_of_other_sizes_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "mlp.npz"
    make(path, [3, 4, 2], "relu", "softmax", "cross_entropy")
    report = _examined(path)
    assert report.exit_code == 2
    assert "12" in report.verdicts[0].message


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, a=np.zeros(3))
    with pytest.raises(GoldenError, match="not a file of golden values"):
        load(path)
    path.write_text("nothing")
    with pytest.raises(GoldenError, match="not a file of golden values"):
        load(path)
    np.savez(path, golden=np.array(f'{{"version": {VERSION + 1}}}'))
    with pytest.raises(GoldenError, match=f"version {VERSION + 1}, expected {VERSION}"):
        load(path)


def test_arguments_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "mlp.npz"
    for name, sizes, hidden in (
        ("sizes", [3], "relu"),
        ("sizes", [3, 0], "relu"),
        ("hidden", [3, 4, 2], ["relu", "relu"]),
    ):
        with pytest.raises(InputError, match=name):
            make(path, sizes, hidden, "softmax", "cross_entropy")
    assert not path.exists()


def test_verifying_needs_no_pytorch(golden: Path) -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from parity_tests.__main__ import main\n"
        f"sys.exit(main(['golden', 'verify', {str(golden)!r}, {str(_file(LESSON))!r}]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False
    )
    assert "held against: mlp.npz: at most" in result.stdout, result.stdout + result.stderr
    assert result.returncode == 0


@pytest.mark.parametrize("sizes", [(31, 17, 10), (31, 17, 11, 10)])
@pytest.mark.parametrize("name", ["layers relu", "dict functions", "deep relu"])
def test_a_network_without_declaration_gets_the_sizes(
    tmp_path: Path, name: str, sizes: tuple[int, ...]
) -> None:
    correct = _named(name)
    declared = examine(correct.network)
    form, loss = declared.evidence.form, declared.evidence.loss
    make(tmp_path / "mlp.npz", sizes, form.hidden[0], form.output, loss)
    report = examine_apart(str(_file(correct)), golden=tmp_path / "mlp.npz")
    assert report.failures == []
    assert report.spec["sizes"] == list(sizes)
    assert report.spec["arbiter"].startswith("mlp.npz: at most")


def _file(correct: Correct) -> Path:
    return Path(networks.__file__).parent / f"{correct.file}.py"
