"""The loss that the network reports is a loss of its output."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.drawn import drawing_apart
from parity_tests.kit.aspects.gradient.held_to_slopes.by_slopes import by_slopes
from parity_tests.kit.aspects.loss.fitted import fitted
from parity_tests.kit.aspects.loss.values import (
    Row,
    exchanged,
    is_single,
    of_threshold,
    of_wrong_softmax,
    values,
)
from parity_tests.kit.aspects.never_set import refused
from parity_tests.kit.candidates.mistaken_labels import Mistaken, is_one_hot, mistaken_batches
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.forward import Pass, run
from parity_tests.kit.functions import wrong_output
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import BINARY_HINGES, huber_threshold
from parity_tests.kit.probe import wider_parameters
from parity_tests.kit.scales import MEAN, Ratio, Scale, ratio, scale_of
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Batch, Layers, SubjectError
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[Any]
Values = Callable[[Inquiry, Pass, Batch], Iterator[Row]]

# How far a reported loss may be from a recomputed one: as observed in float64, in float32, and
# where the number that is added inside the logarithm is not one of those that are tried.
_EXACT, _SINGLE, _TOLERANCE = 1e-10, 1e-6, 1e-5
# What rounding in float64 makes of the values of two batches.
_ROUNDING = 1e-14
# Decimals to which a loss may be rounded, and digits of the values of two batches together by
# which one is told from others.
_DECIMALS, _DIGITS = 8, 6
# What is wrong with a loss whose values are those of one that is known, turned, and with one that
# has its penalty taken off.
_TURNED, _GROWING = "loss-sign", "penalty-sign"
# What makes another loss that can be trained.
_WHAT_MAY_BE_MEANT = ("loss-not-squared", "loss-without-log")
# 1/2 of the squared error is the base: its gradient is p - y.
_SCALES: dict[str, Callable[[int], Scale]] = {
    "mean": lambda _: MEAN,
    "sum": lambda _: Scale(1.0, 0),
    "mean of all": lambda outputs: Scale(1.0 / outputs, 1),
}


def declared_scale(spec: Spec, outputs: int, loss: str | None = None) -> Scale | None:
    """Return the scale that a spec declares, of its own loss or of another one."""
    if spec.scale is None:
        return None
    half = spec.scale.startswith("half ")
    scale = _SCALES[spec.scale.removeprefix("half ")](outputs)
    double = 2.0 if (loss or spec.loss) == "squared_error" else 1.0
    return Scale(scale.constant * double * (0.5 if half else 1.0), scale.power)


def examine(inquiry: Inquiry) -> list[Verdict]:
    """Find the loss that is reported, and judge it by what is declared."""
    try:
        observed = [_reported(inquiry, batch) for batch in inquiry.batches]
    except SubjectError as error:
        cause = "loss-not-reduced" if "expected a number" in str(error) else None
        if cause is None and inquiry.subject.network.loss is None:
            return []  # that a step raises is told of the gradient or the optimizer
        if cause is None:
            return [refused("loss", error)]
        return [Verdict("loss", DIFFERS, str(error), tensor="loss", cause=cause)]
    if None in observed:
        return []
    for value, batch in zip(observed, inquiry.batches, strict=True):
        if not np.isfinite(float(value or 0.0)):
            return [_not_finite(inquiry, float(value or 0.0), batch)]
    if inquiry.form is None:
        return [Verdict("loss", UNCHECKED, "the forward pass is not known")]
    reported = [float(value or 0.0) for value in observed]
    exact = _SINGLE if inquiry.is_float32 or is_single(reported) else _EXACT
    matches = _confirmed(inquiry, _matches(inquiry, reported, exact))
    if not matches and (after := _of_parameters_after(inquiry, reported, exact)):
        return [after]
    if not matches and _is_without_parameters(inquiry):
        return [_without_parameters(inquiry, reported)]
    if not matches and _is_random(inquiry, reported):
        return [Verdict("loss", UNCHECKED, _RANDOM, "loss")]
    # Of one-hot labels that are taken for outputs it is a multiple of the absolute error.
    if not any(match.cause is None and _is_usual(inquiry, match) for match in matches):
        matches = _exchanged(inquiry, reported, exact) or matches
    matches = matches or _of_thresholds(inquiry, reported, exact)
    matches = matches or _fitted(inquiry) or _of_wrong_softmax(inquiry, reported, exact)
    matches = matches or _rounded(inquiry, reported)
    mistaken, beside = (None, []) if matches else _of_mistaken_labels(inquiry, reported, exact)
    matches = matches or beside
    if not matches:
        # So close by chance is one loss in some hundreds, at a constant that means nothing.
        matches = [m for m in _matches(inquiry, reported, _TOLERANCE) if _is_usual(inquiry, m)]
        matches = _confirmed(inquiry, matches)
    found = _with_penalty(inquiry, _judge(inquiry, reported[0], matches), matches)
    if mistaken is not None:
        told = named("loss", mistaken.cause, f"it is that of {mistaken.which}", "loss")
        found = [told, *(own for own in found if own.status == DIFFERS)]
    _note_cause(inquiry, found)
    return found


def _of_mistaken_labels(
    inquiry: Inquiry, reported: list[float], exact: float
) -> tuple[Mistaken | None, list["_Match"]]:
    """Return the loss of labels that are made wrongly of the classes.

    Of a network that gets integers, all that follows is held to labels that are one class off: they
    are most likely made once. One that gets them one-hot would make others of them once more.
    """
    usual = inquiry.batches
    gets_numbers = inquiry.subject.network.labels in ("integers", "integer_column")
    is_asked = all(is_one_hot(batch.targets) and not batch.are_numbers for batch in usual)
    for own, batches in mistaken_batches(usual) if is_asked else ():
        inquiry.batches = batches
        if not _are_of_one_kind(_tables(inquiry)):
            continue
        matches = _confirmed(inquiry, _matches(inquiry, reported, exact))
        matches = [m for m in matches if m.cause is None and _is_usual(inquiry, m)]
        if gets_numbers:
            matches = matches or _fitted(inquiry)
        if matches:
            if gets_numbers and own.cause == "labels-shifted":
                inquiry.evidence.batches = list(batches)
            else:
                inquiry.batches = usual
            return own, matches
    inquiry.batches = usual
    return None, []


def _are_of_one_kind(tables: Sequence[Sequence[Row]]) -> bool:
    """Whether the labels of both batches have the same losses, as those of 0 and 1 have."""
    first, second = ([row[:3] for row in table] for table in tables)
    return first == second


def _with_penalty(inquiry: Inquiry, found: Verdict, matches: Sequence["_Match"]) -> list[Verdict]:
    """Return what is said of a loss, and that its penalty is taken off, if it is."""
    if not any(match.is_penalty_subtracted for match in matches):
        return [found]
    which = matches[0].name.replace("_", " ")
    told = named("loss", _GROWING, f"the {which} has {inquiry.penalty} taken off", "loss")
    return [told] if found.status in (EQUAL, CONVENTION) else [found, told]


def _note_cause(inquiry: Inquiry, found: Sequence[Verdict]) -> None:
    """Keep what makes the values reported others than those of a loss that is known."""
    causes = [own.cause for own in found]
    if inquiry.reported is not None:
        causes = [cause for cause in causes if cause in (_TURNED, _GROWING)]
    inquiry.loss_cause = next(filter(None, causes), None)


_RANDOM = (
    "it is another one each time, by the same parameters: that of a training pass with dropout, "
    "noise or samples in random order"
)


def _is_random(inquiry: Inquiry, reported: list[float]) -> bool:
    """Whether a new network with the same parameters reports another loss for the same batch."""
    with drawing_apart(inquiry.subject):
        return any(
            _reported(inquiry, batch) != value
            for batch, value in zip(inquiry.batches, reported, strict=True)
        )


# At which learning rate steps are taken for what they report, and how closely that has to be the
# loss after one, which changes it by far more.
_RATE, _AFTER = 1e-3, 1e-6

# At how many other parameters a loss is asked that may not depend on them.
_OTHERS = 4


def _is_without_parameters(inquiry: Inquiry) -> bool:
    """Whether a network reports the same loss of each batch, whatever its parameters are.

    It is so where it computes the loss from other arrays than those that are trained.
    """
    subject, rng = inquiry.subject, copy.deepcopy(inquiry.rng)
    subject.begin(inquiry.layers)
    places = [inquiry.layers, *(wider_parameters(subject, rng) for _ in range(_OTHERS))]
    with inquiry.elsewhere(), subject.drawing_alike(0), suppress(SubjectError):
        for batch in inquiry.batches:
            seen = set()
            for layers in places:
                seen.add(_of_network(inquiry, layers, batch))
                if len(seen) > 1 or None in seen:
                    return False
        return True
    return False


def _of_network(inquiry: Inquiry, layers: Layers, batch: Batch) -> float | None:
    """Return the loss that the network reports as it is, with other parameters."""
    subject = inquiry.subject
    subject.set(layers)
    if subject.network.loss is not None:
        return subject.loss_of_pass(batch)
    one = batch.part(slice(0, 1)) if subject.single else batch
    return subject.step(one, subject.network.lr or _RATE)


def _without_parameters(inquiry: Inquiry, reported: list[float]) -> Verdict:
    seen = f"one network reports the same with {_OTHERS} other sets of them"
    is_one_number = inquiry.subject.network.loss is not None and len(set(reported)) == 1
    if is_one_number:
        seen = f"{seen}, and of other samples: {reported[0]:.6g}"
    elif inquiry.spec.loss is None:
        message = f"it does not depend on the parameters: {seen}"
        return Verdict("loss", UNCHECKED, message, "loss")
    return named("loss", "loss-without-parameters", seen, "loss")


def _is_meant(inquiry: Inquiry) -> bool:
    """Whether the gradient is that of the loss reported, which is then no mistake for another."""
    network = inquiry.subject.network
    if network.gradients is None and network.backward is None and network.step is None:
        return False
    # The root over a batch is a constant in the gradient, but another one for each batch.
    return all(
        v.status in (EQUAL, CONVENTION)
        or (v.factor is not None and v.factor > 0 and v.cause not in (None, "factor-constant"))
        for v in by_slopes(inquiry)
    )


def _not_finite(inquiry: Inquiry, value: float, batch: Batch) -> Verdict:
    inquiry.restore()
    outputs = inquiry.subject.forward(batch.inputs)
    least, largest = outputs.min(), outputs.max()
    if not np.isfinite(outputs).all() or np.isin(outputs, (0.0, 1.0)).any():
        message = f"it is {value}, of outputs that are not finite or exactly 0 or 1"
        return Verdict("loss", UNCHECKED, message)
    if (
        inquiry.form is not None
        and wrong_output(inquiry.form.output)
        and (least < 0 or largest > 1)
    ):
        message = f"it is {value}, of outputs between {least:.3g} and {largest:.3g}"
        return Verdict("loss", UNCHECKED, message)
    return Verdict("loss", DIFFERS, f"the loss of ordinary outputs is {value}", "loss")


@dataclass(frozen=True)
class _Match:
    """A loss that has the values reported."""

    name: str
    cause: str | None
    epsilon: float
    scale: Scale
    decimals: int | None = None
    # How far the values of two batches are from one scale.
    residual: float = 0.0
    # Where it is in the table, and how many times its value there is reported of the first batch.
    place: int | None = None
    factor: float = 1.0
    # Where Huber's loss goes over to a straight line.
    threshold: float = 1.0
    is_penalty_subtracted: bool = False

    @property
    def is_doubtful(self) -> bool:
        """Whether values of one draw of parameters may be its by chance.

        Where all margins are on one side of a hinge, it is a straight line, as others are.
        """
        return self.place is not None and (self.cause is not None or "hinge" in self.name)


# At how many other parameters a doubtful loss is asked, and how closely it has to be met there.
_PLACES, _MET = 3, 1e-3


def _confirmed(inquiry: Inquiry, matches: list[_Match]) -> list[_Match]:
    """Return matches without those that other parameters refute."""
    subject, batch = inquiry.subject, inquiry.batches[0]
    if inquiry.is_given or not any(match.is_doubtful for match in matches):
        return matches
    assert inquiry.form is not None
    kept = matches
    with inquiry.elsewhere(), suppress(SubjectError):
        for _ in range(_PLACES):
            inquiry.layers = subject.begin(wider_parameters(subject, inquiry.rng))
            observed = _reported(inquiry, batch)
            passed = run(inquiry.form, inquiry.layers, batch.inputs)
            table = [value for *_, value in values(inquiry, passed, batch)]
            kept = [m for m in kept if not m.is_doubtful or _is_met(m, table, observed)]
    return kept


def _is_met(match: _Match, table: list[float], observed: float | None) -> bool:
    """Whether what is reported is the loss of a match; of what is not finite nothing is said."""
    assert match.place is not None
    own = match.factor * table[match.place]
    if observed is None or not np.isfinite([own, observed]).all():
        return True
    return abs(observed - own) <= _MET * abs(observed)


def _fitted(inquiry: Inquiry) -> list[_Match]:
    """Return a loss with a penalty or of smoothed labels, and keep what it has."""
    found = fitted(inquiry)
    if found is None:
        return []
    penalty, inquiry.smoothing = found.penalty, found.smoothing
    is_subtracted = penalty is not None and penalty.is_subtracted
    # The gradient is held to the penalty that is meant, and the sign is told here.
    inquiry.penalty = penalty.negated() if penalty is not None and is_subtracted else penalty
    match = _Match(found.name, None, found.epsilon, found.scale)
    return [replace(match, is_penalty_subtracted=is_subtracted)]


def _rounded(inquiry: Inquiry, reported: list[float]) -> list[_Match]:
    """Return the losses that are the values reported once they are rounded."""
    decimals = next(
        (n for n in range(_DECIMALS) if all(round(value, n) == value for value in reported)), None
    )
    if decimals is None or inquiry.subject.single:
        return []
    # Of a few digits any number is some loss.
    if sum(len(str(round(abs(value) * 10**decimals))) for value in reported) < _DIGITS:
        return []
    sizes = [len(batch) for batch in inquiry.batches]
    outputs = inquiry.subject.outputs
    tables = _tables(inquiry)
    found = []
    for power in (1, 0):
        for constant in (1.0, 2.0, 1 / outputs, 2 / outputs, 0.5):
            scale = Scale(constant, power)
            for (name, cause, epsilon, first), (*_, second) in zip(*tables, strict=True):
                pairs = zip((first, second), sizes, reported, strict=True)
                if cause is None and all(
                    np.isfinite(value) and round(value * scale.at(n), decimals) == came
                    for value, n, came in pairs
                ):
                    found.append(_Match(name, None, epsilon, scale, decimals))
    return found


def _tables(inquiry: Inquiry, of: Values = values) -> list[list[Row]]:
    assert inquiry.form is not None
    return [
        list(of(inquiry, run(inquiry.form, inquiry.layers, batch.inputs), batch))
        for batch in inquiry.batches
    ]


def _matches(
    inquiry: Inquiry, observed: list[float], tolerance: float, of: Values = values
) -> list[_Match]:
    single = inquiry.subject.single
    sizes = [len(batch) for batch in inquiry.batches]
    matches = []
    rows = zip(*_tables(inquiry, of), strict=True)
    for place, ((name, cause, epsilon, first), (*_, second)) in enumerate(rows):
        if not first or not second or not np.isfinite([first, second]).all():
            continue
        factors = observed[0] / first, observed[1] / second
        declared = declared_scale(inquiry.spec, inquiry.subject.outputs, name)
        scale = scale_of(factors, sizes, tolerance, declared)
        if scale is None or not np.isfinite(scale.constant):
            continue
        if not (single and scale.power != 1):
            constants = (
                came / value * float(n) ** scale.power
                for came, value, n in zip(observed, (first, second), sizes, strict=True)
            )
            one, other = constants
            # Of single samples the kit has taken the mean.
            scale = Scale(scale.constant, 0) if single else scale
            residual = abs(one / other - 1)
            where = place if of is values else None
            matches.append(_Match(name, cause, epsilon, scale, None, residual, where, factors[0]))
    return matches


def _nearest(matches: list[_Match], least: float) -> _Match:
    """Return the match that is nearest to the loss reported, among those of the first one's loss.

    With 1e-10 beside probabilities, values are those with 1e-9 to nine digits.

    Parameters
    ----------
    least : float
        What is as near as that is as good as another.
    """
    first = matches[0]
    alike = [m for m in matches if m.name == first.name and m.scale.power == first.scale.power]
    return min(alike, key=lambda match: max(match.residual, least))


def _is_usual(inquiry: Inquiry, match: _Match) -> bool:
    """Whether a scale is made of samples, outputs and two."""
    usual = Scale(1.0, match.scale.power)
    between = ratio(match.scale, usual, inquiry.subject.sizes, _TOLERANCE)
    return between is None or "factor-constant" not in between.causes


def _exchanged(inquiry: Inquiry, reported: list[float], tolerance: float) -> list[_Match]:
    """Return the losses with labels for outputs that need no factor, the nearest first."""
    found = [
        match
        for match in _matches(inquiry, reported, tolerance, exchanged)
        if match.scale.constant > 0 and _is_usual(inquiry, match)
    ]
    return sorted(found, key=lambda match: abs(np.log(match.scale.constant)))


def _of_wrong_softmax(inquiry: Inquiry, reported: list[float], tolerance: float) -> list[_Match]:
    """Return cross-entropies of a wrong softmax with a number beside it, at a usual scale."""
    found = _matches(inquiry, reported, tolerance, of_wrong_softmax)
    return [match for match in found if _is_usual(inquiry, match)]


def _of_thresholds(inquiry: Inquiry, reported: list[float], tolerance: float) -> list[_Match]:
    """Return Huber's loss with the threshold that one batch shows, if it is that of another one."""
    assert inquiry.form is not None
    if inquiry.spec.loss not in (None, "huber"):
        return []
    outputs, batch = inquiry.subject.outputs, inquiry.batches[0]
    passed = run(inquiry.form, inquiry.layers, batch.inputs)
    declared = declared_scale(inquiry.spec, outputs, "huber")
    usual = [Scale(constant, power) for power in (1, 0) for constant in (1.0, 1 / outputs, 0.5)]
    for scale in usual if declared is None else (declared, *usual):
        whole = Scale(scale.constant, 1) if inquiry.subject.single else scale
        total = reported[0] / whole.at(len(batch))
        threshold = huber_threshold(passed.output, batch.targets, total)
        if threshold is None:
            continue
        for match in _matches(inquiry, reported, tolerance, partial(of_threshold, threshold)):
            is_same = abs(match.scale.constant - scale.constant) <= tolerance * scale.constant
            if is_same and (inquiry.subject.single or match.scale.power == scale.power):
                return [replace(match, threshold=threshold)]
    return []


