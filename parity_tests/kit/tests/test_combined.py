"""Whatever usual choices a right network is put together from, nothing is said to differ."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.check import examine
from parity_tests.kit.tests.combined import Combined, choose, combined
from parity_tests.kit.verdicts import DIFFERS

ASPECTS = ("forward", "loss", "gradient", "optimizer", "initialization", "side effects")


@pytest.mark.parametrize("number", range(32))
def test_no_choice_is_called_wrong(number: int) -> None:
    choices = choose(np.random.default_rng([11, number]))
    report = examine(combined(choices), number, ASPECTS, arbiter=pytorch())
    assert [str(verdict) for verdict in report.failures] == [], choices


def test_a_fault_beside_any_choices_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Combined.gradients

    def wrong(net: Combined, *arguments: object, **named: object) -> list[np.ndarray]:
        first, *others = right(net, *arguments, **named)  # type: ignore[arg-type]
        return [np.roll(first, 1, axis=1), *others]

    monkeypatch.setattr(Combined, "gradients", wrong)
    choices = [choose(np.random.default_rng([11, number])) for number in range(12)]
    shown = [replace(own, shows="gradients", dropped=0.0, longest=0.0) for own in choices]
    found = [examine(combined(own), 0, "gradient").verdicts for own in shown]
    assert all(DIFFERS in [verdict.status for verdict in own] for own in found)
