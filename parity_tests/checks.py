"""The checks: for every case of the registry, what must hold, as a function that raises if not.

One generator feeds everybody: pytest runs the checks as tests, and the catalogue of planted faults
runs them to see that they notice.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import numpy_impl as ours
from numpy_impl.losses import cross_entropy, cross_entropy_backward
from numpy_impl.optimizers import adam_step, sgd_step
from parity_tests.cases import (
    LOSSES,
    MODELS,
    OPTIMIZERS,
    LossCase,
    ModelCase,
    OptimizerCase,
    labels,
)
from parity_tests.differences import central_difference, complex_step
from parity_tests.inputs import (
    BATCH,
    CLASSES,
    DRAWS,
    FEATURES,
    HIDDEN,
    LAYOUTS,
    gradient_sequence,
    huge,
    normal,
)
from parity_tests.measures import Comparison, compare_float32, compare_float64, require
from torch_ref import Autograd, differentiate, to_torch, twin_of, twin_of_optimizer

Array = NDArray[Any]

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


@dataclass(frozen=True)
class Check:
    """Something that must hold.

    Attributes
    ----------
    id : str
        ``family/case/variant``, which is also the id of the pytest test.
    run : callable
        Raises AssertionError if it does not hold.
    """

    id: str
    run: Callable[[], None]

    @property
    def family(self) -> str:
        """The kind of check, the first part of the id."""
        return self.id.partition("/")[0]


def all_checks(seed: int = 0) -> Iterator[Check]:
    """Yield every check of the registry, with inputs drawn from this seed."""
    for case in MODELS:
        yield from _model_checks(case, seed)
    for loss in LOSSES:
        yield from _loss_checks(loss, seed)
    for optimizer in OPTIMIZERS:
        yield from _optimizer_checks(optimizer, seed)
    yield Check("formula/network/complex-step", partial(check_network_by_complex_step, seed))
    yield Check("loader/pairing", partial(check_loader_pairing, seed))


# Layers and networks: y, dL/dx and dL/dparameter for a random dL/dy.


def _model_checks(case: ModelCase, seed: int) -> Iterator[Check]:
    for dtype in (FLOAT64, FLOAT32):
        for shape in case.shapes:
            for draw in DRAWS:
                name = f"{case.name}/{dtype}-{'x'.join(map(str, shape)) or 'scalar'}-{draw}"
                yield Check(f"model/{name}", partial(check_model, case, dtype, shape, draw, seed))
    for layout in LAYOUTS:
        name = f"layout/{case.name}/{layout}"
        yield Check(name, partial(check_layout, case, layout, seed))
    if case.terms < 200:  # differences take two evaluations per scalar
        yield Check(f"differences/{case.name}", partial(check_by_differences, case, seed))


def check_model(
    case: ModelCase, dtype: np.dtype[Any], shape: tuple[int, ...], draw: str, seed: int
) -> None:
    """Output and every gradient against autograd."""
    rng = np.random.default_rng([seed, *shape])
    model = case.make(rng, dtype)
    x = DRAWS[draw](rng, shape).astype(dtype)
    twin = _twin(model)
    grad_output = DRAWS[draw](rng, _forward(model, x).shape).astype(dtype)
    ours_ = _differentiate(model, x, grad_output)
    theirs = differentiate(twin, x, grad_output)
    truth = differentiate(twin.double(), x, grad_output, dtype=torch.float64)
    condition = _condition(twin, x, grad_output)
    require(_compare_all(case, dtype, ours_, theirs, truth, condition))


def check_layout(case: ModelCase, layout: str, seed: int) -> None:
    """The result does not depend on strides, and arguments are unchanged bit for bit."""
    rng = np.random.default_rng(seed)
    model = case.make(rng, FLOAT64)
    x = normal(rng, case.shapes[0])
    grad_output = normal(rng, _forward(model, x).shape)
    expected = _differentiate(model, x, grad_output)
    x_there, grad_there = LAYOUTS[layout](x), LAYOUTS[layout](grad_output)
    result = _differentiate(model, x_there, grad_there)
    assert np.array_equal(x, x_there), "forward or backward wrote to x"
    assert np.array_equal(grad_output, grad_there), "backward wrote to grad_output"
    # Other strides may take BLAS another way through the same sum.
    condition = _condition(_twin(model), x, grad_output)
    require(_compare_all(case, FLOAT64, result, expected, expected, condition))


def check_by_differences(case: ModelCase, seed: int) -> None:
    """Gradients against differences of the model's own forward, without PyTorch."""
    rng = np.random.default_rng(seed)
    model = case.make(rng, FLOAT64)
    x = normal(rng, case.shapes[0])
    grad_output = normal(rng, _forward(model, x).shape)
    gradients = _differentiate(model, x, grad_output)

    def along(parameter: ours.Parameter) -> Callable[[Array], float]:
        def value(data: Array) -> float:
            before = parameter.data.copy()
            parameter.data = data
            result = float((grad_output * _forward(model, x)).sum())
            parameter.data = before
            return result

        return value

    functions = {"input": (x, lambda point: float((grad_output * _forward(model, point)).sum()))}
    functions |= {p.name: (p.data.copy(), along(p)) for p in model.parameters()}
    for name, (point, function) in functions.items():
        expected, smooth = central_difference(function, point)
        actual = gradients.grad_input if name == "input" else gradients.grads[name]
        assert smooth.mean() > 0.8, f"{name}: too close to kinks to compare"
        off = np.abs(actual - expected)[smooth].max()
        limit = 1e-8 * (1 + np.abs(expected).max())
        assert off <= limit, f"{name}: {off:.3g} from its own forward's slope, limit {limit:.3g}"


