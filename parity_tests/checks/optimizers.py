"""The optimizers of the catalogue: the parameters after 1, 10 and 100 steps on given gradients."""

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

import numpy_impl as ours
from numpy_impl.optimizers.adam import adam_step
from parity_tests.cases.optimizers import OPTIMIZERS, OptimizerCase
from parity_tests.cases.refusal import Refusal
from parity_tests.checks import averaging, clipping, lbfgs
from parity_tests.checks.check import FLOAT32, FLOAT64, Array, Check
from parity_tests.checks.raising import refused
from parity_tests.checks.refusals import beside_pytorch
from parity_tests.checks.statistics import by_the_worst, rarely_farther_over
from parity_tests.inputs import CLASSES, FEATURES, HIDDEN, gradient_sequence
from parity_tests.measures import Comparison, compare_float32, compare_float64
from torch_ref import arena_vector, to_torch, twin_class
from torch_ref.optimizers import default_dtype, state_from_torch, state_to_torch

# Independent draws whose errors are counted, and steps in each.
_DRAWS, _STEPS = 40, 20
# Patterns of signs by which parameters are changed to see how far rounding carries them, each once
# more with the start changed the other way.
_PATTERNS = 2


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of every optimizer in every form, of clipping and of averages."""
    for case in OPTIMIZERS:
        name = case.operation.__name__
        if case.formula is not None:
            for variant in case.variants:
                yield from _variant_checks(case, variant, f"{name}/{variant}", seed)
        for number, refusal in enumerate(case.refusals):
            run = partial(check_refusal, case, refusal)
            yield Check(f"refusal/{name}/{refusal.name}-{number}", run)
    yield Check("optimizer/long-vectors", partial(check_long_vectors, seed))
    yield Check("optimizer/Muon/bfloat16", partial(check_muon_in_bfloat16, seed))
    yield Check("optimizer/RMSprop/constant-gradients", check_constant_gradients)
    yield Check("groups/decay", partial(check_decay_groups, seed))
    yield Check("groups/added", partial(check_added_group, seed))
    for module in (lbfgs, clipping, averaging):
        yield from module.checks(seed)


def _variant_checks(case: OptimizerCase, variant: str, name: str, seed: int) -> Iterator[Check]:
    for dtype in (FLOAT64, FLOAT32):
        for steps in (1, 10, 100):
            run = partial(check_steps, case, variant, dtype, steps, seed)
            yield Check(f"optimizer/{name}/{dtype}-{steps}", run)
    yield Check(f"formula/{name}", partial(check_formula, case, variant, seed))
    yield Check(f"handover/{name}", partial(check_handover, case, variant, seed))
    if variant in case.accuracy:
        yield Check(f"accuracy/{name}", partial(check_accuracy, case, variant, seed))


def make_optimizer(
    case: OptimizerCase, variant: str, model: ours.Sequential | ours.Layer
) -> ours.Optimizer:
    """Return the optimizer of a case over a model's parameters."""
    options = dict(case.variants[variant])
    divide = options.pop("params", None)
    params = [p for p in model.parameters() if p.ndim == 2 or not case.matrices_only]
    return case.operation(divide(params) if divide else params, **options)


def make_twin(
    case: OptimizerCase, variant: str, model: ours.Sequential, tensors: list[torch.nn.Parameter]
) -> torch.optim.Optimizer:
    """Return PyTorch's optimizer from the same arguments: what is left out is its own default."""
    options = dict(case.variants[variant])
    divide = options.pop("params", None)
    parameters = model.parameters()
    by_name = {p.name: tensor for p, tensor in zip(parameters, tensors, strict=True)}
    params = [p for p in parameters if p.ndim == 2 or not case.matrices_only]
    groups: list[Any] = [by_name[p.name] for p in params]
    if divide:
        groups = [
            {**group, "params": [by_name[p.name] for p in group["params"]]}
            for group in divide(params)
        ]
    twin: torch.optim.Optimizer = twin_class(case.operation)(groups, **options)
    return twin


def change(optimizer: Any, changes: Mapping[int, Mapping[str, Any]], step: int) -> None:
    """Set the hyperparameters that change before this step, from 0."""
    for group in optimizer.param_groups:
        group.update(changes.get(step, {}))


