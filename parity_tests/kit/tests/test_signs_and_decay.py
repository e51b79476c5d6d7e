"""Adaptive steps with a decay beside them that are of no known formula are no fault."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.optimizer.signs_and_decay import is_of_signs_and_decay
from parity_tests.kit.check import examine
from parity_tests.kit.subject.subject import Layer
from parity_tests.kit.tests.test_steps import beside, stepping
from parity_tests.kit.tests.update_rules import State, Update, each
from parity_tests.kit.verdicts import UNCHECKED


def on_a_cosine(s: State, p: Any, g: Any, lr: float, decay: float = 0.01) -> None:
    """AdamW whose rate is half of it at first, and rises and falls."""
    s.m, s.v = 0.9 * s.m + 0.1 * g, 0.999 * s.v + 0.001 * g**2
    step = s.m / (1 - 0.9**s.t) / (np.sqrt(s.v / (1 - 0.999**s.t)) + 1e-8)
    p -= lr * (1 - 0.5 * np.cos(s.t - 1)) * (step + decay * p)


def of_matrices(s: State, p: Any, g: Any, lr: float) -> None:
    """What `on_a_cosine` does, with a decay of matrices alone."""
    on_a_cosine(s, p, g, lr, 0.01 if p.ndim > 1 else 0.0)


@pytest.mark.parametrize("rule", [on_a_cosine, of_matrices])
def test_a_schedule_inside_adamw_is_not_called_a_fault(rule: Update) -> None:
    report = examine(beside(stepping(each(rule))), only=("gradient", "optimizer"))
    assert report.failures == []
    [verdict] = report.of("optimizer")
    assert verdict.status == UNCHECKED
    assert "the sign of each entry" in verdict.message
    assert report.exit_code == 2


@pytest.mark.parametrize(
    ("alpha", "decay", "power", "expected"),
    [(1.0, 0.01, 0, True), (1.0, 0.0, 0, False), (0.0, 0.01, 0, False), (1.0, 0.01, 0.5, False)],
    ids=["both", "signs alone", "decay alone", "no signs"],
)
def test_what_a_first_step_is_made_of(
    alpha: float, decay: float, power: float, expected: bool
) -> None:
    rng = np.random.default_rng(0)
    own, gradient = rng.standard_normal((2, 7, 5))
    step = alpha * np.sign(gradient) * np.abs(gradient) ** power + decay * own
    one, handed, taken = ([Layer(array, None)] for array in (own, gradient, step))
    assert is_of_signs_and_decay(one, handed, taken) == expected
