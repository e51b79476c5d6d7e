r"""Formulas of optimizers: PyTorch's, and the ways in which they are written otherwise.

A `Formula` is a kind of optimizer, its hyperparameters, and one choice for every part of the step
that is ever written differently. With PyTorch's choice everywhere it is PyTorch's optimizer. In
the formulas :math:`\theta` is a parameter, :math:`g` its gradient, :math:`t` the number of the
step from 1, and :math:`\eta` the learning rate.

References
----------
https://docs.pytorch.org/docs/stable/optim.html

J. Bernstein, Y.-X. Wang, K. Azizzadenesheli, A. Anandkumar: signSGD: Compressed optimisation for
non-convex problems. ICML 2018. https://proceedings.mlr.press/v80/bernstein18a.html
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError

Array = NDArray[Any]
Options = Mapping[str, Any]

# PyTorch's, where it has them, without lr; momentum 0.9 where the name asks for momentum.
_ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
DEFAULTS: Mapping[str, Options] = {
    "sgd": {"weight_decay": 0.0},
    "momentum": {"momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0},
    "nesterov": {"momentum": 0.9, "weight_decay": 0.0},
    "adagrad": {"eps": 1e-10, "initial_accumulator_value": 0.0, "weight_decay": 0.0},
    "rmsprop": {"alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "centered": 0.0, "weight_decay": 0.0},
    "adadelta": {"rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
    "adam": _ADAM,
    "adamw": {**_ADAM, "weight_decay": 1e-2},
    "amsgrad": _ADAM,
    "adamax": _ADAM,
    "nadam": {**_ADAM, "momentum_decay": 4e-3},
    "radam": _ADAM,
    "signsgd": {"weight_decay": 0.0},
    "lion": {"beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0},
}
_MOMENTUM = (0.9, 0.5, 0.95, 0.99, 0.8, 0.85, 0.7, 0.6, 0.98, 0.999)
_MEAN = (0.99, 0.9, 0.999, 0.95, 0.8, 0.5)
# Values that occur in code, the most usual first.
USUAL: Mapping[str, tuple[float, ...]] = {
    "momentum": _MOMENTUM,
    "alpha": _MEAN,
    "rho": (0.9, 0.95, 0.99, 0.999),
    "beta1": (0.9, 0.95, 0.5, 0.8, 0.99, 0.999),
    "beta2": (0.999, 0.99, 0.9, 0.95, 0.98, 0.9999),
    "centered": (0.0, 1.0),
    "initial_accumulator_value": (0.0, 0.1, 1.0),
    "weight_decay": (0.0, 1e-4, 1e-3, 1e-2, 0.1, 5e-4, 1e-5, 5e-5, 5e-3, 0.05, 0.5),
    "eps": (1e-8, 1e-7, 1e-10, 1e-6, 1e-5, 1e-12, 1e-9, 1e-15, 1e-16, 1e-4, 1e-3, 0.0),
}
OPTIMIZERS = tuple(DEFAULTS)
# Steps that are linear in the gradients.
LINEAR = ("sgd", "momentum", "nesterov")
# Those that keep nothing between steps.
STATELESS = ("sgd", "signsgd")
# Those whose weight decay is beside the gradient and not in it.
DECOUPLED = ("adamw", "signsgd", "lion")
CORRECTED = ("adam", "adamw", "amsgrad", "adamax", "nadam")
# Where those that keep squares of gradients have them.
SQUARES = {"adagrad": "sum", "rmsprop": "second", "adam": "second", "adamw": "second"}
ROOTED = ("adagrad", "rmsprop", "adam", "adamw", "amsgrad", "nadam")


@dataclass(frozen=True)
class Formula:
    """How a step is computed.

    Attributes
    ----------
    kind : str
        One of `OPTIMIZERS`.
    options : mapping
        Hyperparameters as in `DEFAULTS`. Arrays of shape (formulas, 1) stand for several formulas
        at once.
    gradient : str
        ``"own"``; ``"late"``, of the step before; ``"first"``, of the first step;
        ``"accumulated"``, the sum so far; ``"negated"``.
    clip : str
        ``"none"``, or what is clipped and to which value: ``"entry:1"``, ``"tensor:5"``,
        ``"all:5"``; ``"tensor:unit, eps 0"``, divided by the norm and that.
    average : str
        How the velocity takes the gradient: ``"sum"``; ``"mean"``; ``"mean, first whole"``;
        ``"mean, corrected"``, divided by 1 - momentum^t as Adam's first moment is; ``"last"``, the
        gradient before and none earlier; ``"last, mean"``, the mean of that and the own one;
        ``"against"``, the velocity before with a minus; ``"taken away"``, with a minus in the step
        alone; ``"unscaled"``, the velocity before is without the learning rate in the step, which
        takes the own gradient with it; ``"none"``, no velocity.
    ahead : str
        Nesterov's step: ``"full"``; ``"none"``; ``"twice"``; ``"turned"``, which adds the velocity
        of the step before where it should take it back; ``"whole"``, the velocity without its
        momentum beside the gradient.
    correction : str
        Of the moments: ``"both"``, ``"none"``, ``"first"``, ``"second"``, ``"unrooted"``;
        ``"first by 1 - beta1"`` or ``"second by 1 - beta2"``, that one without the power of t;
        ``"first by 1 - beta1 * t"`` or ``"second by 1 - beta2 * t"``, with a product for it;
        ``"of usual betas"``, with 0.9 and 0.999 whatever the betas are; ``"first by beta2"``,
        ``"second by beta1"``, or both of these, ``"exchanged"``.
    count : str
        What t counts: ``"steps"``; ``"steps from 0"``; ``"lagging"``; ``"tensors"``;
        ``"tensors, matrices first"``; ``"tensors, backwards"``; ``"layers"``;
        ``"layers, backwards"``; all but the second also from 2, as in
        ``"tensors from 2, backwards"``; ``"samples"``, those of the batch; a constant,
        ``"constant:1"``; or a first one for each tensor and by how much all rise, as in
        ``"each:2 3 5 6, and 5 more every step"``.
    moments : str
        ``"means"``; ``"first summed"``; ``"second summed"``; ``"first undecayed"`` or
        ``"second undecayed"``, to which a share is added and none is lost. Or means that begin with
        their first value and not with zero: ``"first whole"``, ``"second whole"``,
        ``"both whole"``, which are not corrected for a start from zero;
        ``"both whole, corrected"``. ``"means, corrected"``:
        those of RMSprop, which are not, divided by 1 - alpha^t; ``"second from one"``: those that
        begin with 1. ``"kept corrected"``: the corrected ones go on to the next step, of
        ``"first kept corrected"`` and ``"second kept corrected"`` that one alone;
        ``"second by beta1"``: beta1 in the place of beta2 in what is left of the second one;
        ``"squares by beta1"``: in what comes to it; ``"first by beta2"``: beta2 in the place of
        beta1 in all of the first one.
    squares : str
        Of what: ``"entry"``; ``"sum"``, ``"mean"`` or ``"norm"`` of the array; ``"first"``, the
        first moment; ``"magnitude"``, no squares but absolute values.
    eps : str
        Where it is added: ``"outside"`` the root; ``"inside"``; ``"uncorrected"``, to the root
        of the uncorrected moment; ``"inside, uncorrected"``, under that root; ``"other"``, where
        else that kind has it.
    root : str
        ``"taken"``; ``"left out"``.
    maximum : str
        Of AMSGrad: ``"moments"``; ``"corrected"``; ``"none"``.
    growth : str
        Of NAdam's momentum: ``"growing"``; ``"constant"``; ``"constant, one index"``.
    state : str
        ``"kept"``; ``"new"``, also the count; ``"new, counted"``; ``"shared"``;
        ``"overwritten"``, the squares by the step that is taken; ``"overwritten, without rate"``.
    decay : str
        Of the weights: ``"own"``, as the kind has it; ``"negated"``, that with the other sign;
        ``"coupled"``; ``"decoupled"``;
        ``"unscaled"``, not multiplied by the learning rate; ``"twice"``; ``"both"``;
        ``"after"``, decoupled and after the step; ``"after, unscaled"``; ``"none"``.
    decayed : str
        ``"all"``; ``"matrices"``.
    rate : str
        ``"constant"``; or what it falls with, and how: ``"steps, inverse"``,
        ``"layers, exponential"``, ``"steps, root"`` and so on, by ``options["lr_decay"]``;
        ``"steps, inverse, inside"`` where the velocity takes it in and not the step.
    plain : str
        What goes down by the gradient itself: ``"nothing"``; ``"biases"`` or ``"matrices"``, which
        have no other step; ``"all, added"``, ``"biases, added"`` or ``"matrices, added"``, beside
        the step of the kind; ``"biases, all added"``, as of a branch that is fallen out of.
    scale : float
        What every step is multiplied by.
    """

    kind: str
    options: Options = field(default_factory=lambda: MappingProxyType({}))
    gradient: str = "own"
    clip: str = "none"
    average: str = "sum"
    ahead: str = "full"
    correction: str = "both"
    count: str = "steps"
    moments: str = "means"
    squares: str = "entry"
    eps: str = "outside"
    root: str = "taken"
    maximum: str = "moments"
    growth: str = "growing"
    state: str = "kept"
    decay: str = "own"
    decayed: str = "all"
    rate: str = "constant"
    plain: str = "nothing"
    scale: float = 1.0


@dataclass(frozen=True)
class Asked:
    """What an optimizer was asked with, all parameters of a step in one vector.

    Attributes
    ----------
    lr : float
        Learning rate.
    shapes : tuple of tuple of int
        Of the parameters.
    values, gradients : ndarray of shape (steps, entries)
        Parameters before each step, and the gradients that came.
    samples : tuple of int
        Of the batch of each step; empty for an optimizer that is given gradients alone.
    matrices : tuple of bool
        Which parameters are matrices; empty where their shapes tell it.
    names : tuple of str
        Of the parameters; empty where they have none.
    """

    lr: float
    shapes: tuple[tuple[int, ...], ...]
    values: Array
    gradients: Array
    samples: tuple[int, ...] = ()
    matrices: tuple[bool, ...] = ()
    names: tuple[str, ...] = ()

    @cached_property
    def are_matrices(self) -> list[bool]:
        """Whether each parameter is a matrix, and no bias."""
        return list(self.matrices) or matrices_of(self.shapes)

    @cached_property
    def sizes(self) -> list[int]:
        """How many entries each parameter has."""
        return [math.prod(shape) for shape in self.shapes]

    @cached_property
    def parts(self) -> list[slice]:
        """Where each parameter lies."""
        ends = accumulate(self.sizes)
        return [slice(end - size, end) for end, size in zip(ends, self.sizes, strict=True)]

    def spread(self, numbers: Any) -> Array:
        """Return one number for each parameter as one for each entry."""
        return np.repeat(np.asarray(numbers, np.float64), self.sizes)

    @cached_property
    def layers(self) -> list[int]:
        """Number of each parameter's layer, from 0: that of the matrix, or that of the vector."""
        seen = {True: 0, False: 0}
        numbers = []
        for kind in self.are_matrices:
            numbers.append(seen[kind])
            seen[kind] += 1
        return numbers


