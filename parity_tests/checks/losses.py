"""The losses of the catalogue, in every form: the number or the losses, and dL/dinput."""

import copy
import inspect
import itertools
import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

import numpy_impl as ours
from numpy_impl.losses.cross_entropy import cross_entropy, cross_entropy_backward
from parity_tests.cases.loss_case import LossCase, Shape, cast
from parity_tests.cases.losses import LOSSES, class_axis, labels, of_classes
from parity_tests.checks.check import FLOAT32, FLOAT64, Array, Check
from parity_tests.checks.raising import raised, refused
from parity_tests.checks.refusals import refusal_checks
from parity_tests.checks.statistics import by_the_worst, judged_by_counts
from parity_tests.differences import central_difference, complex_step
from parity_tests.inputs import (
    BATCH,
    CLASSES,
    FEATURES,
    HIDDEN,
    LAYOUTS,
    normal,
    shape_name,
)
from parity_tests.measures import Comparison, compare_float32, compare_float64
from torch_ref import twin_of


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of every loss in every form, and those of a network with its loss."""
    for case in LOSSES:
        operation = case.operation.__name__
        for variant in case.variants:
            name = f"{operation}/{variant}"
            yield from _parity_checks(case, variant, name, seed)
            whole: dict[str, Callable[[LossCase, str, int], Any]] = {
                "formula": check_formula,
                "differences": check_by_differences,
            }
            for kind, check in whole.items():
                yield Check(f"{kind}/{name}", partial(check, case, variant, seed))
            batches = partial(accuracy_batches, case, variant, seed)
            yield judged_by_counts(f"accuracy/{name}", batches, _DRAWS)
            for layout in LAYOUTS:
                run = partial(check_layout, case, variant, layout, seed)
                yield Check(f"layout/{name}/{layout}", run)
            promises: dict[str, Callable[[LossCase, str, int], None]] = {
                "ownership": check_ownership,
                "out": check_out,
                "copies": check_copies,
                "one-batch": check_one_batch,
                "upstream": check_upstream,
            }
            for promise, check in promises.items():
                yield Check(f"contract/{name}/{promise}", partial(check, case, variant, seed))
        usual = case.draw(np.random.default_rng(0), case.shapes[0], FLOAT32)
        yield from refusal_checks(case.operation, case.variants, case.refusals, usual)
    for dtype in (FLOAT64, FLOAT32):
        run = partial(check_special_batches, dtype, seed)
        yield Check(f"special/CrossEntropyLoss/batches-of-one/{dtype}", run)
    yield Check("refusal/Trainer/loss-0", check_trainer_refuses)
    yield Check("formula/GaussianNLLLoss/one-variance", partial(check_one_variance, seed))
    yield Check("formula/network/complex-step", partial(check_network_by_complex_step, seed))


def _parity_checks(case: LossCase, variant: str, name: str, seed: int) -> Iterator[Check]:
    for dtype in (FLOAT64, FLOAT32):
        for reduction in case.reductions:
            for shape in case.shapes:
                for draw in case.draws:
                    if draw != "normal" and 0 in shape:
                        continue
                    where = f"{reduction}-{dtype}-{shape_name(shape)}-{draw}"
                    run = partial(check_loss, case, variant, reduction, dtype, shape, draw, seed)
                    yield Check(f"loss/{name}/{where}", run)
        run = partial(check_special_values, case, variant, dtype, seed)
        yield Check(f"special/{name}/{dtype}", run)


class Result(NamedTuple):
    """What a loss gave.

    Attributes
    ----------
    value : ndarray
        The number, or the losses.
    grads : list of ndarray
        The derivatives with respect to the arguments that have one.
    """

    value: Array
    grads: list[Array]


def check_loss(
    case: LossCase,
    variant: str,
    reduction: str,
    dtype: np.dtype[Any],
    shape: Shape,
    draw: str,
    seed: int,
) -> list[Comparison]:
    """The loss and its derivatives against autograd."""

    def drawn(number: int) -> Iterator[Comparison]:
        rng = np.random.default_rng([seed, *shape, number])
        loss = case.make(variant, reduction, dtype)
        arrays = case.draw(rng, shape, dtype, case.draws[draw])
        before = copy.deepcopy(arrays)
        yield from _compare(case, loss, arrays, rng)
        for array, old in zip(arrays, before, strict=True):
            assert np.array_equal(array, old, equal_nan=True), "the loss wrote to its arguments"

    return by_the_worst(drawn)


def _compare(
    case: LossCase,
    loss: Any,
    arrays: tuple[Array, ...],
    rng: np.random.Generator,
    exact: type | None = None,
) -> Iterator[Comparison]:
    dtype = arrays[0].dtype
    kind = twin_of if exact is None else partial(_exact_twin, exact)
    upstream, result = _run(loss, arrays, rng)
    theirs = _autograd(kind(loss), case, arrays, upstream, dtype)
    truth = _autograd(kind(loss).double(), case, arrays, upstream, FLOAT64)
    unit = unit_of_error(case, loss, kind, arrays, upstream)
    assert isinstance(result.value, np.ndarray) == (loss.reduction == "none"), "not a float"
    names = ["loss", *(f"grad-{number}" for number in case.wanted)]
    rows = zip(
        names,
        [np.asarray(result.value), *result.grads],
        [theirs.value, *theirs.grads],
        [truth.value, *truth.grads],
        [unit.value, *unit.grads],
        strict=True,
    )
    for name, actual, other, true, unit_there in rows:
        # Infinities have no condition: what is beside them is as exact as its own size.
        condition = np.where(np.isfinite(unit_there), unit_there, np.abs(true))
        if dtype == FLOAT64:
            terms = case.terms + (arrays[0].size if condition.size < arrays[0].size else 0)
            yield compare_float64(name, actual, true, condition, terms)
        else:
            if name != "loss" or loss.reduction == "none":
                assert actual.dtype == dtype, f"{name} is {actual.dtype}, not {dtype}"
            yield compare_float32(name, actual, other, true, condition)


def _run(loss: Any, arrays: tuple[Array, ...], rng: np.random.Generator) -> tuple[Array, Result]:
    """Return a random gradient of the loss, and what forward and backward give for it."""
    value = loss.forward(*arrays)
    upstream = np.asarray(normal(rng, np.shape(value)), arrays[0].dtype)
    return upstream, Result(value, _grads(loss, upstream))


def _grads(loss: Any, upstream: Any = None, **options: Any) -> list[Array]:
    grads = loss.backward(upstream, **options)
    return list(grads) if isinstance(grads, tuple) else [grads]


def _exact_twin(kind: type, loss: Any) -> torch.nn.Module:
    options = {
        name: torch.tensor(value) if isinstance(value, np.ndarray) else value
        for name, value in loss.config().items()
    }
    module: torch.nn.Module = kind(**options)
    return module


def _tensors(case: LossCase, arrays: Sequence[Array], dtype: np.dtype[Any]) -> list[torch.Tensor]:
    """Return arguments for PyTorch, which takes one-hot rows as labels or as floats alone."""
    tensors = []
    for number, given in enumerate(arrays):
        array = np.array(given, order="C")
        if array.dtype.kind == "f":
            tensor = torch.tensor(array.astype(dtype), requires_grad=number in case.wanted)
        elif case.classes and array.ndim == arrays[0].ndim:
            tensor = torch.tensor(np.asarray(array.argmax(axis=class_axis(array.shape))))
        else:
            tensor = torch.tensor(array)
        tensors.append(tensor)
    return tensors


def _autograd(
    twin: torch.nn.Module,
    case: LossCase,
    arrays: Sequence[Array],
    upstream: Array,
    dtype: np.dtype[Any],
) -> Result:
    tensors = _tensors(case, arrays, dtype)
    value = _call(twin, tensors)
    value.backward(torch.tensor(upstream, dtype=value.dtype))
    grads = [tensors[number].grad for number in case.wanted]
    return Result(value.detach().numpy(), [grad.numpy() for grad in grads if grad is not None])


def _call(twin: torch.nn.Module, tensors: Sequence[torch.Tensor]) -> Any:
    with warnings.catch_warnings():
        # PyTorch warns of the mean of KLDivLoss.
        warnings.simplefilter("ignore")
        return twin(*tensors)


def unit_of_error(
    case: LossCase,
    loss: Any,
    kind: Callable[[Any], torch.nn.Module],
    arrays: tuple[Array, ...],
    upstream: Array,
) -> Result:
    """Return what rounding errors are measured by.

    The losses are functions of one entry or one sample each, so the unit of a mean or a sum is
    that of the losses, added up.
    """
    wide = cast(arrays, FLOAT64)
    each = copy.copy(loss)
    each.reduction = "none"
    with np.errstate(all="ignore"):
        if case.conditions is not None:
            values, slopes = case.conditions(loss, *wide)
            grads = [slopes]
        else:
            find = _class_conditions if case.classes else _entry_conditions
            values, grads = find(case, kind(each).double(), wide)
        if case.floor is not None:
            more = case.floor(loss, *(_spread(array, arrays[0].shape) for array in wide))
            values, *grads = (a + b for a, b in zip((values, *grads), more, strict=True))
        scale = np.abs(upstream.astype(np.float64)) / _count(case, loss, wide)
        if loss.reduction != "none":
            values = np.asarray(values.sum() / _count(case, loss, wide))
        grads = [_times(scale, grad, case) for grad in grads]
    # What is below the smallest number is rounded by an absolute amount.
    floor = np.finfo(arrays[0].dtype).smallest_normal
    grads = [_gathered(g, arrays[n].shape) for g, n in zip(grads, case.wanted, strict=True)]
    return Result(np.asarray(values) + floor, [grad + floor for grad in grads])


def _times(scale: Array, grads: Array, case: LossCase) -> Array:
    if case.classes and scale.ndim:
        scale = np.expand_dims(scale, class_axis(grads.shape))
    return scale * grads


def _count(case: LossCase, loss: Any, arrays: Sequence[Array]) -> float:
    """What a mean divides by."""
    if loss.reduction in ("none", "sum"):
        return 1
    if loss.reduction == "batchmean":
        return arrays[0].shape[0] if arrays[0].ndim else 1
    if not case.classes:
        return arrays[0].size
    target = arrays[1]
    axis = class_axis(arrays[0].shape)
    if target.dtype.kind == "f" or isinstance(loss, ours.MultiMarginLoss):
        return arrays[0].size / arrays[0].shape[axis]
    if target.ndim == arrays[0].ndim:
        target = target.argmax(axis=axis)
    counted = target[target != getattr(loss, "ignore_index", -100)]
    return float(counted.size if loss.weight is None else loss.weight[counted].sum())


def _entry_conditions(
    case: LossCase, twin: torch.nn.Module, arrays: tuple[Array, ...]
) -> tuple[Array, list[Array]]:
    """For L = f(x, ...): |L| + |x f'|, and 2 |f'| + |x f''|, entry by entry."""
    arrays = tuple(_spread(array, arrays[0].shape) for array in arrays)
    tensors = _tensors(case, arrays, FLOAT64)
    wanted = [tensors[number] for number in case.wanted]
    losses = _call(twin, tensors)
    slopes = _slopes(losses, wanted)
    values = losses.abs()
    grads = []
    for slope in slopes:
        grad = 2 * slope.abs()
        for bend, x in zip(_slopes(slope, wanted), wanted, strict=True):
            grad = grad + (x * bend).abs()
        grads.append(grad.detach().numpy())
    for slope, x in zip(slopes, wanted, strict=True):
        values = values + (x * slope).abs()
    return values.detach().numpy(), grads


def _class_conditions(
    case: LossCase, twin: torch.nn.Module, arrays: tuple[Array, ...]
) -> tuple[Array, list[Array]]:
    """For L = f(x_1, ..., x_C): |L| + sum |x_k f_k|, and 2 |f_k| + sum |x_l f_kl|."""
    tensors = _tensors(case, arrays, FLOAT64)
    x, axis = tensors[0], class_axis(arrays[0].shape)
    losses = _call(twin, tensors)
    (slope,) = _slopes(losses, [x])
    grads = 2 * slope.abs()
    for number in range(x.shape[axis]):
        (bend,) = _slopes(slope.select(axis, number), [x])
        grads.select(axis, number).add_((x * bend).abs().sum(axis))
    values = losses.abs() + (x * slope).abs().sum(axis)
    return values.detach().numpy(), [grads.detach().numpy()]


def _slopes(value: torch.Tensor, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    if not value.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    return list(torch.autograd.grad(value.sum(), inputs, create_graph=True, materialize_grads=True))


def _spread(array: Array, shape: Shape) -> Array:
    if array.shape == shape[:-1] and shape:
        array = array[..., np.newaxis]
    return np.broadcast_to(array, shape)


def _gathered(array: Array, shape: Shape) -> Array:
    if array.shape == shape:
        return array
    if shape == array.shape[:-1]:
        return np.asarray(array.sum(axis=-1))
    axes = tuple(a for a in range(array.ndim) if shape[a] != array.shape[a])
    return np.asarray(array.sum(axis=axes, keepdims=True))


def check_special_values(
    case: LossCase, variant: str, dtype: np.dtype[Any], seed: int
) -> Iterator[Comparison]:
    """Kinks and what is next to them, zeros of both signs, 1e4, infinities."""
    rng = np.random.default_rng(seed)
    loss = case.make(variant, "none", dtype)
    with np.errstate(over="ignore"):
        arrays = cast(case.special(), dtype)
    return _compare(case, loss, arrays, rng, case.exact)


def check_special_batches(dtype: np.dtype[Any], seed: int) -> Iterator[Comparison]:
    """Special rows as batches of one, reduced to a number: cross-entropy then takes another way."""
    rng = np.random.default_rng(seed)
    case = LOSSES[0]
    logits, targets = cast(case.special(), dtype)
    for number in range(len(logits)):
        row = slice(number, number + 1)
        loss = ours.CrossEntropyLoss(reduction=("mean", "sum")[number % 2])
        yield from _compare(case, loss, (logits[row], targets[row]), rng)


def check_formula(case: LossCase, variant: str, seed: int) -> None:
    """The class against the plain formula and its derivative."""
    rng = np.random.default_rng(seed)
    for shape in case.shapes[:2]:
        arrays = case.draw(rng, shape, FLOAT64)
        for reduction in case.reductions:
            loss = case.make(variant, reduction, FLOAT64)
            upstream, result = _run(loss, arrays, rng)
            values, slopes = _by_formula(case, loss, arrays)
            count = _count(case, loss, arrays)
            with np.errstate(invalid="ignore", divide="ignore"):
                total = values if reduction == "none" else np.divide(values.sum(), count)
                grad = _times(np.divide(upstream, count), slopes, case)
            if case.classes and "all-ignored" in variant:
                grad = np.zeros_like(grad)
            size = 1e-14 * (1 + np.abs(values).max(initial=0.0))
            np.testing.assert_allclose(result.value, total, rtol=1e-13, atol=size * values.size)
            np.testing.assert_allclose(result.grads[0], grad, rtol=1e-13, atol=size)


def _by_formula(case: LossCase, loss: Any, arrays: Sequence[Array]) -> tuple[Array, Array]:
    """Return the losses and their derivatives by the plain functions."""
    if isinstance(loss, ours.CrossEntropyLoss):
        return _cross_entropy_by_formula(loss, *arrays)
    if not case.classes:
        arrays = [_spread(array, arrays[0].shape) for array in arrays]
        return (
            case.formula(*arrays, **_options(case.formula, loss)),
            case.derivative(*arrays, **_options(case.derivative, loss)),
        )
    x, target = arrays
    axis = class_axis(x.shape)
    rows = np.moveaxis(x, axis, -1)
    flat = rows.reshape(-1, rows.shape[-1])
    counted = target.reshape(-1) != getattr(loss, "ignore_index", -100)
    safe = np.where(counted, target.reshape(-1), 0)
    weights = counted * (1.0 if loss.weight is None else loss.weight[safe])
    options = {name: v for name, v in _options(case.formula, loss).items() if name != "weight"}
    values = weights * case.formula(flat, safe, **options)
    slopes = weights[:, np.newaxis] * case.derivative(flat, safe, **options)
    return (
        values.reshape(target.shape),
        np.moveaxis(slopes.reshape(rows.shape), -1, axis),
    )


def _options(function: Callable[..., Any], loss: Any) -> dict[str, Any]:
    """Return those of a loss's arguments that a function takes."""
    takes = inspect.signature(function).parameters
    return {n: v for n, v in loss.config().items() if n in takes and v is not None}