class Course:
    """A model and its optimizer, here or in PyTorch, on the way through given gradients.

    Parameters
    ----------
    model : numpy_impl.Sequential
        The original; a twin is made of it as it is now.
    optimizer : numpy_impl.Optimizer
        The original.
    twin : callable
        From the model and the twin's parameters to PyTorch's optimizer.
    changes : mapping
        See `change`.
    dtype : torch.dtype, optional
        Of the twin.
    """

    def __init__(
        self,
        model: ours.Sequential,
        optimizer: ours.Optimizer,
        twin: Callable[[ours.Sequential, list[torch.nn.Parameter]], torch.optim.Optimizer],
        changes: Mapping[int, Mapping[str, Any]],
        dtype: torch.dtype | None = None,
    ) -> None:
        self.model, self.optimizer, self.changes = model, optimizer, changes
        self.twin = to_torch(model, dtype)
        self.tensors = list(self.twin.parameters())
        self.make_twin = twin
        self.stepper = twin(model, self.tensors)

    def beside(self, dtype: torch.dtype | None = None) -> "Course":
        """Return another course from where the model is now, with a twin of its own."""
        return Course(self.model, self.optimizer, self.make_twin, self.changes, dtype)

    def here(self, gradients: Array, first: int = 0) -> None:
        """Take the steps in NumPy."""
        for number, gradient in enumerate(gradients, first):
            change(self.optimizer, self.changes, number)
            self.model.arena.grads[:] = gradient
            self.optimizer.step()

    def there(
        self,
        gradients: Array,
        first: int = 0,
        after: Callable[[Array, Array], Array] | None = None,
    ) -> Array:
        """Take the steps in PyTorch; return |start| plus the magnitudes of all steps.

        What ``after(before, now)`` returns becomes the parameters after each step.
        """
        now = self.values
        path = np.abs(now)
        grads = [
            torch.tensor(np.stack([parameter.of(g) for g in gradients]), dtype=tensor.dtype)
            for parameter, tensor in zip(self.model.parameters(), self.tensors, strict=True)
        ]
        # NAdam's product of momenta is of PyTorch's default type, whatever the parameters are.
        with default_dtype(self.tensors[0].dtype):
            for number, of_step in enumerate(zip(*grads, strict=True), first):
                change(self.stepper, self.changes, number)
                for tensor, grad in zip(self.tensors, of_step, strict=True):
                    tensor.grad = grad
                self.stepper.step()
                before, now = now, self.values
                path = path + np.abs(now - before)
                if after is not None:
                    now = after(before, now)
                    self.set(now)
        return path

    def set(self, values: Array) -> None:
        """Set PyTorch's parameters, from the order of the arena."""
        for parameter, tensor in zip(self.model.parameters(), self.tensors, strict=True):
            tensor.data.copy_(torch.tensor(parameter.of(values)))

    @property
    def values(self) -> Array:
        """PyTorch's parameters, in the order of the arena."""
        return arena_vector(self.tensors)


def _course(
    case: OptimizerCase, variant: str, dtype: np.dtype[Any], steps: int, seed: int | list[int]
) -> tuple[Course, Array]:
    rng = np.random.default_rng(seed)
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng, dtype=dtype)
    # Biases that are not zero, so that weight decay reaches them.
    model.arena.values += 0.3 * rng.standard_normal(len(model.arena)).astype(dtype)
    gradients = gradient_sequence(rng, steps, len(model.arena), dtype)
    optimizer = make_optimizer(case, variant, model)
    twin = partial(make_twin, case, variant)
    return Course(model, optimizer, twin, case.changes.get(variant, {})), gradients


def check_steps(
    case: OptimizerCase, variant: str, dtype: np.dtype[Any], steps: int, seed: int
) -> list[Comparison]:
    """Parameters after some steps against PyTorch."""
    return by_the_worst(partial(_drawn, case, variant, dtype, steps, seed))


