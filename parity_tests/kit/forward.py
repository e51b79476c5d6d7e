"""What a network computes, recomputed: its forward pass in float64, in every form that occurs."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.functions import (
    ACTIVATIONS,
    OUTPUTS,
    UNNAMED,
    USUAL,
    WRONG_ACTIVATIONS,
    Activation,
    Output,
    activation,
    output,
)
from parity_tests.kit.subject.subject import Layer, Layers

Array = NDArray[Any]


@dataclass(frozen=True)
class Form:
    """A forward pass.

    Attributes
    ----------
    hidden : tuple of str
        Activation of each hidden layer.
    output : str
        Function of the last layer.
    without_bias : tuple of int
        Layers whose bias is left out, from 0.
    transposed : tuple of int
        Layers whose square matrix is transposed.
    bias_outside : tuple of int
        Layers whose bias is added after the function and not before.
    scale : float
        What the inputs are multiplied by.
    inputs : str
        What is made of the inputs before: one of `PREPARATIONS`.
    from_inputs : tuple of int
        Layers, from 0, that get the inputs in the place of the values of the layer before.
    bias_subtracted : tuple of int
        Layers, from 0, whose bias is subtracted, as a threshold is.
    unnamed : Activation or None
        The function of hidden layers that are called `UNNAMED`.
    """

    hidden: tuple[str, ...]
    output: str
    without_bias: tuple[int, ...] = ()
    transposed: tuple[int, ...] = ()
    bias_outside: tuple[int, ...] = ()
    scale: float = 1.0
    inputs: str = "as given"
    from_inputs: tuple[int, ...] = ()
    bias_subtracted: tuple[int, ...] = ()
    unnamed: Activation | None = None

    @property
    def mixes_samples(self) -> bool:
        """Whether what is made of the inputs of a sample depends on the others of its batch."""
        return self.inputs != "as given" and "sample" not in self.inputs

    @property
    def is_as_meant(self) -> bool:
        """Whether every layer is f(a W.T + b)."""
        changed = (self.without_bias, self.transposed, self.bias_outside, self.from_inputs)
        return not any(changed)

    def shifts(self, number: int) -> bool:
        """Whether the bias of a layer, from 0, is part of its pre-activation."""
        return number not in (*self.without_bias, *self.bias_outside)

    def __str__(self) -> str:
        names = [*self.hidden, self.output]
        if len(set(self.hidden)) == 1 and len(self.hidden) > 1:
            names = [f"{len(self.hidden)} x {self.hidden[0]}", self.output]
        return " -> ".join(names)


@dataclass(frozen=True)
class Pass:
    """All quantities of a forward pass.

    Attributes
    ----------
    activations : list of ndarray
        What is meant to go into each layer, and last the output.
    logits : list of ndarray
        Pre-activations of each layer.
    """

    activations: list[Array]
    logits: list[Array]

    @property
    def output(self) -> Array:
        """What the network returns."""
        return self.activations[-1]


def _standardized(x: Array, axis: int | None, eps: float) -> Array:
    centered = x - x.mean(axis=axis, keepdims=True)
    return np.asarray(centered / (x.std(axis=axis, keepdims=True) + eps))


def _between(x: Array, axis: int | None) -> Array:
    least = x.min(axis=axis, keepdims=True)
    return np.asarray((x - least) / (x.max(axis=axis, keepdims=True) - least))


# Samples in rows. What goes over a batch makes a sample's output depend on the others.
PREPARATIONS: Mapping[str, Callable[[Array], Array]] = {
    "as given": lambda x: x,
    "standardized by feature": lambda x: _standardized(x, 0, 0.0),
    "standardized by feature, with 1e-8": lambda x: _standardized(x, 0, 1e-8),
    "standardized by sample": lambda x: _standardized(x, 1, 0.0),
    "standardized by sample, with 1e-8": lambda x: _standardized(x, 1, 1e-8),
    "standardized over the whole batch": lambda x: _standardized(x, None, 0.0),
    "standardized over the whole batch, with 1e-8": lambda x: _standardized(x, None, 1e-8),
    "centered by feature": lambda x: x - x.mean(axis=0),
    "centered by sample": lambda x: x - x.mean(axis=1, keepdims=True),
    "between 0 and 1 by feature": lambda x: _between(x, 0),
    "between 0 and 1 over the whole batch": lambda x: _between(x, None),
    "divided by the norm of the sample": lambda x: x / np.linalg.norm(x, axis=1, keepdims=True),
    "divided by the norm of the feature": lambda x: x / np.linalg.norm(x, axis=0),
    "divided by the norm of the whole batch": lambda x: x / np.linalg.norm(x),
    "divided by the largest of the whole batch": lambda x: x / x.max(),
}


def prepared(form: Form, inputs: Array) -> Array:
    """Return what goes into the first layer."""
    return PREPARATIONS[form.inputs](inputs) * form.scale


def functions(form: Form) -> tuple[list[Activation], Output]:
    """Return the functions of a form."""
    return [_hidden(form, name) for name in form.hidden], output(form.output)


def _hidden(form: Form, name: str) -> Activation:
    if name != UNNAMED:
        return activation(name)
    assert form.unnamed is not None
    return form.unnamed


def run(form: Form, layers: Layers, inputs: Array) -> Pass:
    r"""Return the forward pass of a form.

    .. math:: z_l = a_{l-1} W_l^T + b_l, \qquad a_l = f_l(z_l)
    """
    values, logits = _up_to_logits(form, layers, inputs)
    return Pass([*values, _output_of(form, layers, logits[-1])], logits)


def _up_to_logits(form: Form, layers: Layers, inputs: Array) -> tuple[list[Array], list[Array]]:
    """Return what goes into every layer and its pre-activation, before the last function."""
    hidden, _ = functions(form)
    values = [prepared(form, inputs)]
    logits: list[Array] = []
    for number, layer in enumerate(layers):
        if number:
            value = hidden[number - 1].value(logits[-1])
            values.append(with_outer_bias(form, layers[number - 1], number - 1, value))
        source = values[0] if number in form.from_inputs else values[-1]
        logits.append(pre_activation(form, layer, number, source))
    return values, logits


def _output_of(form: Form, layers: Layers, logits: Array) -> Array:
    """Return what the last function makes of its pre-activation."""
    value = output(form.output).value(logits)
    return with_outer_bias(form, layers[-1], len(layers) - 1, value)


def upright(layers: Layers, transposed: Collection[int]) -> Layers:
    """Return layers with some matrices the other way round, or their gradients.

    Of those that a forward pass has transposed it makes (out, in) again.
    """
    return [
        replace(layer, weight=layer.weight.T) if number in transposed else layer
        for number, layer in enumerate(layers)
    ]


def pre_activation(form: Form, layer: Layer, number: int, inputs: Array) -> Array:
    """Return what a layer, from 0, makes of its inputs before the function."""
    matrix = layer.weight if number in form.transposed else layer.weight.T
    z = inputs @ matrix
    if layer.bias is None or not form.shifts(number):
        return z
    return z - layer.bias if number in form.bias_subtracted else z + layer.bias


def with_outer_bias(form: Form, layer: Layer, number: int, value: Array) -> Array:
    """Return the value of a layer's function, with its bias if that is added afterwards."""
    is_outside = layer.bias is not None and number in form.bias_outside
    return np.asarray(value + layer.bias) if is_outside else value


