"""The gradient of the last pre-activation, in all ways."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.candidates.candidate import Candidate, distinct
from parity_tests.kit.candidates.centred import centred
from parity_tests.kit.candidates.margins import of_margins
from parity_tests.kit.candidates.mistaken_labels import is_one_hot, mistaken
from parity_tests.kit.candidates.multipliers import multipliers
from parity_tests.kit.forward import Form, Pass, functions
from parity_tests.kit.functions import (
    OUTPUTS,
    WRONG_OUTPUTS,
    Function,
    Output,
    is_of_rates,
    wrong_output,
)
from parity_tests.kit.losses import (
    BINARY_HINGES,
    LOSSES,
    OF_SIGNED_LABELS,
    POISSON,
    guarded_slope,
    guards,
    losses_behind,
)
from parity_tests.kit.subject.subject import Batch

Array = NDArray[Any]


# Where a loss may begin: name, function, output, derivatives with respect to it.
Begun = tuple[str, Output, Array, dict[str, Array]]


def losses_of(form: Form, passed: Pass, batch: Batch) -> Iterator[Begun]:
    """Yield where a loss may begin.

    A network that returns logits has the function in its loss; some have softmax there beside an
    activation of the last layer.
    """
    z, y = passed.logits[-1], batch.targets
    outputs = [(form.output, functions(form)[1], passed.output)]
    # Of one output softmax is 1, whatever that is.
    several = ("softmax",) if z.shape[1] > 1 else ()
    if form.output in ("identity", "log_softmax"):
        outputs += [(name, OUTPUTS[name], OUTPUTS[name].value(z)) for name in (*several, "sigmoid")]
    behind = _softmax_behind(form)
    if behind in OUTPUTS and behind not in WRONG_OUTPUTS and several:
        outputs.append((behind, OUTPUTS[behind], OUTPUTS[behind].value(z)))
    for name, function, p in outputs:
        slopes = {}
        # With a bias outside, probabilities may have left their bounds.
        inner = function.value(z) if len(passed.logits) - 1 in form.bias_outside else p
        if name == "log_softmax" or ((inner >= 0) & (inner <= 1)).all():
            with np.errstate(all="ignore"):
                slopes["cross_entropy"] = -y / p
                slopes["binary_cross_entropy"] = (p - y) / (p * (1 - p))
        losses = losses_behind(name, y, are_numbers=batch.are_numbers)
        slopes |= {kind: loss.slope(p, y) for kind, loss in losses.items()}
        yield name, function, p, slopes


def _softmax_behind(form: Form) -> str:
    """Return what softmax behind the activation of the last layer is called."""
    return f"softmax of {form.output}"


# What is the same for every number, if it is of a single output, and exp(z), which is then no
# softmax.
_NOT_OF_ONE = {
    "exponential",
    *(name for name in WRONG_OUTPUTS if not np.ptp(OUTPUTS[name].value(np.array([[0.3], [0.5]])))),
}


def misnormalized(form: Form, passed: Pass) -> Iterator[tuple[str, Array]]:
    """Yield what a loss makes of the output by a softmax that nobody means, and its name."""
    if form.output == "softmax":
        yield "softmax-twice", OUTPUTS["softmax"].value(passed.output)
    elif form.output == "identity":
        z = passed.logits[-1]
        for name, cause in WRONG_OUTPUTS.items():
            if z.shape[1] > 1 or name not in _NOT_OF_ONE:
                yield cause, OUTPUTS[name].value(z)


# Whose derivative is p - y with that of their loss.
_FUSED = (("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy"))


def right_deltas(form: Form, passed: Pass, batch: Batch, loss: str | None) -> list[Candidate]:
    """Return the right gradients of the last pre-activation: those of the loss that is meant first.

    Each loss has several where codes keep denominators from zero.
    """
    z, y = passed.logits[-1], batch.targets
    is_outside = len(passed.logits) - 1 in form.bias_outside
    right: list[Candidate] = []
    for name, function, p, slopes in losses_of(form, passed, batch):
        begins = name if name == _softmax_behind(form) else ""
        with np.errstate(all="ignore"):
            back = function.at(z)
            for kind, slope in slopes.items():
                if kind == "cross_entropy" and name == "log_softmax":
                    continue
                value = back(slope)
                if (name, kind) in _FUSED and not np.isfinite(value).all():
                    # Of an output that is exactly 0 or 1 the two together still have a derivative.
                    value = p * y.sum(axis=1, keepdims=True) - y
                    value = p - y if name == "sigmoid" else value
                if np.isfinite(value).all():
                    simple = np.allclose(value, p - y, rtol=1e-9, atol=1e-12)
                    text = "(p - y)" if simple else f"dL/dz{len(passed.logits)}"
                    upstream = slope if is_outside else None
                    own = Candidate(value, text, (), kind, upstream=upstream, begins=begins)
                    right.append(own)
        if "cross_entropy" in slopes:
            right += _guarded(name, back, p, y, is_outside=is_outside)
    right.sort(key=lambda candidate: candidate.loss != loss)
    return right


def rights_below(
    chosen: Candidate,
    deltas: Sequence[Candidate],
    meant: Sequence[Candidate],
    loss: str | None,
    *,
    is_found: bool,
) -> list[Candidate]:
    """Return right gradients of the last pre-activation that lower layers may go on from.

    Parameters
    ----------
    chosen : Candidate
        How the network's own was found: that of its loss comes first.
    deltas, meant : sequence of Candidate
        All that were tried, and the right ones of the loss that is meant, or of all.
    loss : str or None
        The loss that is meant.
    is_found : bool
        Whether the network's own is right for some loss. Where no loss is known either, each of
        the usual ones may be meant.
    """
    own = chosen
    if chosen.causes or chosen.solved:
        same = (delta for delta in deltas if not delta.causes and delta.loss == chosen.loss)
        own = next(same, deltas[0])
    others = list(meant[:1]) if loss is not None else []
    if loss is None and not is_found:
        others = [delta for delta in meant if delta.guard is None and delta.loss in USUAL_LOSSES]
    first = {delta.loss: delta for delta in reversed(others) if delta.loss != own.loss}
    return [own, *first.values()]


def output_deltas(
    form: Form, passed: Pass, batch: Batch, loss: str | None, beside: float = 0.0
) -> list[Candidate]:
    """Return the gradient of the last pre-activation, in all ways: the right ones first.

    Parameters
    ----------
    loss : str or None
        The loss that is meant.
    beside : float, default 0
        What is beside its probabilities, and may be in a denominator of the wrong ways, too.
    """
    right = right_deltas(form, passed, batch, loss)
    is_outside = len(passed.logits) - 1 in form.bias_outside
    begun = list(losses_of(form, passed, batch))
    wrong = [*_of_logarithms(form, batch), *_of_one_side(begun, passed, batch)]
    for name, function, p, slopes in begun:
        cause = wrong_output(name)
        is_rate = is_of_rates(name, p.shape[1], None, are_numbers=batch.are_numbers)
        if cause is not None and not is_rate:
            # What belongs to the softmax that was meant.
            follows = (cause,)
            wrong.append(Candidate(p - batch.targets, "(p - y)", follows, "cross_entropy"))
        with np.errstate(all="ignore"):
            ways = _Ways.of(function, p, passed.logits[-1])
        for kind, slope in slopes.items():
            if kind == "cross_entropy" and name == "log_softmax":
                continue
            if kind == loss and passed.logits[-1].shape == p.shape:
                wrong += of_margins(kind, function, p, passed.logits[-1], batch.targets)
            # A hinge is one of the outputs themselves.
            is_own = "hinge" not in kind or p is passed.output
            usual = kind in USUAL_LOSSES or (kind == loss and is_own)
            if usual and (kind == "squared_error" or name != "identity"):
                with np.errstate(all="ignore"):
                    own = list(_wrong_outputs(ways, kind, slope, _ERRORS[kind]))
                    if (name, kind) in _FUSED:
                        size = np.abs(p - batch.targets)
                        own.append(Candidate(size, "|p - y|", ("error-without-sign",), kind))
                    for guard in guards(kind, beside) if kind == loss and not is_outside else ():
                        text = f"{_ERRORS[kind]} with {beside:g} beside the probabilities"
                        guarded = guarded_slope(guard, p, batch.targets)
                        own += _wrong_outputs(ways, kind, guarded, text)
                    if form.output == "log_softmax":
                        # -y / p times p is what is left where log-softmax's derivative is missing.
                        own = [one for one in own if "times-activation" not in one.causes]
                    if is_outside:
                        own += _of_shifted(name, function, p, kind, slope, batch.targets)
                        own = [replace(candidate, upstream=slope) for candidate in own]
                wrong += own
    for cause, p in misnormalized(form, passed) if loss in (None, "cross_entropy") else ():
        wrong.append(Candidate(p - batch.targets, "(p - y)", (cause,), "cross_entropy"))
    wrong += _in_half_precision(right, loss)
    wrong += centred(right, (loss, *USUAL_LOSSES))
    wrong += _exchanged(begun, passed, batch)
    wrong += _of_other_outputs(form, passed, batch, loss)
    wrong += _of_mistaken_labels(form, passed, batch, loss)
    wrong += _of_logits(form, passed, batch)
    wrong += _on_labels(form, passed, batch)
    wrong.sort(key=lambda candidate: candidate.loss != loss)
    found = distinct([*right, *wrong])
    if loss is not None:
        _note_readings(found, wrong, loss)
    return found


def _of_logarithms(form: Form, batch: Batch) -> Iterator[Candidate]:
    """Yield the derivative of cross-entropy with respect to outputs that are logarithms."""
    if form.output == "log_softmax":
        cause = ("output-derivative-missing",)
        yield Candidate(-batch.targets, "(-y)", cause, "cross_entropy")


def _of_one_side(begun: Iterable[Begun], passed: Pass, batch: Batch) -> Iterator[Candidate]:
    """Yield what goes back where outputs or labels alone are taken for their difference.

    At the labels the one may have been written over the other.
    """
    z, y = passed.logits[-1], batch.targets
    are_classes = np.isin(y, (0, 1)).all()
    for name, function, p, _ in begun:
        written = [("labels-written", np.where(y == 1, -1.0, p), "(p, and -1 where y is 1)")]
        for cause, value, text in (
            ("labels-left-out", p, "p"),
            ("output-left-out", -y, "(-y)"),
            *(written if are_classes else ()),
        ):
            for loss in (kind for output, kind in _FUSED if output == name):
                yield Candidate(value, text, (cause,), loss)
            if p is passed.output:
                back = function.back(value, z)
                derivative = "" if name == "identity" else " with the derivative of the last layer"
                yield Candidate(back, f"{text}{derivative}", (cause,), "squared_error")


def _of_shifted(
    name: str, function: Output, p: Array, kind: str, slope: Array, y: Array
) -> Iterator[Candidate]:
    """Yield what comes of outputs with the bias in them, where the function's own are meant."""
    cause, own = ("bias-outside-activation",), function.elementwise
    if (name, kind) in _FUSED:
        yield Candidate(p - y, "(p - y)", cause, kind)
    if own is not None and own.slope_from_value is not None:
        text = f"{_ERRORS[kind]} * {own.name}' from the output, with the bias in it"
        yield Candidate(slope * own.slope_from_value(p), text, cause, kind)


