"""Constructors take what PyTorch's take, under the same names, in the same order."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy_impl as ours
from parity_tests.cases.left_out import EVERYWHERE, OF_CLASS, OTHER_DEFAULTS
from parity_tests.checks.check import Check
from torch_ref import pytorch_class

# What only ours take: randomness is handed in, and the precision of what has no parameters yet.
_OURS = ("rng", "dtype")


def checks(seed: int) -> Iterator[Check]:  # noqa: ARG001 - nothing is drawn
    """Yield a check for every class that has a twin, and one for the list of what is left out."""
    for kind in public_kinds():
        yield Check(f"signature/{kind.__name__}", partial(check_signature, kind))
    yield Check("left-out/nothing-stale", check_nothing_stale)


def public_kinds() -> list[type]:
    """Return the layers, losses, optimizers and schedulers that `numpy_impl` has."""
    bases = (ours.Layer, ours.Loss, ours.Optimizer, ours.LRScheduler)
    public = [getattr(ours, name) for name in ours.__all__]
    return [
        kind
        for kind in public
        if isinstance(kind, type) and issubclass(kind, bases) and kind not in bases
    ]


def check_signature(kind: type) -> None:
    """Same names, order and defaults, but for what is left out with a reason."""
    own, theirs = arguments(kind), arguments(pytorch_class(kind))
    out = left_out(kind)
    missing = [name for name in theirs if name not in own and name not in out]
    assert not missing, f"neither taken nor left out with a reason: {missing}"
    common = [name for name in theirs if name in own]
    extra = [name for name in own if name not in theirs and name not in _OURS]
    assert not extra, f"PyTorch does not take {extra}"
    ordered = [name for name in common if name not in _OURS]
    assert [name for name in own if name in ordered] == ordered, "in another order"
    excused = OTHER_DEFAULTS.get(kind.__name__, {})
    for name in ordered:
        same = own[name] == theirs[name]
        assert same or name in excused, f"{name}: {own[name]!r}, in PyTorch {theirs[name]!r}"


def arguments(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the names of a function's arguments and their defaults, in order."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }


def left_out(kind: type) -> dict[str, str]:
    """Return the arguments of a class's twin that ours does not take, each with its reason."""
    reasons = {**EVERYWHERE, **OF_CLASS.get(kind.__name__, {})}
    own, theirs = arguments(kind), arguments(pytorch_class(kind))
    return {name: reasons[name] for name in theirs if name not in own and name in reasons}


def check_nothing_stale() -> None:
    """Every reason is needed."""
    kinds = {kind.__name__: kind for kind in public_kinds()}
    used = {(name, argument) for name, kind in kinds.items() for argument in left_out(kind)}
    unused = [name for name in EVERYWHERE if name not in {argument for _, argument in used}]
    for name, reasons in OF_CLASS.items():
        unused += [f"{name}.{argument}" for argument in reasons if (name, argument) not in used]
    for name, excused in OTHER_DEFAULTS.items():
        own, theirs = arguments(kinds[name]), arguments(pytorch_class(kinds[name]))
        unused += [f"{name}.{a}" for a in excused if own[a] == theirs[a]]
    assert not unused, f"reasons for nothing: {unused}"
