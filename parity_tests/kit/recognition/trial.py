"""A declaration written as Python code, made and asked: what is printed is what was tried."""

import contextlib
import copy
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects import observing
from parity_tests.kit.aspects.first_steps.entrywise import is_spread_alike
from parity_tests.kit.aspects.forward import aspect as forward_aspect
from parity_tests.kit.aspects.loss import aspect as loss_aspect
from parity_tests.kit.backprop.bias_sums import right_sum
from parity_tests.kit.backprop.explain import explain
from parity_tests.kit.candidates.outputs import losses_of
from parity_tests.kit.fitting import fit
from parity_tests.kit.forward import functions, run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Network
from parity_tests.kit.recognition.followed import followed
from parity_tests.kit.recognition.globals import global_arrays, with_globals
from parity_tests.kit.recognition.making import uninitialized
from parity_tests.kit.scales import Scale
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import (
    Layer,
    Layers,
    Subject,
    SubjectError,
    quiet,
    tensors,
)

Array = NDArray[Any]
Fields = Mapping[str, str]
# Somebody's code may raise anything, and may even try to end the process.
FAILURES = (Exception, SystemExit)
# As many as it takes to tell a class from a number.
_FEWEST_CLASSES = 3
# Between two classes: of whoever looks one up, they are the same or none.
_FRACTIONS = (0.25, 0.5)
# By how much weights are others, so little that hardly an output changes places with another.
_LITTLE = 1e-6
# The cosine of what is the same but for rounding.
SAME = 1 - 1e-9


def evaluate(source: str, scope: Mapping[str, Any]) -> Any:
    """Return the value of Python code among somebody's names."""
    ours = {
        "np": np,
        "copy": copy,
        "reduce": functools.reduce,
        "followed": followed,
        "uninitialized": uninitialized,
        "global_arrays": global_arrays,
        "with_globals": with_globals,
    }
    return eval(source, {**scope, **ours})


def build(fields: Fields, scope: Mapping[str, Any]) -> Network:
    """Return the network that a declaration in Python code describes."""
    return Network(**{name: evaluate(source, scope) for name, source in fields.items()})


def made(make: str, scope: Mapping[str, Any]) -> Any:
    """Return what a maker makes, or None if it raises."""
    with quiet(), contextlib.suppress(*FAILURES):
        return evaluate(make, scope)()
    return None


def begin(fields: Fields, scope: Mapping[str, Any], known: Inquiry | None = None) -> Inquiry | None:
    """Return an inquiry into a network, or None if it cannot be made or given parameters.

    Parameters
    ----------
    known : Inquiry, optional
        Into the same network; its questions are asked.
    """
    try:
        subject = Subject(build(fields, scope))
        return known.into(subject) if known else Inquiry.begin(subject, Spec(), 0)
    except FAILURES:
        return None


Shapes = tuple[tuple[tuple[int, ...], tuple[int, ...], str], ...]


def begin_alike(
    fields: Fields, scope: Mapping[str, Any], drawn: dict[Shapes, Inquiry]
) -> Inquiry | None:
    """Return what `begin` does, with the questions of another network of the same shapes.

    Parameters
    ----------
    drawn : dict
        Inquiries that were begun, by the shapes and types of parameters; new ones are added.
    """
    try:
        subject = Subject(build(fields, scope))
        kinds = [array.dtype.str for array in subject.arrays()]
        key = tuple(
            (layer.weight.shape, np.shape(layer.bias), ",".join(kinds)) for layer in subject.get()
        )
        if key in drawn:
            return drawn[key].into(subject)
        return drawn.setdefault(key, Inquiry.begin(subject, Spec(), 0))
    except FAILURES:
        return None


def with_forward(
    fields: Fields, scope: Mapping[str, Any], plain: Inquiry | None = None
) -> Inquiry | None:
    """Return an inquiry with the form of the forward pass, if that can be known.

    None if the forward pass raises, or does not depend on its parameters and on every sample.

    Parameters
    ----------
    plain : Inquiry, optional
        Into the same network with another forward pass; its questions are asked.
    """
    try:
        subject = Subject(build(fields, scope))
        inquiry = plain.into(subject) if plain else Inquiry.begin(subject, Spec(), 0)
    except FAILURES:
        return None
    if not _depends(inquiry):
        return None
    with contextlib.suppress(*FAILURES):
        forward_aspect.examine(inquiry)
    return inquiry


def _depends(inquiry: Inquiry) -> bool:
    subject, inputs = inquiry.subject, inquiry.batches[0].inputs
    try:
        base = subject.forward(inputs)
        if not np.isfinite(base).all() or not _differ(base):
            return False
        for number in range(len(inquiry.layers)):
            layers = list(inquiry.layers)
            layers[number] = replace(layers[number], weight=1.1 * layers[number].weight)
            subject.set(layers)
            if np.array_equal(base, subject.forward(inputs)):
                return False
        # What a pass gives another shape is no parameter.
        inquiry.restore()
    except (SubjectError, *FAILURES):
        return False
    return True