def candidates(layers: Layers, given: Form | None = None) -> Iterator[Form]:
    """Yield forms that a network may have, the usual ones first.

    Parameters
    ----------
    layers : list of Layer
        Parameters.
    given : Form, optional
        What it is meant to be; its neighbours come before all others.
    """
    depth = len(layers) - 1

    def place(name: str) -> int:
        if name in WRONG_ACTIVATIONS:
            return len(USUAL) + 1
        return USUAL.index(name) if name in USUAL else len(USUAL)

    names = sorted(ACTIVATIONS, key=place)
    if given is not None:
        yield given
        yield from _neighbours(given, layers)
    uniform = [(name,) * depth for name in names] if depth else [()]
    for hidden in uniform:
        for last in OUTPUTS:
            yield Form(hidden, last)
    if depth > 1:
        few = [n for n in names if n not in WRONG_ACTIVATIONS] if depth == 2 else USUAL
        for mixed in product(few, repeat=min(depth, 4)):
            hidden = mixed + (mixed[-1],) * (depth - len(mixed))
            for last in OUTPUTS:
                yield Form(hidden, last)
    for hidden in [(name,) * depth for name in USUAL]:
        for last in list(OUTPUTS)[:4]:
            yield from _neighbours(Form(hidden, last), layers)


def _neighbours(form: Form, layers: Layers) -> Iterator[Form]:
    """Yield forms with one thing forgotten."""
    count = len(layers)
    everywhere = tuple(range(count))
    for chosen in (everywhere, *((number,) for number in everywhere)):
        yield Form(form.hidden, form.output, without_bias=chosen)
    for chosen in (everywhere[:-1], everywhere, *((number,) for number in everywhere)):
        yield Form(form.hidden, form.output, bias_outside=chosen)
    for chosen in (everywhere, everywhere[:-1], *((number,) for number in everywhere)):
        yield Form(form.hidden, form.output, bias_subtracted=chosen)
    first = layers[0].weight.shape[1]
    as_wide = tuple(n for n in everywhere[1:] if layers[n].weight.shape[1] == first)
    for chosen in dict.fromkeys((as_wide, *((number,) for number in as_wide))):
        if chosen:
            yield Form(form.hidden, form.output, from_inputs=chosen)
    for scale in (1 / 255, 1 / 256, 0.99 / 255):
        yield Form(form.hidden, form.output, scale=scale)
    for name in list(PREPARATIONS)[1:]:
        yield Form(form.hidden, form.output, inputs=name)
    square = [n for n in everywhere if len(set(layers[n].weight.shape)) == 1]
    for chosen in (tuple(square), *((number,) for number in square)):
        if chosen:
            yield Form(form.hidden, form.output, transposed=chosen)


def find(
    layers: Layers, inputs: Array, observed: Array, tolerance: float, given: Form | None = None
) -> Form | None:
    """Return the first form that gives the output observed, or None; zeros tell none."""
    size = np.linalg.norm(observed)
    if not np.isfinite(size) or size == 0:
        return None
    tried: set[Form] = set()
    body: Form | None = None
    logits = np.empty(0)
    for form in candidates(layers, given):
        if form in tried:
            continue
        tried.add(form)
        with np.errstate(all="ignore"):
            # Forms that differ in the last function alone come one after the other.
            if body is None or replace(form, output=body.output) != body:
                body, logits = form, _up_to_logits(form, layers, inputs)[1][-1]
            distance = np.linalg.norm(_output_of(form, layers, logits) - observed)
        if distance <= tolerance * size:
            return form
    return None