def is_matrix(shape: tuple[int, ...]) -> bool:
    """Whether a parameter of this shape is one, and no bias."""
    return len(shape) == 2 and 1 not in shape


def matrices_of(shapes: Sequence[tuple[int, ...]]) -> list[bool]:
    """Return which parameters are matrices, as their shapes tell it, those of one row among them.

    Beside vectors, all that has two axes is a matrix; and where half of the parameters have one
    row, or one column, these are the biases if the others follow one another.
    """
    if any(len(shape) == 1 for shape in shapes):
        return [len(shape) == 2 for shape in shapes]
    for axis in (0, 1):
        biases = [len(shape) == 2 and shape[axis] == 1 for shape in shapes]
        others = [shape for shape, is_bias in zip(shapes, biases, strict=True) if not is_bias]
        if 2 * len(others) == len(shapes) and _is_chain(others):
            return [not is_bias for is_bias in biases]
    return [is_matrix(shape) for shape in shapes]


def _is_chain(shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether what comes out of each matrix goes into the next, in one of both layouts."""
    if any(len(shape) != 2 for shape in shapes):
        return False
    return any(
        all(one[axis] == following[1 - axis] for one, following in pairwise(shapes))
        for axis in (0, 1)
    )


def read(kind: str, options: Mapping[str, Any]) -> tuple[str, dict[str, float | None]]:
    """Return kind and hyperparameters, given by PyTorch's names, as a `Formula` has them.

    Returns
    -------
    kind : str
        ``"momentum"`` for SGD with momentum, and so on.
    options : dict
        Those that are given; None for one of which it is said that it is not known.

    Raises
    ------
    InputError
        For an optimizer or an option that is not known.
    """
    name = kind.lower()
    if name not in OPTIMIZERS:
        raise InputError("kind", f"one of {OPTIMIZERS}", repr(kind))
    given = {key: value for key, value in options.items() if key != "lr"}
    betas = given.pop("betas", ())
    if betas is None:
        betas = (None, None)
    given |= dict(zip(("beta1", "beta2"), betas, strict=False))
    if given.pop("nesterov", False):
        name = "nesterov"
    elif name == "sgd" and given.get("momentum", 0.0) != 0.0:
        name = "momentum"
    elif name == "sgd":
        given.pop("momentum", None)
        given.pop("dampening", None)
    if given.pop("amsgrad", False):
        name = "amsgrad"
    known = DEFAULTS[name]
    for key, value in given.items():
        if key not in known:
            raise InputError("options", f"some of {sorted(known)}", repr(key))
        if value is not None and not np.isfinite(value):
            raise InputError(f"options[{key!r}]", "a finite number or None", repr(value))
    return name, {key: None if v is None else float(v) for key, v in given.items()}
