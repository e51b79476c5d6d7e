"""Parameters and samples that give logits far from where training usually is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.forward import Form, run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import LOSSES
from parity_tests.kit.subject.subject import Batch, Layer, Layers, SubjectError

Array = NDArray[np.float64]

# Logits at which e^z overflows in float64; how far one sample lies above another; logits at which
# a probability is 0 in float64 and nothing overflows.
LARGE, APART, _VANISHING = 1000.0, 2000.0, -800.0
# Of a rank of two: the determinant of two samples, over that of samples at right angles.
_DEPENDENT = 1e-10
# Samples among which two are looked for if there are none in the batches.
_MORE = 32
ONE_ABOVE = "one sample with logits 2000 above those of the other"


@dataclass(frozen=True)
class Extreme:
    """Something to ask: parameters, samples, and in words what is extreme about them."""

    text: str
    layers: Layers
    batch: Batch


def independent(inquiry: Inquiry, form: Form) -> Array | None:
    """Return two samples for which the last layer can be made to give any logits, or None."""
    own = np.concatenate([batch.inputs for batch in inquiry.batches])
    # Units may be dead for all samples of the batches.
    for inputs in (own, inquiry.rng.standard_normal((_MORE, own.shape[1]))):
        source = _source(form, inquiry.layers, inputs)
        products = source @ source.T
        sizes = np.diag(products)
        determinants = np.outer(sizes, sizes) - products**2
        first, second = np.unravel_index(np.argmax(determinants), determinants.shape)
        if determinants[first, second] > _DEPENDENT * sizes[first] * sizes[second]:
            chosen: Array = inputs[[first, second]]
            return chosen
    return None


def _source(form: Form, layers: Layers, inputs: Array) -> Array:
    """Return what is fed to the last layer, with a 1 for its bias."""
    source = run(form, layers, inputs).activations[-2]
    if not _has_bias(form, layers):
        return source
    return np.concatenate([source, np.ones((len(source), 1))], axis=1)


def _has_bias(form: Form, layers: Layers) -> bool:
    is_of_units = layers[-1].bias is not None and not layers[-1].has_shared_bias
    return is_of_units and form.shifts(len(layers) - 1)


def _with_logits(
    inquiry: Inquiry, form: Form, inputs: Array | None, logits: Array
) -> Layers | None:
    """Return parameters that give these logits; None if they cannot be had."""
    if inputs is None:
        return None
    layers = inquiry.layers
    # What all samples have in common comes from the bias, which no mask of dropout changes.
    common = logits.mean(axis=0) if _has_bias(form, layers) else np.zeros(logits.shape[1])
    solution = np.linalg.pinv(_source(form, layers, inputs)) @ (logits - common)
    bias = layers[-1].bias
    if _has_bias(form, layers):
        solution, bias = solution[:-1], solution[-1] + common
    elif bias is not None:
        bias = np.zeros_like(bias)  # outside of the function, it would move probabilities
    weight = solution if len(layers) - 1 in form.transposed else solution.T
    changed = [*layers[:-1], Layer(weight, bias)]
    got = run(form, changed, inputs).logits[-1]
    return changed if np.allclose(got, logits, rtol=1e-6, atol=1e-6) else None


def _batch(inquiry: Inquiry, inputs: Array) -> Batch:
    """Return two samples with labels, among them the last class, as often as they are asked.

    One-hot labels that are sized by the largest label have all columns then.
    """
    top = max(inquiry.subject.outputs, 2) - 1
    chosen = np.arange(inquiry.extreme_samples) % 2
    return inquiry.subject.batch(inputs[chosen], np.array([top, 0])[chosen])


def samples_taken(inquiry: Inquiry) -> int:
    """Return how many samples loss and gradient take: two, or as many as the first batch has.

    Some need a number that is written into the code, or more than two.
    """
    subject, first = inquiry.subject, inquiry.batches[0]
    two = _batch(inquiry, first.inputs[:2])
    questions: list[Callable[[], object]] = []
    if subject.network.loss is not None:
        questions.append(lambda: subject.loss_of_pass(two))
    network = subject.network
    if not (network.gradients is None and network.backward is None and network.step is None):
        questions.append(lambda: observe(inquiry, two))
    for question in questions:
        subject.begin(inquiry.layers)
        try:
            question()
        except SubjectError:
            return len(first)
    return len(two)


def extremes(inquiry: Inquiry, form: Form, inputs: Array | None) -> Iterator[Extreme]:
    """Yield large logits and large pre-activations of every hidden layer.

    Parameters
    ----------
    inputs : ndarray of shape (2, in_features) or None
        What `independent` returns.
    """
    outputs = inquiry.subject.outputs
    normal = inquiry.rng.standard_normal((2, outputs))
    # Both signs in every sample, and the largest at another place in each.
    signs = np.where((np.arange(outputs) + np.arange(2)[:, np.newaxis]) % 2 == 0, 1.0, -1.0)
    yield from by_logits(
        inquiry,
        form,
        inputs,
        ("logits of about 1000 and -1000", LARGE * signs + normal),
        (ONE_ABOVE, normal + np.array([[APART], [0.0]])),
        (
            "one sample with logits 2000 below those of the other",
            normal - np.array([[APART], [0.0]]),
        ),
        (
            "one class with logits 2000 above those of the others",
            normal + APART * (np.arange(outputs) == 0),
        ),
    )
    batch = _batch(inquiry, inquiry.batches[0].inputs[:2] if inputs is None else inputs)
    for number in range(len(inquiry.layers) - 1):
        where = f"in hidden layer {number + 1}"
        layers = _with_large(form, inquiry.layers, batch.inputs, number)
        yield Extreme(f"pre-activations of 1000 {where}", layers, batch)
        if inquiry.layers[number].bias is None or not form.shifts(number):
            continue
        # Of one sign only, which tells apart formulas that overflow on one side.
        for shift in (LARGE, -LARGE):
            layers = _with_large(form, inquiry.layers, batch.inputs, number, shift)
            yield Extreme(f"pre-activations of about {shift:.0f} {where}", layers, batch)


def by_logits(
    inquiry: Inquiry, form: Form, inputs: Array | None, *wanted: tuple[str, Array]
) -> Iterator[Extreme]:
    """Yield what gives logits that are wanted, each with its text; nothing for those not to be had.

    Parameters
    ----------
    inputs : ndarray of shape (2, in_features) or None
        What `independent` returns.
    """
    for text, logits in wanted:
        layers = _with_logits(inquiry, form, inputs, logits)
        if layers is not None and inputs is not None:
            yield Extreme(text, layers, _batch(inquiry, inputs))


def _with_large(
    form: Form, layers: Layers, inputs: Array, number: int, shift: float | None = None
) -> Layers:
    """Return parameters with a hidden layer far out, and all behind it of normal size.

    Parameters
    ----------
    shift : float, optional
        What the layer's bias is; without it, the layer is multiplied.
    """
    changed = list(layers)
    if shift is not None:
        changed[number] = Layer(layers[number].weight, np.full_like(layers[number].bias, shift))
    for position in range(number + (shift is not None), len(layers)):
        size = LARGE if position == number else 1.0
        z = run(form, changed, inputs).logits[position]
        top = float(np.abs(z).max())
        factor = size / top if np.isfinite(top) and top else 1.0
        layer = changed[position]
        bias = None if layer.bias is None else layer.bias * factor
        changed[position] = Layer(layer.weight * factor, bias)
    return changed


def may_be_infinite(inquiry: Inquiry, form: Form) -> bool:
    """Whether a loss of logits is none that is known: exp(-y z) is infinite, as its slope is."""
    return inquiry.is_loss_unknown and form.output == "identity"


def vanishing(inquiry: Inquiry, form: Form, inputs: Array | None) -> Extreme | None:
    """Return samples whose own class has probability 0, or another class has."""
    outputs = inquiry.subject.outputs
    if outputs == 1:
        logits = np.full((2, 1), _VANISHING)
    else:
        logits = 0.1 * inquiry.rng.standard_normal((2, outputs))
        logits[:, -1] += _VANISHING
    text = f"a rate of 0: the exponential of {_VANISHING:g}"
    if not has_rates(inquiry):
        text = _vanishing_text(outputs)
    if has_no_probabilities(inquiry, form):
        text = f"{'an output' if outputs == 1 else 'outputs'} of {_VANISHING:g}"
    return next(by_logits(inquiry, form, inputs, (text, logits)), None)


def has_rates(inquiry: Inquiry) -> bool:
    """Whether the loss is known to be that of rates, which are exponentials."""
    return "poisson" in (inquiry.spec.loss, inquiry.reported and inquiry.reported[0])


def has_no_probabilities(inquiry: Inquiry, form: Form) -> bool:
    """Whether a loss is known to be one of distances, and outputs are as the last layer has them.

    Otherwise they are probabilities, or logits that the loss may make probabilities of.
    """
    loss = inquiry.spec.loss or (inquiry.reported and inquiry.reported[0]) or inquiry.gradient_loss
    return form.output == "identity" and loss in LOSSES


def _vanishing_text(outputs: int) -> str:
    of = "a logit of" if outputs == 1 else "logits that differ by"
    return f"a probability of 0: {of} {abs(_VANISHING):g}"


def zeros(outputs: int) -> Iterator[tuple[str, Array]]:
    """Yield logits for two samples, with none, one and two probabilities of 0."""
    text = _vanishing_text(outputs)
    ordinary = np.zeros((2, outputs))
    one, two = ordinary.copy(), ordinary.copy()
    if outputs == 1:
        one[0] = two[0] = _VANISHING
        two[1] = -_VANISHING
    else:
        one[:, -1] = two[:, -1] = two[1, 0] = _VANISHING
    for logits in (ordinary, one, two):
        yield text, logits