def _cross_entropy_by_formula(loss: Any, logits: Array, targets: Array) -> tuple[Array, Array]:
    """By the formula, whose gradient is held against a complex step."""
    axis = class_axis(logits.shape)
    rows = np.moveaxis(logits, axis, -1)
    z = rows.reshape(-1, rows.shape[-1])
    t = np.moveaxis(of_classes(loss, logits, targets), axis, -1).reshape(z.shape)
    values = np.array([cross_entropy(z[i : i + 1], t[i : i + 1]) for i in range(len(z))])
    plain = cross_entropy_backward(z, t)
    exact = complex_step(lambda z: _complex_cross_entropy(z, t), z)
    np.testing.assert_allclose(plain, exact, rtol=0, atol=1e-15 * (1 + np.abs(t).max()))
    np.testing.assert_allclose(values.mean(), cross_entropy(z, t), rtol=1e-14, atol=1e-15)
    slopes = len(z) * np.moveaxis(plain.reshape(rows.shape), -1, axis)
    return values.reshape(rows.shape[:-1]), slopes


def _complex_cross_entropy(logits: Array, targets: Array) -> Any:
    """The formula of `cross_entropy` once more: that one returns a float."""
    total = np.exp(logits).sum(axis=1, keepdims=True)
    return (targets * (np.log(total) - logits)).sum() / len(logits)