def _reported(inquiry: Inquiry, batch: Batch, rate: float | None = None) -> float | None:
    """Return the loss, on its own or from a training step; None if there is none."""
    subject = inquiry.subject
    subject.begin(inquiry.layers)
    if subject.network.loss is not None:
        return subject.loss_of_pass(batch)
    if subject.network.step is None:
        return None
    if rate is None:
        rate = subject.network.lr or _RATE
    if not subject.single:
        return subject.step(batch, rate)
    total = 0.0
    for number in range(len(batch)):
        inquiry.restore()
        value = subject.step(batch.part(slice(number, number + 1)), rate)
        if value is None:
            return None
        total += value / len(batch)
    return total


def _of_parameters_after(inquiry: Inquiry, reported: list[float], exact: float) -> Verdict | None:
    """Return that the loss that a step reports is that after its update, if it is.

    By a step at a rate of 0 it is the same as that before.
    """
    network = inquiry.subject.network
    if network.loss is not None or network.lr is not None:
        return None
    try:
        still = [_reported(inquiry, batch, 0.0) for batch in inquiry.batches]
    except SubjectError:
        return None
    values = [value for value in still if value is not None and np.isfinite(value)]
    if len(values) < len(still) or values == reported:
        return None
    matches = _confirmed(inquiry, _matches(inquiry, values, exact))
    matches = [match for match in matches if match.cause is None and _is_usual(inquiry, match)]
    if not matches or not _is_after(inquiry, matches[0]):
        return None
    found = _judge(inquiry, values[0], matches)
    _note_cause(inquiry, [found])
    message = f"{found.message.removesuffix('.')}, by the parameters after the step"
    status = CONVENTION if found.status == EQUAL else found.status
    return replace(found, message=message, status=status)