def _exchanged(begun: Iterable[Begun], passed: Pass, batch: Batch) -> Iterator[Candidate]:
    """Yield the derivatives of cross-entropies that are given labels for outputs.

    What is beside labels of 0 makes nearly all of them, so that their factor tells nothing.
    """
    z, y, cause = passed.logits[-1], batch.targets, ("loss-arguments-exchanged",)
    for name, function, p, slopes in begun:
        if name == "identity":
            continue
        back = function.at(z)
        for kind in ("cross_entropy", "binary_cross_entropy"):
            for epsilon in _EPSILONS if kind in slopes else ():
                for guard in guards(kind, epsilon):
                    with np.errstate(all="ignore"):
                        value = back(guarded_slope(guard, y, p))
                    if np.isfinite(value).all():
                        text = "dL/dz of the labels, with a small number beside them"
                        yield Candidate(value, text, cause, kind, solved=True)


def _in_half_precision(right: Sequence[Candidate], loss: str | None) -> Iterator[Candidate]:
    """Yield right gradients that were float16 for a while: three digits of them are left."""
    for candidate in right:
        if candidate.guard is not None or candidate.loss not in (loss, *USUAL_LOSSES):
            continue
        for number, text in ((1, ""), (len(candidate.value), ", divided by the samples")):
            with np.errstate(all="ignore"):
                value = (candidate.value / number).astype(np.float16).astype(np.float64)
            text = f"{candidate.text}{text} in float16"
            yield Candidate(number * value, text, ("half-precision",), candidate.loss)


