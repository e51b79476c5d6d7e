"""Averages of weights over a training."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.optim import swa_utils

import numpy_impl as ours
from numpy_impl.optimizers.averaging import equal_average, exponential_average
from parity_tests.checks.check import FLOAT32, FLOAT64, Array, Check
from parity_tests.checks.raising import raised, refused
from parity_tests.checks.statistics import rarely_farther_over
from parity_tests.inputs import CLASSES, FEATURES, HIDDEN
from parity_tests.measures import Comparison, compare_float32, compare_float64
from torch_ref import arena_vector, load_weights, to_torch

Average = ours.ExponentialMovingAverage | ours.StochasticWeightAverage
Make = Callable[[list[ours.Parameter]], Average]

# The average under test, PyTorch's function, and the plain formula with the number of updates.
AVERAGES: dict[
    str, tuple[Make, Callable[..., Any] | None, Callable[[Array, Array, int], Array]]
] = {
    f"ExponentialMovingAverage/{decay}": (
        partial(ours.ExponentialMovingAverage, decay=decay),
        swa_utils.get_ema_avg_fn(decay),
        lambda average, value, _, decay=decay: exponential_average(average, value, decay),
    )
    for decay in (0.999, 0.9, 0.0, 1.0)
}
AVERAGES["StochasticWeightAverage/default"] = (
    ours.StochasticWeightAverage,
    None,
    equal_average,
)
_UPDATES = 40


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of every average."""
    for name in AVERAGES:
        for dtype in (FLOAT64, FLOAT32):
            yield Check(f"average/{name}/{dtype}", partial(check_average, name, dtype, seed))
        yield Check(f"formula/{name}", partial(check_formula, name, seed))
        yield Check(f"accuracy/{name}", partial(check_accuracy, name, seed))
        yield Check(f"average-state/{name}", partial(check_state, name, seed))
    yield Check("refusal/ExponentialMovingAverage", check_refusals)


def _model(seed: int, dtype: np.dtype[Any]) -> tuple[ours.Sequential, Array]:
    """Return a model and weights that it has one after the other."""
    rng = np.random.default_rng(seed)
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng, dtype=dtype)
    steps = 0.1 * rng.standard_normal((_UPDATES, len(model.arena)))
    return model, (model.arena.values + np.cumsum(steps, axis=0)).astype(dtype)


def _averaged(
    name: str, model: ours.Sequential, weights: Array, dtype: torch.dtype | None
) -> Array:
    """Return PyTorch's average."""
    twin = to_torch(model, dtype)
    average = swa_utils.AveragedModel(twin, avg_fn=AVERAGES[name][1])
    for now in weights:
        model.arena.values[:] = now
        load_weights(twin, model)
        average.update_parameters(twin)
    return arena_vector(average.module.parameters())


def _value(average: Average, model: ours.Sequential) -> Array:
    values = np.empty_like(model.arena.values)
    for parameter in model.parameters():
        parameter.of(values)[...] = average.state_dict()["values"][parameter.name]
    return values


def check_average(name: str, dtype: np.dtype[Any], seed: int) -> list[Comparison]:
    """The average against torch.optim.swa_utils."""
    model, weights = _model(seed, dtype)
    average = AVERAGES[name][0](model.parameters())
    for now in weights:
        model.arena.values[:] = now
        average.update()
    value, size = _value(average, model), np.abs(weights).max(axis=0)
    theirs = _averaged(name, model, weights, None)
    if dtype == FLOAT64:
        return [compare_float64("average", value, theirs, size, terms=_UPDATES)]
    truth = _averaged(name, model, weights, torch.float64)
    return [compare_float32("average", value, theirs, truth, size)]


def check_formula(name: str, seed: int) -> None:
    """The average in place against its plain formula; the mean of all, for equal weights."""
    model, weights = _model(seed, FLOAT64)
    make, _, formula = AVERAGES[name]
    average = make(model.parameters())
    expected = weights[0]
    for number, now in enumerate(weights):
        model.arena.values[:] = now
        average.update()
        expected = formula(expected, now, number) if number else now
    np.testing.assert_allclose(_value(average, model), expected, rtol=0, atol=1e-13)
    if name.startswith("Stochastic"):
        np.testing.assert_allclose(expected, weights.mean(axis=0), rtol=0, atol=1e-13)


def check_accuracy(name: str, seed: int) -> None:
    """In float32, the average is not as a rule farther from the truth than PyTorch's."""

    def excess(draw: int) -> dict[str, float]:
        model, weights = _model(1000 * seed + draw, FLOAT32)
        average = AVERAGES[name][0](model.parameters())
        for now in weights[:10]:
            model.arena.values[:] = now
            average.update()
        truth = _averaged(name, model, weights[:10], torch.float64)
        theirs = _averaged(name, model, weights[:10], None)
        distances = [
            np.linalg.norm(value.astype(np.float64) - truth)
            for value in (_value(average, model), theirs)
        ]
        return {name: float(distances[0] - distances[1])}

    rarely_farther_over(40, excess)


def check_state(name: str, seed: int) -> None:
    """An average that is saved goes on; what it is copied to has it, and the model its own."""
    model, weights = _model(seed, FLOAT64)
    make = AVERAGES[name][0]
    average = make(model.parameters())
    other, _ = _model(seed + 1, FLOAT64)
    for now in weights[:5]:
        model.arena.values[:] = now
        average.update()
    again = make(model.parameters())
    again.load_state_dict(average.state_dict())
    for now in weights[5:9]:
        model.arena.values[:] = now
        average.update()
        again.update()
    assert average.n_averaged == again.n_averaged == 9
    expected = _value(average, model)
    np.testing.assert_array_equal(_value(again, model), expected)
    with average.applied():
        np.testing.assert_array_equal(model.arena.values, expected)
    np.testing.assert_array_equal(model.arena.values, weights[8])
    average.copy_to(other.parameters())
    np.testing.assert_array_equal(other.arena.values, expected)
    average.copy_to()
    np.testing.assert_array_equal(model.arena.values, expected)


def check_refusals() -> None:
    """Arguments and states that do not fit are refused, and nothing has changed then."""
    model, _ = _model(0, FLOAT64)
    for decay in (-0.1, 1.1, float("nan"), "0.9"):
        refused("decay", ours.ExponentialMovingAverage, model.parameters(), decay)
    other, _ = _model(1, FLOAT64)
    mixture = [*model.parameters(), *other.parameters()]
    for params in ([], model.parameters()[0], [3], mixture):
        refused("params", ours.StochasticWeightAverage, params)
    average = ours.StochasticWeightAverage(model.parameters())
    average.update()
    before = average.state_dict()
    for name, change in (
        ("values", {"values": {}}),
        ("n_averaged", {"n_averaged": -1}),
        ("n_averaged", {"n_averaged": 0.5}),
        ("values['0.bias']", {"values": {**before["values"], "0.bias": np.zeros(3)}}),
    ):
        refused(name, average.load_state_dict, {**before, **change})
    refused("params", average.copy_to, model.parameters()[1:])
    for name, value in average.state_dict()["values"].items():
        np.testing.assert_array_equal(value, before["values"][name])
    layer = ours.Linear(FEATURES, HIDDEN, rng=np.random.default_rng(0))
    average = ours.StochasticWeightAverage(layer.parameters())
    ours.Sequential(layer)
    assert "make the average after the model" in str(raised(RuntimeError, average.update))
