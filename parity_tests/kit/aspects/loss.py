"""The loss that the network reports is a loss of its output."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.by_slopes import by_slopes
from parity_tests.kit.candidates.outputs import losses_of, misnormalized
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.forward import Pass, run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import losses_for
from parity_tests.kit.penalties import PENALTIES, Penalized, arrays_of
from parity_tests.kit.scales import Ratio, Scale, ratio, scale_of
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject import Batch, Layer, Layers, SubjectError
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[Any]

# How far a reported loss may be from a recomputed one: as observed in float64, and where the number
# that is added inside the logarithm is not one of those below.
_EXACT, _TOLERANCE = 1e-10, 1e-5
_EPSILONS = (0.0, 1e-15, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
# What makes another loss that can be trained.
_WHAT_MAY_BE_MEANT = ("loss-not-squared", "loss-without-log")
# 1/2 of the squared error is the base: its gradient is p - y.
_SCALES: dict[str, Callable[[int], Scale]] = {
    "mean": lambda _: Scale(1.0, 1),
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


def values(
    inquiry: Inquiry, passed: Pass, batch: Batch
) -> Iterator[tuple[str, str | None, float, float]]:
    """Yield losses, summed over samples and outputs.

    Yields
    ------
    name : str
    cause : str or None
        What is wrong about it.
    epsilon : float
        What is added to probabilities, or what they are clipped to.
    value : float
    """
    assert inquiry.form is not None
    y = batch.targets
    for _, _, p, _ in losses_of(inquiry.form, passed, batch):
        with np.errstate(all="ignore"):
            for epsilon in _EPSILONS:
                ways = (p + epsilon, np.clip(p, epsilon, 1 - epsilon))
                for way in ways if epsilon else ways[:1]:
                    yes = y * np.log(way)
                    no = (1 - y) * np.log(1 - way)
                    yield "cross_entropy", None, epsilon, -_sum(yes)
                    yield "binary_cross_entropy", None, epsilon, -_sum(yes) - _sum(no)
                shifted = -_sum(y * np.log(p + epsilon))
                no = (1 - y) * np.log(1 - p + epsilon)
                yield "binary_cross_entropy", None, epsilon, shifted - _sum(no)
            for loss in losses_for(y).values():
                yield loss.name, None, 0.0, float(loss.value(p, y).sum())
            squares = (p - y) ** 2
            yield "squared_error", "loss-not-squared", 0.0, np.sqrt(squares.sum(axis=1)).sum()
            yield "squared_error", "loss-not-squared", 0.0, np.sqrt(squares.sum())
            yield "cross_entropy", "loss-without-log", 0.0, -(y * p).sum()
            yield "cross_entropy", "loss-without-log", 0.0, (1 - (y * p).sum(axis=1)).sum()
        if y.shape[1] == 1 and len(y) > 1:
            yield from _broadcast(p, y[:, 0])
    if inquiry.form.output in ("identity", "softmax"):
        # log softmax is the logit less the logarithm of the sum.
        z = passed.logits[-1]
        with np.errstate(all="ignore"):
            for logits in (z - z.max(axis=1, keepdims=True), z):
                rest = logits - np.exp(logits).sum(axis=1, keepdims=True)
                yield "cross_entropy", "loss-without-log", 0.0, -_sum(y * rest)
    for cause, p in misnormalized(inquiry.form, passed):
        with np.errstate(all="ignore"):
            yield "cross_entropy", cause, 0.0, -_sum(y * np.log(p))


def _broadcast(p: Array, labels: Array) -> Iterator[tuple[str, str | None, float, float]]:
    """Yield the losses of (samples, 1) outputs and (samples,) labels: of each with every other."""
    with np.errstate(all="ignore"):
        for epsilon in _EPSILONS:
            way = np.clip(p, epsilon, 1 - epsilon)
            entropy = -_sum(labels * np.log(way)) - _sum((1 - labels) * np.log(1 - way))
            yield "binary_cross_entropy", "labels-broadcast", epsilon, entropy
    yield "squared_error", "labels-broadcast", 0.0, float(((p - labels) ** 2).sum() / 2)


def _sum(terms: Array) -> float:
    # 0 log 0 is 0.
    return float(np.where(np.isnan(terms), 0.0, terms).sum())


def examine(inquiry: Inquiry) -> list[Verdict]:
    """Find the loss that is reported, and judge it by what is declared."""
    try:
        observed = [_reported(inquiry, batch) for batch in inquiry.batches]
    except SubjectError as error:
        cause = "loss-not-reduced" if "expected a number" in str(error) else None
        status = DIFFERS if cause else UNCHECKED
        return [Verdict("loss", status, str(error), tensor="loss", cause=cause)]
    if None in observed:
        return []
    for value, batch in zip(observed, inquiry.batches, strict=True):
        if not np.isfinite(float(value or 0.0)):
            return [_not_finite(inquiry, float(value or 0.0), batch)]
    if inquiry.form is None:
        return [Verdict("loss", UNCHECKED, "the forward pass is not known")]
    reported = [float(value or 0.0) for value in observed]
    matches = _matches(inquiry, reported, _EXACT) or _with_penalty(inquiry)
    if not matches:
        # So close by chance is one loss in some hundreds, at a constant that means nothing.
        matches = [m for m in _matches(inquiry, reported, _TOLERANCE) if _is_usual(inquiry, m)]
    return [_judge(inquiry, reported[0], matches)]


def _is_meant(inquiry: Inquiry) -> bool:
    """Whether the gradient is that of the loss reported, which is then no mistake for another."""
    network = inquiry.subject.network
    if network.gradients is None and network.backward is None and network.step is None:
        return False
    # The root over a batch is a constant in the gradient, but another one for each batch.
    return all(
        v.status in (EQUAL, CONVENTION) or (v.factor is not None and v.cause != "factor-constant")
        for v in by_slopes(inquiry)
    )


def _not_finite(inquiry: Inquiry, value: float, batch: Batch) -> Verdict:
    inquiry.restore()
    outputs = inquiry.subject.forward(batch.inputs)
    if not np.isfinite(outputs).all() or np.isin(outputs, (0.0, 1.0)).any():
        message = f"it is {value}, of outputs that are not finite or exactly 0 or 1"
        return Verdict("loss", UNCHECKED, message)
    return Verdict("loss", DIFFERS, f"the loss of ordinary outputs is {value}", "loss")


@dataclass(frozen=True)
class _Match:
    """A loss that has the values reported."""

    name: str
    cause: str | None
    epsilon: float
    scale: Scale


def _matches(inquiry: Inquiry, observed: list[float], tolerance: float) -> list[_Match]:
    assert inquiry.form is not None
    single = inquiry.subject.single
    sizes = [len(batch) for batch in inquiry.batches]
    tables = [
        list(values(inquiry, run(inquiry.form, inquiry.layers, batch.inputs), batch))
        for batch in inquiry.batches
    ]
    matches = []
    for (name, cause, epsilon, first), (*_, second) in zip(*tables, strict=True):
        if not first or not second or not np.isfinite([first, second]).all():
            continue
        scale = scale_of((observed[0] / first, observed[1] / second), sizes, tolerance)
        if scale is None or not np.isfinite(scale.constant):
            continue
        if not (single and scale.power != 1):
            # Of single samples the kit has taken the mean.
            scale = Scale(scale.constant, 0) if single else scale
            matches.append(_Match(name, cause, epsilon, scale))
    return matches


def _is_usual(inquiry: Inquiry, match: _Match) -> bool:
    """Whether a scale is made of samples, outputs and two."""
    usual = Scale(1.0, match.scale.power)
    between = ratio(match.scale, usual, inquiry.subject.sizes, _TOLERANCE)
    return between is None or "factor-constant" not in between.causes


# Multiples of the matrices and of the biases at which a loss with a penalty is asked.
_STRETCHES = (
    *((1.0, 1.0), (0.9, 1.2), (1.1, 0.8), (0.75, 0.9), (1.25, 1.1), (0.95, 0.6)),
    *((1.05, 1.4), (0.8, 0.5), (1.15, 1.3), (0.85, 0.7)),
)
# A penalty smaller than this part of the loss is taken for rounding.
_NEGLIGIBLE = 1e-7


def _with_penalty(inquiry: Inquiry) -> list[_Match]:
    """Find a loss of the output plus multiples of the parameters' squares or absolute values."""
    subject = inquiry.subject
    if subject.network.loss is None or subject.single:
        return []
    assert inquiry.form is not None
    scales: list[dict[_Key, tuple[float, dict[_Group, float]]]] = []
    try:
        for batch in inquiry.batches:
            observed, tables = [], []
            penalties: dict[_Group, list[float]] = {}
            for stretch in _STRETCHES:
                layers = subject.set(_stretched(inquiry.layers, *stretch))
                observed.append(subject.loss_of_pass(batch))
                tables.append(list(values(inquiry, run(inquiry.form, layers, batch.inputs), batch)))
                for group, value in _penalties(layers).items():
                    penalties.setdefault(group, []).append(value)
            scales.append(_fitting(np.array(observed), tables, penalties))
    finally:
        inquiry.restore()
    # What needs the smallest number beside the probabilities explains the most.
    for key in sorted(scales[0].keys() & scales[1].keys(), key=lambda key: key.epsilon):
        (first, shares), (second, others) = scales[0][key], scales[1][key]
        samples = [len(batch) for batch in inquiry.batches]
        scale = scale_of((first, second), samples, 1e-7)
        is_meant = shares.keys() == others.keys() and all(
            share > 0 and scale_of((share, others[group]), samples, 1e-5) is not None
            for group, share in shares.items()
        )
        if scale is not None and is_meant:
            weights, biases = (
                {name: share for (name, of), share in shares.items() if of == which}
                for which in ("weights", "biases")
            )
            inquiry.penalty = Penalized(weights, biases)
            return [_Match(key.name, None, key.epsilon, scale)]
    return []