def _differ(output: Array) -> bool:
    """Whether all samples have outputs of their own, but for those that a rectifier made zero."""
    rows = np.round(output[np.any(output, axis=1)], 12)
    return len(rows) > 1 and len(np.unique(rows, axis=0)) == len(rows)


def reported_loss(
    inquiry: Inquiry, fields: Fields, scope: Mapping[str, Any]
) -> tuple[str, Scale] | bool:
    """Return name and scale of the loss that a declaration has.

    True if it is a number that depends on the samples, and no loss that is known; False if not.
    """
    values = []
    try:
        other = inquiry.into(inquiry.subject.another(build(fields, scope)))
        other.form, other.tolerance = inquiry.form, inquiry.tolerance
        if other.form is not None:
            loss_aspect.examine(other)
        # One that has a fault is no loss that is known, though a gradient is held to what is meant.
        if other.reported is not None and other.loss_cause is None:
            return other.reported
        for batch in other.batches:
            other.subject.forward(batch.inputs)
            values.append(other.subject.loss(batch))
    except FAILURES:
        return False
    return bool(np.isfinite(values).all() and values[0] != values[1])


def moves_with_parameters(inquiry: Inquiry, fields: Fields, scope: Mapping[str, Any]) -> bool:
    """Whether the loss of a declaration is another one by nearly the same parameters.

    A share of samples that are taken for another class is a number, too, and no loss.
    """
    batch, values = inquiry.batches[0], []
    try:
        subject = inquiry.subject.another(build(fields, scope))
        for factor in (1.0, 1.0 + _LITTLE):
            subject.begin([replace(own, weight=factor * own.weight) for own in inquiry.layers])
            subject.forward(batch.inputs)
            values.append(subject.loss(batch))
    except FAILURES:
        return False
    return values[0] != values[1]


def is_one_number(inquiry: Inquiry, fields: Fields, scope: Mapping[str, Any]) -> bool:
    """Whether the loss of a declaration is the same of other samples, and by other parameters."""
    values = set()
    several = min(map(len, inquiry.batches))
    try:
        subject = inquiry.subject.another(build(fields, scope))
        for factor in (1.0, 2.0):
            subject.begin([replace(own, weight=factor * own.weight) for own in inquiry.layers])
            for batch in inquiry.batches:
                part = batch.part(slice(0, several))
                subject.forward(part.inputs)
                values.add(subject.loss(part))
    except FAILURES:
        return False
    return len(values) == 1


def raises(inquiry: Inquiry, fields: Fields, scope: Mapping[str, Any]) -> bool:
    """Whether the code of a declared loss raises, whatever its answer would be."""
    try:
        subject = inquiry.subject.another(build(fields, scope))
        subject.begin(inquiry.layers)
        subject.forward(inquiry.batches[0].inputs)
        subject.loss(inquiry.batches[0])
    except SubjectError as error:
        return error.__cause__ is not None
    except FAILURES:
        return True
    return False


@dataclass(frozen=True)
class Match:
    """How well what was observed is explained as a gradient.

    Attributes
    ----------
    right : int
        Tensors that are a multiple of the gradient of a loss.
    known : int
        Tensors that could be reproduced, with or without a fault.
    closeness : float
        The mean over the tensors of the cosine with the nearest right gradient.
    total : int
        Tensors.
    loss : str or None
        The loss whose gradient the last matrix has exactly.
    """

    right: int
    known: int
    closeness: float
    total: int
    loss: str | None = None

    @property
    def key(self) -> tuple[int, int, float]:
        """What is compared."""
        return self.right, self.known, round(self.closeness, 6)

    @property
    def complete(self) -> bool:
        """Whether all of it is right."""
        return self.right == self.total


def observe(fields: Fields, scope: Mapping[str, Any], known: Inquiry) -> Match | None:
    """Return how well the gradients, or the step, of a declaration are explained."""
    inquiry = begin(fields, scope, known)
    if inquiry is None:
        return None
    inquiry.form, inquiry.tolerance = known.form, known.tolerance
    batch = inquiry.batches[0]
    try:
        observed, updated = observing.observe(inquiry, batch)
    except FAILURES:
        return None
    came = tensors(observed)
    if not all(np.isfinite(tensor).all() for tensor in came) or not any(map(np.any, came)):
        return None
    if inquiry.form is None:
        return Match(0, 0, 0.0, len(came))
    passed = run(inquiry.form, inquiry.layers, batch.inputs)
    named = references(inquiry)
    is_step = observing.is_inferred(inquiry)
    if is_step and is_spread_alike(observed):
        # Of the first steps of an adaptive optimizer the signs alone are those of a gradient.
        expected = [_signs(gradients) for _, gradients in named]
        return Match(0, 0, float(np.mean(_cosines(observed, expected))), len(came))
    cosines = _cosines(observed, [gradients for _, gradients in named])
    closeness, total = float(np.mean(cosines)), len(came)
    last = observed[-1].weight
    loss = next((name for name, g in named if closest(last, [g[-1].weight]) > SAME), None)
    if all(cosine > SAME for cosine in cosines):
        return Match(total, total, closeness, total, loss)
    with quiet(), contextlib.suppress(*FAILURES):
        explanation = explain(
            inquiry.form, passed, inquiry.layers, updated, batch, observed, inquiry.tolerance
        )
        sound = sum(finding.known and not finding.causes for finding in explanation.findings)
        # An array of zeros may be anything; a parameter that stays where it is does so in a step.
        known_ones = sum(
            finding.known and (is_step or finding.factor != 0) for finding in explanation.findings
        )
        return Match(sound, known_ones, closeness, total, loss)
    return Match(0, 0, closeness, total, loss)


