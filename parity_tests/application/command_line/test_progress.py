"""What is seen of a training while it runs, and how it is interrupted."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest

from numpy_impl import History, load_model
from numpy_impl.app import train
from numpy_impl.app.progress import ProgressBar
from numpy_impl.callbacks import Callback
from parity_tests.application.command_line.runs import (
    EPOCH_LINE,
    SIDE,
    Capsys,
    loaded,
    run,
    start,
    train_arguments,
    tree,
)


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
    process = start(*train_arguments(mnist, work / "run", "--epochs", "100000"))
    assert process.stdout is not None
    for line in iter(process.stdout.readline, b""):
        if line.startswith(b"epoch      2/"):
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, b"")
    assert b"interrupted after" in out
    summary = loaded(work / "run" / "summary.json")
    history = loaded(work / "run" / "history.json")
    assert 2 <= len(history["epoch"]) == summary["epochs"] < 100000
    network, metadata = load_model(work / "run" / "weights.npz")
    assert network.in_features == SIDE * SIDE
    assert metadata["test_accuracy"] == summary["test_accuracy"]
    assert len(tree(work / "run")) == 6


def test_interrupt_first_epoch(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "progress_callback", lambda: _Interrupter(1, 1))
    result = run(capsys, *train_arguments(mnist, work / "run"))
    assert (result.code, result.err) == (130, "")
    assert tree(work / "run").keys() == {"weights.npz"}
    assert run(capsys, "inspect", work / "run").code == 0


def test_interrupt_twice(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "progress_callback", lambda: _Interrupter(2, 2))
    result = run(capsys, *train_arguments(mnist, work / "run"))
    assert (result.code, result.err) == (130, "")
    assert tree(work) == {}


def test_interrupt_while_drawing(
    mnist: Path, work: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "draw", interrupt)
    result = run(capsys, *train_arguments(mnist, work / "run"))
    assert (result.code, result.err) == (130, "")
    assert tree(work / "run").keys() == {"weights.npz", "history.json", "summary.json"}


def test_progress_terminal(mnist: Path, work: Path) -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    environment["PYTHONPATH"] = str(Path(train.__file__).parents[2])
    command = [sys.executable, "-m", "numpy_impl", *train_arguments(mnist, work / "run")]
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
    result = run(capsys, *train_arguments(mnist, work / "run"))
    assert (result.code, result.err) == (0, "")
    assert len([line for line in result.lines if re.fullmatch(EPOCH_LINE, line)]) == 3
