"""What the first step rules out: never the formula that it is of, and the other kinds."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.optimizers.choices import choices
from parity_tests.kit.optimizers.displacements import displacements
from parity_tests.kit.optimizers.formulas import DEFAULTS, LINEAR, OPTIMIZERS, Asked, Formula
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.reach import Reach

Array = NDArray[Any]
_SHAPES = ((11, 7), (7,), (7, 5), (5,))
_NEAR = 0.02


def observed(formula: Formula, largest: float) -> Observed:
    """Return two steps of a formula; gradients down to a thousandth of the largest, and zeros."""
    rng = np.random.default_rng(0)
    entries = sum(int(np.prod(shape)) for shape in _SHAPES)
    sizes = largest * 10.0 ** rng.uniform(-3, 0, entries) * (rng.random(entries) > 0.1)
    asked = Asked(
        0.07,
        _SHAPES,
        rng.standard_normal((2, entries)),
        rng.standard_normal((2, entries)) * sizes,
        samples=(3, 6),
    )
    steps = displacements(formula, asked)
    return Observed(asked, steps, np.zeros(entries, int), 1e-9, 1e-16)


@pytest.mark.parametrize("largest", [30.0, 1.0, 1e-3])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_what_took_the_steps_is_never_excluded(kind: str, largest: float) -> None:
    plain = Formula(kind, dict(DEFAULTS[kind]))
    asked = 0
    for decay in (0.0, 0.1):
        options = {**DEFAULTS[kind], "weight_decay": decay}
        for choice in choices(kind, bool(decay)):
            if choice.value.startswith("each:") or choice.value == "constant:":
                continue
            formula = replace(plain, options=options, **{choice.part: choice.value})
            # Its numbers may be others.
            steps = observed(replace(formula, scale=3.0), largest)
            assert not Reach(steps).excludes(formula, _NEAR), choice
            asked += 1
    assert asked > 10


@pytest.mark.parametrize("kind", sorted(set(OPTIMIZERS) - {"radam"}))
def test_the_other_kinds_are_excluded(kind: str) -> None:
    reach = Reach(observed(Formula(kind, dict(DEFAULTS[kind])), 30.0))
    adaptive = set(OPTIMIZERS) - {"radam"} - set(LINEAR)
    others = adaptive if kind in LINEAR else LINEAR
    for other in others:
        assert reach.excludes(Formula(other, dict(DEFAULTS[other])), _NEAR), other


@pytest.mark.parametrize(
    ("kind", "part", "value"),
    [
        ("adam", "squares", "mean"),
        ("adam", "root", "left out"),
        ("adam", "plain", "biases"),
        ("adam", "state", "shared"),
        ("sgd", "clip", "entry:1"),
    ],
)
def test_choices_that_make_another_step_of_it_are_not_judged(
    kind: str, part: str, value: str
) -> None:
    taken = Formula("sgd" if kind == "adam" else "adam", dict(DEFAULTS["adam"]))
    reach = Reach(observed(taken, 30.0))
    plain = Formula(kind, dict(DEFAULTS[kind]))
    assert reach.excludes(plain, _NEAR)
    assert not reach.excludes(replace(plain, **{part: value}), _NEAR)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_what_begins_alike_is_worked_out_once(kind: str) -> None:
    options = {**DEFAULTS[kind], "weight_decay": 0.1}
    plain = Formula(kind, options)
    seen = observed(plain, 1.0)
    reach, asked = Reach(seen), 0
    tried = [replace(plain, **{choice.part: choice.value}) for choice in choices(kind, True)]
    tried += [
        replace(plain, rate=rate, options={**options, "lr_decay": decay})
        for rate in ("steps, inverse", "layers, inverse", "tensors, exponential")
        for decay in (0.1, 0.3)
    ]
    for formula in tried:
        if formula.count.startswith("each:") or formula.count == "constant:":
            continue

        def distances(formula: Formula = formula) -> Array:
            nonlocal asked
            asked += 1
            return np.atleast_1d(seen.distance(displacements(formula, seen.first)))

        off = reach.of_first(formula, frozenset(), distances)
        np.testing.assert_allclose(off, distances(), rtol=1e-9, atol=1e-12, err_msg=str(formula))
    assert asked < 2 * len(tried)