def are_numbers(fields: Fields, scope: Mapping[str, Any], known: Inquiry) -> bool:
    """Return whether integers that stand for classes are computed with.

    An error such as ``p - y`` is an affine function of them then, in all outputs at once. From 0 to
    1 labels of classes change other outputs than from 1 to 2, and what lies between two of them is
    no class, or the lower one.
    """
    is_number = fields.get("labels") in ("'integers'", "'integer_column'")
    if not is_number or known.subject.outputs < _FEWEST_CLASSES:
        return False
    inquiry = begin(fields, scope, known)
    if inquiry is None:
        return False
    inquiry.form, inquiry.tolerance = known.form, known.tolerance
    with contextlib.suppress(*FAILURES):
        first, second = np.diff(_gradients_by(inquiry, range(_FEWEST_CLASSES)), axis=0)
        if np.any(first) and fit(second, first)[1] <= inquiry.tolerance:
            return True
    with contextlib.suppress(*FAILURES):
        return bool(np.diff(_gradients_by(inquiry, _FRACTIONS), axis=0).any())
    return False


def _gradients_by(inquiry: Inquiry, labels: Iterable[float]) -> list[Array]:
    """Return all gradients of a batch in which every sample has one label, for several ones."""
    batch, found = inquiry.batches[0], []
    for label in labels:
        asked = replace(batch, labels=np.full(len(batch), label))
        observed, _ = observing.observe(inquiry, asked)
        found.append(np.concatenate([tensor.ravel() for tensor in tensors(observed)]))
    return found


def references(inquiry: Inquiry) -> list[tuple[str, Layers]]:
    """Return the right gradients of every loss that the output may have, with its name."""
    if inquiry.form is None:
        return []
    batch, layers = inquiry.batches[0], inquiry.layers
    passed = run(inquiry.form, layers, batch.inputs)
    hidden, _ = functions(inquiry.form)
    result = []
    with np.errstate(all="ignore"):
        for _, function, _, slopes in losses_of(inquiry.form, passed, batch):
            for name, slope in slopes.items():
                delta = function.back(slope, passed.logits[-1])
                gradients: Layers = []
                for number in reversed(range(len(layers))):
                    weight = delta.T @ passed.activations[number]
                    gradients.insert(0, Layer(weight, right_sum(delta, layers[number])))
                    if number:
                        above = delta @ layers[number].weight
                        delta = above * hidden[number - 1].slope(passed.logits[number - 1])
                if all(np.isfinite(layer.weight).all() for layer in gradients):
                    result.append((name, gradients))
    return result


def closest(observed: Array, expected: list[Array]) -> float:
    """Return the largest cosine, without its sign, of an array with others of its shape."""
    best = 0.0
    for other in expected:
        if other.shape == observed.shape and np.isfinite(observed).all():
            _, residual = fit(observed, other)
            best = max(best, float(np.sqrt(max(0.0, 1 - min(residual, 1.0) ** 2))))
    return best


def _cosines(observed: Layers, expected: list[Layers]) -> list[float]:
    best: list[float] = []
    for gradients in expected:
        cosines = []
        for mine, right in zip(observed, gradients, strict=True):
            cosines.append(closest(mine.weight, [right.weight]))
            if mine.bias is not None and right.bias is not None:
                cosines.append(closest(np.asarray(mine.bias), [right.bias]))
        if sum(cosines) > sum(best):
            best = cosines
    return best or [0.0]


def _signs(gradients: Layers) -> Layers:
    return [
        Layer(np.sign(layer.weight), None if layer.bias is None else np.sign(layer.bias))
        for layer in gradients
    ]


Explorer = Callable[[Any, Any, Any], None]


def explore(inquiry: Inquiry, explorer: Explorer, labels: str) -> bool:
    """Call something with the network, samples and labels as it takes them; False if it raises."""
    shapes = inquiry.subject.shapes

    def gradients(net: Any, x: Any, y: Any) -> list[Array]:
        explorer(net, x, y)
        return [np.zeros(shape) for shape in shapes]

    network = replace(inquiry.subject.network, labels=labels, backward=None, gradients=gradients)
    try:
        subject = Subject(network)
        subject.set(inquiry.layers)
        batch = inquiry.batches[0]
        samples = 1 if subject.single else len(batch)
        part = batch.part(slice(0, samples))
        subject.gradients(subject.batch(part.inputs, part.labels))
    except FAILURES:
        return False
    return True