def _note_readings(found: list[Candidate], wrong: list[Candidate], loss: str) -> None:
    """Note what is wrong with the loss that is meant where another one is right all the same.

    With sigmoid the derivative twice in that of cross-entropy is the derivative of squared error,
    and the one left out in that of squared error is the derivative of cross-entropy.
    """
    of_meant = [
        (candidate, float(np.linalg.norm(candidate.value)))
        for candidate in wrong
        if candidate.loss == loss
    ]
    for candidate in found:
        if candidate.causes or candidate.loss == loss:
            continue
        size = float(np.linalg.norm(candidate.value))
        for other, length in of_meant:
            if not abs(length - size) <= 1e-8 * size:
                continue  # as near to each other as they must be, they are of one length
            new = [cause for cause in other.causes if cause not in candidate.also]
            if new and np.linalg.norm(other.value - candidate.value) <= 1e-9 * size:
                candidate.also.extend(new)


def _of_other_outputs(
    form: Form, passed: Pass, batch: Batch, meant: str | None
) -> Iterator[Candidate]:
    """Yield what the backward pass makes of another function than the forward pass has."""
    z, y, cause = passed.logits[-1], batch.targets, ("backward-of-another-output",)
    if form.output not in ("softmax", "sigmoid", "tanh"):
        return  # of logits, any function is the loss's
    for name in ("softmax", "sigmoid", "tanh"):
        if name == form.output:
            continue
        other = OUTPUTS[name]
        loss = meant or ("squared_error" if name == "tanh" else "cross_entropy")
        yield Candidate(other.value(z) - y, f"({name}(z) - y)", cause, loss)
        slope = passed.output - y
        yield Candidate(other.back(slope, z), f"J of {name} (p - y)", cause, "squared_error")


