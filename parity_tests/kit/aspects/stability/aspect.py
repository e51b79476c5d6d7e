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
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.aspects.stability.extreme_gradients import (
    observed_of_any,
    of_derivatives,
    with_layers,
)
from parity_tests.kit.aspects.stability.extreme_outputs import judged, of_outputs
from parity_tests.kit.aspects.stability.extremes import (
    APART,
    LARGE,
    ONE_ABOVE,
    by_logits,
    has_no_probabilities,
    has_rates,
    independent,
    may_be_infinite,
    samples_taken,
    vanishing,
)
from parity_tests.kit.aspects.stability.loss_guards import of_guard
from parity_tests.kit.aspects.stability.overflowing import OF_HALVES, Naive, formulas, raised
from parity_tests.kit.aspects.stability.step_losses import of_step
from parity_tests.kit.aspects.stability.unknown_forms import of_unknown_form
from parity_tests.kit.candidates.outputs import losses_of
from parity_tests.kit.forward import Form, Pass, run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import LOSSES
from parity_tests.kit.subject.subject import Batch, Subject, SubjectError
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED, Verdict

Array = NDArray[np.float64]

_OF_SOFTMAX = ": it may be that of its softmax, whose fault was told of the loss"
# Of the largest number there is: no loss but that of a logarithm of 0 that was made finite.
_SHARE_OF_LARGEST = 1e-6


# Overflow is what is asked for.
@np.errstate(all="ignore")
def examine(inquiry: Inquiry) -> list[Verdict]:
    """Ask for outputs, losses and gradients far from where training usually is."""
    form = inquiry.form
    if form is None:
        return of_unknown_form(inquiry)
    inputs = independent(inquiry, form)
    inquiry.extreme_samples = samples_taken(inquiry)
    ordinary = _ordinary(inquiry)
    asked: list[str] = []
    verdicts: list[Verdict] = []
    for what, question in _QUESTIONS:
        # What is refused for ordinary batches has been told by the aspect that asks for it.
        if what not in ordinary:
            continue
        # What is not finite for another reason has no derivative to blame.
        is_blamed = any(v.status == DIFFERS for v in verdicts) or _has_wrong_softmax(inquiry)
        if question is of_derivatives and is_blamed:
            continue
        # One fault is told once, by the first that shows it.
        told = {verdict.cause for verdict in verdicts} - {None}
        try:
            found = question(inquiry, form, inputs)
        except SubjectError as error:
            found = _refused(what, error, verdicts)
        if found is not None:
            asked += [what] * (what not in asked)
            verdicts += [v for v in found if v.cause not in told and v not in verdicts]
    if not any(verdict.status == DIFFERS for verdict in verdicts):
        verdicts += of_step(inquiry)
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
    return [judged(None, f"for large logits {raised(error)} ({what})", what)]


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


def _loss(inquiry: Inquiry, form: Form, inputs: Array | None) -> list[Verdict] | None:
    """Return what is wrong with the loss at a probability of 0; None if it could not be asked."""
    subject = inquiry.subject
    extreme = vanishing(inquiry, form, inputs)
    if extreme is None:
        return None
    subject.begin(extreme.layers)
    # An output that is not finite has been judged already.
    if not np.isfinite(subject.forward(extreme.batch.inputs)).all():
        return []
    largest = np.finfo(np.float32 if inquiry.is_float32 else np.float64).max
    problem = _problem_of_loss(subject, extreme.batch, float(largest))
    if not problem:
        # An unknown loss of logits need not have probabilities.
        reported = inquiry.reported and inquiry.reported[0]
        is_entropy = reported not in LOSSES if reported else form.output != "identity"
        found = of_guard(inquiry, form, inputs) if is_entropy else None
        return [] if found is None else [found]
    if may_be_infinite(inquiry, form):
        return None
    passed = run(form, extreme.layers, extreme.batch.inputs)
    logarithmic = inquiry.reported is None or inquiry.reported[0] not in LOSSES
    # Of one logit, log(1 + exp(z)) is infinite by the exponential, and no logarithm of 0.
    of_one = form.output == "identity" and inquiry.reported is not None
    logarithmic &= not (of_one and inquiry.reported[0] == "binary_cross_entropy")
    # A logarithm of 0 is no overflow.
    infinite = (
        logarithmic
        and "overflow" not in problem.lower()
        and _log_is_infinite(form, passed, extreme.batch)
    )
    seen = f"with {extreme.text}, {problem}"
    if _has_wrong_softmax(inquiry):
        return [Verdict("stability", UNCHECKED, f"{seen}{_OF_SOFTMAX}", "loss")]
    if has_no_probabilities(inquiry, form):
        seen += ", as it overflows for large outputs"
    cause = "log-of-zero-rate" if has_rates(inquiry) else "log-of-zero"
    return [judged(cause if infinite else None, seen, "loss")]


