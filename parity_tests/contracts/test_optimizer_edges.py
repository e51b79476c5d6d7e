"""What optimizers, clipping and averages do at the edges of their arguments."""

from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl.errors import DivergenceError
from numpy_impl.optimizers.clipping import total_norm
from numpy_impl.optimizers.groups import decay_groups
from numpy_impl.optimizers.means import approach, approach_square, flush
from numpy_impl.optimizers.muon import COEFFICIENTS, adjusted_lr, newton_schulz, orthogonalized
from numpy_impl.parameters import make_parameters
from parity_tests.cases.optimizers import OPTIMIZERS
from parity_tests.checks.raising import raised, refused
from parity_tests.inputs import CLASSES, FEATURES

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def layer(dtype: np.dtype[Any] = FLOAT64) -> ours.Linear:
    """A layer with gradients."""
    rng = np.random.default_rng(0)
    made = ours.Linear(FEATURES, CLASSES, rng=rng, dtype=dtype)
    made.weight.arena.grads[:] = rng.standard_normal(len(made.weight.arena))
    return made


def test_a_group_that_is_none() -> None:
    optimizer = ours.SGD([layer().weight])
    refused("param_group", optimizer.add_param_group, [layer().bias])
    assert len(optimizer.param_groups) == 1
    refused("params", ours.SGD, [{"params": 3}])


@pytest.mark.parametrize("beta", [0.0, 1e-12])
def test_the_sign_of_a_small_gradient_shows_beside_a_large_momentum(beta: float) -> None:
    [parameter] = make_parameters({"x": (1,)}, FLOAT32)
    optimizer = ours.Lion([parameter], lr=0.5, betas=(beta, 0.9))
    parameter.data[:] = 0.0
    for grad, expected in ((1e10, -0.5), (-1.0, 0.0)):
        parameter.grad = np.full_like(parameter.data, grad)
        optimizer.step()
        assert parameter.data.item() == expected


def test_an_optimizer_over_none_of_its_parameters_changes_nothing() -> None:
    mine, theirs = layer(), layer()
    optimizer = ours.SGD([mine.weight], lr=0.5).over({"bias": theirs.bias})
    before = theirs.weight.arena.values.copy()
    optimizer.step()
    np.testing.assert_array_equal(theirs.weight.arena.values, before)


def test_averages_that_are_loaded() -> None:
    made = layer(FLOAT32)
    average = ours.StochasticWeightAverage(made.parameters())
    state = average.state_dict()
    assert state["n_averaged"] == 0
    average.update()
    average.load_state_dict(state)
    assert average.n_averaged == 0
    wide = {name: value.astype(FLOAT64) for name, value in state["values"].items()}
    average.load_state_dict({"n_averaged": 3, "values": wide})
    average.update()
    assert all(v.dtype == FLOAT32 for v in average.state_dict()["values"].values())
    integers = {**state["values"], "weight": np.zeros((CLASSES, FEATURES), int)}
    refused("values['weight']", average.load_state_dict, {**state, "values": integers})


def test_the_plain_norm() -> None:
    vector = np.array([3.0, -4.0, 0.0])
    assert total_norm(vector) == 5.0
    assert total_norm(vector / 8, np.inf) == 0.5
    assert total_norm(np.empty(0), np.inf) == 0.0


@pytest.mark.parametrize("norm_type", [0.5, 1.0, 2.0, 3.0, 3.5, np.inf])
@pytest.mark.parametrize("size", [1e-200, 1e-15, 1.0, 1e15, 1e200])
def test_the_norm_of_any_size(norm_type: float, size: float) -> None:
    made = layer()
    grads = made.weight.arena.grads
    wanted = size * total_norm(grads, norm_type)
    grads *= size
    norm = ours.clip_grad_norm_(made.parameters(), np.inf, norm_type)
    assert norm == pytest.approx(wanted, rel=1e-13, abs=0)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, np.inf])