def _of_mistaken_labels(
    form: Form, passed: Pass, batch: Batch, meant: str | None
) -> Iterator[Candidate]:
    """Yield the gradients of labels that are made wrongly of the classes.

    Where those of a sample do not add up to 1, p - y is no derivative, and may be taken for it.
    """
    if batch.are_numbers or not is_one_hot(batch.targets):
        return
    for own in mistaken(batch.targets):
        causes = (own.cause,)
        for loss in (kind for output, kind in _FUSED if output == form.output):
            text = f"(p - y) for {own.which}"
            yield Candidate(passed.output - own.labels, text, causes, loss)
        for right in right_deltas(form, passed, replace(batch, targets=own.labels), meant):
            if right.guard is None and right.loss in ((meant,) if meant else USUAL_LOSSES):
                yield replace(right, text=f"{right.text} for {own.which}", causes=causes)


def _of_logits(form: Form, passed: Pass, batch: Batch) -> Iterator[Candidate]:
    """Yield what goes back where labels are subtracted from pre-activations, not from outputs."""
    z, y, cause = passed.logits[-1], batch.targets, ("logits-for-outputs",)
    if form.output in ("identity", "log_softmax") or z.shape != passed.output.shape:
        return
    for loss in (kind for output, kind in _FUSED if output == form.output):
        yield Candidate(z - y, "(z - y)", cause, loss)
    yield Candidate(z - y, "(z - y)", cause, "squared_error")
    back = functions(form)[1].back(z - y, z)
    text = "(z - y) with the derivative of the last layer"
    yield Candidate(back, text, cause, "squared_error")


def _on_labels(form: Form, passed: Pass, batch: Batch) -> Iterator[Candidate]:
    """Yield what goes back with the derivative of the last function at labels, not at outputs."""
    own, y, cause = functions(form)[1].elementwise, batch.targets, ("derivative-on-labels",)
    if own is None or own.name == "identity":
        return
    with np.errstate(all="ignore"):
        if own.slope_from_value is not None:
            text = f"(p - y) * {own.name}' from the labels"
            value = (passed.output - y) * own.slope_from_value(y)
            yield Candidate(value, text, cause, "squared_error")
        value = (passed.output - y) * own.slope(y)
        yield Candidate(value, f"(p - y) * {own.name}'(y)", cause, "squared_error")


# What codes put beside a probability in a denominator.
_EPSILONS = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)