def _drawn(
    case: OptimizerCase, variant: str, dtype: np.dtype[Any], steps: int, seed: int, number: int
) -> list[Comparison]:
    course, gradients = _course(case, variant, dtype, steps, [seed, number] if number else seed)
    exact, start = course.beside(torch.float64), course.model.arena.values.astype(FLOAT64)
    condition = exact.there(gradients)
    if case.matrices_only:
        # Every entry of a step comes from all entries of the gradient, large ones too.
        for parameter in course.model.parameters():
            condition[parameter.slice] = condition[parameter.slice].max()
    course.here(gradients)
    value, truth = course.model.arena.values, exact.values
    if dtype == FLOAT32:
        course.there(gradients)

    def compared(condition: Array) -> Comparison:
        if dtype == FLOAT64:
            return compare_float64("parameters", value, truth, condition, _terms(case, steps))
        return compare_float32("parameters", value, course.values, truth, condition)

    comparison = compared(condition)
    if not comparison.passed:
        comparison = compared(condition + _sensitivity(course, start, exact, gradients))
    return [comparison]


def _sensitivity(course: Course, start: Array, exact: Course, gradients: Array) -> Array:
    """How far rounding carries the result, in units of the relative size of one rounding.

    Where weight decay cancels a gradient, what is left is rounding, and an adaptive step carries it
    in full size. Near zero such steps overshoot, and what is off grows from step to step. So start
    and gradients are changed a little, and the parameters after every step by as little of
    themselves and of the step; some patterns of signs, because one alone may cancel. A change of
    both by one share hardly changes what a decay leaves of a gradient: the start is changed either
    way.
    """
    decays = [group.get("weight_decay", 0.0) for group in course.optimizer.param_groups]
    if not any(decays):
        return np.zeros(len(exact.values))
    change, rng = 1e-8, np.random.default_rng(0)
    farthest = np.zeros(len(exact.values))
    for _ in range(_PATTERNS):
        of_start, *of_steps = change * rng.choice((-1, 1), (1 + len(gradients), len(farthest)))
        for way in (1, -1):
            noise = iter(of_steps)

            def rounded(before: Array, now: Array, noise: Iterator[Array] = noise) -> Array:
                return now + next(noise) * (np.abs(now) + np.abs(now - before))

            aside = course.beside(torch.float64)
            aside.set(start * (1 + way * of_start))
            aside.there(gradients * (1 + np.stack(of_steps[::-1])), after=rounded)
            farthest = np.maximum(farthest, np.abs(aside.values - exact.values))
    return farthest / change


def _terms(case: OptimizerCase, steps: int) -> int:
    # A step is about eight operations on its own length and one rounding of the sum so far.
    return round((8 + steps) * case.conditioned)


def check_formula(case: OptimizerCase, variant: str, seed: int) -> None:
    """The in-place optimizer against its plain formula, parameter by parameter."""
    assert case.formula is not None
    course, gradients = _course(case, variant, FLOAT64, 10, seed)
    model, optimizer = course.model, course.optimizer
    members = [(p, group) for group in optimizer.param_groups for p in group["params"]]
    takes = inspect.signature(case.formula).parameters
    given = {"value", "grad", "step", *optimizer.param_groups[0]}
    values = {p.name: p.data.copy() for p, _ in members}
    states: dict[str, dict[str, Any]] = {
        p.name: {key: case.start.get(key, np.zeros(p.shape)) for key in takes if key not in given}
        for p, _ in members
    }
    # What cancels on the way is rounded by what it was.
    largest: dict[tuple[str, str], float] = defaultdict(float)
    for number, gradient in enumerate(gradients):
        course.here(gradient[None], number)
        for p, group in members:
            arguments = {**group, **states[p.name], "step": number + 1}
            result = case.formula(
                values[p.name],
                p.of(gradient),
                **{key: value for key, value in arguments.items() if key in takes},
            )
            values[p.name], *_ = result
            states[p.name] = {k: v for k, v in result._asdict().items() if k != "value"}
            for key, entry in result._asdict().items():
                size = 0.0 if entry is None else float(np.abs(entry).max())
                largest[p.name, key] = max(size, largest[p.name, key])
    limit = 1e-14 * case.conditioned
    state_dict = optimizer.state_dict()["state"]
    for p, _ in members:
        atol = limit * largest[p.name, "value"]
        np.testing.assert_allclose(p.data, values[p.name], 0, atol, err_msg=p.name)
        for key, entry in state_dict.get(p.name, {}).items():
            expected = 10 if key == "step" else states[p.name][key]
            atol = limit * largest[p.name, key]
            np.testing.assert_allclose(entry, expected, 0, atol, err_msg=f"{p.name}: {key}")
    assert model.arena.values.any()


