r"""Large logits and probabilities of zero give finite numbers, as they do in PyTorch.

Softmax does not change if a number is added to all logits of a sample, and is finite for all:

.. math:: p_i = \frac{e^{z_i - m}}{\sum_j e^{z_j - m}}, \qquad m = \max_j z_j

Without the shift :math:`e^{z}` is infinite from 710 on in float64, and infinity over infinity is
NaN. The last layer is set so that its pre-activations are those wanted; if the network's output is
not finite, the formulas that overflow are evaluated too, and the one that is not finite in the same
entries, and equal in all others, for everything that was asked, is what the network computes.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.gradient import observe
from parity_tests.kit.backprop import losses_of
from parity_tests.kit.forward import Form, Pass, functions, prepared, run
from parity_tests.kit.functions import output as output_of
from parity_tests.kit.functions import softmax
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import LOSSES
from parity_tests.kit.subject import Batch, Layer, Layers, SubjectError
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

# Logits at which e^z overflows in float64; how far one sample lies above another; logits at which
# a probability is 0 in float64 and nothing overflows.
_LARGE, _APART, _VANISHING = 1000.0, 2000.0, -800.0
# What is added to a probability, or is its lower bound, in a loss.
_SMALLEST, _LARGEST = 1e-305, 1e-2
# Of a rank of two: the determinant of two samples, over that of samples at right angles.
_DEPENDENT = 1e-10
# Samples among which two are looked for if there are none in the batches.
_MORE = 32


@dataclass(frozen=True)
class _Naive:
    """A formula that overflows.

    Attributes
    ----------
    cause : str
        Key of `CAUSES`.
    text : str
        The formula.
    value : callable
        The function, from pre-activations.
    """

    cause: str
    text: str
    value: Function


def _ratio_of_powers(u: Array, v: Array) -> Array:
    shares: Array = (np.exp(u) - np.exp(v)) / (np.exp(u) + np.exp(v))
    return shares


_ELEMENTWISE: dict[str, tuple[_Naive, ...]] = {
    "sigmoid": (
        _Naive("sigmoid-overflow", "exp(z) / (1 + exp(z))", lambda z: np.exp(z) / (1 + np.exp(z))),
    ),
    "tanh": tuple(
        _Naive("tanh-overflow", text, value)
        for text, value in (
            ("(exp(z) - exp(-z)) / (exp(z) + exp(-z))", lambda z: _ratio_of_powers(z, -z)),
            ("(exp(2 z) - 1) / (exp(2 z) + 1)", lambda z: _ratio_of_powers(2 * z, 0 * z)),
            ("(1 - exp(-2 z)) / (1 + exp(-2 z))", lambda z: _ratio_of_powers(0 * z, -2 * z)),
        )
    ),
    "softplus": (
        _Naive("exponential-overflow", "log(1 + exp(z))", lambda z: np.log(1 + np.exp(z))),
    ),
    "silu": (
        _Naive(
            "exponential-overflow",
            "z exp(z) / (1 + exp(z))",
            lambda z: z * np.exp(z) / (1 + np.exp(z)),
        ),
    ),
    "mish": (
        _Naive(
            "exponential-overflow",
            "z tanh(log(1 + exp(z))), of exponentials",
            lambda z: z * ((1 + np.exp(z)) ** 2 - 1) / ((1 + np.exp(z)) ** 2 + 1),
        ),
    ),
}
_AXES: dict[str, int | None] = {"softmax over the samples": 0, "softmax over the whole batch": None}


def _naives(name: str) -> tuple[_Naive, ...]:
    """Return the formulas of a function, by its name in a `Form`, that overflow."""
    if name in _ELEMENTWISE:
        return _ELEMENTWISE[name]
    if name == "log_softmax":
        of_softmax = (*_naives("softmax"), _Naive("log-of-zero", "softmax", softmax))
        return tuple(
            _Naive(n.cause, f"log of {n.text}", lambda z, n=n: np.log(n.value(z)))
            for n in of_softmax
        )
    if name in ("softmax", *_AXES):
        return _naive_softmax("z", lambda z: z, _AXES.get(name, 1))
    if name == "softmax of negated logits":
        return _naive_softmax("-z", np.negative, 1)
    inner = name.removeprefix("softmax of ")
    if inner == name:
        return ()
    within = tuple(
        _Naive(n.cause, f"softmax of {n.text}", lambda z, n=n: softmax(n.value(z)))
        for n in _naives(inner)
    )
    return (*_naive_softmax(f"{inner}(z)", output_of(inner).value, 1), *within)


def _naive_softmax(text: str, inner: Function, axis: int | None) -> tuple[_Naive, ...]:
    """Return softmax of something along an axis with no shift, and with one for all samples."""

    def shares(z: Array, shifted: bool = False, eps: float = 0.0) -> Array:
        u = inner(z)
        exponentials = np.exp(u - u.max() if shifted else u)
        fractions: Array = exponentials / (exponentials.sum(axis=axis, keepdims=True) + eps)
        return fractions

    plain = _Naive("softmax-no-shift", f"exp({text}) / sum(exp({text}))", shares)
    if axis is None:
        return (plain,)
    one = f"exp({text} - its maximum in the batch) / "
    return (
        plain,
        _Naive("softmax-global-shift", f"{one}sum", lambda z: shares(z, True)),
        _Naive("softmax-global-shift", f"{one}(sum + eps)", lambda z: shares(z, True, 1e-9)),
    )


@dataclass(frozen=True)
class _Extreme:
    """Something to ask: parameters, samples, and in words what is extreme about them."""

    text: str
    layers: Layers
    batch: Batch


@dataclass(frozen=True)
class _Answer:
    """The output that came, where it should be finite."""

    extreme: _Extreme
    observed: Array

    def is_right(self, form: Form) -> bool:
        """Return whether it is finite, and every sample has a class left."""
        lost = form.output == "softmax" and not self.observed.any(axis=1).all()
        return bool(np.isfinite(self.observed).all()) and not lost

    @property
    def seen(self) -> str:
        """What is not right, in words."""
        share = 1 - np.isfinite(self.observed).mean()
        what = f"{share:.0%} of the outputs are not finite"
        return f"with {self.extreme.text}, {what if share else 'all outputs of a sample are 0'}"


# Overflow is what is asked for.
@np.errstate(all="ignore")
def examine(inquiry: Inquiry) -> list[Verdict]:
    """Ask for outputs, losses and gradients far from where training usually is."""
    form = inquiry.form
    if form is None:
        return [Verdict("stability", UNCHECKED, "the forward pass is not known")]
    inputs = _independent(inquiry, form)
    ordinary = _ordinary(inquiry)
    asked: list[str] = []
    verdicts: list[Verdict] = []
    for what, question in _QUESTIONS:
        # What is refused for ordinary batches has been told by the aspect that asks for it.
        if what not in ordinary:
            continue
        # One fault is told once, by the first that shows it.
        told = {verdict.cause for verdict in verdicts} - {None}
        try:
            found = question(inquiry, form, inputs)
        except SubjectError as error:
            found = [Verdict("stability", UNCHECKED, f"{what} for large logits: {error}")]
        if found is not None:
            asked += [what] * (what not in asked)
            verdicts += [verdict for verdict in found if verdict.cause not in told]
    inquiry.subject.renew()
    inquiry.restore()
    if inputs is None:
        message = (
            "the last layer cannot be given large logits: what it is fed with is the same, or a "
            "multiple, for all samples"
        )
        verdicts.append(Verdict("stability", UNCHECKED, message))
    if not verdicts:
        message = f"{_listed(asked)} are finite for logits of 1000 and further apart"
        verdicts = [Verdict("stability", EQUAL, message)]
    return verdicts


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1])] * (len(words) > 1) + [*words[-1:]])


def _ordinary(inquiry: Inquiry) -> list[str]:
    """Return what can be asked at all: of outputs, losses and gradients, those that are finite."""
    subject, batch = inquiry.subject, inquiry.batches[0]
    answered = ["outputs"]
    if subject.network.loss is not None:
        with contextlib.suppress(SubjectError):
            subject.renew()
            inquiry.restore()
            subject.forward(batch.inputs)
            answered += ["losses"] * bool(np.isfinite(subject.loss(batch)))
    network = subject.network
    if network.gradients is None and network.backward is None and network.step is None:
        return answered
    # Some take a single sample alone.
    for part in (batch, batch.part(slice(0, 1))):
        with contextlib.suppress(SubjectError):
            observed, _ = observe(inquiry, part)
            if all(np.isfinite(layer.weight).all() for layer in observed):
                answered.append("gradients")
            break
    return answered


# What is asked


def _independent(inquiry: Inquiry, form: Form) -> Array | None:
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
    return layers[-1].bias is not None and len(layers) - 1 not in form.without_bias


def _with_logits(
    inquiry: Inquiry, form: Form, inputs: Array | None, logits: Array
) -> Layers | None:
    """Return parameters that give these logits; None if they cannot be had."""
    if inputs is None:
        return None
    layers = inquiry.layers
    solution = np.linalg.pinv(_source(form, layers, inputs)) @ logits
    bias = layers[-1].bias
    if _has_bias(form, layers):
        solution, bias = solution[:-1], solution[-1]
    weight = solution if len(layers) - 1 in form.transposed else solution.T
    changed = [*layers[:-1], Layer(weight, bias)]
    got = run(form, changed, inputs).logits[-1]
    return changed if np.allclose(got, logits, rtol=1e-6, atol=1e-6) else None


def _batch(inquiry: Inquiry, inputs: Array) -> Batch:
    """Return two samples with labels, among them the last class.

    One-hot labels that are sized by the largest label have all columns then.
    """
    top = max(inquiry.subject.outputs, 2) - 1
    return inquiry.subject.batch(inputs, np.array([top, 0]))


def _extremes(inquiry: Inquiry, form: Form, inputs: Array | None) -> Iterator[_Extreme]:
    outputs = inquiry.subject.outputs
    normal = inquiry.rng.standard_normal((2, outputs))
    # Both signs in every sample, and the largest at another place in each.
    signs = np.where((np.arange(outputs) + np.arange(2)[:, np.newaxis]) % 2 == 0, 1.0, -1.0)
    yield from _asked_by_logits(
        inquiry,
        form,
        inputs,
        ("logits of about 1000 and -1000", _LARGE * signs + normal),
        (_ONE_ABOVE, normal + np.array([[_APART], [0.0]])),
        (
            "one class with logits 2000 above those of the others",
            normal + _APART * (np.arange(outputs) == 0),
        ),
    )
    batch = _batch(inquiry, inquiry.batches[0].inputs[:2] if inputs is None else inputs)
    for number in range(len(inquiry.layers) - 1):
        layers = _with_large(form, inquiry.layers, batch.inputs, number)
        yield _Extreme(f"pre-activations of 1000 in hidden layer {number + 1}", layers, batch)


_ONE_ABOVE = "one sample with logits 2000 above those of the other"


def _asked_by_logits(
    inquiry: Inquiry, form: Form, inputs: Array | None, *wanted: tuple[str, Array]
) -> Iterator[_Extreme]:
    for text, logits in wanted:
        layers = _with_logits(inquiry, form, inputs, logits)
        if layers is not None and inputs is not None:
            yield _Extreme(text, layers, _batch(inquiry, inputs))


def _with_large(form: Form, layers: Layers, inputs: Array, number: int) -> Layers:
    """Return parameters with a hidden layer far out, and all behind it of normal size."""
    changed = list(layers)
    for position in range(number, len(layers)):
        size = _LARGE if position == number else 1.0
        z = run(form, changed, inputs).logits[position]
        top = float(np.abs(z).max())
        factor = size / top if np.isfinite(top) and top else 1.0
        layer = changed[position]
        bias = None if layer.bias is None else layer.bias * factor
        changed[position] = Layer(layer.weight * factor, bias)
    return changed


def _vanishing(inquiry: Inquiry, form: Form, inputs: Array | None) -> _Extreme | None:
    """Return samples whose own class has probability 0, or another class has."""
    outputs = inquiry.subject.outputs
    if outputs == 1:
        logits = np.full((2, 1), _VANISHING)
    else:
        logits = 0.1 * inquiry.rng.standard_normal((2, outputs))
        logits[:, -1] += _VANISHING
    text = "a probability of 0: a logit 800 below the others"
    return next(_asked_by_logits(inquiry, form, inputs, (text, logits)), None)


# Outputs


def _outputs(inquiry: Inquiry, form: Form, inputs: Array | None) -> list[Verdict] | None:
    """Return what is wrong with the outputs; None if nothing could be asked."""
    subject = inquiry.subject
    answers = []
    for extreme in _extremes(inquiry, form, inputs):
        layers = subject.set(extreme.layers)
        passed = run(form, layers, extreme.batch.inputs)
        # The logarithm of softmax is finite wherever the logits are.
        expected = passed.logits[-1] if form.output == "log_softmax" else passed.output
        if np.isfinite(expected).all():
            kept = _Extreme(extreme.text, layers, extreme.batch)
            answers.append(_Answer(kept, subject.forward(extreme.batch.inputs)))
    if not answers:
        return None
    wrong = [answer for answer in answers if not answer.is_right(form)]
    if not wrong:
        return []
    explanations = _explanations(inquiry, form, answers)
    if len(explanations) != 1:
        texts = sorted({naive.text for own in explanations for naive in own.values()})
        why = f"; {' and '.join(texts)} would both give that" if texts else ""
        message = f"{wrong[0].seen}; the cause is unknown{why}"
        return [Verdict("stability", DIFFERS, message, "output")]
    verdicts = []
    for name, naive in explanations[0].items():
        alone = {name: naive}
        shown = next(
            (a for a in wrong if not _through(inquiry, form, a, alone).is_right(form)), None
        )
        seen = (shown or wrong[0]).seen
        verdicts.append(_judged(naive.cause, f"{seen}, as {naive.text} gives", "output"))
    return verdicts


def _explanations(
    inquiry: Inquiry, form: Form, answers: Sequence[_Answer]
) -> list[dict[str, _Naive]]:
    """Return the formulas that overflow and give all answers, by what they stand for.

    Those with the fewest formulas, and one for each set of causes.
    """
    names = list(dict.fromkeys([*(f.name for f in functions(form)[0]), form.output]))
    ways = [(None, *_naives(name)) for name in names]
    found: dict[frozenset[str], dict[str, _Naive]] = {}
    for count in (1, 2):
        for chosen in product(*ways):
            own = {name: n for name, n in zip(names, chosen, strict=True) if n is not None}
            if len(own) == count and all(
                _same(a.observed, _through(inquiry, form, a, own).observed, inquiry.tolerance)
                for a in answers
            ):
                found.setdefault(frozenset(naive.cause for naive in own.values()), own)
        if found:
            break
    return list(found.values())


def _through(
    inquiry: Inquiry, form: Form, answer: _Answer, replaced: Mapping[str, _Naive]
) -> _Answer:
    """Return what would have come with functions replaced, by their names."""
    hidden, last = functions(form)
    values = [(f.name, f.value) for f in hidden] + [(form.output, last.value)]
    layers, inputs = answer.extreme.layers, answer.extreme.batch.inputs
    outputs = []
    for part in np.split(inputs, len(inputs)) if inquiry.subject.single else [inputs]:
        a = prepared(form, part)
        for number, (layer, (name, value)) in enumerate(zip(layers, values, strict=True)):
            z = a @ (layer.weight if number in form.transposed else layer.weight.T)
            if layer.bias is not None and number not in form.without_bias:
                z = z + layer.bias
            a = replaced[name].value(z) if name in replaced else value(z)
        outputs.append(a)
    return _Answer(answer.extreme, np.concatenate(outputs))


def _same(observed: Array, value: Array, tolerance: float) -> bool:
    """Return whether two outputs are not finite in the same entries, and equal in all others."""
    finite = np.isfinite(observed)
    if not np.array_equal(finite, np.isfinite(value)):
        return False
    # Logits of 1000 magnify a rounding by as much.
    return np.allclose(observed[finite], value[finite], rtol=1e4 * tolerance, atol=1e-12)


# Losses and gradients


def _loss(inquiry: Inquiry, form: Form, inputs: Array | None) -> list[Verdict] | None:
    """Return what is wrong with the loss at a probability of 0; None if it could not be asked."""
    subject = inquiry.subject
    extreme = _vanishing(inquiry, form, inputs)
    if extreme is None:
        return None
    subject.set(extreme.layers)
    # An output that is not finite has been judged already.
    if not np.isfinite(subject.forward(extreme.batch.inputs)).all():
        return []
    value = subject.loss(extreme.batch)
    if np.isfinite(value):
        found = _guard(inquiry, form, inputs)
        return [] if found is None else [found]
    passed = run(form, extreme.layers, extreme.batch.inputs)
    logarithmic = inquiry.reported is None or inquiry.reported[0] not in LOSSES
    infinite = logarithmic and _log_is_infinite(form, passed, extreme.batch)
    seen = f"with {extreme.text}, the loss is {value}"
    return [_judged("log-of-zero" if infinite else None, seen, "loss")]


def _softmax_inside(inquiry: Inquiry, form: Form, inputs: Array | None) -> list[Verdict] | None:
    """Return what is wrong with a softmax in the loss of logits; None if there is none."""
    subject = inquiry.subject
    if inquiry.reported is None or inquiry.reported[0] != "cross_entropy":
        return None

    def is_finite(batch: Batch) -> bool:
        subject.forward(batch.inputs)
        return bool(np.isfinite(subject.loss(batch)))

    return _of_logits(inquiry, form, inputs, is_finite, "loss", "the loss is not finite")


def _softmax_behind(inquiry: Inquiry, form: Form, inputs: Array | None) -> list[Verdict] | None:
    """Return what is wrong with a softmax in the gradient of logits; None if there is none."""
    if inquiry.gradient_loss != "cross_entropy":
        return None

    def is_finite(batch: Batch) -> bool:
        return all(np.isfinite(layer.weight).all() for layer in _observed(inquiry, batch))

    tensor = f"W{len(inquiry.layers)}"
    return _of_logits(inquiry, form, inputs, is_finite, tensor, "the gradient is not finite")


def _of_logits(
    inquiry: Inquiry,
    form: Form,
    inputs: Array | None,
    is_finite: Callable[[Batch], bool],
    tensor: str,
    what: str,
) -> list[Verdict] | None:
    """Return which softmax of logits is not finite in what was asked, and only in that."""
    outputs = inquiry.subject.outputs
    if form.output != "identity" or outputs == 1:
        return None
    normal = inquiry.rng.standard_normal((2, outputs))
    # In both the probabilities are ordinary ones; in the first one shift for all does as well.
    wanted = (
        ("logits of about 1000 in all samples", normal + _LARGE),
        (_ONE_ABOVE, normal + np.array([[_APART], [0.0]])),
    )
    extremes = list(_asked_by_logits(inquiry, form, inputs, *wanted))
    if len(extremes) < len(wanted):
        return None
    finite = []
    for extreme in extremes:
        layers = inquiry.subject.set(extreme.layers)
        finite.append(_with(inquiry, layers, lambda e=extreme: is_finite(e.batch)))
    if all(finite):
        return []
    causes = {
        naive.cause
        for naive in _naives("softmax")
        if finite == [_is_finite(naive, z, inquiry.subject.single) for _, z in wanted]
    }
    cause = causes.pop() if len(causes) == 1 else None
    return [_judged(cause, f"with {extremes[finite.index(False)].text}, {what}", tensor)]


def _is_finite(naive: _Naive, z: Array, single: bool) -> bool:
    parts = np.split(z, len(z)) if single else [z]
    return all(np.isfinite(np.log(naive.value(part))).all() for part in parts)


def _with(inquiry: Inquiry, layers: Layers, call: Callable[[], Any]) -> Any:
    """Call something while the network is asked with other parameters."""
    usual, inquiry.layers = inquiry.layers, layers
    try:
        return call()
    finally:
        inquiry.layers = usual


def _observed(inquiry: Inquiry, batch: Batch) -> Layers:
    """Return the gradient; of one sample, if it is refused for a batch."""
    try:
        return observe(inquiry, batch)[0]
    except SubjectError:
        return observe(inquiry, batch.part(slice(0, 1)))[0]


def _log_is_infinite(form: Form, passed: Pass, batch: Batch) -> bool:
    """Return whether a cross-entropy of probabilities is infinite or NaN here."""
    for _, _, p, _ in losses_of(form, passed, batch):
        yes, no = np.log(p), np.log(1 - p)
        if np.isinf(yes).any() or np.isinf(no).any():
            return True
    return False


def _guard(inquiry: Inquiry, form: Form, inputs: Array | None) -> Verdict | None:
    """Return what keeps a cross-entropy finite, if it is a guard and not the logits.

    Three losses are asked, with none, one and two probabilities of 0. That of two, over that of
    none, gives the guard, whatever the loss is divided by; that of one has to follow from it.
    """
    subject = inquiry.subject
    observed: list[float] = []
    shares: list[list[Array]] = []
    batch = None
    for extreme in _asked_by_logits(inquiry, form, inputs, *_zeros(subject.outputs)):
        layers, batch = subject.set(extreme.layers), extreme.batch
        passed = run(form, layers, batch.inputs)
        squares = sum(float((layer.weight**2).sum()) for layer in layers)
        subject.forward(batch.inputs)
        observed.append(subject.loss(batch) - (inquiry.penalty or 0.0) * squares)
        shares.append([p for *_, p, _ in losses_of(form, passed, batch)])
    if batch is None or len(observed) < 3 or not observed[0]:
        return None
    ratios = np.array(observed[1:]) / observed[0]
    tolerance = max(1e-6, 10 * inquiry.tolerance)
    for probabilities in zip(*shares, strict=True):
        if min(p.min() for p in probabilities) < 0 or max(p.max() for p in probabilities) > 1:
            continue
        for loss in _GUARDED:
            values = partial(_ratios, loss, probabilities, batch.targets)
            guard = _solved(lambda g, values=values: values(g)[1] - ratios[1])
            if guard is not None and np.allclose(values(guard), ratios, rtol=tolerance, atol=0):
                message = (
                    f"a loss with probabilities of 0, {observed[2]:.5g}, is finite: the "
                    f"probability is kept from 0 by {guard:.2g}"
                )
                return Verdict("stability", CONVENTION, message, "loss")
    return None


def _zeros(outputs: int) -> Iterator[tuple[str, Array]]:
    """Yield logits for two samples, with none, one and two probabilities of 0."""
    text = "a probability of 0: a logit 800 below the others"
    ordinary = np.zeros((2, outputs))
    one, two = ordinary.copy(), ordinary.copy()
    if outputs == 1:
        one[0] = two[0] = _VANISHING
        two[1] = -_VANISHING
    else:
        one[:, -1] = two[:, -1] = two[1, 0] = _VANISHING
    for logits in (ordinary, one, two):
        yield text, logits


def _cross_entropy(p: Array, y: Array) -> float:
    return -float(np.log(p[y > 0]) @ y[y > 0])


# Losses, from probabilities, labels and a guard.
_GUARDED: tuple[Callable[[Array, Array, float], float], ...] = (
    lambda p, y, g: _cross_entropy(p + g, y),
    lambda p, y, g: _cross_entropy(np.maximum(p, g), y),
    lambda p, y, g: _cross_entropy(np.clip(p, g, 1 - g), y),
    lambda p, y, g: _cross_entropy(p + g, y) + _cross_entropy(1 - p + g, 1 - y),
    lambda p, y, g: (
        _cross_entropy(np.clip(p, g, 1 - g), y) + _cross_entropy(1 - np.clip(p, g, 1 - g), 1 - y)
    ),
)


def _ratios(
    loss: Callable[[Array, Array, float], float],
    probabilities: Sequence[Array],
    targets: Array,
    guard: float,
) -> Array:
    """Return losses of some probabilities, over that of the first."""
    first, *others = (loss(p, targets, guard) for p in probabilities)
    return np.array(others) / first


def _solved(excess: Callable[[float], float]) -> float | None:
    """Return the guard at which something that falls with it is 0, or None."""
    low, high = np.log(_SMALLEST), np.log(_LARGEST)
    if not excess(_SMALLEST) > 0 > excess(_LARGEST):
        return None
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(np.exp(middle)) > 0 else (low, middle)
    return float(np.exp(low))


def _gradient(inquiry: Inquiry, form: Form, inputs: Array | None) -> list[Verdict] | None:
    """Return what is wrong with the gradient at a probability of 0; None if it cannot be asked."""
    extreme = _vanishing(inquiry, form, inputs)
    if extreme is None:
        return None
    layers, batch = inquiry.subject.set(extreme.layers), extreme.batch
    if not np.isfinite(inquiry.subject.forward(batch.inputs)).all():
        return []
    observed = _with(inquiry, layers, lambda: _observed(inquiry, batch))
    if all(np.isfinite(layer.weight).all() for layer in observed):
        return []
    last = np.isfinite(observed[-1].weight)
    passed = run(form, layers, batch.inputs)
    cause = None
    for _, function, _, slopes in losses_of(form, passed, batch):
        # Outputs that are no probabilities have no cross-entropy.
        for kind in {"cross_entropy", "binary_cross_entropy"} & slopes.keys():
            delta = function.back(slopes[kind], passed.logits[-1])
            value = delta.T @ passed.activations[-2]
            if not last.all() and np.array_equal(np.isfinite(value), last):
                cause = "gradient-divides-by-zero"
    share = f"{1 - last.mean():.0%} of the gradient of the last matrix"
    seen = f"with {extreme.text}, {share} is not finite"
    return [_judged(cause, seen, f"W{len(observed)}")]


def _judged(cause: str | None, seen: str, tensor: str) -> Verdict:
    if cause is None:
        return Verdict("stability", DIFFERS, f"{seen}; the cause is unknown", tensor)
    return named("stability", cause, seen, tensor)


# Each needs what stands before it to be answered for ordinary batches.
_QUESTIONS = (
    ("outputs", _outputs),
    ("losses", _softmax_inside),
    ("losses", _loss),
    ("gradients", _softmax_behind),
    ("gradients", _gradient),
)
