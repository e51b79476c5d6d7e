"""The command as a process: help, version, pipes and memory."""

from pathlib import Path

import pytest

from numpy_impl.app.memory import peak_rss_mb
from numpy_impl.cli import main
from parity_tests.application.command_line.runs import (
    Capsys,
    start,
)


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
