"""What every public entry point takes: from the registry of cases, and by hand for the others."""

import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import numpy_impl as ours
from numpy_impl import baselines, data, experiments, lab, schedulers
from numpy_impl.data.augment import RandomAffine
from numpy_impl.data.loader import Draw
from numpy_impl.initializers import calculate_gain, fans
from parity_tests.arguments.trying import Argument, Entry, using
from parity_tests.arguments.values import Array, Shape
from parity_tests.cases.initializers import INITIALIZERS
from parity_tests.cases.losses import LOSSES
from parity_tests.cases.optimizers import OPTIMIZERS
from parity_tests.cases.schedulers import SCHEDULERS
from parity_tests.checks.layers import CASES
from parity_tests.checks.schedulers import make as make_schedule
from parity_tests.checks.schedulers import our_optimizer
from parity_tests.inputs import BATCH, CLASSES, FEATURES, HIDDEN

FLOAT32 = np.dtype(np.float32)


def rng(seed: int = 0) -> np.random.Generator:
    """A fresh generator."""
    return np.random.default_rng(seed)


def numbers(*shape: int, seed: int = 1) -> Array:
    """Normal numbers in float32."""
    return rng(seed).standard_normal(shape).astype(np.float32)


X = numbers(BATCH, FEATURES)
G = numbers(BATCH, CLASSES, seed=2)
Y = rng(3).integers(0, CLASSES, BATCH)


def always(value: Any) -> Callable[[], Any]:
    """Return a function that returns a copy of an array, or a value as it is."""
    return value.copy if isinstance(value, np.ndarray) else lambda: value


def any_shape(_: Shape) -> bool:
    """Every shape will do."""
    return True


def last(width: int) -> Callable[[Shape], bool]:
    """Return whether the last axis is that wide."""
    return lambda shape: bool(shape) and shape[-1] == width


def floats(value: Array, **options: Any) -> Argument:
    """An argument of floating-point numbers."""
    return Argument("floats", always(value), **options)


def labels(value: Array = Y, **options: Any) -> Argument:
    """An argument of labels."""
    return Argument("labels", always(value), **options)


def thing(make: Callable[[], Any], **options: Any) -> Argument:
    """An argument of a class of ours."""
    return Argument("object", make, **options)


def a_function(value: Any, **options: Any) -> Argument:
    """An argument that is a function."""
    return Argument("function", always(value), **options)


GENERATOR = Argument("generator", rng)
DTYPE = Argument("dtype", always(np.float32))
TRUE, FALSE = Argument("bool", always(True)), Argument("bool", always(False))


def count(value: int, **options: Any) -> Argument:
    """An argument that is an integer."""
    return Argument("int", always(value), **options)


def number(value: float, **options: Any) -> Argument:
    """An argument that is a number."""
    return Argument("float", always(value), **options)


_KINDS = {
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "text",
    "DTypeLike": "dtype",
    "np.random.Generator": "generator",
    "ArrayLike": "floats",
}
_DEFAULTS = {"int": 3, "float": 0.5}


def of_signature(
    function: Callable[..., Any], usual: Mapping[str, Any], special: Mapping[str, Argument]
) -> dict[str, Argument]:
    """Return what a function takes, as its annotations say.

    Parameters
    ----------
    function : callable
        With annotations.
    usual : mapping
        Values for arguments that have no default, or another one here.
    special : mapping
        What annotations do not say.
    """
    arguments = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in special:
            arguments[name] = special[name]
            continue
        kind, _, none = str(parameter.annotation).partition(" | ")
        value = usual.get(name, parameter.default)
        if kind == "np.random.Generator":
            arguments[name] = replace(GENERATOR, optional=none == "None")
        elif none in ("", "None") and kind in _KINDS:
            # None is the default: it has a value of its kind here, to be tried with others.
            value = _DEFAULTS.get(kind) if value is None else value
            arguments[name] = Argument(_KINDS[kind], always(value), optional=none == "None")
        else:
            arguments[name] = thing(always(value), optional=value is None)
    return arguments


# Layers.


def _clean(_: Shape) -> None:
    """Whatever comes of it."""


_SHAPES: Mapping[str, Callable[[Shape], bool | None]] = {
    "Linear": last(FEATURES),
    "LayerNorm": last(FEATURES),
    "RMSNorm": last(FEATURES),
    # A batch of one has no variance in training.
    "BatchNorm1d": lambda s: len(s) in (2, 3) and s[1] == FEATURES and (s[0] != 1 or None),
    "Flatten": lambda s: len(s) >= 2,
    "Residual": last(FEATURES),
    "Softmax": _clean,
    "LogSoftmax": _clean,
    "Softmin": _clean,
}
"""Shapes that layers take, where that is not every one."""

_LAYER_ARGUMENTS: Mapping[str, Mapping[str, Argument]] = {
    "Hardtanh": {"min_val": number(-1.0, also=("max_val",))},
    "LayerNorm": {"normalized_shape": count(FEATURES, taken=("0-d array",))},
    "RMSNorm": {
        "normalized_shape": count(FEATURES),
        "eps": number(1e-3, optional=True),
    },
}


def layer_entries() -> Iterator[Entry]:
    """Yield the entry points of every layer and activation."""
    # One declaration of each is enough here.
    for case in {case.operation: case for case in reversed(CASES)}.values():
        kind: Any = case.operation
        variant = "default" if "default" in case.variants else next(iter(case.variants))
        usual = dict(case.variants[variant])
        make = partial(case.make, variant)
        name = kind.__name__
        if kind is ours.Residual:
            make = _residual  # type: ignore[assignment]
        else:
            special = _LAYER_ARGUMENTS.get(name, {})
            arguments = of_signature(kind, usual, special)
            yield from _entry(name, partial(_make_layer, kind), arguments)
        layer = make(rng(), FLOAT32)
        shape = (BATCH, FEATURES)
        yield from _layer_methods(name, partial(make, dtype=FLOAT32), layer, numbers(*shape))


