"""Where the norm of all gradients together has a limit that not every batch reaches."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.tests.combined import Choices, Combined, combined
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL

# With seed 0 the norm is beyond the limit for one batch, and below it for the other.
CHOICES = Choices(
    sizes=(12, 9, 3),
    hidden=("elu",),
    head="squares",
    eps=1e-9,
    over="samples",
    is_summed=False,
    squares=0.0,
    magnitudes=0.0,
    rule="sgd",
    longest=0.0,
    axis=1,
    clip="norm",
    limit=19.0,
    batch="rows",
    labels="targets",
    bias="row",
    shows="step",
    dropped=0.0,
    is_shuffled=False,
    is_single=False,
    scale="xavier",
)


@pytest.mark.parametrize("squares", [0.0, 0.01])
@pytest.mark.parametrize("rule", ["sgd", "momentum", "nesterov", "average"])
@pytest.mark.parametrize("shows", ["step", "both"])
def test_a_limit_is_a_convention(shows: str, rule: str, squares: float) -> None:
    own = replace(CHOICES, rule=rule, squares=squares, shows=shows)
    report = examine(combined(own), 0, ("gradient", "optimizer"))
    assert {v.status for v in report.verdicts} <= {EQUAL, CONVENTION}
    [told] = [v for v in report.verdicts if v.cause == "step-clipped"]
    assert "the norm of all gradients together is at most" in told.message


def test_a_factor_below_the_limit_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Combined.gradients

    def half(net: Combined, *arguments: object, **named: object) -> list[np.ndarray]:
        return [g / 2 for g in right(net, *arguments, **named)]  # type: ignore[arg-type]

    monkeypatch.setattr(Combined, "gradients", half)
    of_limit, of_factor = examine(combined(replace(CHOICES, limit=9.5)), 0, "gradient").verdicts
    assert of_limit.cause == "step-clipped"
    assert (of_factor.status, of_factor.cause, of_factor.factor) == (
        DIFFERS,
        "factor-two",
        pytest.approx(0.5),
    )


@pytest.mark.parametrize("squares", [0.0, 0.01])
def test_a_norm_that_has_no_limit_differs(monkeypatch: pytest.MonkeyPatch, squares: float) -> None:
    right = Combined.gradients

    def shrunk(net: Combined, *arguments: object, **named: object) -> list[np.ndarray]:
        found = right(net, *arguments, **named)  # type: ignore[arg-type]
        return [g / (1 + np.linalg.norm(found[0])) for g in found]

    monkeypatch.setattr(Combined, "gradients", shrunk)
    own = replace(CHOICES, clip="", squares=squares)
    [told] = examine(combined(own), 0, "gradient").failures
    assert (told.status, told.cause) == (DIFFERS, None)