def _has_wrong_softmax(inquiry: Inquiry) -> bool:
    """Whether the softmax in a loss of logits has a fault, so that it may be 0 over 0 itself."""
    return str(inquiry.loss_cause).startswith("softmax")


def _problem_of_loss(subject: Subject, batch: Batch, largest: float = np.inf) -> str:
    """Return what is wrong with a loss, in words; empty if it is finite.

    Parameters
    ----------
    largest : float, optional
        The largest number of the network's precision, near to which a loss is as good as infinite.
    """
    try:
        value = subject.loss(batch)
    except SubjectError as error:
        if not raised(error):
            raise
        return f"in the loss {raised(error)}"
    if np.isfinite(value) and abs(value) > _SHARE_OF_LARGEST * largest:
        return f"the loss is {value:.3g}, near to the largest number: of more it is infinite"
    return "" if np.isfinite(value) else f"the loss is {value}"


def _problem_of_gradient(inquiry: Inquiry, batch: Batch) -> str:
    """Return what is wrong with a gradient, in words; empty if it is finite."""
    try:
        observed = observed_of_any(inquiry, batch)
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
    # In all the probabilities are ordinary ones; in the first two one shift for all does as well.
    wanted = (
        ("logits of about 1000 in all samples", normal + LARGE),
        ("logits of about 2000 in all samples", normal + APART),
        (ONE_ABOVE, normal + np.array([[APART], [0.0]])),
    )
    extremes = list(by_logits(inquiry, form, inputs, *wanted))
    if len(extremes) < len(wanted):
        return None
    problems = []
    for extreme in extremes:
        layers = inquiry.subject.begin(extreme.layers)
        problems.append(with_layers(inquiry, layers, lambda e=extreme: problem(e.batch)))
    shown = next((n for n, told in enumerate(problems) if told), None)
    if shown is None:
        return []
    causes = {
        naive.cause
        for naive in (*formulas("softmax"), OF_HALVES)
        if [not told for told in problems]
        == [_is_finite(naive, z, inquiry.subject.single) for _, z in wanted]
    }
    cause = causes.pop() if len(causes) == 1 else None
    return [judged(cause, f"with {extremes[shown].text}, {problems[shown]}", tensor)]


def _is_finite(naive: Naive, z: Array, single: bool) -> bool:
    parts = np.split(z, len(z)) if single else [z]
    return all(np.isfinite(np.log(naive.value(part))).all() for part in parts)


def _log_is_infinite(form: Form, passed: Pass, batch: Batch) -> bool:
    """Return whether a cross-entropy of probabilities is infinite or NaN here."""
    for _, _, p, _ in losses_of(form, passed, batch):
        yes, no = np.log(p), np.log(1 - p)
        if np.isinf(yes).any() or np.isinf(no).any():
            return True
    return False


def _gradient(inquiry: Inquiry, form: Form, inputs: Array | None) -> list[Verdict] | None:
    """Return what is wrong with the gradient at a probability of 0; None if it cannot be asked."""
    extreme = vanishing(inquiry, form, inputs)
    if extreme is None:
        return None
    layers, batch = inquiry.subject.begin(extreme.layers), extreme.batch
    if not np.isfinite(inquiry.subject.forward(batch.inputs)).all():
        return []
    tensor, last, by_zero = f"W{len(layers)}", None, True
    try:
        observed = with_layers(inquiry, layers, lambda: observed_of_any(inquiry, batch))
    except SubjectError as error:
        if not raised(error):
            raise
        by_zero = "by zero" in raised(error)
        seen = f"with {extreme.text}, in the backward pass {raised(error)}"
    else:
        if all(np.isfinite(layer.weight).all() for layer in observed):
            return []
        if may_be_infinite(inquiry, form):
            return None
        last = np.isfinite(observed[-1].weight)
        share = f"{1 - last.mean():.0%} of the gradient of the last matrix"
        seen = f"with {extreme.text}, {share} is not finite"
    if _has_wrong_softmax(inquiry):
        return [Verdict("stability", UNCHECKED, f"{seen}{_OF_SOFTMAX}", tensor)]
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
    derived = of_derivatives(inquiry, form, inputs, [extreme]) if cause is None else None
    if derived and derived[0].cause:
        return derived
    return [judged(cause, seen, tensor)]


# Each needs what stands before it to be answered for ordinary batches.
_QUESTIONS = (
    ("outputs", of_outputs),
    ("losses", _softmax_inside),
    ("losses", _loss),
    ("gradients", _softmax_behind),
    ("gradients", _gradient),
    ("gradients", of_derivatives),
)