def _entry(name: str, call: Callable[..., Any], arguments: dict[str, Argument]) -> Iterator[Entry]:
    if arguments:
        yield Entry(name, call, arguments)


def _make_layer(kind: Any, **arguments: Any) -> Any:
    return using(lambda: kind(**arguments), _seen_layer)


def _seen_layer(layer: Any) -> Any:
    x = X.astype(getattr(layer, "dtype", None) or _dtype_of(layer))
    y = layer.forward(x)
    grad = layer.backward(np.ones_like(y))
    return [y, grad, layer.infer(x), layer.config(), _seen_parameters(layer)]


def _dtype_of(layer: Any) -> Any:
    parameters = layer.parameters()
    return parameters[0].arena.dtype if parameters else FLOAT32


def _seen_parameters(layer: Any) -> Any:
    return [[p.name, p.data, p.grad] for p in layer.parameters()] + [layer.buffers()]


def _residual(generator: np.random.Generator, dtype: Any) -> ours.Residual:
    layer = ours.Linear(FEATURES, FEATURES, rng=generator, dtype=dtype)
    return ours.Residual(layer, ours.Tanh())


def _layer_methods(
    name: str, make: Callable[..., Any], layer: ours.Layer, x: Array
) -> Iterator[Entry]:
    dtype = (
        FLOAT32 if layer.parameters() or name in ("BatchNorm1d", "LayerNorm", "RMSNorm") else None
    )
    y = layer.forward(x)
    given = floats(x, fits=_SHAPES.get(name, any_shape), dtype=dtype)
    out = Argument("out", lambda: np.zeros_like(y), optional=True)

    def forward(method: str, training: bool, x: Any, out: Any = None) -> Any:
        layer = make(rng())
        if not training:
            layer.eval()
        result = getattr(layer, method)(x, out=out)
        assert out is None or result is out
        return [result, _seen_parameters(layer)]

    for method in ("forward", "infer", "__call__"):
        entry = f"{name}.{method}"
        yield Entry(entry, partial(forward, method, True), {"x": given})
        if method == "forward":
            yield Entry(entry, partial(forward, method, False), {"x": given})
        yield Entry(entry, partial(forward, method, True, x), {"out": out})

    def backward(**arguments: Any) -> Any:
        layer = make(rng())
        layer.forward(x)
        return [layer.backward(**arguments), _seen_parameters(layer)]

    upstream = numbers(*y.shape, seed=5)
    arguments = {"grad_output": floats(upstream, dtype=FLOAT32)}
    yield Entry(f"{name}.backward", backward, arguments)
    out = Argument("out", lambda: np.zeros_like(x), optional=True)
    flags = {"need_input_grad": TRUE, "accumulate": FALSE}
    yield Entry(f"{name}.backward", backward, {**arguments, "out": out, **flags})
    yield Entry(
        f"{name}.out_features",
        lambda in_features: make(rng()).out_features(in_features),
        {"in_features": count(FEATURES, also=("x", "start_dim", "layers"))},
    )


# Losses.

_LOSS_ARGUMENTS: Mapping[str, Mapping[str, Argument]] = {
    "BCELoss": {"weight": floats(np.abs(X), optional=True, fits=_clean)},
    "BCEWithLogitsLoss": {
        "weight": floats(np.abs(X), optional=True, fits=_clean),
        "pos_weight": floats(np.abs(X[0]), optional=True, fits=_clean),
    },
}


def loss_entries() -> Iterator[Entry]:
    """Yield the entry points of every loss."""
    seen = set()
    for case in LOSSES:
        kind: Any = case.operation
        name = kind.__name__
        shape = next(s for s in case.shapes if len(s) == 2)
        batch = case.draw(rng(), shape, FLOAT32)
        names = list(inspect.signature(kind.forward).parameters)[1:]
        usual = dict(next(iter(case.variants.values())))
        weights = floats(
            rng(4).uniform(0.5, 1.5, shape[-1]).astype("f4"), optional=True, fits=_clean
        )
        special = {"weight": weights, **_LOSS_ARGUMENTS.get(name, {})}
        arguments = of_signature(kind, usual, special)
        # One declaration of each class is enough for its constructor, and one of each kind of
        # targets for its methods.
        if name not in seen:
            yield Entry(name, partial(_make_loss, kind, batch), arguments)
        targets = (name, *((a.dtype.kind, a.ndim) for a in batch))
        if targets not in seen:
            yield from _loss_methods(case, name, names, batch)
        seen |= {name, targets}


def _make_loss(kind: Any, batch: tuple[Array, ...], **arguments: Any) -> Any:
    return using(lambda: kind(**arguments), partial(_seen_loss, batch))


def _seen_loss(batch: tuple[Array, ...], loss: Any) -> Any:
    value = loss.forward(*batch)
    upstream = np.ones(np.shape(value)) if loss.reduction == "none" else None
    return [value, loss.backward(upstream), loss.config()]