def test_clipping_is_quiet(norm_type: float) -> None:
    for size in (1e-30, 1e-3, 1e30):
        made = layer(FLOAT32)
        made.weight.arena.grads *= np.float32(size)
        made.weight.arena.grads[0] *= np.float32(1e-7)
        with np.errstate(all="raise"):
            ours.clip_grad_norm_(made.parameters(), 1e38, norm_type)
    wide = layer()
    wide.weight.arena.grads[0] = 1e-200
    with np.errstate(all="raise"):
        ours.clip_grad_norm_(wide.parameters(), 1e9, norm_type)
    made.weight.arena.grads[:2] = np.inf, np.nan
    with np.errstate(all="raise"):
        ours.clip_grad_norm_(made.parameters(), 1.0, norm_type)


def test_clipping_leaves_what_is_within() -> None:
    made = layer()
    before = made.weight.arena.grads.copy()
    norm = float(np.linalg.norm(before))
    assert ours.clip_grad_norm_(made.parameters(), 1.5 * norm) == pytest.approx(norm, rel=1e-14)
    assert np.array_equal(made.weight.arena.grads, before)
    largest = ours.clip_grad_norm_(made.parameters(), np.inf, "inf")  # type: ignore[arg-type]
    assert largest == np.abs(before).max()
    made.weight.arena.grads.fill(0)
    assert ours.clip_grad_norm_(made.parameters(), 1.0) == 0.0


def test_clipping_says_what_is_wrong() -> None:
    made = layer()
    made.weight.arena.grads[0] = np.nan
    with pytest.raises(DivergenceError) as diverged:
        ours.clip_grad_norm_(made.parameters(), 1.0, error_if_nonfinite=True)
    assert diverged.value.quantity == "norm of the gradients"
    for bad, expected in (([3.0], "parameters"), (3.0, "an iterable of parameters")):
        with pytest.raises(ours.InputError) as caught:
            ours.clip_grad_norm_(bad, 1.0)  # type: ignore[arg-type]
        assert caught.value.expected == expected


@pytest.mark.parametrize("number", [0, 1])
def test_averages_of_some_parameters(number: int) -> None:
    made = layer(FLOAT32)
    parameters = made.parameters()
    mine, other = parameters[number], parameters[1 - number]
    average = ours.ExponentialMovingAverage([mine])
    first = mine.data.copy()
    average.update()
    mine.data = 3 * first
    average.update()
    kept = first + np.float32(1 - 0.999) * (3 * first - first)
    assert np.array_equal(average.state_dict()["values"][mine.name], kept)
    with average.applied():
        assert np.array_equal(mine.data, kept)
        other.data = np.full(other.shape, 7.0)
    assert np.array_equal(mine.data, 3 * first)
    assert (other.data == 7.0).all(), "a parameter that is not averaged was set back"