def _is_after(inquiry: Inquiry, match: _Match) -> bool:
    """Whether a step reports a loss by the parameters that it leaves.

    One that goes on from sample to sample reports it by those on the way.
    """
    subject, batch = inquiry.subject, inquiry.batches[0]
    if subject.single:
        batch = batch.part(slice(0, 1))
    if match.place is None or inquiry.form is None:
        return False
    subject.begin(inquiry.layers)
    reported = subject.step(batch, _RATE)
    with inquiry.elsewhere():
        inquiry.layers = subject.get()
        passed = run(inquiry.form, inquiry.layers, batch.inputs)
        own = [value for *_, value in values(inquiry, passed, batch)][match.place]
    own *= match.scale.at(len(batch))
    return reported is not None and abs(reported - own) <= _AFTER * abs(own)


def _judge(inquiry: Inquiry, observed: float, matches: list[_Match]) -> Verdict:
    spec, sizes = inquiry.spec, inquiry.subject.sizes
    right = [match for match in matches if match.cause is None and match.scale.constant > 0]
    right.sort(key=lambda match: match.name != spec.loss)
    # What is another loss may be the one declared with a fault in it.
    declared = [m for m in matches if m.cause is not None and m.name == spec.loss]
    if not right or (declared and right[0].name != spec.loss):
        for match in declared or matches:
            between = ratio(match.scale, MEAN, sizes, _TOLERANCE)
            if between is not None and "factor-constant" in between.causes:
                continue
            if match.cause in _WHAT_MAY_BE_MEANT and spec.loss is None and _is_meant(inquiry):
                inquiry.is_loss_unknown = True
                message = (
                    f"of the {match.name.replace('_', ' ')} {CAUSES[match.cause].title}; the "
                    "gradient is the slope of that, so that it is meant"
                )
                return Verdict("loss", CONVENTION, message)
            if match.cause is None and spec.loss is None and _is_ascended(inquiry):
                return _of_ascent(inquiry, match)
            cause = match.cause or _TURNED
            is_meant = spec.loss in (None, match.name) and match.name not in BINARY_HINGES
            if cause == _TURNED and is_meant:
                # The gradient is held to the loss with its sign, and the sign is told here.
                scale = Scale(-match.scale.constant, match.scale.power)
                _note(inquiry, replace(match, scale=scale))
            value = _in_full(match, single=inquiry.subject.single)
            # A root of a sum is no multiple of it.
            of_root = "the root of the sum, or of the mean, of squares"
            seen = f"the value is {of_root if cause == 'loss-not-squared' else value}"
            return named("loss", cause, seen, "loss")
        inquiry.is_loss_unknown = True
        message = f"{observed:.6g} is no loss of this output that is known"
        if is_saturated(inquiry):
            message += (
                ", of which some entries are exactly 0 or 1: what keeps the loss finite tells"
            )
            return Verdict("loss", UNCHECKED, message, "loss")
        is_declared = spec.loss is not None or inquiry.hinges
        return Verdict("loss", DIFFERS if is_declared else UNCHECKED, message, "loss")
    match = _nearest(right, _SINGLE if inquiry.is_float32 else _ROUNDING)
    is_usual = match.threshold == 1
    # The gradient of one with another threshold, or with margins that one batch may not show, is
    # held to its slopes.
    inquiry.is_loss_unknown = not is_usual or match.name in BINARY_HINGES
    inquiry.hinge_reported = match.name if match.name in BINARY_HINGES else ""
    inquiry.huber_reported = match.threshold if match.name == "huber" else 0.0
    if not inquiry.is_loss_unknown:
        _note(inquiry, match)
    if spec.loss is not None and match.name != spec.loss:
        message = f"the loss reported is {match.name}, declared is {spec.loss}"
        return named("loss", "another-loss", message, "loss")
    if inquiry.hinges and match.name not in inquiry.hinges:
        which = f"the loss reported is {match.name}, declared is {inquiry.hinges[0]}"
        message = which.replace("_", " ")
        return named("loss", "another-loss", message, "loss")
    expected = declared_scale(spec, sizes[-1])
    usual = Scale(1.0, 0 if inquiry.subject.single else 1)
    if expected is not None and inquiry.subject.single:
        # The kit has taken the mean: a sum or a mean over one sample are the same.
        expected = Scale(expected.constant, usual.power)
    if expected is not None:
        found = ratio(match.scale, expected, sizes, _TOLERANCE)
        if found is not None:
            samples = len(inquiry.batches[0])
            value = match.scale.at(samples) / expected.at(samples)
            message = f"yours = {value:.6g} x {match.name}, {spec.scale}: {found.text}"
            return Verdict("loss", DIFFERS, message, "loss", found.causes[0], value)
    between = ratio(match.scale, usual, sizes, _TOLERANCE)
    if between is not None and "loss-log-base" in between.causes:
        seen = _told(match, between)
        return named("loss", "loss-log-base", seen, "loss", match.scale.constant)
    as_declared = "" if expected is None else ", as declared"
    told = _told(match, between, inquiry, as_declared)
    threshold = "" if is_usual else f" with a threshold of {match.threshold:.6g}"
    message = f"it is the {match.name.replace('_', ' ')}{threshold}: {told}"
    between = None if as_declared else between
    is_plain = between is None and match.decimals is None and not inquiry.smoothing and is_usual
    return Verdict("loss", EQUAL if is_plain else CONVENTION, message)