def _loss_methods(case: Any, name: str, names: list[str], batch: Any) -> Iterator[Entry]:
    def _targets(shape: Shape) -> bool | None:
        return None if shape in (batch[0].shape, batch[0].shape[:1]) else False

    variant = next(iter(case.variants))
    reductions = [r for r in ("mean", "none") if r in case.reductions]

    def forward(method: str, reduction: str, **arrays: Any) -> Any:
        loss = case.make(variant, reduction, FLOAT32)
        value = getattr(loss, method)(*arrays.values())
        return [value, loss.backward(np.ones(np.shape(value)) if reduction == "none" else None)]

    arrays: dict[str, Argument] = {}
    for position, (argument, value) in enumerate(zip(names, batch, strict=True)):
        fits = _targets if case.classes else None
        if position != 1:
            fits = _clean if case.classes or position > 1 else None
        also = (names[0], names[1]) if position != 1 else (names[0],)
        if value.dtype.kind in "iu":
            # Rows of booleans are one-hot, and rows of floats are probabilities.
            taken = ("f2", "f4", "f8", "g", "?", "broadcast view") if value.ndim > 1 else ()
            arrays[argument] = labels(value, fits=fits, also=also, taken=taken)
        else:
            dtype = FLOAT32 if position else None
            arrays[argument] = floats(value, fits=fits, also=also, dtype=dtype)
    for reduction in reductions:
        yield Entry(f"{name}.forward", partial(forward, "forward", reduction), arrays)
    yield Entry(f"{name}.__call__", partial(forward, "__call__", reductions[0]), arrays)

    def backward(reduction: str, **arguments: Any) -> Any:
        loss = case.make(variant, reduction, FLOAT32)
        loss.forward(*batch)
        out = arguments.pop("out", None)
        # A loss of three arguments has two derivatives.
        pair = (out, np.zeros_like(batch[2])) if len(names) > 2 and out is not None else out
        result = loss.backward(**arguments, out=pair)
        assert out is None or result is out or result[0] is out
        return result

    out = Argument("out", lambda: np.zeros_like(batch[0]), optional=True)
    for reduction in reductions:
        value = case.make(variant, reduction, FLOAT32).forward(*batch)
        upstream = np.float64(1.5) if reduction != "none" else numbers(*np.shape(value), seed=6)
        grad = Argument("numbers", always(np.asarray(upstream)), optional=reduction != "none")
        yield Entry(
            f"{name}.backward", partial(backward, reduction), {"grad_output": grad, "out": out}
        )


# Optimizers, averages, clipping.


def model(seed: int = 0, dtype: Any = np.float32) -> ours.Sequential:
    """A small network."""
    return ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng(seed), dtype=dtype)


def _with_grads(network: ours.Sequential) -> ours.Sequential:
    network.arena.grads[:] = rng(9).standard_normal(len(network.arena))
    return network


def parameters_for(kind: Any, network: ours.Sequential) -> list[ours.Parameter]:
    """Return the parameters of a network that an optimizer can update."""
    return [p for p in network.parameters() if p.ndim == 2 or kind is not ours.Muon]


def make_optimizer(kind: Any, **arguments: Any) -> Any:
    """Return an optimizer over a new network."""
    return kind(parameters_for(kind, _with_grads(model())), **arguments)


def take_steps(optimizer: Any, steps: int = 2) -> Any:
    """Take steps, and return all that changed."""
    arena = optimizer.param_groups[0]["params"][0].arena

    def closure() -> float:
        np.copyto(arena.grads, arena.values)
        return float(0.5 * (arena.values.astype(float) ** 2).sum())

    with np.errstate(all="ignore"):
        for _ in range(steps):
            optimizer.step(closure)
    return [arena.values, optimizer.state_dict()]


_OPTIMIZER_ARGUMENTS: Mapping[str, Mapping[str, Argument]] = {
    "Muon": {"adjust_lr_fn": Argument("text", always("original"), optional=True)},
    "LBFGS": {"line_search_fn": Argument("text", always("strong_wolfe"), optional=True)},
}


def optimizer_entries() -> Iterator[Entry]:
    """Yield the entry points of every optimizer."""
    for case in OPTIMIZERS:
        kind: Any = case.operation
        name = kind.__name__

        def construct(kind: Any = kind, params: Any = None, **arguments: Any) -> Any:
            return using(lambda: kind(params, **arguments), take_steps)

        def params(kind: Any = kind) -> Any:
            return parameters_for(kind, _with_grads(model()))

        usual = dict(next(iter(case.variants.values())))
        usual.pop("params", None)
        special = {"params": thing(params), **_OPTIMIZER_ARGUMENTS.get(name, {})}
        yield Entry(name, construct, of_signature(kind, usual, special))
        yield from _optimizer_methods(kind, name)


def _optimizer_methods(kind: Any, name: str) -> Iterator[Entry]:
    def loaded(state_dict: Any) -> Any:
        optimizer = make_optimizer(kind)
        return _atomic(optimizer, optimizer.load_state_dict, state_dict, take_steps)

    def state() -> Any:
        optimizer = make_optimizer(kind)
        take_steps(optimizer)
        return optimizer.state_dict()

    yield Entry(f"{name}.load_state_dict", loaded, {"state_dict": Argument("state", state)})
    yield Entry(
        f"{name}.step",
        lambda closure: [make_optimizer(kind).step(closure)],
        {"closure": a_function(lambda: 1.0, optional=kind is not ours.LBFGS)},
    )
    if kind is ours.LBFGS:
        return

    def added(param_group: Any) -> Any:
        network = _with_grads(model())
        optimizer = kind(parameters_for(kind, network)[:1])
        group = param_group(network) if callable(param_group) else param_group
        return _atomic(optimizer, optimizer.add_param_group, group, take_steps)

    def group() -> Any:
        return lambda network: {"params": parameters_for(kind, network)[1:], "lr": 0.5}

    yield Entry(
        f"{name}.add_param_group",
        added,
        {"param_group": Argument("function", group, also=("params",))},
    )


def _atomic(owner: Any, load: Callable[[Any], Any], given: Any, use: Callable[[Any], Any]) -> Any:
    """Let a state be loaded; AssertionError if one that is refused has changed something."""
    from parity_tests.arguments.trying import frozen

    before = frozen(owner.state_dict())
    try:
        load(given)
    except ours.InputError:
        assert frozen(owner.state_dict()) == before, "a refused state has changed something"
        raise
    return using(lambda: owner, use)


def _average(kind: Any, **arguments: Any) -> Any:
    network = model()
    average = kind(network.parameters(), **arguments)
    return network, average


def _updated(average: Any) -> Any:
    for _ in range(3):
        average.update()
    return average.state_dict()