def test_the_orthogonal_matrix_of_muon() -> None:
    matrix = np.random.default_rng(0).standard_normal((CLASSES, FEATURES))
    for size in (1.0, 1e-9):
        wanted = orthogonalized(size * matrix, COEFFICIENTS, 5, 1e-7)
        for function in (orthogonalized, newton_schulz):
            np.testing.assert_allclose(function(size * matrix), wanted, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(function(size * matrix.T), wanted.T, rtol=1e-9, atol=1e-9)
    assert newton_schulz(matrix.astype(FLOAT32)).dtype == FLOAT32
    assert adjusted_lr(0.1, None, (8, 2)) == adjusted_lr(0.1, "original", (8, 2)) == 0.2
    assert adjusted_lr(0.1, None, (2, 8)) == 0.1


def test_what_muon_cannot_do() -> None:
    made = layer()
    with pytest.raises(ours.InputError) as caught:
        ours.Muon(made.parameters())
    assert caught.value.argument == "params"
    assert caught.value.got == f"bias of shape ({CLASSES},)"
    muon = ours.Muon([made.weight])
    with pytest.raises(ours.InputError) as caught:
        muon.over({"weight": made.weight})
    assert caught.value.argument == "workers"
    assert caught.value.expected == "1 for Muon"


def test_the_state_of_one_parameter() -> None:
    made, other = layer(), layer()
    optimizer = ours.Adam([made.weight])
    assert optimizer.state_of(made.bias) == {}  # type: ignore[arg-type]
    assert optimizer.state_of(made.weight).keys() == {"exp_avg", "exp_avg_sq"}
    for _ in range(3):
        optimizer.step()
    fresh = ours.Adam([other.weight])
    fresh.copy_steps(other.bias, optimizer, made.weight)  # type: ignore[arg-type]
    fresh.copy_steps(other.weight, optimizer, made.bias)  # type: ignore[arg-type]
    assert fresh.state_dict()["state"] == {}
    fresh.copy_steps(other.weight, optimizer, made.weight)
    fresh.step()
    assert fresh.state_dict()["state"]["weight"]["step"] == 4


def test_a_state_is_in_the_precision_of_the_parameters() -> None:
    state = ours.Adam(layer().parameters())
    state.step()
    narrow = ours.Adam(layer(FLOAT32).parameters())
    narrow.load_state_dict(state.state_dict())
    for entries in narrow.state_dict()["state"].values():
        assert entries["exp_avg"].dtype == entries["exp_avg_sq"].dtype == FLOAT32


def test_shares_of_one() -> None:
    assert ours.RMSprop(layer().parameters(), alpha=1.0).param_groups[0]["alpha"] == 1.0
    assert ours.Adadelta(layer().parameters(), rho=1.0).param_groups[0]["rho"] == 1.0


def lbfgs(steps: int) -> tuple[ours.LBFGS, dict[str, Any]]:
    """An optimizer that has taken some steps on a bowl, and its state."""
    made = layer()
    optimizer = ours.LBFGS(made.parameters(), lr=0.1, max_iter=3)

    def closure() -> float:
        made.weight.arena.grads[:] = made.weight.arena.values**3
        return float((made.weight.arena.values**4).sum() / 4)

    for _ in range(steps):
        optimizer.step(closure)
    return optimizer, optimizer.state_dict()


def test_the_memory_of_lbfgs_is_loaded_or_refused() -> None:
    _, state = lbfgs(3)
    fresh, none = lbfgs(0)
    (first,) = state["state"]
    entries = state["state"][first]
    fresh.load_state_dict(state)
    assert fresh.state_dict()["state"].keys() == {first}
    fresh.load_state_dict(none)
    assert fresh.state_dict()["state"] == none["state"]

    def damaged(**changes: Any) -> dict[str, Any]:
        return {**state, "state": {first: {**entries, **changes}}}

    refused("state", fresh.load_state_dict, {**state, "state": {"other": entries}})
    name = f"state[{first!r}]"
    for missing in entries:
        rest = {key: value for key, value in entries.items() if key != missing}
        refused(name, fresh.load_state_dict, {**state, "state": {first: rest}})
    refused(name, fresh.load_state_dict, damaged(other=1))
    refused(name, fresh.load_state_dict, damaged(ro=entries["ro"][1:]))
    refused(name, fresh.load_state_dict, damaged(old_dirs=entries["old_dirs"][1:]))
    with pytest.raises(ours.InputError) as caught:
        fresh.load_state_dict(damaged(old_stps=entries["old_stps"][1:]))
    n = len(entries["ro"])
    assert caught.value.got == f"{n}, {n - 1} and {n}"
    for key, value in entries.items():
        bad = [object()] if isinstance(value, list) else object()
        refused(f"{name}[{key!r}]", fresh.load_state_dict, damaged(**{key: bad}))
        if isinstance(value, np.ndarray):
            refused(f"{name}[{key!r}]", fresh.load_state_dict, damaged(**{key: value[1:]}))
        if isinstance(value, float):
            fresh.load_state_dict(damaged(**{key: -2.5}))
            assert fresh.state_dict()["state"][first][key] == -2.5
            fresh.load_state_dict(state)
    narrow = {k: v.astype(FLOAT32) if isinstance(v, np.ndarray) else v for k, v in entries.items()}
    fresh.load_state_dict({**state, "state": {first: narrow}})
    loaded = fresh.state_dict()["state"][first]
    assert all(v.dtype == FLOAT64 for v in loaded.values() if isinstance(v, np.ndarray))


LIMIT = float(np.finfo(FLOAT32).tiny) * 0.9**-64
"""What is below that after 64 steps of a decay by 0.9 counts as nothing, in float32."""


@pytest.mark.parametrize("share", [0.1, 0.5, 0.7, 1.0])
def test_a_mean_moves_by_any_share(share: float) -> None:
    rng = np.random.default_rng(0)
    mean, target, scratch = rng.standard_normal((3, 11))
    moved, squared = mean.copy(), mean.copy()
    approach(moved, target, np.float64(share), scratch)  # type: ignore[arg-type]
    approach_square(squared, target, np.float64(share), scratch)  # type: ignore[arg-type]
    np.testing.assert_allclose(moved, (1 - share) * mean + share * target, rtol=1e-13, atol=1e-15)
    expected = (1 - share) * mean + share * target**2
    np.testing.assert_allclose(squared, expected, rtol=1e-13, atol=1e-15)


def test_what_is_flushed_in_float64() -> None:
    limit = float(np.finfo(FLOAT64).tiny) * 1e8
    mean = np.array([limit, np.nextafter(limit, 0), -limit])
    flush(mean, 0.1, np.empty(3))
    assert np.array_equal(mean, [limit, 0, -limit])


@pytest.mark.parametrize("beta", [0.9, 0.0, 0.1])
def test_what_is_flushed(beta: float) -> None:
    limit = float(np.finfo(FLOAT32).tiny) * {0.9: 0.9**-64, 0.0: 1.0, 0.1: 1e8}[beta]
    mean = np.array([0.99, -0.99, 1.01, -1.01, 0.0], FLOAT32) * np.float32(limit)
    kept = mean.copy()
    flush(mean, beta, np.full(5, 7.0, FLOAT32))
    assert np.array_equal(mean, kept * [0, 0, 1, 1, 0])


@pytest.mark.parametrize(
    ("kind", "options", "flushed"),
    [
        (ours.Adam, {"betas": (0.9, 0.9)}, {"exp_avg", "exp_avg_sq"}),
        (ours.AdamW, {"betas": (0.9, 0.9)}, {"exp_avg", "exp_avg_sq"}),
        (ours.Adamax, {"betas": (0.9, 0.9)}, {"exp_avg"}),
        (ours.NAdam, {"betas": (0.9, 0.9)}, {"exp_avg", "exp_avg_sq"}),
        (ours.RAdam, {"betas": (0.9, 0.9)}, {"exp_avg", "exp_avg_sq"}),
        (ours.RMSprop, {"alpha": 0.9, "centered": True}, {"square_avg", "grad_avg"}),
        (ours.Adadelta, {"rho": 0.9}, {"square_avg", "acc_delta"}),
    ],
)
def test_means_are_flushed_in_time(kind: Any, options: dict[str, Any], flushed: set[str]) -> None:
    seen = set()
    # A mean of the gradient, and one of its square, that get there in 64 steps.
    for size in (1e-33, 8e-17, 1e-12):
        made = layer(FLOAT32)
        optimizer = kind(made.parameters(), **options)
        made.weight.arena.grads.fill(size)
        states = []
        for _ in range(64):
            optimizer.step()
            made.weight.arena.grads.fill(0)
            states.append(optimizer.state_dict()["state"]["weight"])
        before, after = states[-2:]
        for key in flushed:
            largest = np.abs(before[key]).max()
            if 0 < 0.9 * largest < 0.9 * LIMIT:
                assert (after[key] == 0).all(), f"{key} is not flushed"
                seen.add(key)
            elif largest > 2 * LIMIT:
                assert (after[key] != 0).all(), f"{key} is flushed"
    assert seen >= flushed - {"acc_delta"}


STATEFUL = [
    pytest.param(case, options, id=case.operation.__name__)
    for case in OPTIMIZERS
    if case.operation is not ours.LBFGS
    for options in [{"momentum": 0.9} if case.operation is ours.SGD else {}]
]


@pytest.mark.parametrize(("case", "options"), STATEFUL)
def test_a_state_is_loaded_or_refused(case: Any, options: dict[str, Any]) -> None:
    def trained(steps: int) -> tuple[list[ours.Parameter], ours.Optimizer]:
        parameters = layer().parameters()[: 1 if case.matrices_only else 2]
        optimizer = case.operation(parameters, **options)
        for _ in range(steps):
            optimizer.step()
        return parameters, optimizer

    parameters, optimizer = trained(2)
    state = optimizer.state_dict()
    entries = state["state"]

    others, fresh = trained(0)
    others[0].arena.values[:] = parameters[0].arena.values
    nothing = fresh.state_dict()

    def load(of: dict[str, Any]) -> None:
        fresh.load_state_dict({**state, "state": of})

    refused("state", load, {**entries, "other": entries["weight"]})
    for name in entries:
        for key, value in entries[name].items():
            where = f"state[{name!r}][{key!r}]"
            refused(where, load, {**entries, name: {**entries[name], key: object()}})
            rest = {k: v for k, v in entries[name].items() if k != key}
            if name == "bias":
                refused("state['bias']", load, {**entries, name: rest})
            if isinstance(value, np.ndarray):
                refused(where, load, {**entries, name: {**entries[name], key: value[1:]}})
            elif name == "bias":
                refused(where, load, {**entries, name: {**entries[name], key: value + 1}})
        refused(f"state[{name!r}]", load, {**entries, name: {**entries[name], "other": 1}})
    if "bias" in entries:
        refused("state['bias']", load, {"weight": entries["weight"]})
    assert fresh.state_dict()["state"] == nothing["state"] == {}
    narrow = {
        name: {k: v.astype(FLOAT32) if isinstance(v, np.ndarray) else v for k, v in of.items()}
        for name, of in entries.items()
    }
    load(narrow)
    for of in fresh.state_dict()["state"].values():
        assert all(v.dtype == FLOAT64 for v in of.values() if isinstance(v, np.ndarray))
    load(entries)
    for chosen in (optimizer, fresh):
        chosen.step()
    assert np.array_equal(others[0].arena.values, parameters[0].arena.values)
    load({})
    assert fresh.state_dict()["state"] == {}


@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.operation.__name__)
def test_what_is_no_state_is_named(case: Any) -> None:
    optimizer = case.operation(layer().parameters()[: 1 if case.matrices_only else 2])
    state, load = optimizer.state_dict(), optimizer.load_state_dict
    for key in ("state", "param_groups"):
        refused("state_dict", load, {key: state[key]})
        refused(key, load, {**state, key: 3})
    refused("state_dict", load, [state])
    refused("param_groups[0]", load, {**state, "param_groups": [3]})
    refused("state['weight']", load, {**state, "state": {"weight": 3}})


