"""Optimizers beyond given gradients: workers, copies, state that does not fit, Lion by optax."""

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl.data import make_xor
from numpy_impl.parameters import make_parameters
from parity_tests.cases.optimizers import OPTIMIZERS, OptimizerCase
from parity_tests.checks.check import FLOAT32
from parity_tests.checks.optimizers import check_steps
from parity_tests.measures import require

Make = Callable[[list[ours.Parameter]], ours.Optimizer]


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    return {n: p.default for n, p in parameters.items() if p.default is not inspect.Parameter.empty}


CASES = [pytest.param(case, id=case.operation.__name__) for case in OPTIMIZERS]


@pytest.mark.parametrize("case", CASES)
def test_formulas_have_the_same_defaults(case: OptimizerCase) -> None:
    if case.formula is None:
        assert case.operation is ours.LBFGS
        return
    formula, own = defaults(case.formula), defaults(case.operation)
    # AdamW has Adam's formula, and SGD's asks for a learning rate.
    differing = {key for key in formula.keys() & own.keys() if formula[key] != own[key]}
    assert differing == ({"weight_decay"} if case.operation is ours.AdamW else set())
    taken = inspect.signature(case.formula).parameters.keys()
    assert own.keys() <= taken


@pytest.mark.parametrize("case", CASES)
def test_every_option_is_in_a_variant(case: OptimizerCase) -> None:
    used: set[str] = set()
    weight, bias = ours.mlp([3, 2], rng=np.random.default_rng(0)).parameters()
    for variant in case.variants.values():
        used |= variant.keys()
        for group in variant.get("params", lambda _: [])([weight, bias]):
            used |= group.keys()
    for changes in case.changes.values():
        used |= {key for change in changes.values() for key in change}
    assert defaults(case.operation).keys() <= used


def trained(make: Make, workers: int, epochs: int) -> ours.Trainer:
    rng = np.random.default_rng(0)
    x, y = make_xor(100, noise=0.2, rng=rng)
    model = ours.mlp([2, 8, 2], rng=rng, dtype=np.float64)
    trainer = ours.Trainer(
        model, ours.CrossEntropyLoss(), make(model.parameters()), workers=workers
    )
    loader = ours.DataLoader(x, y, batch_size=32, shuffle=True, rng=rng, dtype=np.float64)
    for _ in range(epochs):
        trainer.fit(loader, loader, epochs=1)
    return trainer


def flat_state(optimizer: ours.Optimizer) -> np.ndarray:
    state = optimizer.state_dict()["state"]
    return np.concatenate([np.ravel(v) for entries in state.values() for v in entries.values()])


