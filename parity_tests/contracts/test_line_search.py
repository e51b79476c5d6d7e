"""Where L-BFGS looks when numbers are at the edge of a condition, and what it remembers."""

from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl.optimizers.lbfgs import Point, cubic_minimum, strong_wolfe
from numpy_impl.parameters import make_parameters

NOTHING = np.empty(0)
DOWNHILL = Point(0.0, 0.0, np.array([-1.0]), -1.0)


def places(
    script: dict[float, tuple[float, float]], start: Point, **options: Any
) -> tuple[list[float], int]:
    """Where a search along a line looks, given loss and slope there, and what it counts.

    It ends at the first place that is not in the script.
    """
    looks: list[float] = []

    def objective(t: float) -> tuple[float, np.ndarray]:
        looks.append(t)
        loss, slope = script.get(t, (-1e9, 0.0))
        return loss, np.array([slope])

    first = next(iter(script), 1.0)
    _, count = strong_wolfe(objective, first, np.ones(1), start, **options)
    assert count == len(looks)
    return looks, count


def test_an_interpolation_near_an_end_is_moved_only_the_second_time() -> None:
    # The cubic is lowest at a tenth of the bracket exactly, which is not near; then at a twentieth.
    script = {10.0: (80.0, 18.0), 1.0: (18.0, 38.0)}
    looks, _ = places(script, Point(0.0, 0.0, np.array([-2.0]), -2.0))
    np.testing.assert_allclose(looks, [10.0, 1.0, 0.05], rtol=1e-12)


def test_an_interpolation_at_an_end_is_moved_at_once() -> None:
    looks, _ = places({1.0: (1e30, 1e30)}, DOWNHILL)
    assert looks == [1.0, 0.1]
    first = cubic_minimum(DOWNHILL, Point(1.0, -0.5, NOTHING, 1.0))
    looks, _ = places({1.0: (-0.5, 1.0), first: (1e30, -1e30)}, DOWNHILL)
    np.testing.assert_allclose(looks, [1.0, first, 1.0 - 0.1 * (1.0 - first)], rtol=1e-12)


def test_a_bracket_as_wide_as_the_tolerance_is_searched() -> None:
    assert places({1.0: (1.0, 1.0)}, DOWNHILL, tolerance_change=1.0)[1] == 2
    assert places({1.0: (1.0, 1.0)}, DOWNHILL, tolerance_change=1.01)[1] == 1


def test_a_line_without_a_minimum_is_given_up() -> None:
    found, count = strong_wolfe(lambda t: (-t, np.array([-1.0])), 1.0, np.ones(1), DOWNHILL)
    assert count == 26
    assert found.t == pytest.approx(1e25)


def test_cubics_at_the_edge() -> None:
    # (t + 1)^3, whose slope touches 0; it is lowest beyond the left end.
    assert cubic_minimum(Point(0.0, 1.0, NOTHING, 3.0), Point(1.0, 8.0, NOTHING, 12.0)) == 0.0
    with np.errstate(all="raise"):
        steep = Point(1.0, 1e200, NOTHING, 1e200)
        assert np.isnan(cubic_minimum(DOWNHILL, steep)) or cubic_minimum(DOWNHILL, steep) >= 0


def network() -> tuple[list[ours.Parameter], list[ours.Parameter], Any]:
    """Weights that are apart in memory, all parameters, and their gradients."""
    model = ours.mlp([3, 4, 2, 5], rng=np.random.default_rng(0), dtype=np.float64)
    every = model.parameters()
    weights = [parameter for parameter in every if parameter.name.endswith("weight")]

    def closure() -> float:
        model.arena.grads[:] = model.arena.values**3
        return float((model.arena.values**4).sum() / 4)

    return weights, every, closure


def test_parameters_that_are_apart() -> None:
    weights, every, closure = network()
    before = {parameter.name: parameter.data.copy() for parameter in every}
    closure()
    total = sum(np.abs(parameter.grad).sum() for parameter in weights)
    optimizer = ours.LBFGS(weights, lr=0.5, max_iter=1)
    optimizer.step(closure)
    for parameter in every:
        slope = before[parameter.name] ** 3
        share = 0.5 * min(1.0, 1.0 / total) if parameter in weights else 0.0
        wanted = before[parameter.name] - share * slope
        np.testing.assert_allclose(parameter.data, wanted, rtol=1e-14)
    # The first direction is against the gradient; matrices by rows, as in PyTorch.
    [state] = optimizer.state_dict()["state"].values()
    rows = np.concatenate([(before[parameter.name] ** 3).ravel() for parameter in weights])
    np.testing.assert_allclose(state["d"], -rows, rtol=1e-14)


def test_a_state_without_a_direction() -> None:
    weights, _, closure = network()
    fresh = ours.LBFGS(weights)
    assert fresh.state_dict()["state"] == {}
    for parameter in weights:
        parameter.data = np.zeros(parameter.shape)
    optimizer = ours.LBFGS(weights)
    optimizer.step(closure)
    state = optimizer.state_dict()
    assert list(state["state"].values()) == [{"func_evals": 1, "n_iter": 0}]
    fresh.load_state_dict(state)
    assert fresh.state_dict()["state"] == state["state"]


@pytest.mark.parametrize(("lr", "pairs"), [(2e-10, 0), (2.1e-10, 1)])
def test_the_least_curvature_is_not_remembered(lr: float, pairs: int) -> None:
    [x] = make_parameters({"x": (1,)}, np.dtype(np.float64))

    def closure() -> float:
        x.grad = np.array([-1.0 if x.data[0] == 0 else -0.5])
        return -float(x.data[0])

    optimizer = ours.LBFGS([x], lr=lr, max_iter=2, max_eval=9, tolerance_change=0.0)
    optimizer.step(closure)
    assert len(optimizer.state_dict()["state"]["x"]["old_dirs"]) == pairs