def _note(inquiry: Inquiry, match: _Match) -> None:
    """Keep the loss that the gradient is held to, with its scale."""
    inquiry.reported, inquiry.guard_of_loss = (match.name, match.scale), match.epsilon


# What a sum over a batch is divided by, by the power of its scale.
_DIVISORS = {
    1: ", over the number of samples",
    0: "",
    2: ", over the square of the number of samples",
    -1: ", times the number of samples",
}


def _in_full(match: _Match, *, single: bool) -> str:
    """Return a loss with a fault in words, with all that its factor is of.

    Parameters
    ----------
    single : bool
        Whether the network takes one sample at a time; then it is that of a sample.
    """
    constant, which = match.scale.constant, f"the {match.name.replace('_', ' ')}"
    if match.name == "squared_error" and match.cause != "loss-not-squared":
        # Its base has a half, which nobody has in mind.
        constant, which = constant / 2, "the squares of the errors"
    over = ", over their number" if single else _DIVISORS[match.scale.power]
    if match.cause != "labels-broadcast":
        of = " of a sample" if single else ""
        over = "" if single else over
        return f"{constant:.4g} x the sum of {which}{of} with this fault{over}"
    return f"{constant:.4g} x the sum of {which} of every output with every label{over}"


# By how much parameters are moved to see whether the value reported rises.
_SHORT = 1e-4