def _forward(model: ours.Layer | ours.Sequential, x: Array) -> Array:
    return np.array(model.forward(x))


def _differentiate(model: ours.Layer | ours.Sequential, x: Array, grad_output: Array) -> Autograd:
    output = model.forward(x)
    # Whatever was there before must be overwritten.
    for parameter in model.parameters():
        parameter.grad.fill(np.nan)
    grad_input = model.backward(grad_output)
    assert grad_input is not None
    grads = {parameter.name: parameter.grad.copy() for parameter in model.parameters()}
    return Autograd(output, grad_input, grads)


def _twin(model: ours.Layer | ours.Sequential) -> torch.nn.Module:
    if isinstance(model, ours.Sequential):
        return to_torch(model)
    twin = twin_of(model)
    twin.load_state_dict({p.name: torch.tensor(p.data) for p in model.parameters()})
    return twin


def _condition(twin: torch.nn.Module, x: Array, grad_output: Array) -> Autograd:
    """The same expressions with every term's magnitude: what rounding errors are measured by."""
    magnitudes = copy.deepcopy(twin).double()
    with torch.no_grad():
        for parameter in magnitudes.parameters():
            parameter.abs_()
    return differentiate(magnitudes, np.abs(x), np.abs(grad_output), dtype=torch.float64)


def _compare_all(
    case: ModelCase,
    dtype: np.dtype[Any],
    actual: Autograd,
    theirs: Autograd,
    truth: Autograd,
    condition: Autograd,
) -> Iterator[Comparison]:
    assert sorted(actual.grads) == sorted(truth.grads), "other parameters than the twin"
    for name, of in _tensors(truth):
        tensors = of(actual), of(theirs), of(truth), of(condition)
        assert of(actual).dtype == dtype, f"{name} is {of(actual).dtype}, not {dtype}"
        if dtype == FLOAT64:
            yield compare_float64(name, tensors[0], tensors[2], tensors[3], case.terms)
        else:
            yield compare_float32(name, *tensors)


def _tensors(result: Autograd) -> Iterator[tuple[str, Callable[[Autograd], Array]]]:
    yield "output", lambda r: r.output
    yield "grad_input", lambda r: r.grad_input
    for name in result.grads:
        yield f"{name}.grad", lambda r, name=name: r.grads[name]  # type: ignore[misc]