def check_handover(case: OptimizerCase, variant: str, seed: int) -> Iterator[Comparison]:
    """A training begun here goes on in PyTorch, and the other way round, as if nothing was."""
    half = 5
    course, gradients = _course(case, variant, FLOAT64, 2 * half, seed)
    course.here(gradients[:half])
    over = course.beside()
    over.stepper.load_state_dict(state_to_torch(course.optimizer, over.stepper))
    path = over.there(gradients[half:], half)
    course.here(gradients[half:], half)
    value = course.model.arena.values
    yield compare_float64("here, there", value, over.values, path, _terms(case, half))

    course, _ = _course(case, variant, FLOAT64, 2 * half, seed + 1)
    course.there(gradients[:half])
    state = {name: tensor.detach().numpy() for name, tensor in course.twin.named_parameters()}
    course.model.load_state_dict(state)
    course.optimizer.load_state_dict(state_from_torch(course.stepper, course.optimizer))
    path = course.there(gradients[half:], half)
    course.here(gradients[half:], half)
    value = course.model.arena.values
    yield compare_float64("there, here", value, course.values, path, _terms(case, half))


def check_accuracy(case: OptimizerCase, variant: str, seed: int) -> None:
    """In float32, NumPy's distance from the truth is not as a rule larger than PyTorch's.

    Judged over independent draws, each by the root mean square of its errors, with parameters that
    begin next to zero, so that the steps and not their sum are what is rounded, and with a learning
    rate of its own, because its rounding is common to all parameters. Where PyTorch rounds less
    often, by the factor `OptimizerCase.unfused` larger.
    """

    def excess(draw: int) -> dict[str, float]:
        rng = np.random.default_rng([seed, draw])
        model = ours.Sequential(ours.Linear(FEATURES, HIDDEN, bias=False, rng=rng))
        model.arena.values *= np.float32(1e-2)
        gradients = gradient_sequence(rng, _STEPS, len(model.arena), FLOAT32)
        optimizer = make_optimizer(case, variant, model)
        rate = optimizer.param_groups[0]["lr"] * rng.uniform(0.5, 2)
        changes = {0: {"lr": rate}, **case.changes.get(variant, {})}
        course = Course(model, optimizer, partial(make_twin, case, variant), changes)
        exact = course.beside(torch.float64)
        path = exact.there(gradients)
        course.there(gradients)
        course.here(gradients)
        distances = [
            np.linalg.norm((values - exact.values) / path)
            for values in (model.arena.values, course.values)
        ]
        excess = distances[0] - case.unfused * distances[1]
        return {f"{case.operation.__name__}, {variant}": float(excess)}

    rarely_farther_over(_DRAWS, excess)


def check_refusal(case: OptimizerCase, refusal: Refusal) -> None:
    """Ours raises InputError for that argument; PyTorch raises too, unless it is known not to."""
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=np.random.default_rng(0))
    params = [p for p in model.parameters() if p.ndim == 2 or not case.matrices_only]
    refused(refusal.name, case.operation, params, **refusal.arguments)
    tensors = [torch.nn.Parameter(torch.tensor(p.data.copy())) for p in params]
    for tensor in tensors:
        tensor.grad = torch.ones_like(tensor)
    beside_pytorch(refusal, partial(_make_twin_and_step, case, tensors, refusal.arguments))


def _make_twin_and_step(
    case: OptimizerCase, tensors: list[torch.nn.Parameter], arguments: Mapping[str, Any]
) -> None:
    stepper = twin_class(case.operation)(tensors, **arguments)
    for _ in range(3):
        # A loss whose gradient changes, for those who ask for it.
        stepper.step(partial(_bowl, tensors))


def _bowl(tensors: list[torch.nn.Parameter]) -> torch.Tensor:
    loss = torch.zeros(())
    for tensor in tensors:
        tensor.grad = tensor.detach() ** 3
        loss = loss + (tensor.detach() ** 4).sum() / 4
    return loss