@pytest.mark.parametrize("kind", [ours.ExponentialMovingAverage, ours.StochasticWeightAverage])
def test_what_is_no_average_is_named(kind: Any) -> None:
    average = kind(layer().parameters())
    state, load = average.state_dict(), average.load_state_dict
    for key in ("values", "n_averaged"):
        refused("state_dict", load, {k: v for k, v in state.items() if k != key})
        refused(key, load, {**state, key: None})
    refused("state_dict", load, 3)


def test_what_decays_is_made_of_parameters() -> None:
    error = raised(ours.InputError, decay_groups, [layer().weight, 3], 0.1)
    assert (error.argument, error.expected) == ("params", "parameters")


def test_a_state_that_is_not_in_use_is_kept() -> None:
    optimizer = ours.Adam(layer().parameters(), amsgrad=True)
    optimizer.step()
    optimizer.param_groups[0]["amsgrad"] = False
    state = optimizer.state_dict()
    fresh = ours.Adam(layer().parameters())
    fresh.load_state_dict(state)
    loaded = fresh.state_dict()["state"]
    for name, entries in state["state"].items():
        assert loaded[name].keys() == entries.keys()
        assert np.array_equal(loaded[name]["max_exp_avg_sq"], entries["max_exp_avg_sq"])
    lacking = {
        name: {k: v for k, v in entries.items() if k != "exp_avg"}
        for name, entries in state["state"].items()
    }
    refused("state['weight']", fresh.load_state_dict, {**state, "state": lacking})
    more = {name: {**entries, "other": 0.0} for name, entries in state["state"].items()}
    refused("state['weight']", fresh.load_state_dict, {**state, "state": more})
    with pytest.raises(ours.InputError) as caught:
        fresh.load_state_dict({**state, "state": {"neither": {}, "nor": {}}})
    assert caught.value.got == "['neither', 'nor']"