# Losses: the number and dL/dlogits.


def _loss_checks(case: LossCase, seed: int) -> Iterator[Check]:
    for dtype in (FLOAT64, FLOAT32):
        for draw in (*DRAWS, "huge"):
            name = f"loss/{case.name}/{dtype}-{draw}"
            yield Check(name, partial(check_loss, case, dtype, draw, seed))
    yield Check(f"formula/{case.name}/plain", partial(check_loss_formula, case, seed))
    yield Check(f"differences/{case.name}", partial(check_loss_by_differences, case, seed))


def check_loss(case: LossCase, dtype: np.dtype[Any], draw: str, seed: int) -> None:
    """The loss and its gradient against autograd, logits of 1e5 included."""
    rng = np.random.default_rng(seed)
    shape = (BATCH, CLASSES)
    logits = (huge if draw == "huge" else DRAWS[draw])(rng, shape).astype(dtype)
    targets = case.targets(rng, shape)
    if targets.dtype.kind == "f":
        targets = targets.astype(dtype)
    loss = case.make()
    before = logits.copy(), targets.copy()
    value = loss.forward(logits, targets)
    grad = loss.backward()
    assert isinstance(value, float)
    assert grad.dtype == dtype
    assert np.array_equal(logits, before[0]), "the loss wrote to its logits"
    assert np.array_equal(targets, before[1]), "the loss wrote to its targets"

    twin = twin_of(loss)
    # PyTorch takes one-hot rows as probabilities, which must be floating-point.
    theirs_targets = torch.tensor(targets if targets.ndim == 1 else targets.astype(dtype))
    theirs = differentiate(lambda z: twin(z, theirs_targets), logits)
    truth = differentiate(
        lambda z: twin(z, theirs_targets if targets.ndim == 1 else theirs_targets.double()),
        logits,
        dtype=torch.float64,
    )
    value_condition, grad_condition = _loss_condition(loss, logits, targets)
    if dtype == FLOAT64:
        terms = 2 * CLASSES + BATCH
        require(
            [
                compare_float64("loss", np.array(value), truth.output, value_condition, terms),
                compare_float64("logits.grad", grad, truth.grad_input, grad_condition, terms),
            ]
        )
    else:
        require(
            [
                compare_float32(
                    "loss", np.array(value), theirs.output, truth.output, value_condition
                ),
                compare_float32(
                    "logits.grad", grad, theirs.grad_input, truth.grad_input, grad_condition
                ),
            ]
        )


def _loss_condition(
    loss: ours.CrossEntropyLoss, logits: Array, targets: Array
) -> tuple[Array, Array]:
    """Magnitudes of the terms of cross-entropy and of its gradient.

    exp turns the rounding of its argument, |z - max z| eps, into a relative error of its value.
    """
    z = logits.astype(np.float64)
    t = np.eye(CLASSES)[targets] if targets.ndim == 1 else targets.astype(np.float64)
    largest = z.max(axis=1, keepdims=True)
    exponentials = np.exp(z - largest)
    p = exponentials / exponentials.sum(axis=1, keepdims=True)
    per_term = np.abs(z) + np.abs(largest) + np.log(CLASSES)
    over = len(z) if loss.reduction == "mean" else 1
    grad = (p * (1 + np.abs(z - largest)) * t.sum(axis=1, keepdims=True) + t) / over
    # Probabilities below the smallest float32 round to zero; that is an absolute error.
    return (t * per_term).sum() / over, grad + np.finfo(logits.dtype).smallest_normal


