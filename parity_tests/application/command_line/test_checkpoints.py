"""Checkpoints from the command line: written, kept, and gone on from."""

import os
import signal
import time
from pathlib import Path

import pytest

from numpy_impl.data.loader import DataLoader
from parity_tests.application.command_line.runs import (
    Capsys,
    loaded,
    run,
    start,
    train_arguments,
)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def test_checkpoints_are_written_and_the_run_is_the_same(
    mnist: Path, work: Path, capsys: Capsys
) -> None:
    assert run(capsys, *train_arguments(mnist, work / "plain")).code == 0
    with_them = train_arguments(mnist, work / "run", "--checkpoint-every", 2, "--keep", 2)
    assert run(capsys, *with_them).code == 0
    assert len(_names(work / "run")) == 2
    weights = [(work / name / "weights.npz").read_bytes() for name in ("plain", "run")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_training_goes_on(
    mnist: Path,
    work: Path,
    capsys: Capsys,
    monkeypatch: pytest.MonkeyPatch,
    signum: int,
    code: int,
) -> None:
    assert run(capsys, *train_arguments(mnist, work / "plain")).code == 0
    arguments = train_arguments(mnist, work / "run", "--checkpoint-every", 100)
    fill, calls = DataLoader._fill, []

    def stop(*given: object) -> None:
        calls.append(given)
        if len(calls) == 4:
            os.kill(os.getpid(), signum)
        fill(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(DataLoader, "_fill", stop)
    stopped = run(capsys, *arguments)
    assert (stopped.code, "interrupted after" in stopped.out) == (code, True)
    monkeypatch.undo()
    [name] = _names(work / "run")
    refused = run(capsys, *arguments, "--overwrite")
    assert refused.code == 2
    assert "--output: expected a folder without checkpoints, or --resume, got" in refused.err
    monkeypatch.chdir(work)
    again = run(capsys, *arguments, "--resume")
    assert again.code == 0
    assert f"going on from {work / 'run' / 'checkpoints' / name}" in again.out
    assert loaded(work / "run" / "summary.json")["resumed"] is True
    weights = [(work / name / "weights.npz").read_bytes() for name in ("plain", "run")]
    assert weights[0] == weights[1]


def test_a_killed_training_goes_on(mnist: Path, work: Path, capsys: Capsys) -> None:
    arguments = train_arguments(
        mnist, work / "run", "--checkpoint-every", 1, "--resume", "--epochs", 9
    )
    process = start(*arguments)
    deadline = time.monotonic() + 30
    while len(list((work / "run").glob("checkpoints/step-*"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.kill()
    out, _ = process.communicate(timeout=20)
    assert b"no checkpoint in" in out
    assert run(capsys, *arguments).code == 0
    assert run(capsys, *train_arguments(mnist, work / "plain", "--epochs", 9)).code == 0
    weights = [(work / name / "weights.npz").read_bytes() for name in ("plain", "run")]
    assert weights[0] == weights[1]


def test_a_damaged_checkpoint_is_reported(mnist: Path, work: Path, capsys: Capsys) -> None:
    arguments = train_arguments(mnist, work / "run", "--checkpoint-every", 1)
    assert run(capsys, *arguments).code == 0
    newest = work / "run" / "checkpoints" / _names(work / "run")[-1]
    newest.write_bytes(b"PK")
    result = run(capsys, *arguments, "--resume")
    assert result.code == 0
    assert f"{newest}: expected a model" in result.err
    assert f"{newest.name}.damaged" in result.err


def test_another_training_is_refused(mnist: Path, work: Path, capsys: Capsys) -> None:
    arguments = train_arguments(mnist, work / "run", "--checkpoint-every", 1)
    assert run(capsys, *arguments).code == 0
    result = run(capsys, *arguments, "--resume", "--optimizer", "sgd")
    assert result.code == 2
    assert "optimizer: expected Adam, as in the checkpoint, got SGD" in result.err
