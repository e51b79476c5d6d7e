"""Layers on their own: right ones in many styles, and each fault by its name."""
# The layers draw from the global generator.
# ruff: noqa: NPY002

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.causes.aspects import ASPECT_CAUSES
from parity_tests.kit.causes.layers import LAYER_CAUSES
from parity_tests.kit.causes.networks import NETWORK_CAUSES
from parity_tests.kit.causes.optimizers import OPTIMIZER_CAUSES
from parity_tests.kit.layers.examine import LayerUnderTest, examine_layer
from parity_tests.kit.tests.faulty_layers import CONVENTIONS, FAULTS, activation, changed, scaled
from parity_tests.kit.tests.right_layers import RIGHT, Dense, Dropout, Leaky, Tanh, dense, dropout
from parity_tests.kit.verdicts import ASPECTS, CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict

Array = NDArray[Any]


def causes(verdicts: list[Verdict]) -> set[str | None]:
    return {verdict.cause for verdict in verdicts if verdict.status == DIFFERS}


def conventions(verdicts: list[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.status == CONVENTION]


def told(verdicts: list[Verdict]) -> str:
    return "\n".join(f"{v.aspect}: {v.status}: {v.cause}: {v.message}" for v in verdicts)


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("seed", range(3))
def test_right_layers_do_not_differ(name: str, seed: int) -> None:
    verdicts = examine_layer(RIGHT[name], seed)
    assert not causes(verdicts), told(verdicts)
    assert all(verdict.status != UNCHECKED for verdict in verdicts), told(verdicts)
    assert any(verdict.status == EQUAL for verdict in verdicts), told(verdicts)
    assert all(verdict.aspect in ASPECTS for verdict in verdicts)


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("seed", range(2))
def test_faults_are_named_and_nothing_else(name: str, seed: int) -> None:
    declaration, expected = FAULTS[name]
    verdicts = examine_layer(declaration, seed)
    assert causes(verdicts) == expected, told(verdicts)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_conventions_are_told_apart_from_faults(name: str) -> None:
    declaration, text = CONVENTIONS[name]
    verdicts = examine_layer(declaration)
    assert not causes(verdicts), told(verdicts)
    assert any(text in verdict.message for verdict in conventions(verdicts)), told(verdicts)


# Those that only losses have, whose faults stand with them, and one that is a convention.
OF_LOSSES = {"loss-one-term", "another-loss"} | {"target-not-subtracted"}


def test_every_cause_has_a_fault() -> None:
    planted = {cause for _, expected in FAULTS.values() for cause in expected}
    assert {*LAYER_CAUSES} - planted == OF_LOSSES | {"dropout-scaled-in-evaluation"}


def test_causes_of_layers_are_no_others() -> None:
    tables = (NETWORK_CAUSES, LAYER_CAUSES, OPTIMIZER_CAUSES, ASPECT_CAUSES)
    assert len(CAUSES) == sum(map(len, tables))


def test_a_layer_that_cannot_be_asked_says_why() -> None:
    def broken() -> Any:
        raise RuntimeError("no data")

    assert [v.status for v in examine_layer(LayerUnderTest(broken, "ReLU"))] == [UNCHECKED]
    (verdict,) = examine_layer(dense(Dense, parameters={"weight": "kernel"}, gradients={}))
    assert verdict.status == UNCHECKED
    assert "kernel" in verdict.message
    copies = changed(Dense, weights=property(lambda s: s.W.copy()))
    (verdict,) = examine_layer(dense(copies, parameters={"weight": "weights"}, gradients={}))
    assert verdict.status == UNCHECKED
    assert "copy" in verdict.message
    (verdict,) = examine_layer(LayerUnderTest(lambda: None, "Tanh"))
    assert "forward" in verdict.message
    verdicts = examine_layer(activation(Tanh, "Tanh", backward=lambda _, g: g @ g))
    assert {v.aspect: v.status for v in verdicts}["gradient"] == UNCHECKED


def test_an_unknown_function_is_held_to_its_own_derivative() -> None:
    class Cubed:
        def forward(self, x: Array) -> Array:
            self.x = x
            return np.sin(x) ** 3

        def backward(self, grad: Array) -> Array:
            return 3 * np.sin(self.x) ** 2 * np.cos(self.x) * grad

    found = {v.aspect: v for v in examine_layer(LayerUnderTest(Cubed, "Tanh"))}
    assert found["forward"].status == DIFFERS
    assert found["forward"].cause is None
    assert found["gradient"].status == EQUAL
    wrong = LayerUnderTest(changed(Cubed, backward=lambda _, g: g), "Tanh")
    assert {v.aspect: v.status for v in examine_layer(wrong)}["gradient"] == DIFFERS


def test_factors_are_numbers() -> None:
    verdicts = examine_layer(dense(scaled(Dense, dx=lambda n: 1 / n)))
    (verdict,) = [v for v in verdicts if v.status == DIFFERS]
    assert verdict.factor == pytest.approx(1 / 7)
    assert verdict.tensor == "dL/dx"


def test_a_factor_of_dropout_that_is_of_no_usual_p_is_not_said_to_be_right() -> None:
    class Softened(Dropout):
        def forward(self, x: Array) -> Array:
            if not self.training:
                return x
            self.mask = (np.random.rand(*x.shape) >= self.p) / (1.001 - self.p)
            return x * self.mask

    [verdict, *_] = examine_layer(dropout(Softened, options={}))
    assert verdict.status == CONVENTION
    assert "declare p" in verdict.message
    assert causes(examine_layer(dropout(Softened))) == {"dropout-scale"}


def test_the_global_generator_is_as_before() -> None:
    np.random.seed(5)
    before = np.random.get_state()[1]
    first, second = (examine_layer(dropout(), seed=1) for _ in range(2))
    assert np.array_equal(np.random.get_state()[1], before)
    assert first == second


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"like": "Conv2d"}, "like"),
        ({"like": "ReLU", "weights": "rows"}, "weights"),
        ({"like": "ReLU", "batch": "vector"}, "batch"),
        ({"like": "Linear", "gradients": {"weight": "dW"}}, "gradients"),
    ],
)
def test_declarations_are_checked(arguments: dict[str, Any], name: str) -> None:
    with pytest.raises(InputError, match=rf"^{name}: "):
        LayerUnderTest(Dense, **arguments)


def test_options_are_checked() -> None:
    with pytest.raises(InputError, match=r"^options: "):
        examine_layer(LayerUnderTest(Leaky, "LeakyReLU", options={"slope": 0.1}))