def check_loss_formula(case: LossCase, seed: int) -> None:
    """The class against the plain formula, and the formula's gradient against a complex step."""
    rng = np.random.default_rng(seed)
    logits = normal(rng, (BATCH, CLASSES))
    targets = case.targets(rng, logits.shape)
    t = np.eye(CLASSES)[targets] if targets.ndim == 1 else targets.astype(np.float64)
    loss = case.make()
    times = 1 if loss.reduction == "mean" else BATCH
    value, grad = loss.forward(logits, targets), loss.backward()
    plain = cross_entropy_backward(logits, t)
    exact = complex_step(lambda z: _complex_cross_entropy(z, t), logits)
    np.testing.assert_allclose(value, times * cross_entropy(logits, t), rtol=1e-14)
    np.testing.assert_allclose(grad, times * plain, rtol=0, atol=1e-15 * times)
    np.testing.assert_allclose(plain, exact, rtol=0, atol=1e-15)


def _complex_cross_entropy(logits: Array, targets: Array) -> Any:
    """The formula of `cross_entropy` once more: that one returns a float."""
    total = np.exp(logits).sum(axis=1, keepdims=True)
    return (targets * (np.log(total) - logits)).sum() / len(logits)


def check_loss_by_differences(case: LossCase, seed: int) -> None:
    """The gradient belongs to the same function as the value, without PyTorch."""
    rng = np.random.default_rng(seed)
    logits = normal(rng, (BATCH, CLASSES))
    targets = case.targets(rng, logits.shape)
    loss = case.make()
    loss.forward(logits, targets)
    grad = loss.backward()
    expected, smooth = central_difference(
        lambda z: case.make().forward(z, targets), logits, curvature=10.0
    )
    assert smooth.all()
    np.testing.assert_allclose(grad, expected, rtol=0, atol=1e-10 * (1 + np.abs(grad).max()))


def check_network_by_complex_step(seed: int) -> None:
    """A whole network and its loss against a complex step through the written-out formula."""
    rng = np.random.default_rng(seed)
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng, dtype=FLOAT64)
    x, y = normal(rng, (BATCH, FEATURES)), labels(rng, (BATCH, CLASSES))
    t = np.eye(CLASSES)[y]
    loss = ours.CrossEntropyLoss()
    loss.forward(model.forward(x), y)
    grad_input = model.backward(loss.backward())
    values = model.state_dict()

    def network(name: str) -> Callable[[Array], Any]:
        def value(data: Array) -> Any:
            v = {**values, "x": x, name: data}
            z1 = v["x"] @ v["0.weight"].T + v["0.bias"]
            z2 = (z1 * (z1.real > 0)) @ v["2.weight"].T + v["2.bias"]
            return _complex_cross_entropy(z2, t)

        return value

    grads = {p.name: p.grad for p in model.parameters()} | {"x": grad_input}
    for name, grad in grads.items():
        exact = complex_step(network(name), x if name == "x" else values[name])
        np.testing.assert_allclose(grad, exact, rtol=0, atol=1e-13, err_msg=name)


# Optimizers: the parameters after 1, 10 and 100 steps on given gradients.


def _optimizer_checks(case: OptimizerCase, seed: int) -> Iterator[Check]:
    for dtype in (FLOAT64, FLOAT32):
        for steps in (1, 10, 100):
            name = f"optimizer/{case.name}/{dtype}-{steps}"
            yield Check(name, partial(check_optimizer, case, dtype, steps, seed))
    yield Check(f"formula/{case.name}/plain", partial(check_optimizer_formula, case, seed))


def check_optimizer(case: OptimizerCase, dtype: np.dtype[Any], steps: int, seed: int) -> None:
    """Parameters after some steps against torch.optim."""
    rng = np.random.default_rng(seed)
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng, dtype=dtype)
    gradients = gradient_sequence(rng, steps, len(model.arena), dtype)
    optimizer = case.make(model.parameters())
    theirs, _ = _torch_steps(case, model, optimizer, gradients, None)
    truth, path = _torch_steps(case, model, optimizer, gradients, torch.float64)
    for step, gradient in enumerate(gradients):
        _change(optimizer, case, step)
        model.arena.grads[:] = gradient
        optimizer.step()
    value = model.arena.values
    if dtype == FLOAT64:
        # A step is about eight operations on its own length and one rounding of the sum so far.
        require([compare_float64("parameters", value, truth, path, terms=8 + steps)])
    else:
        require([compare_float32("parameters", value, theirs, truth, path)])