# The name of a penalty, and what it is on: weights or biases.
_Group = tuple[str, str]


def _penalties(layers: Layers) -> dict[_Group, float]:
    return {
        (name, of): sum(map(penalty.value, arrays))
        for name, penalty in PENALTIES.items()
        for of, arrays in zip(("weights", "biases"), arrays_of(layers), strict=True)
        if arrays
    }


def _stretched(layers: Layers, matrices: float, biases: float) -> Layers:
    return [
        Layer(matrices * layer.weight, None if layer.bias is None else biases * layer.bias)
        for layer in layers
    ]


@dataclass(frozen=True)
class _Key:
    """A loss by its name, epsilon and place in the table."""

    name: str
    epsilon: float
    place: int


def _fitting(
    observed: Array,
    tables: list[list[tuple[str, str | None, float, float]]],
    penalties: Mapping[_Group, Sequence[float]],
) -> dict[_Key, tuple[float, dict[_Group, float]]]:
    """Return scale and coefficients of the losses and penalties that fit."""
    found = {}
    top = np.abs(observed).max()
    for place, rows in enumerate(zip(*tables, strict=True)):
        name, cause, epsilon, _ = rows[0]
        if cause is not None:
            continue
        groups = list(penalties)
        # What turns out to be negligible is left out, for the digits of the others.
        for _ in range(2):
            basis = np.stack([[row[3] for row in rows], *(penalties[g] for g in groups)], axis=1)
            if not np.isfinite(basis).all():
                break
            (scale, *shares), *_ = np.linalg.lstsq(basis, observed, rcond=None)
            if np.abs(observed - basis @ [scale, *shares]).max() > 1e-9 * top or scale <= 0:
                break
            sizes = np.abs(basis[:, 1:] * shares).max(axis=0)
            kept = [g for g, size in zip(groups, sizes, strict=True) if size > _NEGLIGIBLE * top]
            if kept == groups:
                key = _Key(name, epsilon, place)
                found[key] = float(scale), dict(zip(groups, map(float, shares), strict=True))
                break
            groups = kept
    return found


