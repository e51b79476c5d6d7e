"""Optimizers, averages of weights, clipping."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import numpy_impl as ours
from parity_tests.arguments.entries.common import (
    FALSE,
    a_function,
    always,
    atomic,
    model,
    number,
    of_signature,
    rng,
    thing,
)
from parity_tests.arguments.trying import Argument, Entry, using
from parity_tests.cases.optimizers import OPTIMIZERS


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
        return atomic(optimizer, optimizer.load_state_dict, state_dict, take_steps)

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
        return atomic(optimizer, optimizer.add_param_group, group, take_steps)

    def group() -> Any:
        return lambda network: {"params": parameters_for(kind, network)[1:], "lr": 0.5}

    yield Entry(
        f"{name}.add_param_group",
        added,
        {"param_group": Argument("function", group, also=("params",))},
    )


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
            return atomic(average, average.load_state_dict, state_dict, _updated)

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