def average_entries() -> Iterator[Entry]:
    """Yield averages, clipping and groups."""
    for kind in (ours.ExponentialMovingAverage, ours.StochasticWeightAverage):
        name = kind.__name__
        arguments = {"params": thing(lambda: model().parameters())}
        if kind is ours.ExponentialMovingAverage:
            arguments["decay"] = number(0.75)
        yield Entry(
            name, lambda kind=kind, **given: using(lambda: kind(**given), _updated), arguments
        )  # type: ignore[misc]

        def loaded(state_dict: Any, kind: Any = kind) -> Any:
            _, average = _average(kind)
            return _atomic(average, average.load_state_dict, state_dict, _updated)

        state = Argument("state", lambda kind=kind: _updated(_average(kind)[1]))  # type: ignore[misc]
        yield Entry(f"{name}.load_state_dict", loaded, {"state_dict": state})

        def copied(params: Any, kind: Any = kind) -> Any:
            _, average = _average(kind)
            average.copy_to(params)
            return [p.data for p in params or ()]

        given = thing(lambda: model(7).parameters(), optional=True)
        yield Entry(f"{name}.copy_to", copied, {"params": given})

    def clipped(function: Callable[..., Any], parameters: Any, **arguments: Any) -> Any:
        result = function(parameters, **arguments)
        return [result, [p.grad for p in parameters]]

    parameters = thing(
        lambda: _with_grads(model()).parameters(), taken=("list", "dictionary", "set")
    )
    yield Entry(
        "clip_grad_norm_",
        partial(clipped, ours.clip_grad_norm_),
        {
            "parameters": parameters,
            "max_norm": number(0.5),
            "norm_type": number(2.0, taken=()),
            "error_if_nonfinite": FALSE,
        },
    )
    yield Entry(
        "clip_grad_value_",
        partial(clipped, ours.clip_grad_value_),
        {"parameters": parameters, "clip_value": number(0.5)},
    )
    yield Entry(
        "decay_groups",
        lambda params, weight_decay: [
            [[p.name for p in g["params"]], g["weight_decay"]]
            for g in ours.decay_groups(params, weight_decay)
        ],
        {
            "params": replace(parameters, taken=("list", "dictionary", "set")),
            "weight_decay": number(0.1),
        },
    )


# Schedules.


def schedule_entries() -> Iterator[Entry]:
    """Yield the entry points of every schedule."""
    for case in SCHEDULERS:
        kind: Any = case.operation
        name = kind.__name__
        usual = dict(next(iter(case.variants.values())))
        construct = partial(_made_schedule, kind)
        special = {
            "optimizer": thing(
                lambda: our_optimizer("SGD"),
                optional=name == "ChainedScheduler",
                also=("schedulers",),
            )
        }
        for argument, parameter in inspect.signature(kind).parameters.items():
            if str(parameter.annotation) == "float | Sequence[float]":
                value = usual.get(argument, parameter.default)
                special[argument] = number(0.5 if isinstance(value, list) else float(value))
        for argument in ("lr_lambda", "scale_fn"):
            if argument in inspect.signature(kind).parameters:
                given = usual.get(argument)
                given = given if callable(given) else None if given is None else _half
                special[argument] = a_function(given, optional=argument == "scale_fn")
        if name == "MultiStepLR":
            special["milestones"] = thing(
                always(usual["milestones"]), taken=("list", "dictionary", "set")
            )
        if "schedulers" in usual:
            special["schedulers"] = thing(lambda: "made with the optimizer", taken=("string",))
        arguments = of_signature(kind, usual, special)
        if name == "OneCycleLR":
            # Not looked at where `total_steps` is given.
            del arguments["epochs"], arguments["steps_per_epoch"]
        yield Entry(name, partial(construct, usual), arguments)
        yield from _schedule_methods(kind, name, usual)


def _half(_: int) -> float:
    return 0.5


def _made_schedule(kind: Any, usual: Any, optimizer: Any, **arguments: Any) -> Any:
    def build() -> Any:
        if isinstance(arguments.get("schedulers"), str):
            of = optimizer if isinstance(optimizer, ours.Optimizer) else our_optimizer("SGD")
            parts = [
                make_schedule(schedulers, of, p.operation, p.arguments) for p in usual["schedulers"]
            ]
            return kind(optimizer=optimizer, **{**arguments, "schedulers": parts})
        return kind(optimizer=optimizer, **arguments)

    return using(build, _followed)


def _followed(schedule: Any) -> Any:
    metrics = [(1.0,)] * 4 if isinstance(schedule, schedulers.ReduceLROnPlateau) else [()] * 4
    seen = []
    for metric in metrics:
        schedule.step(*metric)
        seen.append(schedule.get_last_lr())
    state = schedule.state_dict()
    return [seen, {key: state[key] for key in sorted(state)}]


def _schedule_methods(kind: Any, name: str, usual: Mapping[str, Any]) -> Iterator[Entry]:
    def make() -> Any:
        return make_schedule(schedulers, our_optimizer("SGD"), kind, usual)

    def loaded(state_dict: Any) -> Any:
        schedule = make()
        return _atomic(schedule, schedule.load_state_dict, state_dict, _followed)

    state = Argument("state", lambda: make().state_dict())
    yield Entry(f"{name}.load_state_dict", loaded, {"state_dict": state})
    takes = inspect.signature(kind.step).parameters
    for argument in list(takes)[1:]:

        def stepped(**given: Any) -> Any:
            schedule = make()
            schedule.step(**given)
            return schedule.get_last_lr()

        of_metric = kind is schedulers.ReduceLROnPlateau
        if of_metric and argument == "epoch":
            schedule_of = partial(stepped, metrics=1.0)
        else:
            schedule_of = stepped
        given = (
            number(0.5, taken=("NaN", "infinity"))
            if argument == "metrics"
            else count(3, optional=True)
        )
        if kind is schedulers.CosineAnnealingWarmRestarts:
            given = number(3.0, optional=True)
        yield Entry(f"{name}.step", schedule_of, {argument: given})


# Initial values.