def _reported(inquiry: Inquiry, batch: Batch) -> float | None:
    """Return the loss, on its own or from a training step; None if there is none."""
    subject = inquiry.subject
    subject.begin(inquiry.layers)
    if subject.network.loss is not None:
        return subject.loss_of_pass(batch)
    if subject.network.step is None:
        return None
    rate = subject.network.lr or 1e-3
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


def _judge(inquiry: Inquiry, observed: float, matches: list[_Match]) -> Verdict:
    spec, sizes = inquiry.spec, inquiry.subject.sizes
    right = [match for match in matches if match.cause is None and match.scale.constant > 0]
    right.sort(key=lambda match: match.name != spec.loss)
    # What is another loss may be the one declared with a fault in it.
    declared = [m for m in matches if m.cause is not None and m.name == spec.loss]
    if not right or (declared and right[0].name != spec.loss):
        for match in declared or matches:
            between = ratio(match.scale, Scale(1.0, 1), sizes, _TOLERANCE)
            if between is not None and "factor-constant" in between.causes:
                continue
            if match.cause in _WHAT_MAY_BE_MEANT and spec.loss is None and _is_meant(inquiry):
                inquiry.is_loss_unknown = True
                message = (
                    f"of the {match.name.replace('_', ' ')} {CAUSES[match.cause].title}; the "
                    "gradient is the slope of that, so that it is meant"
                )
                return Verdict("loss", CONVENTION, message)
            cause = match.cause or "loss-sign"
            seen = f"the value is {match.scale.constant:.4g} x that of {match.name} with this fault"
            return named("loss", cause, seen, "loss")
        inquiry.is_loss_unknown = True
        message = f"{observed:.6g} is no loss of this output that is known"
        return Verdict("loss", DIFFERS if spec.loss else UNCHECKED, message, "loss")
    match = right[0]
    inquiry.reported = match.name, match.scale
    if spec.loss is not None and match.name != spec.loss:
        message = f"the loss reported is {match.name}, declared is {spec.loss}"
        return named("loss", "another-loss", message, "loss")
    expected = declared_scale(spec, sizes[-1])
    if expected is not None and not inquiry.subject.single:
        found = ratio(match.scale, expected, sizes, _TOLERANCE)
        if found is not None:
            samples = len(inquiry.batches[0])
            value = match.scale.at(samples) / expected.at(samples)
            message = f"yours = {value:.6g} x {match.name}, {spec.scale}: {found.text}"
            return Verdict("loss", DIFFERS, message, "loss", found.causes[0], value)
    usual = Scale(1.0, 0 if inquiry.subject.single else 1)
    between = ratio(match.scale, usual, sizes, _TOLERANCE)
    if between is not None and "loss-log-base" in between.causes:
        seen = _told(match, between)
        return named("loss", "loss-log-base", seen, "loss", match.scale.constant)
    message = f"it is the {match.name.replace('_', ' ')}: {_told(match, between, inquiry)}"
    return Verdict("loss", EQUAL if between is None else CONVENTION, message)


def _told(match: _Match, between: Ratio | None, inquiry: Inquiry | None = None) -> str:
    """Return a scale in words."""
    half = " of half the sum of squares" if match.name == "squared_error" else ""
    factor = "" if between is None else f"{between.text} x "
    if inquiry is not None and inquiry.penalty:
        factor = f"{inquiry.penalty}, and {factor}"
    inside = f", with {match.epsilon:g} beside the probabilities" if match.epsilon else ""
    return f"{factor}the mean over the samples{half}{inside}"