def check_by_differences(case: LossCase, variant: str, seed: int) -> None:
    """The derivatives belong to the same function as the loss, without PyTorch."""
    rng = np.random.default_rng(seed)
    arrays = case.draw(rng, case.shapes[0], FLOAT64, _away)
    for reduction in case.reductions:
        loss = case.make(variant, reduction, FLOAT64)
        upstream, result = _run(loss, arrays, rng)
        if not np.isfinite(result.value).all():
            continue
        for number, grad in zip(case.wanted, result.grads, strict=True):

            def along(point: Array, number: int = number, loss: Any = loss) -> float:
                changed = [*arrays[:number], point, *arrays[number + 1 :]]
                return float((upstream * loss.forward(*changed)).sum())  # noqa: B023

            slope, smooth = central_difference(along, arrays[number])
            assert smooth.mean() > 0.6, "too close to kinks to compare"
            off = np.abs(grad - slope)[smooth].max()
            limit = 1e-8 * (1 + np.abs(slope[smooth]).max())
            assert off <= limit, f"{reduction}, argument {number}: {off:.3g} off, limit {limit:.3g}"


def _away(rng: np.random.Generator, shape: Shape) -> Array:
    """Numbers of both signs away from 0, where some losses are too steep for differences."""
    return np.asarray(rng.uniform(0.5, 2.0, shape) * rng.choice([-1.0, 1.0], shape))


