"""Which arrays are the gradients of which parameters, and the code that reads them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.fitting import fit
from parity_tests.kit.paths import Found, Step
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.trial import SAME, closest, references

Array = NDArray[Any]
# What a layer hands to the one below is no gradient of its bias.
_OF_INPUTS = re.compile(r"(d|d_|grad_|delta_)(inputs?|a_?prev|prev)")
# How far parameters are from those before a step, at most, to be known as theirs.
_OF_ITSELF = 0.5


@dataclass(frozen=True)
class Place:
    """An array that is taken for the gradient of a parameter."""

    found: Found
    relation: str
    parameter: Found

    def code(self, base: str) -> str:
        """Return code of the array in the parameter's shape."""
        text = base + self.found.text
        if self.relation == "transposed":
            return f"{text}.T"
        if self.relation == "number":
            return f"np.full({self.parameter.array.shape}, {text})"
        return text


def written(places: Sequence[Place], text: str) -> str:
    """Return code that writes what a call returns to the parameters of a network."""
    if not places:
        return text
    body = ", ".join(f"np.copyto(net{one.parameter.text}, {one.code('g')})" for one in places)
    return f"(lambda g: [{body}])({text})"


def are_moved(
    places: Sequence[Place], before: Mapping[tuple[Step, ...], Array], forward: Forward
) -> bool:
    r"""Whether what is taken for gradients are the parameters after a step.

    They are near to those before it, or a matrix is

    .. math:: W - c \, \frac{\partial L}{\partial W}

    for a loss that is known, where a gradient has no more of W in it than a penalty gives it.

    Parameters
    ----------
    before : mapping
        The parameters that the backward pass was given, by their paths.
    """
    pairs = [
        (one.found.array, before[one.parameter.path], one.parameter)
        for one in places
        if one.relation == "same" and one.parameter.path in before
    ]
    if len(pairs) < len(places):
        return False
    sides = zip(*((came.ravel(), own.ravel()) for came, own, _ in pairs), strict=True)
    factor, residual = fit(*map(np.concatenate, sides))
    if residual < _OF_ITSELF and abs(factor - 1) < _OF_ITSELF:
        return True
    expected = [gradients for _, gradients in references(forward.inquiry)]
    for came, own, parameter in pairs:
        layer, is_bias = forward.chain.position(parameter)
        if is_bias:
            continue
        right = [gradients[layer].weight for gradients in expected]
        as_it_is, moved = (
            closest(array.T if forward.chain.layout == "in_out" else array, right)
            for array in (came, came - own)
        )
        # Of a gradient that is far larger than the parameter, both are that.
        if moved > SAME >= as_it_is:
            return True
    return False


def unsummed(places: Sequence[Place]) -> bool:
    """Whether a bias has a gradient for every sample."""
    return any(one.relation == "samples" for one in places)


def _relation(leaf: Array, parameter: Array, samples: int) -> str | None:
    """Return how an array is that of a parameter's gradient; `samples` is 0 for single ones."""
    if leaf.shape == parameter.shape:
        return "same"
    if leaf.ndim == 2 and parameter.ndim == 2 and leaf.shape == parameter.shape[::-1]:
        return "transposed" if min(leaf.shape) > 1 else "same"
    vector = parameter.ndim == 1 or 1 in parameter.shape
    if vector and leaf.size == parameter.size:
        return "same"
    if vector and leaf.ndim == 0:
        return "number"
    if vector and sorted(leaf.shape) == sorted((samples, parameter.size)) and samples:
        return "samples"
    return None


