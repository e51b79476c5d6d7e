"""``boundary``: what is shown, that it is what ``train`` trains, and where it is written."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numpy_impl import CrossEntropyLoss, load_model, mlp
from numpy_impl.app import boundary
from numpy_impl.app.boundary import milestones
from numpy_impl.app.evaluate import Scores
from numpy_impl.app.figures import new_figure, png
from numpy_impl.app.pictures import draw_boundary
from numpy_impl.app.seeding import generators
from numpy_impl.data import load_xor
from parity_tests.application.command_line.runs import (
    PNG,
    Capsys,
    check_refused,
    loaded,
    run,
    tree,
)


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (1, [0, 1]),
        (2, [0, 1, 2]),
        (3, [0, 1, 3]),
        (4, [0, 1, 3, 4]),
        (10, [0, 1, 3, 10]),
        (100, [0, 1, 3, 10, 30, 100]),
        (101, [0, 1, 3, 10, 30, 100, 101]),
    ],
)
def test_boundary_milestones(epochs: int, expected: list[int]) -> None:
    assert milestones(epochs) == expected


def test_boundary_shows_the_network_of_train(
    work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[Any, ...]] = []
    figures = []

    def spy(axes: Any, network: Any, points: np.ndarray, scores: Scores, **_: Any) -> None:
        drawn.append((network.arena.values.copy(), points, scores))
        axes.scatter([0], [0], label="class 0")

    def keep(figure: Any, **_: Any) -> bytes:
        figures.append(figure)
        return PNG

    monkeypatch.setattr(boundary, "draw_boundary", spy)
    monkeypatch.setattr(boundary, "png", keep)
    result = run(capsys, "boundary", "--dataset", "xor", "--epochs", 4, "--seed", 2)
    assert (result.code, result.err) == (0, "")
    path = Path("runs/boundary-xor-seed2.png")
    assert path.read_bytes() == PNG
    assert result.lines[-1] == f"wrote {path}"

    data = load_xor(generators(2).data)
    titles = [axes.get_title() for axes in figures[0].axes]
    for position, (epoch, (values, points, scores)) in enumerate(
        zip((1, 3, 4), drawn[1:], strict=True), start=1
    ):
        arguments = ["--dataset", "xor", "--epochs", epoch, "--seed", 2]
        assert run(capsys, "train", *arguments, "--output", work / f"{epoch}").code == 0
        network = load_model(work / f"{epoch}" / "weights.npz").model
        np.testing.assert_array_equal(values, network.arena.values)
        np.testing.assert_array_equal(points, data.test_images[:150])
        np.testing.assert_array_equal(scores.logits, network.predict(data.test_images)[:150])
        np.testing.assert_array_equal(scores.labels, data.test_labels[:150])
        # The figures are of all test points.
        loss = CrossEntropyLoss()(network.predict(data.test_images), data.test_labels)
        share = loaded(work / f"{epoch}" / "summary.json")["test_accuracy"]
        shown = f"{100 * share:.2f} %"
        assert titles[position] == f"epoch {epoch}\nloss {loss:.4f}, {shown} right"
        assert result.lines[1 + position] == f"epoch {epoch}/4  loss {loss:.4f}  test {shown}"
    assert titles[0].startswith("epoch 0\nloss ")
    assert re.fullmatch(r"epoch 0/4  loss \d\.\d{4}  test \d+\.\d\d %", result.lines[1])
    assert not np.array_equal(drawn[0][0], drawn[1][0])


def test_boundary_draws(work: Path, capsys: Capsys) -> None:
    result = run(capsys, "boundary", "--epochs", 1, "--output", "a.PNG")
    assert (result.code, result.lines[0][:9]) == (0, "two moons")
    first = (work / "a.PNG").read_bytes()
    assert first.startswith(PNG)
    assert run(capsys, "boundary", "--epochs", 1, "--seed", 1, "--output", "a.PNG").code == 0
    assert (work / "a.PNG").read_bytes() not in (first, b"")
    assert tree(work).keys() == {"a.PNG"}


def test_boundary_marks_points_and_probability() -> None:
    # Class 1 lies right of 2 in the first coordinate; the second one does not matter.
    network = mlp([2, 2], rng=np.random.default_rng(0))
    weight, bias = network.parameters()
    weight.data[:] = [[0, 0], [10, 0]]
    bias.data[:] = [0, -20]
    points = np.array([[0, 0], [1, 1], [3, 0]], np.float32)
    axes = new_figure(3, 3).subplots()
    scores = Scores(network.predict(points), np.array([0, 1, 1]))
    field = draw_boundary(axes, network, points, scores)
    marks = {str(c.get_label()): c.get_offsets().tolist() for c in axes.collections[-2:]}
    assert marks == {"class 0": [[0, 0]], "class 1": [[1, 1], [3, 0]]}
    lowest, highest = field.get_paths()[0], field.get_paths()[-1]
    for y in (0.0, 0.9):
        assert highest.contains_point((2.9, y))
        assert lowest.contains_point((0.1, y))
    assert png(axes.figure).startswith(PNG)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--dataset", "mnist"], "--dataset: expected one of moons, xor, got 'mnist'"),
        (["--epochs", "0"], "--epochs: expected an integer of at least 1, got '0'"),
        (["--seed", "x"], "--seed: expected an integer of at least 0, got 'x'"),
        (["--output", "a.jpg"], "--output: expected a file whose name ends in .png, got 'a.jpg'"),
        (["--output", "."], "--output: expected a file whose name ends in .png, got '.'"),
        (["--output", ""], "--output: expected a path, got ''"),
    ],
)
def test_boundary_bad_arguments(argv: list[str], expected: str, work: Path, capsys: Capsys) -> None:
    check_refused(run(capsys, "boundary", *argv), expected)
    assert tree(work) == {}


def test_boundary_failure_leaves_nothing(
    work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "folder.png").mkdir()
    check_refused(run(capsys, "boundary", "--output", "folder.png"), "--output: expected a file")
    (work / "file").write_text("")
    result = run(capsys, "boundary", "--output", "file/a.png")
    check_refused(result, "--output: expected a folder that can be written to")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run(capsys, "boundary", "--output", "new/a.png")
    check_refused(result, "pip install 'numpy-mlp[cli]'")
    # It is missed before anything is trained.
    assert result.out == ""
    assert tree(work).keys() == {"folder.png", "file"}
