"""Figures in the README that follow from the code."""

from pathlib import Path

import numpy_impl as ours
from parity_tests.guide import counts
from parity_tests.kit.catalogue.correct import CORRECT
from parity_tests.kit.catalogue.faults import FAULTS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_operations_and_forms() -> None:
    operations, forms = counts()
    assert f"{operations} operations in {forms} forms" in README


def test_kinds_of_operations() -> None:
    public = [getattr(ours, name) for name in ours.__all__]

    def count(base: type, home: str = "") -> int:
        kinds = (k for k in public if isinstance(k, type) and issubclass(k, base) and k is not base)
        return sum(home in kind.__module__ for kind in kinds)

    sentence = (
        f"{count(ours.Layer, '.layers.')} kinds of layers, "
        f"{count(ours.Layer, '.activations.')} activations, {count(ours.Loss)} losses, "
        f"{count(ours.Optimizer)} optimizers, {count(ours.LRScheduler)} learning-rate schedules"
    )
    assert sentence in " ".join(README.split()), sentence


def test_planted_faults_of_the_kit() -> None:
    sentence = f"{len(FAULTS)} faults that are planted in {len(CORRECT)} networks"
    assert sentence in " ".join(README.split()), sentence
