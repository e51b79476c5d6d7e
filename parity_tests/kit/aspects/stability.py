r"""Large logits and probabilities of zero give finite numbers, as they do in PyTorch.

Softmax does not change if a number is added to all logits of a sample, and is finite for all:

.. math:: p_i = \frac{e^{z_i - m}}{\sum_j e^{z_j - m}}, \qquad m = \max_j z_j

Without the shift :math:`e^{z}` is infinite from 710 on in float64, and infinity over infinity is
NaN. The last layer is set so that its pre-activations are those wanted; if the network's output is
not finite, or it raises, the formulas that overflow are evaluated too, and the one that is not
finite in the same entries, and equal in all others, for everything that was asked, is what the
network computes. Every question is put to a new network: training may have left it another one.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.aspects.overflowing import Naive, formulas, raised, raising
from parity_tests.kit.candidates.outputs import losses_of
from parity_tests.kit.forward import Form, Pass, functions, prepared, run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import LOSSES
from parity_tests.kit.subject import Batch, Layer, Layers, Subject, SubjectError
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[np.float64]

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
class _Extreme:
    """Something to ask: parameters, samples, and in words what is extreme about them."""

    text: str
    layers: Layers
    batch: Batch


@dataclass(frozen=True)
class _Answer:
    """The output that came, where it should be finite.

    Attributes
    ----------
    extreme : _Extreme
    observed : ndarray or None
        None if an exception came instead.
    raised : str
        That exception, in words.
    """

    extreme: _Extreme
    observed: Array | None
    raised: str = ""

    def is_right(self, form: Form) -> bool:
        """Return whether it is finite, and every sample has a class left."""
        if self.observed is None:
            return False
        lost = form.output == "softmax" and not self.observed.any(axis=1).all()
        return bool(np.isfinite(self.observed).all()) and not lost

    @property
    def seen(self) -> str:
        """What is not right, in words."""
        if self.observed is None:
            return f"with {self.extreme.text}, {self.raised}"
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
            found = _refused(what, error, verdicts)
        if found is not None:
            asked += [what] * (what not in asked)
            verdicts += [verdict for verdict in found if verdict.cause not in told]
    inquiry.subject.begin(inquiry.layers)
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


def _refused(what: str, error: SubjectError, before: Sequence[Verdict]) -> list[Verdict]:
    """Judge an exception: that of arithmetic is what is asked for, any other is not."""
    if not raised(error):
        return [Verdict("stability", UNCHECKED, f"{what} for large logits: {error}")]
    # It may follow from what has been told.
    if any(verdict.status == DIFFERS for verdict in before):
        return []
    return [_judged(None, f"for large logits {raised(error)} ({what})", what)]


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1])] * (len(words) > 1) + [*words[-1:]])


def _ordinary(inquiry: Inquiry) -> list[str]:
    """Return what can be asked at all: of outputs, losses and gradients, those that are finite."""
    subject, batch = inquiry.subject, inquiry.batches[0]
    answered = ["outputs"]
    if subject.network.loss is not None:
        with contextlib.suppress(SubjectError):
            subject.begin(inquiry.layers)
            answered += ["losses"] * bool(np.isfinite(subject.loss_of_pass(batch)))
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
            "one sample with logits 2000 below those of the other",
            normal - np.array([[_APART], [0.0]]),
        ),
        (
            "one class with logits 2000 above those of the others",
            normal + _APART * (np.arange(outputs) == 0),
        ),
    )
    batch = _batch(inquiry, inquiry.batches[0].inputs[:2] if inputs is None else inputs)
    for number in range(len(inquiry.layers) - 1):
        where = f"in hidden layer {number + 1}"
        layers = _with_large(form, inquiry.layers, batch.inputs, number)
        yield _Extreme(f"pre-activations of 1000 {where}", layers, batch)
        if inquiry.layers[number].bias is None or number in form.without_bias:
            continue
        # Of one sign only, which tells apart formulas that overflow on one side.
        for shift in (_LARGE, -_LARGE):
            layers = _with_large(form, inquiry.layers, batch.inputs, number, shift)
            yield _Extreme(f"pre-activations of about {shift:.0f} {where}", layers, batch)


_ONE_ABOVE = "one sample with logits 2000 above those of the other"


def _asked_by_logits(
    inquiry: Inquiry, form: Form, inputs: Array | None, *wanted: tuple[str, Array]
) -> Iterator[_Extreme]:
    for text, logits in wanted:
        layers = _with_logits(inquiry, form, inputs, logits)
        if layers is not None and inputs is not None:
            yield _Extreme(text, layers, _batch(inquiry, inputs))


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
        changed[number] = Layer(layers[number].weight, np.full(len(layers[number].weight), shift))
    for position in range(number + (shift is not None), len(layers)):
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
    text = _vanishing_text(outputs)
    return next(_asked_by_logits(inquiry, form, inputs, (text, logits)), None)


def _vanishing_text(outputs: int) -> str:
    of = "a logit of" if outputs == 1 else "logits that differ by"
    return f"a probability of 0: {of} {abs(_VANISHING):g}"


# Outputs


def _outputs(inquiry: Inquiry, form: Form, inputs: Array | None) -> list[Verdict] | None:
    """Return what is wrong with the outputs; None if nothing could be asked."""
    subject = inquiry.subject
    answers = []
    for extreme in _extremes(inquiry, form, inputs):
        layers = subject.begin(extreme.layers)
        passed = run(form, layers, extreme.batch.inputs)
        # The logarithm of softmax is finite wherever the logits are.
        expected = passed.logits[-1] if form.output == "log_softmax" else passed.output
        if np.isfinite(expected).all():
            kept = _Extreme(extreme.text, layers, extreme.batch)
            answers.append(_answer(kept, lambda x=extreme.batch.inputs: subject.forward(x)))
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


def _answer(extreme: _Extreme, call: Callable[[], Array]) -> _Answer:
    try:
        return _Answer(extreme, call())
    except SubjectError as error:
        if not raised(error):
            raise
        return _Answer(extreme, None, raised(error))


def _explanations(
    inquiry: Inquiry, form: Form, answers: Sequence[_Answer]
) -> list[dict[str, Naive]]:
    """Return the formulas that overflow and give all answers, by what they stand for.

    Those with the fewest formulas, and one for each set of causes.
    """
    names = list(dict.fromkeys([*(f.name for f in functions(form)[0]), form.output]))
    ways = [(None, *formulas(name)) for name in names]
    if any(answer.raised for answer in answers):
        ways = [(*own, *raising(name)) for own, name in zip(ways, names, strict=True)]
    found: dict[frozenset[str], dict[str, Naive]] = {}
    for count in (1, 2):
        for chosen in product(*ways):
            own = {name: n for name, n in zip(names, chosen, strict=True) if n is not None}
            if len(own) == count and all(
                _same(a, _through(inquiry, form, a, own), inquiry.tolerance) for a in answers
            ):
                found.setdefault(frozenset(naive.cause for naive in own.values()), own)
        if found:
            break
    return list(found.values())


def _through(
    inquiry: Inquiry, form: Form, answer: _Answer, replaced: Mapping[str, Naive]
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
            try:
                a = replaced[name].value(z) if name in replaced else value(z)
            except FloatingPointError as error:
                return _Answer(answer.extreme, None, str(error))
        outputs.append(a)
    return _Answer(answer.extreme, np.concatenate(outputs))


def _same(answer: _Answer, other: _Answer, tolerance: float) -> bool:
    """Return whether two outputs are not finite in the same entries, and equal in all others."""
    observed, value = answer.observed, other.observed
    if observed is None or value is None:
        return observed is value
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
    subject.begin(extreme.layers)
    # An output that is not finite has been judged already.
    if not np.isfinite(subject.forward(extreme.batch.inputs)).all():
        return []
    problem = _problem_of_loss(subject, extreme.batch)
    if not problem:
        # An unknown loss of logits need not have probabilities.
        reported = inquiry.reported and inquiry.reported[0]
        is_entropy = reported not in LOSSES if reported else form.output != "identity"
        found = _guard(inquiry, form, inputs) if is_entropy else None
        return [] if found is None else [found]
    passed = run(form, extreme.layers, extreme.batch.inputs)
    logarithmic = inquiry.reported is None or inquiry.reported[0] not in LOSSES
    # A logarithm of 0 is no overflow.
    infinite = (
        logarithmic
        and "overflow" not in problem.lower()
        and _log_is_infinite(form, passed, extreme.batch)
    )
    seen = f"with {extreme.text}, {problem}"
    return [_judged("log-of-zero" if infinite else None, seen, "loss")]


def _problem_of_loss(subject: Subject, batch: Batch) -> str:
    """Return what is wrong with a loss, in words; empty if it is finite."""
    try:
        value = subject.loss(batch)
    except SubjectError as error:
        if not raised(error):
            raise
        return f"in the loss {raised(error)}"
    return "" if np.isfinite(value) else f"the loss is {value}"


def _problem_of_gradient(inquiry: Inquiry, batch: Batch) -> str:
    """Return what is wrong with a gradient, in words; empty if it is finite."""
    try:
        observed = _observed(inquiry, batch)
    except SubjectError as error:
        if not raised(error):
            raise
        return f"in the backward pass {raised(error)}"
    finite = all(np.isfinite(layer.weight).all() for layer in observed)
    return "" if finite else "the gradient is not finite"


def _softmax_inside(inquiry: Inquiry, form: Form, inputs: Array | None) -> list[Verdict] | None:
    """Return what is wrong with a softmax in the loss of logits; None if there is none."""
    subject = inquiry.subject
    if inquiry.reported is None or inquiry.reported[0] != "cross_entropy":
        return None

    def problem(batch: Batch) -> str:
        subject.forward(batch.inputs)
        return _problem_of_loss(subject, batch)

    return _of_logits(inquiry, form, inputs, problem, "loss")


def _softmax_behind(inquiry: Inquiry, form: Form, inputs: Array | None) -> list[Verdict] | None:
    """Return what is wrong with a softmax in the gradient of logits; None if there is none."""
    if inquiry.gradient_loss != "cross_entropy":
        return None

    tensor = f"W{len(inquiry.layers)}"
    problem = partial(_problem_of_gradient, inquiry)
    return _of_logits(inquiry, form, inputs, problem, tensor)


def _of_logits(
    inquiry: Inquiry,
    form: Form,
    inputs: Array | None,
    problem: Callable[[Batch], str],
    tensor: str,
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
    problems = []
    for extreme in extremes:
        layers = inquiry.subject.begin(extreme.layers)
        problems.append(_with(inquiry, layers, lambda e=extreme: problem(e.batch)))
    shown = next((n for n, told in enumerate(problems) if told), None)
    if shown is None:
        return []
    causes = {
        naive.cause
        for naive in formulas("softmax")
        if [not told for told in problems]
        == [_is_finite(naive, z, inquiry.subject.single) for _, z in wanted]
    }
    cause = causes.pop() if len(causes) == 1 else None
    return [_judged(cause, f"with {extremes[shown].text}, {problems[shown]}", tensor)]


def _is_finite(naive: Naive, z: Array, single: bool) -> bool:
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
    except SubjectError as error:
        if raised(error):
            raise
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
        layers, batch = subject.begin(extreme.layers), extreme.batch
        passed = run(form, layers, batch.inputs)
        penalty = inquiry.penalty.value(layers) if inquiry.penalty else 0.0
        observed.append(subject.loss_of_pass(batch) - penalty)
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
    layers, batch = inquiry.subject.begin(extreme.layers), extreme.batch
    if not np.isfinite(inquiry.subject.forward(batch.inputs)).all():
        return []
    tensor, last, by_zero = f"W{len(layers)}", None, True
    try:
        observed = _with(inquiry, layers, lambda: _observed(inquiry, batch))
    except SubjectError as error:
        if not raised(error):
            raise
        by_zero = "by zero" in raised(error)
        seen = f"with {extreme.text}, in the backward pass {raised(error)}"
    else:
        if all(np.isfinite(layer.weight).all() for layer in observed):
            return []
        last = np.isfinite(observed[-1].weight)
        share = f"{1 - last.mean():.0%} of the gradient of the last matrix"
        seen = f"with {extreme.text}, {share} is not finite"
    passed = run(form, layers, batch.inputs)
    cause = None
    # Nothing is divided by a probability for another loss.
    own = {inquiry.spec.loss, inquiry.gradient_loss, inquiry.reported and inquiry.reported[0]}
    kinds = {"cross_entropy", "binary_cross_entropy"}
    kinds = (kinds & own) if own != {None} else kinds
    for _, function, _, slopes in losses_of(form, passed, batch):
        # Outputs that are no probabilities have no cross-entropy.
        for kind in kinds & slopes.keys():
            delta = function.back(slopes[kind], passed.logits[-1])
            finite = np.isfinite(delta.T @ passed.activations[-2])
            # Where it raises there are no entries to compare.
            same = last is None or np.array_equal(finite, last)
            if by_zero and same and not finite.all():
                cause = "gradient-divides-by-zero"
    return [_judged(cause, seen, tensor)]


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