def assigned(
    forward: Forward, leaves: Sequence[Found], returned: Sequence[str] | None
) -> list[Place] | None:
    """Return the array that is the gradient of each parameter, or None.

    Parameters
    ----------
    leaves : sequence of Found
        Arrays to choose from.
    returned : sequence of str or None
        The names under which a function returns them, if it does.
    """
    parameters = forward.chain.found
    layout = forward.chain.layout
    expected = [gradients for _, gradients in references(forward.inquiry)]
    single = forward.inquiry.subject.single
    samples = 0 if single else len(forward.inquiry.batches[0])
    taken: set[int] = set()
    places: list[Place] = []
    lacking_ones: list[str] = []
    by_sample: list[str] = []
    for parameter in parameters:
        layer, is_bias = forward.chain.position(parameter)
        right = [] if single else [_reference(g, layer, is_bias) for g in expected]
        best: tuple[tuple[Any, ...], int, Place] | None = None
        for place, leaf in enumerate(leaves):
            relation = _relation(leaf.array, parameter.array, samples)
            if relation is None or place in taken:
                continue
            name = leaf.name or _named(leaf, returned)
            if is_bias and _OF_INPUTS.fullmatch(name.lower()):
                continue
            is_its = names.is_gradient(name) or bool(name and name == parameter.name)
            if relation in ("samples", "number") and not is_its:
                continue
            alike = _like(parameter, leaf, name)
            value = leaf.array.T if relation == "transposed" else leaf.array
            if value.ndim == 2 and layout == "in_out" and not is_bias:
                value = value.T
            near = closest(value.ravel() if is_bias else value, right)
            key = (near > SAME, *alike, relation == "same", near, -place)
            if best is None or key > best[0]:
                best = key, place, Place(leaf, relation, parameter)
        if best is None:
            lacking_ones.append(f"{'b' if is_bias else 'W'}{layer + 1}")
            continue
        taken.add(best[1])
        places.append(best[2])
        if best[2].relation == "samples":
            by_sample.append(f"b{layer + 1}")
    if lacking_ones and places:
        forward.lacking = sorted(lacking_ones + by_sample, key=lambda name: (name[1:], name))
    return None if lacking_ones else places


def _reference(gradients: Any, layer: int, is_bias: bool) -> Array:
    chosen = gradients[layer]
    value: Array = chosen.bias if is_bias else chosen.weight
    return value


def _named(leaf: Found, returned: Sequence[str] | None) -> str:
    first = leaf.path[0].name if leaf.path else None
    if returned and isinstance(first, int) and first < len(returned):
        return returned[first]
    return ""


def _like(parameter: Found, leaf: Found, name: str) -> tuple[bool, bool, bool]:
    """Return how much an array's path is that of a parameter's gradient."""
    same_place = _numbers(parameter.path) == _numbers(leaf.path)
    same_parent = parameter.parent == leaf.parent and bool(parameter.parent)
    named = bool(name) and names.stem(name) == names.stem(parameter.name)
    return named and (same_place or same_parent), names.is_gradient(name), named or same_place


def _numbers(path: Sequence[Step]) -> list[Any]:
    return [step.name for step in path if step.kind != "attribute" and step.name != "grads"]


def picked(places: Sequence[Place], leaves: Sequence[Found], text: str, forward: Forward) -> str:
    """Return code of the gradients in the order of the parameters."""
    if all(one.relation in ("same", "samples") for one in places):
        if [one.found.path for one in places] == [leaf.path for leaf in leaves]:
            return text
        lists = _by_lists(places, leaves, len(forward.chain.weights))
        if forward.chain.listed and lists:
            return f"(lambda g: {lists})({text})"
    body = ", ".join(one.code("g") for one in places)
    return f"(lambda g: [{body}])({text})"


def _by_lists(places: Sequence[Place], leaves: Sequence[Found], depth: int) -> str | None:
    """Return code for whole lists, if the gradients of matrices and of biases lie so."""
    texts = []
    for group in (places[:depth], places[depth:]):
        paths = [one.found.path for one in group]
        if not group:
            continue
        parent = group[0].found.parent
        if not parent or [leaf.path for leaf in leaves if leaf.parent == parent] != paths:
            return None
        texts.append("g" + "".join(map(str, parent)))
    return f"({', '.join(texts)},)" if len(texts) == 1 else f"({', '.join(texts)})"