@pytest.mark.parametrize(
    "make",
    [
        lambda p: ours.NAdam(p, momentum_decay=0.1),
        lambda p: ours.RAdam(p, betas=(0.8, 0.9)),
        lambda p: ours.Adam(p, amsgrad=True, weight_decay=0.1, maximize=True),
        lambda p: ours.RMSprop(p, centered=True, momentum=0.9, lr=1e-3),
        lambda p: ours.Adagrad(p, lr_decay=0.1, initial_accumulator_value=0.1),
        lambda p: ours.Adadelta(p),
        lambda p: ours.Adamax(p),
    ],
    ids=["NAdam", "RAdam", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax"],
)
def test_workers_divide_the_state(make: Make) -> None:
    alone, together = (trained(make, workers, epochs=2) for workers in (1, 2))
    np.testing.assert_allclose(
        together.model.arena.values, alone.model.arena.values, rtol=0, atol=1e-11
    )
    np.testing.assert_allclose(
        flat_state(together.optimizer), flat_state(alone.optimizer), rtol=1e-9, atol=1e-12
    )


def test_what_is_not_elementwise_is_not_divided() -> None:
    for make in (lambda p: ours.Muon([q for q in p if q.ndim == 2]), ours.LBFGS):
        with pytest.raises(ours.InputError, match="workers: expected 1 for") as caught:
            trained(make, workers=2, epochs=1)
        assert caught.value.argument == "workers"


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copied_minimization_goes_on(duplicate: Callable[[Any], Any]) -> None:
    [x] = parameters = make_parameters({"x": (4,)}, np.float64)
    x.data = np.arange(4.0) + 1
    optimizer = ours.LBFGS(parameters, max_iter=2, max_eval=9, lr=0.1)

    def step(optimizer: ours.LBFGS, x: ours.Parameter) -> np.ndarray:
        def closure() -> float:
            x.grad = x.data**3
            return float((x.data**4).sum() / 4)

        optimizer.step(closure)
        return x.data.copy()

    step(optimizer, x)
    other = duplicate(optimizer)
    [copied] = other.param_groups[0]["params"]
    values = [step(other, copied), step(optimizer, x)]
    np.testing.assert_array_equal(*values)
    assert optimizer.state_dict()["state"]["x"]["n_iter"] == 4


def test_a_step_returns_what_its_closure_did() -> None:
    model = ours.mlp([3, 2], rng=np.random.default_rng(0))
    optimizer = ours.Adam(model.parameters())
    assert optimizer.step(lambda: 1.5) == 1.5
    assert optimizer.step() is None


def test_what_a_schedule_keeps_in_a_group_is_carried() -> None:
    parameters = ours.mlp([3, 2], rng=np.random.default_rng(0)).parameters()
    optimizer = ours.SGD([{"params": parameters, "initial_lr": 0.1}])
    fresh = ours.SGD(parameters)
    fresh.load_state_dict(optimizer.state_dict())
    assert fresh.param_groups[0]["initial_lr"] == 0.1


def test_a_state_that_an_option_left_behind_is_loaded_again() -> None:
    model = ours.mlp([3, 2], rng=np.random.default_rng(0))
    optimizer = ours.SGD(model.parameters(), momentum=0.9)
    model.arena.grads[:] = 1
    optimizer.step()
    optimizer.param_groups[0]["momentum"] = 0.0
    state = optimizer.state_dict()
    fresh = ours.SGD(model.parameters())
    fresh.load_state_dict(state)
    again = fresh.state_dict()["state"]["0.weight"]["momentum_buffer"]
    np.testing.assert_array_equal(again, state["state"]["0.weight"]["momentum_buffer"])


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"mu_product": 0.3}, "state['0.bias']['mu_product']"),
        ({"step": 3}, "state['0.bias']['step']"),
        ({"mu_product": "half"}, "state['0.bias']['mu_product']"),
        ({"exp_avg": np.zeros(5)}, "state['0.bias']['exp_avg']"),
        ({"exp_avg": np.zeros(2, int)}, "state['0.bias']['exp_avg']"),
        ({"exp_max": np.zeros(2)}, "state['0.bias']"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(change: dict[str, Any], argument: str) -> None:
    model = ours.mlp([3, 2], rng=np.random.default_rng(0))
    optimizer = ours.NAdam(model.parameters())
    optimizer.step()
    before = flat_state(optimizer)
    state = optimizer.state_dict()
    state["param_groups"][0]["lr"] = 7.0
    state["state"]["0.bias"] |= change
    with pytest.raises(ours.InputError) as caught:
        optimizer.load_state_dict(state)
    assert caught.value.argument == argument
    np.testing.assert_array_equal(flat_state(optimizer), before)
    assert optimizer.param_groups[0]["lr"] != 7.0


def test_a_minimization_whose_state_does_not_fit_is_refused() -> None:
    parameters = make_parameters({"x": (4,), "y": (2, 3)}, np.float64)
    parameters[0].arena.values[:] = np.arange(10.0) + 1

    def closure() -> float:
        arena = parameters[0].arena
        arena.grads[:] = arena.values**3
        return float((arena.values**4).sum() / 4)

    optimizer = ours.LBFGS(parameters, lr=0.01)
    optimizer.step(closure)
    state = optimizer.state_dict()
    entries = state["state"]["x"]
    for change, argument in (
        ({"d": np.zeros(9)}, "state['x']['d']"),
        ({"ro": []}, "state['x']"),
        ({"t": None}, "state['x']['t']"),
        ({"n_iter": -1}, "state['x']['n_iter']"),
        ({"al": []}, "state['x']"),
    ):
        with pytest.raises(ours.InputError) as caught:
            optimizer.load_state_dict({**state, "state": {"x": {**entries, **change}}})
        assert caught.value.argument == argument
    with pytest.raises(ours.InputError, match=r"state: expected an entry for x"):
        optimizer.load_state_dict({**state, "state": {"y": entries}})
    np.testing.assert_array_equal(optimizer.state_dict()["state"]["x"]["d"], entries["d"])


def test_matrices_only() -> None:
    model = ours.mlp([3, 2], rng=np.random.default_rng(0))
    optimizer = ours.Muon(model.parameters()[:1])
    for call in (
        lambda: ours.Muon(model.parameters()),
        lambda: optimizer.add_param_group({"params": model.parameters()[1:]}),
    ):
        with pytest.raises(ours.InputError, match=r"params: .*0.bias of shape \(2,\)"):
            call()
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize(
    ("group", "argument"),
    [
        ({"params": []}, "params"),
        ({"lr": 0.1}, "params"),
        ({"params": "same"}, "params"),
        ({"params": "other", "lr": -1.0}, "lr"),
        ({"params": "other", "rate": 1.0}, "params"),
        (["other"], "param_group"),
    ],
)
def test_a_group_that_does_not_fit_is_refused(group: Any, argument: str) -> None:
    weight, bias = ours.mlp([3, 2], rng=np.random.default_rng(0)).parameters()
    optimizer = ours.SGD([weight])
    if isinstance(group, dict) and isinstance(group.get("params"), str):
        group = {**group, "params": [weight if group["params"] == "same" else bias]}
    with pytest.raises(ours.InputError) as caught:
        optimizer.add_param_group(group)
    assert caught.value.argument == argument
    assert len(optimizer.param_groups) == 1
    optimizer.step()


@pytest.mark.parametrize(
    ("weight_decay", "expected"),
    [
        (0.0, [0.48, -1.25, 1.98, -0.02, 3.0199999999999996]),
        (
            0.3,
            [0.47414658631049994, -1.2350671853712503, 1.956227424432, -0.01997, 2.984042035973],
        ),
    ],
)
def test_lion_as_by_optax(weight_decay: float, expected: list[float]) -> None:
    # By optax 0.2.8: optax.lion(1e-2, b1=0.9, b2=0.99, weight_decay=weight_decay) in float64.
    [x] = parameters = make_parameters({"x": (5,)}, np.float64)
    x.data = np.array([0.5, -1.25, 2.0, 0.0, 3.0])
    optimizer = ours.Lion(parameters, lr=1e-2, weight_decay=weight_decay)
    for grad in (
        [0.1, -0.2, 0.3, 0.0, -2.0],
        [-0.004, 0.5, 0.3, 0.0, 0.1],
        [-0.3, 0.01, -1.0, 1e-3, 0.2],
        [0.02, -0.6, 0.05, -1e-5, -0.03],
    ):
        x.grad = np.array(grad)
        optimizer.step()
    np.testing.assert_allclose(x.data, expected, rtol=0, atol=1e-15)
    momentum = [-0.001838905, -0.002941098, -0.003548803, 9.8e-06, -0.01674588]
    state = optimizer.state_dict()["state"]["x"]["exp_avg"]
    np.testing.assert_allclose(state, momentum, rtol=1e-13)


def test_what_a_decay_leaves_of_a_gradient_is_allowed_its_rounding() -> None:
    [case] = (case for case in OPTIMIZERS if case.operation is ours.RMSprop)
    # The decay cancels all but half a hundredth of one gradient, and both are changed by one share
    # in every pattern of signs.
    require(check_steps(case, "weight-decay", FLOAT32, steps=1, seed=2008))
