"""How to reach what a network has: its parameters, its forward, its gradients, its step."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.spec import Spec

Array = NDArray[Any]
Access = str | Callable[..., Any]

LAYOUTS = ("in_out", "out_in")
BATCHES = ("rows", "columns", "vector", "column", "row")
LABELS = ("integers", "one_hot", "integer_column", "soft", "targets")
# What `training` may have another one of.
_PASSES = ("forward", "gradients", "backward", "loss", "step")
BIASES = ("apart", "first_row", "last_row", "first_column", "last_column", "none")


@dataclass(frozen=True)
class Rule:
    """What the kit needs to know of somebody's optimizer.

    Parameters
    ----------
    make : callable
        ``f(params, lr)`` returning a new optimizer, or anything that it keeps between steps.
    step : callable
        ``f(optimizer, params, grads)``, one step on lists of arrays; it returns the new arrays, or
        None if it has written to `params`.
    kind : str, optional
        What it is meant to be: one of `parity_tests.kit.optimizers.formulas.OPTIMIZERS`. Left
        out, it is whatever it turns out to be.
    options : mapping, optional
        Its hyperparameters, by PyTorch's names; left out, they are PyTorch's defaults.
    """

    make: Callable[[list[Array], float], Any]
    step: Callable[[Any, list[Array], list[Array]], Any]
    kind: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """What the kit needs to know of somebody's network.

    Whatever is a name is looked up on the object that `make` returns; a dot leads into attributes,
    keys and positions (``"layers.0.W"``). Whatever is a function is called with that object first.

    Parameters
    ----------
    make : callable
        Returns a new network; for plain functions, its parameters (a dict, a list or a tuple).
    parameters : str or callable
        Names, separated by spaces, or ``f(net)`` returning the arrays themselves, so that they can
        be written to: ``"W1 b1 W2 b2"``, or all weights and then all biases. An array that is
        nested in lists and dicts is found. The last weights of a single output may be a vector.
    forward : str or callable
        ``f(net, x)`` returning the output, alone or first in a tuple.
    gradients : str or callable, optional
        ``f(net, x, y)`` returning the gradients in the order of `parameters` (a sequence or a dict
        with the same order, or one vector of all of them, each as ``ravel`` gives it), or names
        where they are after `backward`. Leave it out for a network that only updates itself.
    backward : callable, optional
        ``f(net, x, y)``, called before gradients are looked up by name.
    loss : callable, optional
        ``f(net, x, y)`` returning the loss that the network reports.
    step : callable, optional
        ``f(net, x, y, lr)``, one training step on one batch. What it returns becomes the network
        if it has the parameters, and the loss if it is a number; so do members of a tuple.
    weights : {"in_out", "out_in"}, optional
        Layout of the matrices; left out, it is seen from their shapes.
    batch : {"rows", "columns", "vector", "column", "row"}, default "rows"
        How samples are given: a batch in rows or columns; or one sample at a time, as a vector, as
        a matrix of one column or of one row. Gradients of single samples are averaged.
    labels : {"integers", "one_hot", "integer_column", "soft", "targets"}, default "one_hot"
        ``"soft"`` has 0.01 and 0.99 in the place of 0 and 1. One-hot labels lie as the batch does.
        ``"targets"`` are any numbers, for a regression: 0 and 1, or, where loss or gradient are not
        finite for 0, 1 and 2. Of a single output in rows they are a column, or a vector if the
        output is one and a column would meet all of it.
    bias : str, default "apart"
        Where the biases are, if they are part of a matrix: ``"first_row"``, ``"last_row"``,
        ``"first_column"``, ``"last_column"``; ``"none"`` if there are none.
    lr : float, optional
        The learning rate, if `step` cannot be given one.
    optimizer : Rule, optional
        Its optimizer, if that can be called on its own.
    batches : callable, optional
        ``f(x, y, batch_size)`` returning the batches of an epoch as pairs, from samples and labels
        as the network takes them.
    one_hot : callable, optional
        ``f(labels)`` returning one-hot labels.
    training : mapping, optional
        What is another one in the training pass, where that drops units and `forward` does not:
        ``"forward"``, ``"backward"``, ``"gradients"``, ``"loss"`` and ``"step"``, as above.
    evaluation : str or callable, optional
        ``f(net, x)``, the pass that predicts, where `forward` is that of training without what it
        drops: ``0.8 * a`` in the place of ``a``.
    spec : Spec, optional
        What it is meant to compute.
    name : str, optional
        What it is called in the report.

    Raises
    ------
    InputError
        For a convention that is not known, or what is neither a name nor a function.
    """

    make: Callable[[], Any]
    parameters: Access
    forward: Access
    gradients: Access | None = None
    backward: Access | None = None
    loss: Access | None = None
    step: Access | None = None
    weights: str | None = None
    batch: str = "rows"
    labels: str = "one_hot"
    bias: str = "apart"
    lr: float | None = None
    optimizer: Rule | None = None
    batches: Callable[..., Any] | None = None
    one_hot: Callable[..., Any] | None = None
    spec: Spec = field(default_factory=Spec)
    name: str = "network"
    training: Mapping[str, Access] = field(default_factory=dict)
    evaluation: Access | None = None

    def __post_init__(self) -> None:
        for name, known in (
            ("weights", (None, *LAYOUTS)),
            ("batch", BATCHES),
            ("labels", LABELS),
            ("bias", BIASES),
        ):
            if getattr(self, name) not in known:
                raise InputError(name, f"one of {known}", repr(getattr(self, name)))
        for name in ("parameters", *_PASSES, "evaluation"):
            _check(name, getattr(self, name))
        for name, value in self.training.items():
            if name not in _PASSES:
                raise InputError("training", f"some of {_PASSES}", repr(name))
            _check(f"training[{name!r}]", value)

    def in_training(self) -> "Network":
        """Return the declaration of the training pass."""
        return replace(self, training={}, **self.training)

    def in_evaluation(self) -> "Network":
        """Return the declaration with the pass that predicts for its forward pass."""
        return replace(self, forward=self.evaluation or self.forward, evaluation=None)

    def conventions(self) -> dict[str, Any]:
        """Return what is declared about layouts."""
        return {"batch": self.batch, "labels": self.labels, "bias": self.bias, "lr": self.lr}


def _check(name: str, value: Any) -> None:
    if not isinstance(value, str | None) and not callable(value):
        raise InputError(name, "a function, or names with spaces between", repr(value))


def look_up(net: Any, path: str) -> Any:
    """Return what is at a path of attributes, keys and positions.

    Raises
    ------
    LookupError
        If there is nothing.
    """
    value = net
    for part in path.split("."):
        number = int(part) if part.lstrip("-").isdigit() else None
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif number is not None and isinstance(value, Mapping | Sequence):
            value = value[number]
        elif hasattr(value, part):
            value = getattr(value, part)
        else:
            raise LookupError(f"{path!r}: {type(value).__name__} has no {part!r}")
    return value


def resolve(net: Any, access: Access, *arguments: Any) -> Any:
    """Call what an access names, or the function that it is."""
    if callable(access):
        return access(net, *arguments)
    return look_up(net, access)(*arguments)


def arrays_in(value: Any, *, scalars: bool = False, depth: int = 4) -> Iterator[Array]:
    """Yield the arrays of numbers in nested sequences and dicts, in order.

    Parameters
    ----------
    scalars : bool, default False
        Whether single numbers count, as arrays without axes.

    Lists of numbers, nested or not, count as arrays; they are copies.
    """
    if isinstance(value, np.ndarray) and value.dtype != object:
        if value.dtype.kind in "fiu":
            yield value
    elif scalars and isinstance(value, (float, np.floating)):
        yield np.asarray(value)
    elif depth and isinstance(value, Mapping):
        for member in value.values():
            yield from arrays_in(member, scalars=scalars, depth=depth - 1)
    elif isinstance(value, list) and (array := _of_numbers(value)) is not None:
        yield array
    elif depth and isinstance(value, (list, tuple, np.ndarray)):
        for member in value:
            yield from arrays_in(member, scalars=scalars, depth=depth - 1)


def _of_numbers(value: list[Any]) -> Array | None:
    """Return a list of numbers, or of such lists of one length, as an array."""
    first: Any = value
    while isinstance(first, list) and first:
        first = first[0]
    if not isinstance(first, float | int | np.number):
        return None
    try:
        array = np.array(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "fiu" else None