def check_long_vectors(seed: int) -> None:
    """More parameters than are updated at a time are all updated, once."""
    rng = np.random.default_rng(seed)
    layer = ours.Linear(761, 401, rng=rng, dtype=FLOAT64)
    value, grad = layer.weight.arena.values.copy(), rng.standard_normal(401 * 762)
    layer.weight.arena.grads[:] = grad
    ours.Adam(layer.parameters(), maximize=True, weight_decay=0.1).step()
    zeros = np.zeros_like(grad)
    expected = adam_step(value, grad, zeros, zeros, 1, maximize=True, weight_decay=0.1).value
    np.testing.assert_allclose(layer.weight.arena.values, expected, rtol=0, atol=1e-14)


def check_muon_in_bfloat16(seed: int) -> None:
    """Steps as torch.optim.Muon takes them, whose iteration is precise to bfloat16 only."""
    [case] = (case for case in OPTIMIZERS if case.operation is ours.Muon)
    for variant in ("plain-momentum", "match-rms", "groups"):
        course, gradients = _course(case, variant, FLOAT32, 1, seed)
        start = course.model.arena.values.copy()
        groups = course.stepper.param_groups
        theirs = torch.optim.Muon(groups)
        for parameter, tensor in zip(course.model.parameters(), course.tensors, strict=True):
            tensor.grad = torch.tensor(parameter.of(gradients[0]))
        theirs.step()
        course.here(gradients)
        step, expected = course.model.arena.values - start, course.values - start
        distance = np.linalg.norm(step - expected) / np.linalg.norm(expected)
        # Five rounds; in each, terms of up to 3.4, 4.8 and 2.0 times the matrix are rounded to
        # eight bits, by 2^-9 of themselves.
        assert distance < 5 * (3.4445 + 4.775 + 2.0315) * 2.0**-9, f"{variant}: {distance:.3g}"


def check_constant_gradients() -> None:
    """A variance that rounding makes less than nothing counts as nothing."""
    layer = ours.Linear(FEATURES, HIDDEN, rng=np.random.default_rng(0))
    optimizer = ours.RMSprop(layer.parameters(), alpha=0.5, centered=True)
    for _ in range(100):
        layer.weight.arena.grads[:] = np.linspace(0.1, 0.9, len(layer.weight.arena))
        optimizer.step()
    assert np.isfinite(layer.weight.arena.values).all()


def check_decay_groups(seed: int) -> None:
    """Decay groups hold every parameter once, and only matrices shrink."""
    rng = np.random.default_rng(seed)
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng, dtype=FLOAT64)
    model.arena.values += 1.0
    before = model.state_dict()
    groups = ours.decay_groups(model.parameters(), 0.5)
    names = [parameter.name for group in groups for parameter in group["params"]]
    assert sorted(names) == sorted(before)
    ours.AdamW(groups, lr=0.1).step()  # all gradients are zero
    for name, value in model.state_dict().items():
        expected = 0.95 * before[name] if name.endswith("weight") else before[name]
        np.testing.assert_allclose(value, expected, rtol=1e-15, err_msg=name)


def check_added_group(seed: int) -> Iterator[Comparison]:
    """A group added between steps begins there, in NumPy as in PyTorch."""
    rng = np.random.default_rng(seed)
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng, dtype=FLOAT64)
    gradients = gradient_sequence(rng, 10, len(model.arena), FLOAT64)
    parameters = model.parameters()
    optimizer = ours.NAdam(parameters[1:2], betas=(0.8, 0.99))
    course = Course(
        model, optimizer, lambda _, tensors: torch.optim.NAdam(tensors[1:2], betas=(0.8, 0.99)), {}
    )
    path = course.there(gradients[:4])
    course.here(gradients[:4])
    optimizer.add_param_group({"params": parameters[2:], "lr": 1e-2})
    optimizer.add_param_group({"params": parameters[0], "weight_decay": 0.1})
    course.stepper.add_param_group({"params": course.tensors[2:], "lr": 1e-2})
    course.stepper.add_param_group({"params": course.tensors[0], "weight_decay": 0.1})
    path = path + course.there(gradients[4:], 4)
    course.here(gradients[4:], 4)
    yield compare_float64("parameters", model.arena.values, course.values, path, 8 + 10)
