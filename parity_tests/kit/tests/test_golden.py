"""Golden values: what is written is what PyTorch says, and a network is held to it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from numpy_impl import InputError
from parity_tests.kit.catalogue.correct import CORRECT, Correct
from parity_tests.kit.check import examine
from parity_tests.kit.golden import VERSION, GoldenError, load, make
from parity_tests.kit.verdicts import Report

LESSON = next(correct for correct in CORRECT if correct.name == "lesson")


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
    questions, arbiter = load(path)
    return examine(network, arbiter=arbiter, questions=questions)


def test_a_right_network_agrees(golden: Path) -> None:
    report = _examined(golden)
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


def test_values_of_another_network_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "mlp.npz"
    make(path, _sizes(LESSON), "tanh", "softmax", "cross_entropy")
    assert "not asked" in _examined(path).spec["arbiter"]
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


def test_verifying_needs_no_pytorch(golden: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(Path(LESSON_FILE).read_text(encoding="utf-8"))
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from parity_tests.__main__ import main\n"
        f"sys.exit(main(['golden', 'verify', {str(golden)!r}, {str(tmp_path / 'mine.py')!r}]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False
    )
    assert "held against: mlp.npz: at most" in result.stdout, result.stdout + result.stderr
    assert result.returncode == 0


LESSON_FILE = Path(__file__).parent.parent / "catalogue" / "networks" / f"{LESSON.file}.py"
