"""What the tests of the command line find: an empty folder, small data, a trained network."""

import os
from pathlib import Path

import pytest

from numpy_impl.app import train
from numpy_impl.cli import main
from parity_tests.application.command_line.runs import (
    train_arguments,
    write_mnist,
)


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
    assert main(train_arguments(mnist, folder)) == 0
    return folder