def _is_ascended(inquiry: Inquiry) -> bool:
    """Whether what is handed out is the slope of what is reported, and steps, if any, raise it.

    Then both are turned: it is what a log-likelihood is, which is to become large.
    """
    subject, batch = inquiry.subject, inquiry.batches[0]
    network, last = subject.network, len(inquiry.layers) - 1
    if network.loss is None or (network.gradients is None and network.backward is None):
        return False
    try:
        layers = subject.begin(inquiry.layers)
        gradient = subject.gradients(batch)[last].weight
        size = float(np.linalg.norm(gradient))
        if gradient.shape != layers[last].weight.shape or not np.isfinite(size) or not size:
            return False
        signs = np.sign(gradient)
        signs /= np.linalg.norm(signs)
        slope, other = (_slope(inquiry, layers, way) for way in (gradient / size, signs))
        # What is the slope in one direction is so in another.
        expected, near = slope / size * float((gradient * signs).sum()), _near(inquiry)
        if not slope > 0 or not abs(other - expected) <= near * expected:
            return False
        if network.step is None:
            return True
        one = batch.part(slice(0, 1)) if subject.single else batch
        subject.begin(layers)
        before = subject.loss_of_pass(one)
        subject.begin(layers)
        subject.step(one, network.lr or _SHORT)
        return subject.loss_of_pass(one) > before
    except SubjectError:
        return False
    finally:
        subject.begin(inquiry.layers)