# Forms of an operation are judged by so many batches each.
_DRAWS = 40


def accuracy_batches(case: LossCase, variant: str, seed: int) -> Iterator[list[Comparison]]:
    """Yield float32 batches: the error is no more often larger than PyTorch's than smaller."""
    rng = np.random.default_rng([seed, 7])
    loss = case.make(variant, "mean", FLOAT32)
    for _ in range(_DRAWS):
        arrays = case.draw(rng, case.shapes[0], FLOAT32)
        yield list(_compare(case, loss, arrays, rng))


def check_layout(case: LossCase, variant: str, layout: str, seed: int) -> None:
    """The result does not depend on strides, and arguments are unchanged bit for bit."""
    rng = np.random.default_rng(seed)
    settings = itertools.product({case.shapes[0], max(case.shapes, key=len)}, case.reductions)
    for shape, reduction in sorted(settings):
        arrays = case.draw(rng, shape, FLOAT64)
        loss = case.make(variant, reduction, FLOAT64)
        upstream, expected = _run(loss, arrays, rng)
        there = tuple(_lay_out(layout, array) for array in arrays)
        upstream_there = _lay_out(layout, upstream)
        value = loss.forward(*there)
        grads = _grads(loss, upstream_there)
        for given, before in zip((*there, upstream_there), (*arrays, upstream), strict=True):
            assert np.array_equal(given, before), "the loss wrote to its arguments"
        np.testing.assert_allclose(value, expected.value, rtol=1e-12, atol=1e-13)
        for grad, wanted in zip(grads, expected.grads, strict=True):
            np.testing.assert_allclose(grad, wanted, rtol=1e-12, atol=1e-13)