def initializer_entries() -> Iterator[Entry]:
    """Yield the functions that fill weights."""
    matrix = ("eye_", "orthogonal_", "sparse_", "xavier_", "kaiming_", "lecun_")
    for case in INITIALIZERS:
        name = case.operation.__name__
        usual = dict(next(iter(case.variants.values())))
        kind = "matrix" if name.startswith(matrix) else "tensor"
        tensor = Argument(kind, lambda: np.zeros((5, 3), np.float32), written=True)
        arguments = of_signature(case.operation, usual, {"tensor": tensor})
        for argument in ("a", "b", "mean", "std", "val", "gain"):
            if argument in arguments:
                arguments[argument] = replace(arguments[argument], also=("tensor", "a", "b"))

        def call(operation: Any = case.operation, **given: Any) -> Any:
            result = operation(**given)
            assert result is given["tensor"]
            return np.asarray(result)

        yield Entry(name, call, arguments)
    fan = Argument("matrix", lambda: np.zeros((5, 3), np.float32))
    yield Entry("fans", fans, {"tensor": fan})
    yield Entry(
        "calculate_gain",
        calculate_gain,
        {
            "nonlinearity": Argument("text", always("leaky_relu")),
            "param": number(0.5, optional=True),
        },
    )


# Networks.


def network_entries() -> Iterator[Entry]:
    """Yield the entry points of networks and their parts."""
    dtype = FLOAT32
    x = floats(X, fits=last(FEATURES), dtype=dtype)
    logits = Argument("out", lambda: np.zeros((BATCH, CLASSES), dtype), optional=True)
    workspace = thing(lambda: ours.Workspace(model(), 64, FEATURES), optional=True)

    def forward(method: str, x: Any, **given: Any) -> Any:
        return getattr(model(), method)(x, **given)

    yield Entry("Sequential.forward", partial(forward, "forward"), {"x": x})
    yield Entry(
        "Sequential.forward",
        partial(forward, "forward"),
        {
            "x": replace(
                x, fits=lambda s: None if len(s) == 2 and s[0] > 64 else last(FEATURES)(s)
            ),
            "workspace": workspace,
        },
    )
    yield Entry("Sequential.forward", partial(forward, "forward", X), {"out": logits})
    yield Entry("Sequential.__call__", partial(forward, "__call__", X), {"out": logits})
    two = floats(
        X, fits=lambda s: len(s) == 2 and s[1] == FEATURES, dtype=dtype, also=("in_features",)
    )
    yield Entry(
        "Sequential.predict", partial(forward, "predict"), {"x": two, "batch_size": count(3)}
    )
    yield Entry("Sequential.predict", partial(forward, "predict", X), {"out": logits})
    yield Entry("Sequential.__call__", partial(forward, "__call__"), {"x": x})
    blocks = ours.Sequential(
        ours.Linear(FEATURES, HIDDEN, rng=rng()),
        ours.BatchNorm1d(HIDDEN),
        ours.GELU(),
        ours.Dropout(rng=rng()),
        ours.Residual(ours.LayerNorm(HIDDEN), ours.Linear(HIDDEN, HIDDEN, rng=rng())),
        ours.Linear(HIDDEN, CLASSES, rng=rng()),
        ours.LogSoftmax(-1),
    )
    yield Entry(
        "Sequential.predict",
        lambda **given: blocks.predict(**given),
        {"x": two, "batch_size": count(3)},
    )

    def backward(**given: Any) -> Any:
        network = model()
        network.forward(X)
        result = network.backward(**given)
        return [result, network.arena.grads]

    grad = floats(G, dtype=dtype)
    out = Argument("out", lambda: np.zeros_like(X), optional=True)
    yield Entry(
        "Sequential.backward",
        backward,
        {
            "grad_output": grad,
            "out": out,
            "need_input_grad": TRUE,
            "accumulate": FALSE,
            "workspace": workspace,
        },
    )
    yield Entry(
        "Sequential.widths",
        lambda in_features: model().widths(in_features),
        {"in_features": count(FEATURES)},
    )

    def loaded(state_dict: Any) -> Any:
        network = model()
        return _atomic(network, network.load_state_dict, state_dict, lambda n: n.arena.values)

    yield Entry(
        "Sequential.load_state_dict",
        loaded,
        {"state_dict": Argument("state", lambda: model(3).state_dict())},
    )

    def of_layers(kind: Any, layers: Any) -> Any:
        return using(lambda: kind(layers, ours.Tanh()), lambda n: n.forward(X))

    linear = thing(lambda: ours.Linear(FEATURES, FEATURES, rng=rng()))
    for kind in (ours.Sequential, ours.Residual):
        yield Entry(kind.__name__, partial(of_layers, kind), {"layers": linear})
    yield Entry(
        "mlp",
        lambda **given: using(lambda: ours.mlp(**given), lambda m: m.forward(X.astype(m.dtype))),
        {"sizes": thing(lambda: [FEATURES, HIDDEN, CLASSES]), "rng": GENERATOR, "dtype": DTYPE},
    )
    for position in range(3):

        def sized(size: Any, position: int = position) -> Any:
            sizes = [FEATURES, HIDDEN, CLASSES]
            sizes[position] = size
            return using(lambda: ours.mlp(sizes, rng=rng()), lambda m: m.forward(X))

        yield Entry(
            "mlp",
            sized,
            {
                "size": count(
                    (FEATURES, HIDDEN, CLASSES)[position],
                    also=("sizes", "in_features", "out_features"),
                )
            },
        )
    yield Entry(
        "Workspace",
        lambda **given: [a.shape for a in ours.Workspace(**given).outputs],
        {"model": thing(model), "batch_size": count(BATCH), "in_features": count(FEATURES)},
    )
    yield Entry(
        "Workspace.first",
        lambda rows: [a.shape for a in ours.Workspace(model(), 9, FEATURES).first(rows)[0]],
        {"rows": count(5, also=("x",))},
    )
    yield Entry(
        "ParameterArena",
        lambda **given: using(lambda: ours.ParameterArena(**given), lambda a: [a.values, a.grads]),
        {"size": count(5), "dtype": DTYPE},
    )

    def parameter(**given: Any) -> Any:
        return using(lambda: ours.Parameter(**given), lambda p: [p.name, p.data, p.grad])

    arena = thing(lambda: ours.ParameterArena(20))
    yield Entry(
        "Parameter",
        parameter,
        {
            "name": Argument("object", always("weight"), taken=("string",)),
            "shape": thing(lambda: (3, 2), taken=("list",)),
            "arena": arena,
            "offset": count(4),
        },
    )

    def made() -> ours.Parameter:
        return ours.Parameter("weight", (3, 2), ours.ParameterArena(20), 4)

    yield Entry(
        "Parameter.of",
        lambda vector: made().of(vector),
        {"vector": Argument("vector", always(numbers(20)))},
    )
    yield Entry(
        "Parameter.move_to",
        lambda arena, offset: [made().move_to(arena, offset), arena.values],
        {"arena": arena, "offset": count(4)},
    )
    for name in ("data", "grad"):

        def assigned(weight: Any, name: str = name) -> Any:
            parameter = made()
            setattr(parameter, name, weight)
            return [parameter.data, parameter.grad]

        yield Entry("Parameter", assigned, {"weight": floats(numbers(3, 2), dtype=dtype)})