def _slope(inquiry: Inquiry, layers: Layers, way: Array) -> float:
    """Return how fast the value reported rises as the last matrix moves one way."""
    subject, last, ends = inquiry.subject, layers[-1], []
    for length in (-_SHORT, _SHORT):
        moved = replace(last, weight=last.weight + length * way)
        subject.begin([*layers[:-1], moved])
        ends.append(subject.loss_of_pass(inquiry.batches[0]))
    return (ends[1] - ends[0]) / (2 * _SHORT)


def _near(inquiry: Inquiry) -> float:
    """Return how closely slopes are known."""
    return 0.1 if inquiry.is_float32 else 1e-3


def _of_ascent(inquiry: Inquiry, match: _Match) -> Verdict:
    """Return that both a loss and its gradient are turned, and keep that loss where no step is."""
    which = match.name.replace("_", " ")
    usual = Scale(1.0, 0 if inquiry.subject.single else 1)
    between = ratio(match.scale, usual, inquiry.subject.sizes, _TOLERANCE)
    message = f"it is the {which}: {_told(match, between)}"
    if inquiry.subject.network.step is not None:
        message += ", and steps raise it: ascent, as of a log-likelihood"
        return Verdict("loss", CONVENTION, message)
    _note(inquiry, match)
    message += (
        ", and the gradient is its slope: ascent, as of a log-likelihood, right if the update adds"
    )
    return Verdict("loss", CONVENTION, message)