def _lay_out(layout: str, array: Array) -> Array:
    if not array.ndim:
        return array
    if layout == "strided" and array.dtype.kind != "f":  # there is no integer that is not a number
        return np.repeat(array, 2, axis=-1)[..., ::2]
    return LAYOUTS[layout](array)


def _set_up(case: LossCase, variant: str, seed: int) -> Iterator[tuple[Any, Any, Any, Result]]:
    """Yield the loss with every reduction, arguments, an upstream gradient and the results."""
    rng = np.random.default_rng(seed)
    for reduction in case.reductions:
        loss = case.make(variant, reduction, FLOAT64)
        arrays = case.draw(rng, case.shapes[0], FLOAT64)
        upstream, result = _run(loss, arrays, rng)
        yield loss, arrays, upstream, result


def check_ownership(case: LossCase, variant: str, seed: int) -> None:
    """What you receive is yours: nothing else uses it, whatever you write there."""
    for loss, arrays, upstream, result in _set_up(case, variant, seed):
        arguments = [*arrays, upstream, *_arrays_of(loss)]
        value = loss.forward(*arrays)
        first = _grads(loss, upstream)
        kept = copy.deepcopy(first)
        mine = [*first, *([value] if isinstance(value, np.ndarray) else [])]
        for array in mine:
            for other in arguments:
                assert not np.shares_memory(array, other), "a result shares memory"
        if isinstance(value, np.ndarray):
            value.fill(np.nan)
        second = _grads(loss, upstream)
        for old, new, expected, original in zip(first, second, result.grads, kept, strict=True):
            assert not np.shares_memory(old, new), "two results share memory"
            assert np.array_equal(new, expected), "writing to the losses changed the gradient"
            assert np.array_equal(old, original), "the second backward changed the first's result"


