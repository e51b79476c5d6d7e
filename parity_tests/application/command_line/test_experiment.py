"""The command that answers questions about training."""

import json
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from numpy_impl import Adam
from numpy_impl.cli import main
from numpy_impl.experiments import QUESTIONS, batch_size, epochs, runs
from numpy_impl.experiments.tables import Table
from parity_tests.application.command_line.runs import (
    PNG,
    Capsys,
    check_refused,
    loaded,
    run,
    tree,
)


def arguments(mnist: Path, name: str, *more: object) -> list[object]:
    fixed = ["--dataset", "mnist", "--data", mnist, "--no-download", "--small"]
    return ["experiment", name, *fixed, "--output", "out", *more]


def tables(figures: dict[str, Any]) -> list[Table]:
    return [
        Table(
            table["caption"],
            tuple(table["columns"]),
            [tuple(row) for row in table["rows"]],
            tuple(table["words"]),
        )
        for table in figures["tables"]
    ]


@pytest.mark.parametrize("name", QUESTIONS)
def test_experiment(name: str, mnist: Path, work: Path, capsys: Capsys) -> None:
    result = run(capsys, *arguments(mnist, name, "--seeds", 2, "--seed", 3))
    assert result.code == 0
    assert result.lines[0] == f"MNIST from {mnist}"
    assert result.err
    assert tree(work / "out").keys() == {f"{name}.{suffix}" for suffix in ("json", "md", "png")}
    assert (work / "out" / f"{name}.png").read_bytes().startswith(PNG)
    # Of what diverges there are numbers that JSON cannot hold.
    text = (work / "out" / f"{name}.json").read_text()
    figures = json.loads(text, parse_constant=pytest.fail)
    assert (figures["experiment"], figures["dataset"]) == (name, "mnist")
    assert (figures["seeds"], figures["small"]) == ([3, 4], True)
    found = tables(figures)
    markdown = (work / "out" / f"{name}.md").read_text()
    assert markdown == "\n".join(table.markdown() for table in found)
    for table in found:
        assert table.text() in result.out
        assert len(table.rows) >= 2
        assert {len(row) for row in table.rows} == {len(table.columns)}
    assert [line for line in result.lines if line.startswith("wrote")] == [
        f"wrote  out/{name}.{suffix}" for suffix in ("png", "md", "json")
    ]


def test_experiment_seed_decides(mnist: Path, work: Path, capsys: Capsys) -> None:
    results = []
    for seed in (5, 5, 6):
        more = ("--seeds", 1, "--seed", seed, "--overwrite")
        assert run(capsys, *arguments(mnist, "losses", *more)).code == 0
        results.append(loaded(work / "out" / "losses.json")["figures"])
    assert results[0] == results[1] != results[2]


def test_experiment_of_full_size(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "FULL", epochs.Plan(3, (3,)))
    argv = [argument for argument in arguments(mnist, "epochs") if argument != "--small"]
    assert run(capsys, *argv).code == 0
    figures = loaded(work / "out" / "epochs.json")
    assert (figures["seeds"], figures["small"]) == ([0, 1, 2, 3, 4], False)
    assert figures["figures"]["epoch"] == [1, 2, 3]
    assert "on 300 samples" in figures["tables"][0]["caption"]


def test_experiment_leaves_other_files_alone(mnist: Path, work: Path, capsys: Capsys) -> None:
    (work / "out").mkdir()
    for name in ("notes.txt", "worst.md"):
        (work / "out" / name).write_text("mine")
    assert run(capsys, *arguments(mnist, "losses", "--seeds", 1)).code == 0
    (work / "out" / "losses.md").write_text("mine")
    before = tree(work)
    result = run(capsys, *arguments(mnist, "losses", "--seeds", 1))
    expected = "--output: expected a folder without losses.png, losses.md, losses.json, or --over"
    check_refused(result, expected)
    assert tree(work) == before
    result = run(capsys, *arguments(mnist, "losses", "--seeds", 1, "--overwrite"))
    assert result.code == 0
    after = tree(work)
    assert after["out/losses.md"] != b"mine"
    assert after["out/notes.txt"] == after["out/worst.md"] == b"mine"


def test_experiment_interrupt(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        runs.EpochScores, "on_epoch_end", lambda *_: signal.raise_signal(signal.SIGINT)
    )
    assert run(capsys, *arguments(mnist, "epochs")).code == 130
    assert tree(work) == {}


def test_experiment_divergence(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        batch_size, "Recipe", partial(runs.Recipe, optimizer=partial(Adam, lr=1e30))
    )
    result = run(capsys, *arguments(mnist, "batch-size", "--seeds", 1))
    check_refused(result, "expected a finite number", code=1)
    assert tree(work) == {}


def test_experiment_without_matplotlib(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run(capsys, *arguments(mnist, "losses", "--seeds", 1))
    assert result.code == 0
    assert len([line for line in result.lines if "pip install 'numpy-mlp[cli]'" in line]) == 1
    assert tree(work / "out").keys() == {"losses.json", "losses.md"}


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["experiment"], "required: NAME"),
        (["experiment", "colours"], f"NAME: expected one of {', '.join(QUESTIONS)}, got 'colou"),
        (["experiment", "epochs", "--seeds", "0"], "--seeds: expected an integer of at least 1"),
        (["experiment", "epochs", "--dataset", "moons"], "--dataset: expected a data set of pict"),
    ],
)
def test_experiment_refusals(argv: list[str], expected: str, work: Path, capsys: Capsys) -> None:
    check_refused(run(capsys, *argv), expected)
    assert tree(work) == {}


def test_experiment_needs_seeds_to_compare(mnist: Path, work: Path, capsys: Capsys) -> None:
    result = run(capsys, *arguments(mnist, "fluctuation", "--seeds", 1))
    check_refused(result, "--seeds: expected at least 2")
    assert tree(work) == {}


def test_experiment_help_names_the_questions(capsys: Capsys) -> None:
    with pytest.raises(SystemExit):
        main(["experiment", "--help"])
    out = capsys.readouterr().out
    for name, question in QUESTIONS.items():
        assert f"{name:<11}  {question}\n" in out