@pytest.mark.parametrize(("case", "options"), STATEFUL)
def test_a_step_returns_the_loss_before_it(case: Any, options: dict[str, Any]) -> None:
    weight = layer().weight
    optimizer = case.operation([weight], **options)
    assert optimizer.step() is None
    seen = []

    def closure() -> float:
        seen.append(weight.data.copy())
        return 3.5

    before = weight.data.copy()
    assert optimizer.step(closure) == 3.5
    assert len(seen) == 1
    assert np.array_equal(seen[0], before)
    assert not np.array_equal(weight.data, before)


@pytest.mark.parametrize(("case", "options"), STATEFUL)
def test_groups_that_are_loaded_have_the_same_keys(case: Any, options: dict[str, Any]) -> None:
    optimizer = case.operation([layer().weight], **options)
    state = optimizer.state_dict()
    [group] = state["param_groups"]
    for other in (
        {**group, "other": 1.0},
        {key: value for key, value in group.items() if key != "weight_decay"},
    ):
        error = raised(
            ours.InputError, optimizer.load_state_dict, {**state, "param_groups": [other]}
        )
        assert error.argument == "param_groups"
        assert error.got == f"{sorted(other)}"
        assert error.expected == f"the keys {sorted(optimizer.param_groups[0])}"


def test_what_a_state_starts_from_is_not_saved() -> None:
    made = layer()
    optimizer = ours.SGD(made.parameters())
    optimizer.step()
    optimizer.param_groups[0]["momentum"] = 0.9
    assert not optimizer.state_of(made.weight)["momentum_buffer"].any()
    assert optimizer.state_dict()["state"] == {}
    optimizer.step()
    assert optimizer.state_dict()["state"].keys() == {"weight", "bias"}