def _arrays_of(loss: Any) -> list[Array]:
    return [value for value in loss.config().values() if isinstance(value, np.ndarray)]


def check_out(case: LossCase, variant: str, seed: int) -> None:
    """Derivatives are written to `out`, whatever was in there, and are the same as without."""
    for loss, arrays, upstream, result in _set_up(case, variant, seed):
        buffers = [np.full(grad.shape, np.nan) for grad in result.grads]
        grads = _grads(loss, upstream, out=_as_out(buffers))
        for buffer, grad, expected in zip(buffers, grads, result.grads, strict=True):
            assert grad is buffer, "out was not used"
            assert np.array_equal(buffer, expected)
        wrong = [
            [np.empty((*grad.shape, 1)) for grad in result.grads],
            [np.empty(grad.shape, FLOAT32) for grad in result.grads],
        ]
        if not isinstance(loss, ours.CrossEntropyLoss):  # which may need its logits no more
            wrong.append([arrays[number] for number in case.wanted])
        if loss.reduction == "none" and upstream.shape == arrays[0].shape:
            wrong.append([upstream, *buffers[1:]])
        for bad in wrong:
            refused("out", loss.backward, upstream, out=_as_out(bad))
        for again, expected in zip(_grads(loss, upstream), result.grads, strict=True):
            assert np.array_equal(again, expected), "a refused buffer changed something"