# Training and metrics.


def loader(x: Any = X, y: Any = Y, **options: Any) -> ours.DataLoader:
    """A loader over the few samples here."""
    return ours.DataLoader(x, y, **options)


def trainer(**options: Any) -> ours.Trainer:
    """A trainer of a new network."""
    network = model()
    return ours.Trainer(
        network, ours.CrossEntropyLoss(), ours.SGD(network.parameters(), lr=0.1), **options
    )


def _history(history: ours.History) -> Any:
    found = history.to_dict()
    del found["seconds"]
    return found


def training_entries() -> Iterator[Entry]:
    """Yield the loader, the trainer, callbacks and metrics."""

    def batches(**given: Any) -> Any:
        return using(lambda: ours.DataLoader(**given), list)

    two = lambda s: len(s) == 2 and s[0] == BATCH and s[1] > 0  # noqa: E731
    options = {
        "batch_size": count(3),
        "shuffle": TRUE,
        "drop_last": FALSE,
        "rng": GENERATOR,
        "scale": number(0.5, optional=True),
        "dtype": DTYPE,
        "transform": a_function(_double, optional=True),
        "prefetch": count(1),
    }
    # A loader keeps what it is given, and converts batch by batch.
    inputs = floats(X, fits=two, dtype=FLOAT32, also=("targets", "scale"))
    inputs_scaled = replace(inputs, taken=("u1",))
    # Rows of numbers, or one number for each sample.
    targets = Argument("numbers", always(Y), fits=lambda s: len(s) in (1, 2) and s[0] == BATCH)
    yield Entry("DataLoader", batches, {"inputs": inputs_scaled, "targets": targets, **options})
    yield Entry("DataLoader", batches, {"inputs": inputs, "targets": targets})
    # Lists of integers are no bytes.
    pixels = Argument(
        "numbers",
        always(rng().integers(0, 256, X.shape).astype(np.uint8)),
        fits=two,
        taken=("list", "tuple"),
        also=("targets", "scale"),
    )
    yield Entry(
        "DataLoader", batches, {"inputs": pixels, "targets": targets, "scale": number(1 / 255)}
    )
    order = labels(np.arange(BATCH)[::-1], optional=True)
    out = Argument("out", lambda: np.zeros((3, FEATURES), np.float32), optional=True)

    def taken(order: Any = None, out: Any = None) -> Any:
        draw = None if order is None else Draw(order, 0)
        seen = loader(batch_size=3).batches(draw=draw, out=out)
        return [[x.copy(), y.copy()] for x, y in seen]

    yield Entry("DataLoader.batches", taken, {"order": order, "out": out})
    yield Entry(
        "DataLoader.rows_of",
        lambda number: loader(batch_size=3).rows_of(number),
        {"number": count(1)},
    )

    def trained(model: Any, loss: Any, optimizer: Any, **given: Any) -> Any:
        def fit(made: ours.Trainer) -> Any:
            return _history(made.fit(loader(), None, 1))

        return using(lambda: ours.Trainer(model, loss, optimizer, **given), fit)

    network = model()
    yield Entry(
        "Trainer",
        trained,
        {
            "model": thing(always(network)),
            "loss": thing(ours.CrossEntropyLoss),
            "optimizer": thing(lambda: ours.SGD(network.parameters(), lr=0.0)),
            "callbacks": thing(lambda: (), taken=("list",)),
            "workers": count(1),
        },
    )

    def fitted(**given: Any) -> Any:
        made = trainer()
        return [_history(made.fit(**given)), made.model.arena.values]

    yield Entry(
        "Trainer.fit",
        fitted,
        {
            "train": thing(loader),
            "validation": thing(loader, optional=True),
            "epochs": count(2),
            "train_sample": thing(loader, optional=True),
            "checkpoints": thing(lambda: None, optional=True),
        },
    )

    def stepped(inputs: Any, targets: Any, workspace: Any) -> Any:
        made = trainer()
        return [made.step(inputs, targets, workspace), made.model.arena.values]

    yield Entry(
        "Trainer.step",
        stepped,
        {
            "inputs": floats(X, dtype=FLOAT32, also=("x", "targets", "in_features")),
            "targets": labels(also=("input",)),
            "workspace": thing(lambda: ours.Workspace(model(), 64, FEATURES)),
        },
        (ours.InputError, ours.DivergenceError),
    )

    def session(**given: Any) -> Any:
        with trainer().session(**given) as epoch:
            return epoch()

    yield Entry(
        "Trainer.session",
        session,
        {"train": thing(loader)},
    )
    yield Entry("evaluate", ours.evaluate, {"model": thing(model), "loader": thing(loader)})
    scheduler = thing(lambda: schedulers.StepLR(our_optimizer("SGD"), 2))
    yield Entry(
        "Scheduled",
        lambda scheduler, every: ours.Scheduled(scheduler, every=every).every,
        {"scheduler": scheduler, "every": Argument("text", always("epoch"))},
    )
    yield Entry(
        "Averaged",
        lambda average: ours.Averaged(average).on_step_end(1, 1, 0.0),
        {"average": thing(lambda: ours.StochasticWeightAverage(model().parameters()))},
    )
    for name, make in (("Scheduled", _scheduled), ("Averaged", _averaged)):

        def loaded(state_dict: Any, make: Callable[[], Any] = make) -> Any:
            callback = make()
            callback.load_state_dict(state_dict)
            return callback.state_dict()

        state = Argument("state", lambda make=make: make().state_dict())  # type: ignore[misc]
        yield Entry(f"{name}.load_state_dict", loaded, {"state_dict": state})
    rows = lambda s: (len(s) == 1 and s[0] == BATCH) or (len(s) == 2 and s[0] == BATCH and s[1] > 0)  # noqa: E731
    one = labels(fits=rows, also=("targets", "predictions"))
    yield Entry("accuracy", ours.accuracy, {"predictions": one, "targets": one})
    scored = Argument(
        "numbers", always(G), fits=lambda s: rows(s) if len(s) != 1 else False, also=("targets",)
    )
    yield Entry("accuracy", ours.accuracy, {"predictions": scored, "targets": one})
    strict = labels(fits=lambda s: rows(s) and None, also=("targets", "predictions"))
    yield Entry(
        "confusion_matrix",
        ours.confusion_matrix,
        {
            "predictions": strict,
            "targets": strict,
            "classes": count(CLASSES, also=("predictions", "targets")),
        },
    )


