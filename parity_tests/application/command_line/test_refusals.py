"""Bad arguments and bad models: one line, exit code 2."""

from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from numpy_impl import mlp, save_model
from numpy_impl.app import train
from parity_tests.application.command_line.runs import (
    Capsys,
    check_refused,
    run,
    train_arguments,
    tree,
)

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
    (["train", "--workers", "0"], "--workers: expected an integer of at least 1, got '0'"),
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
    check_refused(run(capsys, *argv), expected)
    assert tree(work) == {}


@pytest.mark.parametrize("command", ["evaluate", "inspect"])
@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut"])
def test_bad_model(command: str, content: bytes, work: Path, capsys: Capsys) -> None:
    (work / "model.npz").write_bytes(content)
    result = run(capsys, command, "model.npz")
    check_refused(result, "MODEL: expected a model saved by numpy-mlp, got 'model.npz'")


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
    check_refused(run(capsys, "evaluate", "m.npz", "--data", mnist), f"MODEL: expected {expected}")


def test_no_memory(
    work: Path, mnist: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise MemoryError("Unable to allocate 1. TiB")

    monkeypatch.setattr(train, "mlp", refuse)
    result = run(capsys, *train_arguments(mnist, work / "run"))
    check_refused(result, "memory: expected", "Unable to allocate 1. TiB")
    assert tree(work) == {}
