"""Trainings that are killed lose nothing; and what counts the kills notices when they do."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from numpy_impl import checkpoint
from numpy_impl.optimizers import Optimizer
from parity_tests.kills import run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that can fork")


def test_nothing_is_lost() -> None:
    outcome = run(10, seed=0)
    assert not outcome.faults, str(outcome)
    assert outcome.kills == outcome.resumed == 10
    assert outcome.before_first < 10


def test_a_file_that_is_written_in_place_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def in_place(path: str | os.PathLike[str]) -> Iterator[Path]:
        Path(path).unlink(missing_ok=True)
        yield Path(path)

    monkeypatch.setattr(checkpoint, "replacing", in_place)
    assert "unreadable" in str(run(60, seed=0).faults)


def test_a_state_that_is_not_kept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Optimizer, "load_state_dict", lambda *_: None)
    assert "other bits" in str(run(10, seed=0).faults)