def _as_out(buffers: Sequence[Array]) -> Any:
    return tuple(buffers) if len(buffers) > 1 else buffers[0]


def check_copies(case: LossCase, variant: str, seed: int) -> None:
    """Copies have the same arguments, remember no batch, and leave the original alone."""
    for loss, arrays, upstream, result in _set_up(case, variant, seed):
        other = tuple(np.flip(array, 0) for array in arrays)
        for duplicate in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
            assert repr(duplicate) == repr(loss)
            raised(RuntimeError, duplicate.backward, upstream)
            value = duplicate.forward(*arrays)
            assert np.array_equal(value, result.value, equal_nan=True)
            duplicate.forward(*other)
            for mine, copied in zip(_arrays_of(loss), _arrays_of(duplicate), strict=True):
                assert not np.shares_memory(mine, copied), "the copy shares an array"
            for grad, expected in zip(_grads(loss, upstream), result.grads, strict=True):
                assert np.array_equal(grad, expected), "the copy changed the original"


def check_one_batch(case: LossCase, variant: str, seed: int) -> None:
    """Forward comes before backward, which is of the last batch, whatever its shape was."""
    rng = np.random.default_rng(seed)
    usual, *others = case.shapes
    shorter = (usual[0] - 2, *usual[1:])
    for reduction in case.reductions:
        loss = case.make(variant, reduction, FLOAT64)
        raised(RuntimeError, loss.backward, 1.0)
        for shape in (usual, shorter, usual, *others, *reversed(others), shorter):
            arrays = case.draw(rng, shape, FLOAT64)
            upstream, result = _run(loss, arrays, rng)
            raised(ours.InputError, loss.forward, arrays[0], np.zeros((2, 3, 5, 7)), *arrays[2:])
            fresh = case.make(variant, reduction, FLOAT64)
            assert np.array_equal(fresh.forward(*arrays), result.value, equal_nan=True)
            both = zip(_grads(loss, upstream), _grads(fresh, upstream), strict=True)
            for grad, expected in both:
                assert np.array_equal(grad, expected), "something of another batch is left"


def check_upstream(case: LossCase, variant: str, seed: int) -> None:
    """Upstream gradients scale; by default it is 1 for a number, and needed for an array."""
    for loss, _, upstream, result in _set_up(case, variant, seed):
        if loss.reduction == "none":
            bad: list[Any] = [None, upstream.ravel()[:-1], 1.0, upstream > 0]
        else:
            bad = [[1.0, 2.0], True, "1"]
            for grad, expected in zip(_grads(loss), result.grads, strict=True):
                _assert_scaled(float(upstream) * grad, expected)
        for wrong in bad:
            refused("grad_output", loss.backward, wrong)
        for grad, expected in zip(_grads(loss, -2 * upstream), result.grads, strict=True):
            _assert_scaled(grad, -2 * expected)


def _assert_scaled(actual: Array, expected: Array) -> None:
    # Where terms cancel, what is left of them is rounding.
    size = 1e-14 * np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(actual, expected, rtol=1e-14, atol=size)


def check_trainer_refuses() -> None:
    """A trainer does not take a loss that is not reduced to a number."""
    model = ours.mlp([FEATURES, CLASSES], rng=np.random.default_rng(0))
    loss, optimizer = ours.CrossEntropyLoss(reduction="none"), ours.SGD(model.parameters())
    refused("loss", ours.Trainer, model, loss, optimizer)


def check_one_variance(seed: int) -> None:
    """One number as the variance is that of all entries, and its derivative the sum of theirs."""
    rng = np.random.default_rng(seed)
    x, t = normal(rng, (2, BATCH, FEATURES))
    loss = ours.GaussianNLLLoss()
    value = loss.forward(x, t, 0.7)
    grad, grad_var = loss.backward(1.3)
    assert value == loss.forward(x, t, np.full(x.shape, 0.7))
    every, every_var = loss.backward(1.3)
    assert np.array_equal(grad, every)
    assert grad_var.shape == ()
    np.testing.assert_allclose(grad_var, np.asarray(every_var.sum()), rtol=1e-13)


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
