"""What a network is asked with: parameters and batches in which faults show.

A unit that is rectified for all samples has no gradient, and one that is for none hides its mask:
parameters are drawn until every layer is alive, in both batches.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.forward import (
    Form,
    functions,
    pre_activation,
    prepared,
    with_outer_bias,
)
from parity_tests.kit.functions import Activation, in_full, output
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Batch, Layer, Layers, Subject

Array = NDArray[Any]

# How often a unit is drawn, and all parameters and batches, until they are alive.
_TRIES, _DRAWS = 200, 8
# Width up to which every unit of a layer matters; of a wider one half of the units.
_NARROW = 3
# Of a slope that is the same for all samples but for rounding.
_EVEN = 1e-9


@dataclass(frozen=True)
class Questions:
    """Parameters, and two batches of different sizes."""

    layers: Layers
    batches: tuple[Batch, Batch]


def questions(
    subject: Subject,
    spec: Spec,
    rng: np.random.Generator,
    samples: Sequence[int] = (),
    *,
    all_classes: bool = False,
) -> Questions:
    """Draw parameters and batches for a network in which every layer is alive.

    Parameters
    ----------
    samples : sequence of two ints, optional
        Sizes of the batches; `batch_sizes` if there are none.
    all_classes : bool, default False
        Whether every class occurs in every batch.
    """
    declared, likely = declared_form(subject, spec), likely_forms(subject)
    best: tuple[int, Questions] | None = None
    for _ in range(_DRAWS):
        layers = parameters(subject, rng)
        sizes = samples or batch_sizes(subject)
        first, second = (batch(subject, n, rng, all_classes=all_classes) for n in sizes)
        inputs = first.inputs, second.inputs
        if declared is not None:
            layers = enlivened(layers, [declared], inputs, rng)
            dead = dead_units(layers, declared, inputs)
        else:
            layers = enlivened(layers, likely, inputs, rng)
            dead = sum(dead_units(layers, form, inputs) for form in likely)
        if best is None or dead < best[0]:
            best = dead, Questions(layers, (first, second))
        if not dead:
            break
    assert best is not None
    return best[1]


def batch_sizes(subject: Subject) -> tuple[int, int]:
    """Return two numbers of samples unlike any width, so that a factor tells where it is from."""
    taken = {*subject.sizes, *(2 * size for size in subject.sizes)}
    free = [number for number in (7, 5, 3, 11, 13, 17, 19) if number not in taken]
    return free[0], free[1]


def parameters(subject: Subject, rng: np.random.Generator) -> Layers:
    """Return parameters of a size that neither dies out nor saturates, with biases not zero.

    Where they form no chain of layers, what is constant and not zero, as a gain is, stays near to
    that.
    """
    if not subject.is_chain:
        return [Layer(_drawn_near(now.weight, rng), None) for now in subject.get()]
    return [_drawn_like(now, rng) for now in subject.get()]


# How many times as large a last layer is where outputs are to keep and to miss margins of 1.
_WIDER = 2.0


def wider_parameters(subject: Subject, rng: np.random.Generator) -> Layers:
    """Return parameters as `parameters` does, with outputs that are twice as large."""
    *below, last = parameters(subject, rng)
    bias = None if last.bias is None else _WIDER * last.bias
    return [*below, Layer(_WIDER * last.weight, bias)]


def _drawn_like(now: Layer, rng: np.random.Generator) -> Layer:
    drawn = drawn_layer(*now.weight.shape, rng, bias=now.bias is not None)
    return replace(drawn, bias=drawn.bias[:1]) if now.has_shared_bias else drawn


def drawn_layer(fan_out: int, fan_in: int, rng: np.random.Generator, *, bias: bool = True) -> Layer:
    """Return parameters of a layer, as `parameters` does."""
    weight = 1.5 / np.sqrt(fan_in) * rng.standard_normal((fan_out, fan_in))
    return Layer(weight, 0.3 * rng.standard_normal(fan_out) if bias else None)


def _drawn_near(made: Array, rng: np.random.Generator) -> Array:
    if made.ndim < 2 or 1 in made.shape:
        middle = float(made.flat[0]) if made.size and np.ptp(made) == 0 else 0.0
        return np.asarray(middle + 0.3 * rng.standard_normal(made.shape))
    # A square root of both widths serves either layout.
    return np.asarray(1.5 / made.size**0.25 * rng.standard_normal(made.shape))


def batch(
    subject: Subject, samples: int, rng: np.random.Generator, *, all_classes: bool = False
) -> Batch:
    """Return samples of both signs, with labels in which classes repeat and others are absent.

    The first and the last class are there, if there are two samples.

    Parameters
    ----------
    all_classes : bool, default False
        Whether none is absent; then there must be as many samples.
    """
    inputs = rng.standard_normal((samples, subject.sizes[0]))
    classes = max(subject.outputs, 2)
    labels = rng.integers(0, classes, samples)
    # The last class is there, so that one-hot labels that are sized by it have all columns, and
    # the first, which is false where a label is taken for a condition.
    labels[0] = classes - 1
    labels[1:2] = 0
    if all_classes:
        labels[:classes] = np.arange(classes)[::-1]
    if subject.outputs == 1:
        labels[:2] = 1, 0
    return subject.batch(inputs, labels)


# What is alive


def declared_form(subject: Subject, spec: Spec) -> Form | None:
    """Return the forward pass that is declared, if it is in full.

    What is declared wrongly is told where it is looked at.
    """
    depth = len(subject.sizes) - 2
    hidden = (spec.hidden,) * depth if isinstance(spec.hidden, str) else spec.hidden or ()
    if not subject.is_chain or len(hidden) != depth or spec.output is None:
        return None
    with contextlib.suppress(InputError):
        return Form(in_full(hidden), output(spec.output).name)
    return None


def likely_forms(subject: Subject) -> list[Form]:
    """Return forms that networks have in which units may be dead; none for what is no chain."""
    if not subject.is_chain:
        return []
    depth = len(subject.sizes) - 2
    several = ((name,) * depth for name in ("relu", "tanh", "sigmoid"))
    return list(dict.fromkeys(Form(names, "relu") for names in several))


def enlivened(
    layers: Layers,
    forms: Sequence[Form],
    inputs: Sequence[Array],
    rng: np.random.Generator,
) -> Layers:
    """Return parameters with the units drawn anew that are dead in any of some forms.

    Parameters
    ----------
    forms : sequence of Form
        Forward passes.
    inputs : sequence of ndarray of shape (samples, in_features)
        Of each batch.
    """
    result: Layers = []
    values = [[prepared(form, rows) for rows in inputs] for form in forms]
    for number, drawn in enumerate(layers):
        layer = drawn
        for _ in range(_TRIES):
            layer = _with_both_signs(layer)
            dead = np.zeros(len(layer.weight), bool)
            for form, own in zip(forms, values, strict=True):
                dead |= _dead(layer, form, number, own)
            if not dead.any():
                break
            new = _drawn_like(layer, rng)
            bias = new.bias if layer.has_shared_bias else layer.bias
            if bias is not None and not layer.has_shared_bias:
                bias = np.where(dead, new.bias, bias)
            layer = Layer(np.where(dead[:, np.newaxis], new.weight, layer.weight), bias)
        result.append(layer)
        values = [
            [_after(layer, form, number, rows) for rows in own]
            for form, own in zip(forms, values, strict=True)
        ]
    return result


def _with_both_signs(layer: Layer) -> Layer:
    """Return a layer whose bias has both signs: of one alone, a constant is that of all signs."""
    bias = layer.bias
    if bias is None or bias.size < 2 or np.ptp(np.sign(bias)):
        return layer
    return replace(layer, bias=np.append(bias[:-1], -bias[-1]))


def dead_units(layers: Layers, form: Form, inputs: Sequence[Array]) -> int:
    """Return how many units are dead by a form of the forward pass, as `enlivened` takes them."""
    values, dead = [prepared(form, rows) for rows in inputs], 0
    for number, layer in enumerate(layers):
        dead += int(_dead(layer, form, number, values).sum())
        values = [_after(layer, form, number, rows) for rows in values]
    return dead


def _after(layer: Layer, form: Form, number: int, rows: Array) -> Array:
    hidden, last = functions(form)
    z = pre_activation(form, layer, number, rows)
    value = hidden[number].value(z) if number < len(hidden) else last.value(z)
    return with_outer_bias(form, layer, number, value)


def _activation(form: Form, number: int) -> Activation | None:
    hidden, last = functions(form)
    return hidden[number] if number < len(hidden) else last.elementwise or last.inner


def _dead(layer: Layer, form: Form, number: int, values: Sequence[Array]) -> NDArray[np.bool_]:
    """Return which units of a layer have a slope of zero, or the same one for all of a batch.

    All of them, if the first two samples or the last one of the first batch reach none: these are
    asked by themselves, too.
    """
    dead = np.zeros(len(layer.weight), bool)
    own = _activation(form, number)
    if own is None or own.name == "identity":
        return dead
    with np.errstate(all="ignore"):
        slopes = [own.slope(pre_activation(form, layer, number, rows)) for rows in values]
    for slope in slopes:
        dead |= ~np.any(slope, axis=0) | (np.ptp(slope, axis=0) <= _EVEN)
    if len(dead) > _NARROW and 2 * dead.sum() <= len(dead):
        # The others show what is wrong with all.
        dead[:] = False
    return dead | ~np.any(slopes[0][[0, 1, -1]], axis=1).all()