def _torch_steps(
    case: OptimizerCase,
    model: ours.Sequential,
    optimizer: ours.Optimizer,
    gradients: Array,
    dtype: torch.dtype | None,
) -> tuple[Array, Array]:
    """Return the parameters as one vector, and |start| plus the magnitudes of all steps."""
    twin = to_torch(model, dtype)
    stepper = twin_of_optimizer(optimizer, twin.named_parameters())
    tensors = list(twin.parameters())

    def values() -> Array:
        return torch.cat([tensor.detach().ravel() for tensor in tensors]).numpy()

    now = values()
    path = np.abs(now)
    for step, gradient in enumerate(gradients):
        _change(stepper, case, step)
        for parameter, tensor in zip(model.parameters(), tensors, strict=True):
            part = gradient[parameter.slice].reshape(parameter.shape)
            tensor.grad = torch.tensor(part, dtype=tensor.dtype)
        stepper.step()
        before, now = now, values()
        path = path + np.abs(now - before)
    return now, path


def _change(optimizer: Any, case: OptimizerCase, step: int) -> None:
    for group in optimizer.param_groups:
        group.update(case.changes.get(step, {}))


def check_optimizer_formula(case: OptimizerCase, seed: int) -> None:
    """The in-place optimizer against its plain formula, parameter by parameter."""
    rng = np.random.default_rng(seed)
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng, dtype=FLOAT64)
    optimizer = case.make(model.parameters())
    gradients = gradient_sequence(rng, 10, len(model.arena), FLOAT64)
    groups = {p.name: group for group in optimizer.param_groups for p in group["params"]}
    values = model.state_dict()
    moments: dict[str, list[Any]] = {name: [] for name in values}
    for step, gradient in enumerate(gradients):
        _change(optimizer, case, step)
        model.arena.grads[:] = gradient
        optimizer.step()
        for p in model.parameters():
            grad = gradient[p.slice].reshape(p.shape)
            options = {k: v for k, v in groups[p.name].items() if k != "params"}
            state = moments[p.name]
            if isinstance(optimizer, ours.SGD):
                values[p.name], *moments[p.name] = sgd_step(
                    values[p.name], grad, *(state or [None]), **options
                )
            else:
                values[p.name], *moments[p.name] = adam_step(
                    values[p.name],
                    grad,
                    *(state or [np.zeros(p.shape), np.zeros(p.shape)]),
                    step + 1,
                    **options,
                    decoupled=isinstance(optimizer, ours.AdamW),
                )
    for p in model.parameters():
        size = np.abs(values[p.name]).max()
        np.testing.assert_allclose(
            p.data, values[p.name], rtol=0, atol=1e-14 * size, err_msg=p.name
        )


# The data on their way in.


def check_loader_pairing(seed: int) -> None:
    """Every sample comes once per epoch, with its own target, in an order that changes."""
    samples = 101
    inputs = np.arange(samples * 3, dtype=np.float32).reshape(samples, 3)
    targets = 7 * np.arange(samples)
    loader = ours.DataLoader(
        inputs, targets, batch_size=BATCH, shuffle=True, rng=np.random.default_rng(seed)
    )
    orders = []
    for _ in range(2):
        batches = [(x.copy(), y.copy()) for x, y in loader]
        x = np.concatenate([batch for batch, _ in batches])
        y = np.concatenate([batch for _, batch in batches])
        np.testing.assert_array_equal(y, 7 * (x[:, 0] / 3), "a target of another sample")
        np.testing.assert_array_equal(x, inputs[y // 7], "a row that is no row of the data")
        np.testing.assert_array_equal(np.sort(y), targets, "samples lost or twice")
        orders.append(y)
    assert not np.array_equal(orders[0], targets), "not shuffled"
    assert not np.array_equal(orders[0], orders[1]), "the same order twice"
