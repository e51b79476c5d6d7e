"""The gradient of hidden pre-activations, and what is multiplied with it, in all ways."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.candidates.candidate import Candidate, distinct
from parity_tests.kit.candidates.multipliers import exchanged, multipliers, multipliers_of_gradient
from parity_tests.kit.candidates.outputs import losses_of
from parity_tests.kit.forward import Form, Pass, functions, run
from parity_tests.kit.functions import ACTIVATIONS, USUAL, Activation
from parity_tests.kit.subject.subject import Batch, Layer, Layers

Array = NDArray[Any]


def inputs_of(form: Form, passed: Pass, number: int, given: Array) -> Iterator[Candidate]:
    """Yield what may be multiplied with the gradient of a pre-activation."""
    own = passed.activations[number]
    yield Candidate(own, "x" if number == 0 else f"a{number}")
    if number in form.from_inputs:
        yield Candidate(passed.activations[0], "x")
    others: list[tuple[str, Array]] = []
    if number:
        below = functions(form)[0][number - 1]
        z = passed.logits[number - 1]
        others += [
            (f"z{number}", z),
            (f"{below.name}'(z{number})", below.slope(z)),
            (f"{below.name}(z{number})", below.value(z)),
        ]
        if below.name == "identity":
            # As of an activation that the forward pass has lost.
            usual = (ACTIVATIONS[name] for name in USUAL)
            others += [(f"{other.name}(z{number})", other.value(z)) for other in usual]
    else:
        others.append(("x as given", given))
    others += [
        ("x" if other == 0 else f"a{other}", value)
        for other, value in enumerate(passed.activations)
        if other != number
    ]
    for text, value in others:
        if not np.array_equal(value, own):
            yield Candidate(value, text, ("wrong-input",))


def renewed_input(form: Form, updated: Layers, number: int, given: Array) -> Candidate:
    r"""Return what goes into a layer where the forward pass is computed anew, after updates below.

    .. math:: a'_l = f_l(W'_l a'_{l-1} + b'_l), \qquad a'_0 = x

    Parameters
    ----------
    updated : list of Layer
        Parameters after the step; matrices are (out, in).
    number : int
        Of the layer, from 0.
    given : ndarray of shape (samples, in_features)
        Samples.
    """
    with np.errstate(all="ignore"):
        value = run(form, updated, given).activations[number]
    return Candidate(value, f"a{number} by updated layers", ("forward-after-update",))


def errors_of(form: Form, passed: Pass, batch: Batch, loss: str | None) -> list[Candidate]:
    """Return the error of the output, before any derivative: p - y, and the slope of a loss."""
    error = Candidate(passed.output - batch.targets, "(p - y)")
    slopes = [
        Candidate(own[loss], f"the slope of the {loss.replace('_', ' ')}")
        for _, _, p, own in losses_of(form, passed, batch)
        if loss in own and p is passed.output
    ]
    return distinct([error, *slopes])


_MOST_ERRORS = 8


def carried_errors(
    errors: Sequence[Candidate], layers: Layers, updated: Layers | None, number: int
) -> list[Candidate]:
    """Carry errors back through a matrix, without any derivative."""
    carried = []
    for error in errors:
        carried.append(replace(error, value=error.value @ layers[number].weight))
        if updated is not None:
            carried.append(
                Candidate(
                    error.value @ updated[number].weight,
                    error.text,
                    (*error.causes, "update-order"),
                )
            )
    return carried[:_MOST_ERRORS]


def right_hidden_deltas(
    form: Form, passed: Pass, layers: Layers, number: int, above: Sequence[Candidate]
) -> list[Candidate]:
    """Return the gradient of a hidden pre-activation as it should be, from each of those above.

    They are what `hidden_deltas` returns first, in a small part of its time.
    """
    function = functions(form)[0][number]
    z, weight = passed.logits[number], layers[number + 1].weight
    is_outside = number in form.bias_outside
    found = []
    for delta in above:
        carried = delta.value @ weight
        found.append(
            replace(
                delta,
                value=function.back(carried, z),
                text=f"({_named(delta, above, number)} @ W{number + 2}) * "
                f"{function.name}'(z{number + 1})",
                causes=(),
                also=[],
                guard=None,
                carried=None,
                upstream=carried if is_outside else None,
            )
        )
    return distinct(found)


def _named(delta: Candidate, above: Sequence[Candidate], number: int) -> str:
    name = f"dz{number + 2}"
    return name if delta is above[0] else f"({name} as it should be)"


def hidden_deltas(
    form: Form,
    passed: Pass,
    layers: Layers,
    updated: Layers | None,
    number: int,
    above: Sequence[Candidate],
    errors: Sequence[Candidate],
    factor: float = 1.0,
    gradient: Array | None = None,
) -> list[Candidate]:
    """Return the gradient of a hidden pre-activation, in all ways: the right one first.

    Parameters
    ----------
    factor : float, default 1
        What the network's own gradient is over that of the candidate above.
    gradient : ndarray, optional
        The network's own gradient of the matrix above.
    """
    function = functions(form)[0][number]
    z, a = passed.logits[number], passed.activations[number + 1]
    weight = layers[number + 1].weight
    matrix = f"W{number + 2}"
    carried = []
    for delta in above:
        name = _named(delta, above, number)
        base = replace(delta, causes=(), also=[])
        carried.append(replace(base, value=base.value @ weight, text=f"{name} @ {matrix}"))
        if updated is not None:
            between = {1.0: "after its update", 0.5: "after half of its update"}
            moved = updated[number + 1].weight - weight
            carried += [
                replace(
                    base,
                    value=base.value @ (weight + share * moved),
                    text=f"{name} @ ({matrix} {when})",
                    causes=("update-order",),
                )
                for share, when in between.items()
            ]
        if gradient is not None and gradient.shape == weight.shape:
            carried.append(
                replace(
                    base,
                    value=base.value @ gradient,
                    text=f"{name} @ d{matrix}",
                    causes=("carried-through-gradient",),
                    solved=True,  # that gradient's factor is in it
                )
            )
        if weight.shape[0] == weight.shape[1]:
            carried.append(
                replace(
                    base,
                    value=base.value @ weight.T,
                    text=f"{name} @ {matrix}.T",
                    causes=("weight-transposed",),
                )
            )
        carried += _without_matrix(base, weight, name)
        carried += _with_bias(base, layers[number + 1], f"{name} @ {matrix}")
    carried += [
        Candidate(
            error.value,
            f"the output's error, {error.text}, carried back to layer {number + 1} without "
            "derivatives",
            ("error-without-derivative", *error.causes),
            above[0].loss,
        )
        for error in errors
    ]
    others = {
        f"z{k + 1}": value
        for k, value in enumerate(passed.logits)
        if k != number and value.shape == z.shape
    }
    found = []
    is_outside = number in form.bias_outside
    inner = function.value(z) if is_outside else a
    right = Candidate(function.slope(z), f"{function.name}'(z{number + 1})")
    for delta in above:
        name = _named(delta, above, number)
        for twice in _twice(replace(delta, causes=(), also=[]), form, passed, number + 1, name):
            back = replace(twice, value=twice.value @ weight, text=f"{twice.text} @ {matrix}")
            found += [
                replace(
                    source,
                    value=function.back(source.value, z),
                    text=f"({source.text}) * {right.text}",
                    carried=source.value,
                    upstream=source.value if is_outside else None,
                )
                for source in (back, *_without_matrix(twice, weight, twice.text))
            ]
        elsewhere = (
            *_through_others(delta, layers, number + 1, name),
            *_through_one_unit(delta, weight, f"{name} @ {matrix}"),
        )
        for source in elsewhere:
            text = f"({source.text}) * {right.text}"
            value = function.back(source.value, z)
            found.append(replace(source, value=value, text=text, carried=source.value))
    # Gradients of single samples are averaged, and each is as many times as large as its share.
    sizes = (factor, factor * len(z))
    of_layer = [
        right,
        *(_of_shifted(function, z, a, number + 1) if is_outside else ()),
        *multipliers(function, z, inner, others, number + 1),
        *_without_bias(form, function, z, layers[number], number),
    ]
    for source in carried:
        rules = [*of_layer, *multipliers_of_gradient(function, source.value, sizes)]
        found += [
            Candidate(
                function.back(source.value, z) if rule is right else source.value * rule.value,
                source.text if rule.text == "1" else f"({source.text}) * {rule.text}",
                source.causes + rule.causes,
                source.loss,
                source.solved,
                carried=source.value if source.causes else None,
                upstream=source.value if is_outside else None,
            )
            for rule in rules
        ]
    own = factor * (above[0].value @ weight)
    found += [
        replace(candidate, loss=above[0].loss)
        for candidate in exchanged(function, z, a, own, number + 1)
    ]
    found.sort(key=lambda candidate: len(candidate.causes))
    return distinct(found)


def _with_bias(delta: Candidate, above: Layer, text: str) -> Iterator[Candidate]:
    r"""Yield a gradient carried back through a matrix with the bias in the place of a unit.

    .. math:: \tilde W = (b \; w_1 \dots w_n), \qquad
              \delta \, (b \; w_1 \dots w_{n - 1}) \text{ for } \delta \, (w_1 \dots w_n)

    where the last row or column of the folded matrix is left out and not the first, or the reverse.
    """
    if not above.folded or above.bias is None:
        return
    bias, weight = above.bias[:, np.newaxis], above.weight
    is_first = above.folded == "first"
    shifted = np.hstack([bias, weight[:, :-1]] if is_first else [weight[:, 1:], bias])
    left_out = "last" if is_first else "first"
    text = f"{text} with its bias for an input, and without the {left_out}"
    yield replace(delta, value=delta.value @ shifted, text=text, causes=("bias-carried-back",))


def _without_bias(
    form: Form, function: Activation, z: Array, layer: Layer, number: int
) -> Iterator[Candidate]:
    """Yield a derivative at the product with the weights alone."""
    if layer.bias is not None and form.shifts(number):
        product = z + layer.bias if number in form.bias_subtracted else z - layer.bias
        with np.errstate(all="ignore"):
            text = f"{function.name}'(z{number + 1} - b{number + 1})"
            yield Candidate(function.slope(product), text, ("derivative-without-bias",))


def _through_others(
    delta: Candidate, layers: Layers, number: int, name: str
) -> Iterator[Candidate]:
    """Yield a gradient carried back through the matrix of another layer, of the same shape."""
    for other, layer in enumerate(layers):
        if other != number and layer.weight.shape == layers[number].weight.shape:
            text, cause = f"{name} @ W{other + 1}", ("weight-of-another-layer",)
            value = delta.value @ layer.weight
            yield replace(delta, value=value, text=text, causes=cause, also=[])


# Units that are tried one by one.
_MOST_UNITS = 32


def _through_one_unit(delta: Candidate, weight: Array, text: str) -> Iterator[Candidate]:
    """Yield a gradient that every unit gets through the weights of one of them.

    Of one output all of these are multiples of one another, which their form does not tell apart.
    """
    outputs, units = weight.shape
    for unit in range(units if outputs > 1 and 1 < units <= _MOST_UNITS else 0):
        value = np.repeat(delta.value @ weight[:, [unit]], units, axis=1)
        told = f"{text}[:, {unit}]"
        yield replace(delta, value=value, text=told, causes=("weight-of-one-unit",), also=[])


def _without_matrix(delta: Candidate, weight: Array, name: str) -> Iterator[Candidate]:
    """Yield a gradient carried back without the matrix, where the shapes allow it.

    That of one output meets every unit.
    """
    outputs, units = weight.shape
    if outputs in (1, units):
        value = np.broadcast_to(delta.value, (len(delta.value), units))
        yield replace(delta, value=value, text=name, causes=(*delta.causes, "weight-missing"))


def _twice(
    delta: Candidate, form: Form, passed: Pass, number: int, name: str
) -> Iterator[Candidate]:
    """Yield a gradient that gets a factor of its own layer once more on the way back."""
    hidden, last = functions(form)
    z, a = passed.logits[number], passed.activations[number + 1]
    is_last = number == len(passed.logits) - 1
    own = last.elementwise if is_last else hidden[number]
    mark = f"z{number + 1}"
    with np.errstate(all="ignore"):
        if own is None:
            again = replace(delta, value=last.back(delta.value, z), text=f"(J {name})")
            yield replace(again, causes=("softmax-jacobian-twice",))
        else:
            slope, text = own.slope(z), f"({name} * {own.name}'({mark}))"
            yield replace(delta, value=delta.value * slope, text=text, causes=("derivative-twice",))
        text = f"({name} * a{number + 1})"
        yield replace(delta, value=delta.value * a, text=text, causes=("times-activation",))


def _of_shifted(own: Activation, z: Array, a: Array, number: int) -> Iterator[Candidate]:
    """Yield the derivative with a bias in its argument that is added after the function."""
    cause, bias = ("bias-outside-activation",), a - own.value(z)
    with np.errstate(all="ignore"):
        yield Candidate(own.slope(z + bias), f"{own.name}'(z{number} + b{number})", cause)
        if own.slope_from_value is not None:
            text = f"{own.name}' from a{number}, with b{number} in it"
            yield Candidate(own.slope_from_value(a), text, cause)
    yield from (
        candidate
        for candidate in multipliers(own, z, a, {}, number)
        if candidate.causes != ("activation-derivative-missing",)
    )