def _scheduled() -> Any:
    return ours.Scheduled(schedulers.StepLR(our_optimizer("SGD"), 2))


def _averaged() -> Any:
    average = ours.ExponentialMovingAverage(ours.mlp([3, 2], rng=rng()).parameters())
    average.update()
    return ours.Averaged(average)


def _double(batch: Array, _: np.random.Generator) -> None:
    batch *= 2


# Data, baselines, the lab, files.


def data_entries() -> Iterator[Entry]:
    """Yield what data come from."""
    for function in (data.make_moons, data.make_xor):
        yield Entry(
            function.__name__,
            function,
            {"samples": count(7), "noise": number(0.5), "rng": GENERATOR},
        )
    for load in (data.load_moons, data.load_xor):
        yield Entry(
            load.__name__, lambda rng, load=load: load(rng).train_images, {"rng": GENERATOR}
        )  # type: ignore[misc]
    yield Entry(
        "load",
        lambda **given: data.load(**given).train_images,
        {
            "name": Argument("text", always("xor"), also=("--dataset",)),
            "rng": GENERATOR,
            "folder": Argument("object", always(None), optional=True, also=("--data",)),
            "download": FALSE,
            "report": a_function(None, optional=True),
        },
    )
    images, some = rng().integers(0, 256, (6, 4)).astype(np.uint8), rng().integers(0, 3, 6)

    def made(**given: Any) -> Any:
        return using(
            lambda: data.Dataset(name="a", source="b", **given), lambda d: d.inputs(images)
        )

    others = ("train_labels", "test_labels", "train_images", "test_images")
    pixels = Argument("numbers", always(images), fits=_clean, taken=("list", "tuple"), also=others)
    yield Entry(
        "Dataset",
        made,
        {
            "train_images": pixels,
            "train_labels": labels(some, fits=_clean, also=others),
            "test_images": pixels,
            "test_labels": labels(some, fits=_clean, also=others),
            "classes": count(3, also=("train_labels", "test_labels")),
            "scale": number(0.5, optional=True, also=("train_images", "test_images")),
        },
    )
    whole = {
        "train_images": images,
        "train_labels": some,
        "test_images": images,
        "test_labels": some,
    }

    def inputs(images: Any) -> Any:
        dataset = data.Dataset("a", "b", **whole, classes=3, scale=0.5)
        return dataset.inputs(images)

    yield Entry(
        "Dataset.inputs",
        inputs,
        {"images": Argument("numbers", always(images), fits=_clean)},
    )
    sides = {"side": count(28), "group": count(64)}
    amounts = {name: number(0.25) for name in ("angle", "stretch", "slant", "shift")}
    pictures = rng().random((3, 784)).astype(np.float32)

    def changed(transform: RandomAffine) -> Any:
        batch = pictures.copy()
        transform(batch, rng())
        return batch

    yield Entry(
        "RandomAffine",
        lambda **given: using(lambda: RandomAffine(**given), changed),
        {**sides, **amounts},
    )

    def in_place(pictures: Any, rng: Any) -> Any:
        RandomAffine()(pictures, rng)
        return np.asarray(pictures)

    tensor = Argument("pictures", always(pictures), written=True)
    yield Entry("RandomAffine.__call__", in_place, {"pictures": tensor, "rng": GENERATOR})
    yield Entry(
        "read_idx",
        data.read_idx,
        {"path": Argument("path", _idx_file, also=()), "max_bytes": count(1000)},
    )
    yield Entry(
        "load_mnist",
        lambda folder: data.load_mnist(folder, download=False).train_images.shape,
        {"folder": Argument("path", _folder, optional=True, also=("--data",))},
    )
    yield Entry(
        "find",
        lambda name: experiments.find(name).seeds,
        {"name": Argument("text", always("epochs"))},
    )


_FOLDERS: list[Any] = []


def _idx_file() -> Path:
    path = _folder() / "a.idx"
    path.write_bytes(b"\0\0\x08\x01\0\0\0\x03abc")
    return path


def _folder() -> Path:
    if not _FOLDERS:
        _FOLDERS.append(tempfile.TemporaryDirectory())
    return Path(_FOLDERS[0].name)