def test_no_steps_are_copied_as_none() -> None:
    made, other = layer(), layer()
    optimizer, fresh = ours.Adam(made.parameters()), ours.Adam(other.parameters())
    fresh.state_of(other.weight)
    fresh.copy_steps(other.weight, optimizer, made.weight)
    assert fresh.state_dict()["state"] == {}


def test_what_joins_a_state_does_not_hide_it() -> None:
    made = layer()
    optimizer = ours.Adam(made.parameters())
    optimizer.step()
    optimizer.param_groups[0]["amsgrad"] = True
    assert not optimizer.state_of(made.weight)["max_exp_avg_sq"].any()
    assert optimizer.state_dict()["state"].keys() == {"weight", "bias"}


def test_steps_are_in_the_precision_of_the_parameters() -> None:
    rng = np.random.default_rng(0)
    lr, decay = np.float32(0.1), np.float32(0.3)
    made = ours.Linear(50, 40, rng=rng)
    value, grad = made.weight.data.copy(), rng.standard_normal((40, 50)).astype(FLOAT32)
    made.weight.grad = grad
    ours.SGD([made.weight], lr=0.1, weight_decay=0.3).step()
    assert np.array_equal(made.weight.data, value - (grad + decay * value) * lr)


def test_adamw_without_decay_is_adam() -> None:
    results = []
    for kind in (ours.Adam, ours.AdamW):
        made = layer(FLOAT32)
        optimizer = kind(made.parameters(), lr=0.1, weight_decay=0.0)
        for _ in range(9):
            optimizer.step()
        results.append(made.weight.data.copy())
    assert np.array_equal(*results)


def test_averages_are_in_the_precision_of_the_parameters() -> None:
    rng = np.random.default_rng(0)
    made = ours.Linear(50, 40, rng=rng)
    average = ours.ExponentialMovingAverage([made.weight], decay=0.7)
    first, second = made.weight.data.copy(), rng.standard_normal((40, 50)).astype(FLOAT32)
    average.update()
    made.weight.data = second
    average.update()
    moved = first + (second - first) * np.float32(1 - 0.7)
    assert np.array_equal(average.state_dict()["values"]["weight"], moved)
