"""What is left out has PyTorch's default: in constructors, and in the plain formulas."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import torch

import numpy_impl as ours
from numpy_impl import activations, losses
from parity_tests.cases.left_out import OTHER_DEFAULTS
from parity_tests.cases.losses import LOSSES
from parity_tests.cases.optimizers import OPTIMIZERS
from parity_tests.checks.layers import CASES
from parity_tests.checks.signatures import arguments
from parity_tests.inputs import BATCH, CLASSES, FEATURES
from torch_ref import pytorch_class

LAYERS = {case.operation.__name__: case for case in CASES if case.operation is not ours.Residual}


def rng() -> np.random.Generator:
    """A fresh generator."""
    return np.random.default_rng(0)


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    case = LAYERS[name]
    own = arguments(case.operation)
    required = [name for name, default in own.items() if default is inspect.Parameter.empty]
    options = next(iter(case.variants.values()))
    given = {name: options[name] for name in required if name != "rng"}
    layer = case.operation(**given, **({"rng": None} if "rng" in required else {}))
    _compare(layer.config(), case.operation, given)
    for parameter in layer.parameters():
        assert parameter.data.dtype == np.float32
    shapes = {parameter.name: parameter.shape for parameter in layer.parameters()}
    shapes |= {name: array.shape for name, array in layer.buffers().items()}
    assert case.operation.state_shapes(**given) == shapes


@pytest.mark.parametrize("kind", dict.fromkeys(case.operation for case in LOSSES))
def test_losses(kind: Any) -> None:
    _compare(kind().config(), kind, {})


def _compare(config: Mapping[str, Any], kind: type, given: Mapping[str, Any]) -> None:
    theirs = arguments(pytorch_class(kind))
    excused = OTHER_DEFAULTS.get(kind.__name__, {})
    for name, value in config.items():
        if name in theirs and name not in given and name not in excused:
            assert value == theirs[name], f"{name}: {value!r}, in PyTorch {theirs[name]!r}"
            assert type(value) is type(theirs[name]) or isinstance(value, float), name


@pytest.mark.parametrize("case", [pytest.param(c, id=c.operation.__name__) for c in OPTIMIZERS])
def test_optimizers(case: Any) -> None:
    layer = ours.Linear(FEATURES, CLASSES, bias=False, rng=rng())
    group = case.operation(layer.parameters()).param_groups[0]
    theirs = pytorch_class(case.operation)([torch.nn.Parameter(torch.ones(CLASSES, FEATURES))])
    expected = theirs.param_groups[0]
    common = group.keys() & expected.keys() - {"params"}
    assert {"lr", "weight_decay"} & common
    for name in common:
        if name not in OTHER_DEFAULTS.get(case.operation.__name__, {}):
            assert group[name] == expected[name], name


STEPS = [
    pytest.param(case, given, id="-".join((case.operation.__name__, *given)))
    for case in OPTIMIZERS
    if case.formula is not None
    for given in ({}, {"weight_decay": 0.1}, {"momentum": 0.9})
    if given.keys() <= inspect.signature(case.formula).parameters.keys()
]
"""Optimizers, with an argument that gives a part to others that are left out."""


@pytest.mark.parametrize(("case", "given"), STEPS)
def test_steps_of_optimizers(case: Any, given: Mapping[str, Any]) -> None:
    """The formula with its defaults is the optimizer with its own; AdamW has that of Adam."""
    layer = ours.Linear(FEATURES, CLASSES, bias=False, rng=rng(), dtype=np.float64)
    optimizer = case.operation(layer.parameters(), **given)
    group = optimizer.param_groups[0]
    takes = inspect.signature(case.formula).parameters
    state = {
        name: case.start.get(name, np.zeros((CLASSES, FEATURES)))
        for name in takes
        if name not in {"value", "grad", "step", *group}
    }
    needed = {
        name: group[name]
        for name, parameter in takes.items()
        if name in group and (parameter.default is parameter.empty or name in given)
    }
    if case.operation is ours.AdamW:
        needed |= {name: group[name] for name in ("weight_decay", "decoupled_weight_decay")}
    value, drawing = layer.weight.data.copy(), rng()
    for number in range(1, 7):
        grad = drawing.standard_normal(value.shape) / number
        layer.weight.grad = grad
        optimizer.step()
        step = {"step": number} if "step" in takes else {}
        value, *rest = case.formula(value, grad, **state, **step, **needed)
        state = dict(zip(state, rest, strict=True))
    np.testing.assert_allclose(layer.weight.data, value, rtol=0, atol=1e-12 * case.conditioned)


SAME = torch.nn
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "hardtanh": arguments(SAME.Hardtanh),
    "elu": arguments(SAME.ELU),
    "celu": arguments(SAME.CELU),
    "leaky_relu": arguments(SAME.LeakyReLU),
    "hardshrink": arguments(SAME.Hardshrink),
    "softshrink": arguments(SAME.Softshrink),
    "shrink": arguments(SAME.Softshrink),
    "softplus": arguments(SAME.Softplus),
    "softmax": {"axis": -1},
    "log_softmax": {"axis": -1},
    "softmin": {"axis": -1},
    "binary_cross_entropy": {"weight": 1.0},
    "binary_cross_entropy_with_logits": {"weight": 1.0, "pos_weight": 1.0},
    "sigmoid_focal": {"alpha": 0.25, "gamma": 2.0},
    "focal": {"gamma": 2.0},
    "poisson_nll": arguments(SAME.PoissonNLLLoss),
    "gaussian_nll": arguments(SAME.GaussianNLLLoss),
    "kl_divergence": arguments(SAME.KLDivLoss),
    "multi_margin": arguments(SAME.MultiMarginLoss),
    "hinge_embedding": arguments(SAME.HingeEmbeddingLoss),
    "huber": arguments(SAME.HuberLoss),
    "smooth_absolute_error": arguments(SAME.SmoothL1Loss),
}
"""What the arguments of the plain functions are where they are left out."""

ENDINGS = ("_backward", "_derivative_var", "_derivative")


def formulas() -> Iterator[Any]:
    """Every plain function of arrays that has a default."""
    for package in (activations, losses):
        for found in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{found.name}")
            for name, value in list(vars(module).items()):
                if not inspect.isfunction(value) or name.startswith("_") or "__" in name:
                    continue
                parameters = list(inspect.signature(value).parameters.values())
                of_arrays = parameters and parameters[0].name in ARRAYS
                defaults = [p.name for p in parameters if p.default is not p.empty]
                if value.__module__ == module.__name__ and of_arrays and defaults:
                    yield pytest.param(value, defaults, id=f"{found.name}.{name}")


ARRAYS: Mapping[str, Callable[[str], Any]] = {
    # One of them beyond what softplus takes for large.
    "x": lambda _: 2 * rng().standard_normal((BATCH, CLASSES)) + 20.5 * (np.arange(CLASSES) == 2),
    "logits": lambda _: rng().standard_normal((BATCH, CLASSES)),
    "grad_output": lambda _: rng().standard_normal((BATCH, CLASSES)),
    "input": lambda name: (
        rng().uniform(0.1, 0.9, (BATCH, CLASSES))
        if name in ("binary_cross_entropy", "poisson_nll")
        else 2 * rng().standard_normal((BATCH, CLASSES))
    ),
    "target": lambda name: (
        np.arange(BATCH) % CLASSES
        if name in ("focal", "multi_margin")
        else np.arange(BATCH * CLASSES, dtype=float).reshape(BATCH, CLASSES) / 4
        if name == "poisson_nll"
        else np.where(np.arange(CLASSES) % 2, 1.0, -1.0 if name == "hinge_embedding" else 0.25)
        * np.ones((BATCH, 1))
    ),
    "var": lambda _: rng().uniform(0.1, 2.0, (BATCH, CLASSES)),
    "counted": lambda _: None,
}

FORMS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "poisson_nll": ({}, {"log_input": False}),
    "kl_divergence": ({}, {"log_target": True}),
}
"""Other arguments that are given, so that every default has a part in a result."""


@pytest.mark.parametrize(("function", "defaults"), list(formulas()))
def test_formulas(function: Callable[..., Any], defaults: list[str]) -> None:
    name = function.__name__
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    takes = inspect.signature(function).parameters
    given = [ARRAYS[p](name) for p in takes if p not in defaults]
    for form in FORMS.get(name, ({},)):
        form = {key: value for key, value in form.items() if key in takes}
        explicit = {key: DEFAULTS[name][key] for key in defaults if key not in form}
        result = function(*given, **form)
        np.testing.assert_array_equal(result, function(*given, **form, **explicit))