def is_saturated(inquiry: Inquiry) -> bool:
    """Whether probabilities have come to their ends, where a loss depends on what guards it."""
    form, batch = inquiry.form, inquiry.batches[0]
    if form is None or form.output not in ("softmax", "sigmoid"):
        return False
    return bool(np.isin(run(form, inquiry.layers, batch.inputs).output, (0.0, 1.0)).any())


def _told(
    match: _Match, between: Ratio | None, inquiry: Inquiry | None = None, as_declared: str = ""
) -> str:
    """Return a scale in words, and what is beside it.

    Parameters
    ----------
    as_declared : str, optional
        What is said of the scale.
    """
    reduced = None if inquiry is None else _reduced(match, inquiry)
    if reduced is None:
        half = " of half the sum of squares" if match.name == "squared_error" else ""
        factor = "" if between is None else f"{between.text} x "
        reduced = f"{factor}the mean over the samples{half}"
    if inquiry is not None and inquiry.penalty:
        reduced = f"{inquiry.penalty}, and {reduced}"
    inside = f", with {match.epsilon:g} beside the probabilities" if match.epsilon else ""
    if match.epsilon and match.residual > 10 * _ROUNDING:
        # It is none of those that are tried, or beside some of the probabilities alone.
        inside = f", with something small beside the probabilities, such as {match.epsilon:g}"
    after = "" if match.decimals is None else f", rounded to {match.decimals} digits"
    if inquiry is not None and inquiry.smoothing:
        after += f", of labels of which {inquiry.smoothing:.6g} is spread over the classes"
    return f"{reduced}{as_declared}{inside}{after}"


def _reduced(match: _Match, inquiry: Inquiry) -> str | None:
    """Return how a loss is reduced, in usual words; None if there are none."""
    outputs = inquiry.subject.outputs
    # Of single samples the kit has taken the mean.
    power = 1 if inquiry.subject.single else match.scale.power
    usual = {
        (1 / outputs, 1): "the mean over samples and outputs",
        (1.0, 1): "the mean over the samples",
        (1.0, 0): "the sum over the samples",
    }
    if match.name == "squared_error":
        usual = {
            (2 / outputs, 1): "the mean of all squares",
            (1 / outputs, 1): "half the mean of all squares",
            (2.0, 1): "the mean over the samples of the sum of squares",
            (1.0, 1): "the mean over the samples of half the sum of squares",
            (2.0, 0): "the sum of all squares",
            (1.0, 0): "half the sum of all squares",
        }
        if outputs == 1:
            usual[1.0, 1] = "half the mean of all squares"
    near = (
        text
        for (constant, own), text in usual.items()
        if own == power and abs(match.scale.constant - constant) <= _TOLERANCE * constant
    )
    return next(near, None)