def baseline_entries() -> Iterator[Entry]:
    """Yield what a network must beat."""
    x, y = numbers(20, 3), rng().integers(0, 3, 20)
    fresh: dict[str, Callable[..., Any]] = {
        "KNearestNeighbors": baselines.KNearestNeighbors,
        "NearestCentroid": baselines.NearestCentroid,
        "RandomFeatures": lambda: baselines.RandomFeatures(7, rng=rng()),
        "SoftmaxRegression": lambda: baselines.SoftmaxRegression(max_iter=3),
    }
    constructors = {
        "KNearestNeighbors": {"n_neighbors": count(3)},
        "RandomFeatures": {"n_components": count(7), "alpha": number(0.5), "rng": GENERATOR},
        "SoftmaxRegression": {"alpha": number(0.5), "max_iter": count(3)},
    }
    for name, make in fresh.items():
        kind: Any = getattr(baselines, name)
        if name in constructors:
            yield Entry(
                name,
                lambda kind=kind, **given: using(
                    lambda: kind(**given), lambda made: made.fit(x, y).scores(x)
                ),
                constructors[name],
            )  # type: ignore[misc]

        def fitted(make: Any = make, **given: Any) -> Any:
            return make().fit(**given).scores(x)

        rows = floats(x, also=("y",), dtype=None)
        yield Entry(f"{name}.fit", fitted, {"x": rows, "y": labels(y)})
        for method in ("predict", "scores"):
            some = floats(
                x[:5], dtype=FLOAT32, fits=lambda s: len(s) == 2 and s[0] > 0 and s[1] == 3
            )
            yield Entry(
                f"{name}.{method}",
                lambda x_=x, make=make, method=method, **given: getattr(make().fit(x_, y), method)(
                    **given
                ),
                {"x": some},
            )  # type: ignore[misc]
    yield Entry(
        "RandomFeatures.hidden",
        lambda x_=x, **given: fresh["RandomFeatures"]().fit(x_, y).hidden(**given),
        {"x": floats(x[:5], dtype=FLOAT32, fits=lambda s: len(s) == 2 and s[1] == 3)},
    )


def file_entries() -> Iterator[Entry]:
    """Yield what writes and reads files; where one cannot be written, that is an OSError."""

    def saved(path: Any, model: Any, metadata: Any = None) -> Any:
        ours.save_model(path, model, metadata)
        return ours.load_model(path).model.arena.values

    path = Argument("path", lambda: _folder() / "model.npz")
    metadata = thing(lambda: {"a": 1}, optional=True, taken=("dictionary",))
    writing = (ours.InputError, OSError)
    given = {"path": path, "model": thing(model), "metadata": metadata}
    yield Entry("save_model", saved, given, writing)

    def saved_too(path: Any, model: Any, state: Any, metadata: Any = None) -> Any:
        ours.save_checkpoint(path, model, state, metadata)
        return ours.load_checkpoint(path).state

    state = thing(lambda: {"x": np.arange(3), "betas": (0.9, 0.99)}, taken=("dictionary",))
    yield Entry("save_checkpoint", saved_too, {**given, "state": state}, writing)

    def written() -> Any:
        path = _folder() / "written.npz"
        ours.save_checkpoint(path, model(), {"x": 1})
        return path

    reading = {"path": Argument("path", written), "max_bytes": count(1 << 20)}
    yield Entry("load_model", lambda **g: ours.load_model(**g).model.arena.values, reading)
    yield Entry("load_checkpoint", lambda **g: ours.load_checkpoint(**g).state, reading)

    folder = {
        "folder": Argument("path", _folder, taken=("missing", "folder", "empty")),
        "every": count(1, optional=True),
        "keep": count(1),
        "resume": Argument("bool", always(False)),
        "report": Argument("function", lambda: print),
    }
    yield Entry(
        "CheckpointFolder", lambda **g: len(ours.CheckpointFolder(**g).paths()), folder, writing
    )
    yield Entry(
        "CheckpointFolder.save",
        lambda model, state, step: ours.CheckpointFolder(_folder()).save(model, state, step).name,
        {"model": thing(model), "state": state, "step": count(0)},
        writing,
    )


def lab_entries() -> Iterator[Entry]:
    """Yield what the file of the lab has; it stands alone, and raises Python's ValueError."""
    x = numbers(BATCH, FEATURES)
    for kind in (lab.PlainNetwork, lab.NeuralNetwork):

        def make(kind: Any = kind) -> Any:
            return kind(FEATURES, HIDDEN, CLASSES, rng=rng())

        name = kind.__name__
        for method in ("forward", "predict"):
            yield Entry(
                f"{name}.{method}",
                lambda X, make=make, method=method: getattr(make(), method)(X),  # noqa: N803
                {
                    "X": Argument(
                        "numbers",
                        always(x),
                        fits=lambda s: len(s) == 2 and s[0] > 0 and s[1] == FEATURES,
                    )
                },
                (ValueError,),
            )  # type: ignore[misc]

        def trained(X: Any, y: Any, make: Any = make) -> Any:  # noqa: N803
            made = make()
            return [made.train_step(X, y), made.W1]

        both = {"X": Argument("numbers", always(x), also=("y",)), "y": labels()}
        yield Entry(f"{name}.train_step", trained, both, (ValueError,))
        for method in ("gradients", "backward"):

            def learned(X: Any, y: Any, probs: Any, make: Any = make, method: str = method) -> Any:  # noqa: N803
                made = make()
                made.forward(x)
                return [getattr(made, method)(X, y, probs), made.W1]

            three = {
                **both,
                "probs": Argument("numbers", lambda make=make: make().forward(x), also=("y",)),
            }  # type: ignore[misc]
            yield Entry(f"{name}.{method}", learned, three, (ValueError,))
    pictures = rng().random((3, 784)).astype(np.float32)
    yield Entry(
        "warp",
        lab.warp,
        {
            "pictures": Argument(
                "numbers", always(pictures), fits=lambda s: len(s) == 2 and s[0] > 0 and s[1] == 784
            )
        }
        | {"rng": GENERATOR},
        (ValueError,),
    )


def all_entries() -> list[Entry]:
    """Return every entry point that is declared."""
    return [
        *network_entries(),
        *layer_entries(),
        *loss_entries(),
        *optimizer_entries(),
        *average_entries(),
        *schedule_entries(),
        *initializer_entries(),
        *training_entries(),
        *data_entries(),
        *baseline_entries(),
        *file_entries(),
        *lab_entries(),
    ]