def _guarded(
    name: str, back: Function, p: Array, y: Array, *, is_outside: bool
) -> Iterator[Candidate]:
    """Yield the derivatives of cross-entropies whose denominators are kept from zero.

    Logits and logarithms are no probabilities, and have no such denominators.
    """
    if name == "identity" or np.any(p < 0):
        return
    with np.errstate(all="ignore"):
        for epsilon in _EPSILONS:
            for kind in ("cross_entropy", "binary_cross_entropy"):
                for guard in guards(kind, epsilon):
                    slope = guarded_slope(guard, p, y)
                    value, upstream = back(slope), slope if is_outside else None
                    if np.isfinite(value).all():
                        text = f"dL/dz with {epsilon:g} beside the probabilities"
                        yield Candidate(value, text, (), kind, guard=guard, upstream=upstream)


# Whose gradients are also tried in wrong forms if nothing says that they are meant.
USUAL_LOSSES = ("cross_entropy", "binary_cross_entropy", "squared_error")
_ERRORS = {
    "cross_entropy": "(-y / p)",
    "binary_cross_entropy": "((p - y) / (p (1 - p)))",
    **{name: loss.formula for name, loss in LOSSES.items()},
    **{own.name: own.formula for own in (POISSON, OF_SIGNED_LABELS, *BINARY_HINGES.values())},
}


@dataclass(frozen=True)
class _Ways:
    """What the derivative of a loss may go back by, whichever loss it is.

    Attributes
    ----------
    function : Output
        The function of the last layer.
    p, z : ndarray
        Its output, and the pre-activation.
    rules : list of Candidate
        What stands for its derivative.
    a : ndarray or None
        What softmax is taken of, if that is no pre-activation.
    inner : list of Candidate
        What stands for the derivative of the function that gives a.
    """

    function: Output
    p: Array
    z: Array
    rules: list[Candidate]
    a: Array | None = None
    inner: list[Candidate] = field(default_factory=list)

    @classmethod
    def of(cls, function: Output, p: Array, z: Array) -> "_Ways":
        rules = list(multipliers(function.elementwise, z, p, {}))
        if function.inner is None:
            return cls(function, p, z, rules)
        a = function.inner.value(z)
        return cls(function, p, z, rules, a, list(multipliers(function.inner, z, a, {})))


def _within(ways: _Ways, kind: str, slope: Array) -> Iterator[Candidate]:
    """Yield what is wrong about the function that softmax is taken of, behind a right softmax."""
    back = OUTPUTS["softmax"].back(slope, ways.a)
    text = "(p - y)" if kind == "cross_entropy" else f"J {_ERRORS[kind]}"
    for rule in ways.inner:
        is_missing = rule.causes == ("output-derivative-missing",)
        causes = ("inner-derivative-missing",) if is_missing else rule.causes
        formula = text if is_missing else f"{text} * {rule.text}"
        yield Candidate(back * rule.value, formula, causes, kind)


def _wrong_outputs(ways: _Ways, kind: str, slope: Array, text: str) -> Iterator[Candidate]:
    function, p, z = ways.function, ways.p, ways.z
    missing = "output-derivative-missing"
    yield Candidate(slope, text, (missing,), kind)
    back = function.at(z)
    # Of two terms with one sign, that may be either.
    either = kind == "binary_cross_entropy"
    size = back(np.abs(slope))
    yield Candidate(size, f"J |{text}|", ("error-without-sign",), kind, solved=either)
    if ways.a is not None:
        yield from _within(ways, kind, slope)
    if function.elementwise is None:
        diagonal = ("softmax-jacobian-diagonal",)
        if kind != "binary_cross_entropy":  # of which it is p - y, whatever that is meant to be
            yield Candidate(slope * p * (1 - p), f"{text} * p (1 - p)", diagonal, kind)
        twice = back(back(slope))
        yield Candidate(twice, f"J J {text}", ("softmax-jacobian-twice",), kind)
        thrice = back(slope) * p * (1 - p)
        yield Candidate(thrice, f"J {text} * p (1 - p)", diagonal, kind)
        again = function.value(p) if p.shape == z.shape else p
        yield Candidate(
            slope * again * (1 - again),
            f"{text} * s (1 - s), s = softmax(p)",
            diagonal,
            kind,
        )
    for rule in ways.rules:
        formula = text if rule.text == "1" else f"{text} * {rule.text}"
        yield Candidate(slope * rule.value, formula, rule.causes, kind)
    if kind == "squared_error":
        cause = ("loss-as-gradient",)
        yield Candidate(slope**2, "(p - y)^2", cause, kind, solved=True)
        if function.name != "identity":
            behind = back(slope**2)
            yield Candidate(behind, "J (p - y)^2", cause, kind, solved=True)
