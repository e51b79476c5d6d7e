"""Somebody's loss, judged on its own: its value, its gradient, and whether both belong together."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import numpy_impl as ours
from numpy_impl import InputError, losses
from numpy_impl.activations.sigmoid import sigmoid
from parity_tests.kit.aspects.stability.overflowing import raised
from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.candidates.outputs import output_deltas
from parity_tests.kit.differences import numeric_gradients
from parity_tests.kit.fitting import fit
from parity_tests.kit.forward import Form, Pass
from parity_tests.kit.functions import softmax
from parity_tests.kit.inquiry import CLOSE, EXACT
from parity_tests.kit.losses import losses_for
from parity_tests.kit.network import LABELS, arrays_in
from parity_tests.kit.scales import Scale, ratio, scale_of
from parity_tests.kit.subject.seeding import seeded
from parity_tests.kit.subject.subject import Batch, SubjectError, quiet
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[Any]

# Those that compare an input with a target of the same shape, and cross-entropy.
LOSSES = tuple(
    name
    for name in losses.__all__
    if name in ("CrossEntropyLoss", "BCELoss", "BCEWithLogitsLoss", "MSELoss", "L1Loss")
    or name in ("HuberLoss", "SmoothL1Loss", "PoissonNLLLoss", "SoftMarginLoss")
    or name == "MultiMarginLoss"
)
# Those of one class among several, and their names as losses of a network.
_OF_CLASSES = ("CrossEntropyLoss", "MultiMarginLoss")
_KINDS = {
    "CrossEntropyLoss": "cross_entropy",
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy",
    "MSELoss": "squared_error",
    "L1Loss": "absolute_error",
    "SmoothL1Loss": "huber",
    "HuberLoss": "huber",
    "MultiMarginLoss": "hinge",
}
_EPSILONS = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16)
_SAMPLES = (7, 11)


@dataclass(frozen=True)
class LossUnderTest:
    """What the kit needs to know of somebody's loss.

    Parameters
    ----------
    value : callable
        ``f(input, target)`` returning the loss, alone or before its gradient in a tuple.
    gradient : callable, optional
        ``f(input, target)`` returning the gradient with respect to the input.
    like : str, default "CrossEntropyLoss"
        PyTorch's name of what it is meant to be, one of `LOSSES`.
    labels : str, default "one_hot"
        How classes are given to a cross-entropy or a hinge loss; see
        `parity_tests.kit.network.Network`.
    batch : {"rows", "columns"}, default "rows"
        Where the samples are.
    from_logits : bool, default True
        Whether a cross-entropy takes logits; if not, it takes probabilities.
    options : mapping
        Arguments of PyTorch's loss by its names. Without a ``reduction``, sum and mean are taken
        for what they turn out to be.
    outputs : int, default 5
        Width of the input.
    name : str, optional
        What it is called in messages.

    Raises
    ------
    InputError
        For a loss or a convention that is not known.
    """

    value: Callable[..., Any]
    gradient: Callable[..., Any] | None = None
    like: str = "CrossEntropyLoss"
    labels: str = "one_hot"
    batch: str = "rows"
    from_logits: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    outputs: int = 5
    name: str = "loss"

    def __post_init__(self) -> None:
        for name, known in (
            ("like", LOSSES),
            ("labels", LABELS),
            ("batch", ("rows", "columns")),
        ):
            if getattr(self, name) not in known:
                raise InputError(name, f"one of {known}", repr(getattr(self, name)))
        if self.outputs < 1 or self.outputs in _SAMPLES:
            expected = f"a number from 1 that is not in {_SAMPLES}, the sizes of the batches"
            raise InputError("outputs", expected, str(self.outputs))

    @property
    def takes(self) -> str:
        """What its input is: logits, probabilities or values."""
        if self.like == "CrossEntropyLoss":
            return "logits" if self.from_logits else "probabilities"
        return {"BCELoss": "probabilities", "BCEWithLogitsLoss": "logits"}.get(self.like, "values")


@dataclass(frozen=True)
class _Way:
    """One way to compute the value, summed over samples and outputs."""

    value: float
    text: str
    causes: tuple[str, ...] = ()
    convention: str = ""


@dataclass(frozen=True)
class _Answer:
    """A batch, and what came for it."""

    batch: Batch
    value: float
    gradient: Array | None


def examine_loss(declaration: LossUnderTest, seed: int = 0) -> list[Verdict]:
    """Return what was found about a loss.

    Its value is recomputed in all ways that occur, its gradient is held to it, and both are tried
    where logarithms and exponentials end.

    Parameters
    ----------
    declaration : LossUnderTest
    seed : int, default 0
        Of everything it is asked with.

    Returns
    -------
    list of Verdict
        At least one on ``"loss"``.

    Raises
    ------
    InputError
        If PyTorch's loss of that name does not take the options.
    """
    rng = np.random.default_rng(seed)
    with seeded(seed):
        examination = _Examination(declaration, rng)
        try:
            return examination.run()
        except SubjectError as error:
            return [Verdict("loss", UNCHECKED, str(error))]


class _Examination:
    """All questions about one loss.

    Parameters
    ----------
    declaration : LossUnderTest
    rng : numpy.random.Generator
    """

    def __init__(self, declaration: LossUnderTest, rng: np.random.Generator) -> None:
        self.declaration = declaration
        self.rng = rng
        self.answers: list[_Answer] = []
        self.written: set[str] = set()
        self.reduced = True
        self.scale: Scale | None = None
        self.is_turned = False
        self.kind = _KINDS.get(declaration.like)

    def run(self) -> list[Verdict]:
        """Return all verdicts."""
        for samples in _SAMPLES:
            batch = self._batch(samples)
            value, gradient = self._ask(batch)
            self.answers.append(_Answer(batch, value, gradient))
        verdicts = self._value()
        if self.answers[0].gradient is not None:
            verdicts += self._gradient()
        verdicts += self._stability()
        for name in sorted(self.written):
            seen = f"{name} is not what it was"
            verdicts.append(named("side effects", "input-edited", seen, name))
        return verdicts

    # Asking

    def _batch(self, samples: int) -> Batch:
        width, takes = self.declaration.outputs, self.declaration.takes
        inputs = 1.5 * self.rng.standard_normal((samples, width))
        labels = self.rng.integers(0, max(width, 2), samples)
        labels[0] = max(width, 2) - 1
        if self.declaration.like in _OF_CLASSES:
            targets = np.eye(width)[labels]
        elif self.kind == "binary_cross_entropy":
            targets = self.rng.integers(0, 2, (samples, width)).astype(np.float64)
        elif self.declaration.like == "SoftMarginLoss":
            targets = self.rng.choice([-1.0, 1.0], (samples, width))
        else:
            targets = np.abs(self.rng.standard_normal((samples, width)))
        if takes == "probabilities":
            several = self.declaration.like == "CrossEntropyLoss"
            inputs = softmax(inputs) if several else sigmoid(inputs)
        return Batch(inputs, labels, targets)

    def _ask(self, batch: Batch) -> tuple[float, Array | None]:
        declaration = self.declaration
        result = self._call("value", declaration.value, batch)
        found = list(result) if isinstance(result, (tuple, list)) else [result]
        value = np.array(found[0], np.float64)
        self.reduced &= value.size == 1
        gradient = None
        if declaration.gradient is not None:
            found = [None, self._call("gradient", declaration.gradient, batch)]
        if len(found) > 1:
            arrays = [a for a in arrays_in(found[1:]) if a.size == batch.inputs.size]
            if not arrays:
                raise SubjectError(f"gradient: expected an array of shape {batch.inputs.shape}")
            gradient = self._as_rows(arrays[0], batch)
        return float(value.sum()), gradient

    def _call(self, what: str, function: Callable[..., Any], batch: Batch) -> Any:
        given = {"input": self._laid_out(batch.inputs), "target": self._target(batch)}
        kept = {name: np.array(value) for name, value in given.items()}
        with quiet():
            try:
                result = function(*given.values())
            except Exception as error:
                raise SubjectError(f"{what}: {type(error).__name__}: {error}") from error
        self.written |= {n for n in given if not np.array_equal(given[n], kept[n], equal_nan=True)}
        return result

    def _laid_out(self, rows: Array) -> Array:
        columns = self.declaration.batch == "columns"
        return np.ascontiguousarray(rows.T) if columns else rows.copy()

    def _as_rows(self, array: Array, batch: Batch) -> Array:
        value = np.array(array, np.float64)
        if self.declaration.batch == "columns" and value.ndim == 2:
            value = value.T
        return value.reshape(batch.inputs.shape)

    def _target(self, batch: Batch) -> Array:
        form = self.declaration.labels
        if self.declaration.like in _OF_CLASSES:
            if form == "integers":
                return batch.labels.copy()
            if form == "integer_column":
                return self._laid_out(batch.labels[:, np.newaxis])
        return self._laid_out(batch.targets)

    # Value

    def _value(self) -> list[Verdict]:
        if not np.isfinite([answer.value for answer in self.answers]).all():
            message = "the value for ordinary inputs is infinite or NaN"
            return [Verdict("loss", DIFFERS, message, "loss")]
        verdicts = []
        if not self.reduced:
            verdicts.append(named("loss", "loss-not-reduced", "it was summed here", "loss"))
        tables = [list(self._ways(answer.batch)) for answer in self.answers]
        matches: list[tuple[_Way, Scale]] = []
        for tolerance in (EXACT, CLOSE):
            for ways in zip(*tables, strict=True):
                scale = self._common(ways, tolerance)
                if scale is not None:
                    matches.append((ways[0], scale))
            if matches:
                break
        right = [match for match in matches if not match[0].causes]
        if not matches:
            told = f"{self.answers[0].value:.6g} is no {self.declaration.like} of its input"
            message = f"{told}, nor another loss that is known; the cause is unknown"
            return [*verdicts, Verdict("loss", DIFFERS, message, "loss")]
        way, scale = right[0] if right else matches[0]
        seen = f"the value is {scale.at(1):.6g} x that of {way.text}"
        if not right:
            return [*verdicts, named("loss", way.causes[0], seen, "loss")]
        # A sign that is missing is the value's own fault.
        self.is_turned = scale.constant < 0
        self.scale = Scale(abs(scale.constant), scale.power)
        return [*verdicts, *self._judge_scale(way, scale)]

    def _common(self, ways: tuple[_Way, ...], tolerance: float) -> Scale | None:
        values = [way.value for way in ways]
        if not all(values) or not np.isfinite(values).all():
            return None
        factors = [a.value / value for a, value in zip(self.answers, values, strict=True)]
        scale = scale_of(factors, _SAMPLES, tolerance)
        if scale is None or not ways[0].causes:
            return scale
        # With a free factor a wrong formula must fit by a factor that somebody could mean.
        outputs = self.declaration.outputs
        usual = (1.0, 2.0, 0.5, 1 / outputs, 2 / outputs, 0.5 / outputs)
        known = any(abs(abs(scale.constant) / u - 1) <= 10 * tolerance for u in usual)
        return scale if known and scale.power in (0, 1) else None

    def _judge_scale(self, way: _Way, scale: Scale) -> list[Verdict]:
        outputs = self.declaration.outputs
        tolerance = 1e-5 if way.convention else 1e-7
        for base, name in ((2.0, "log2"), (10.0, "log10")):
            for times in (1.0, 1.0 / outputs):
                if abs(abs(scale.constant) * np.log(base) / times - 1) <= tolerance:
                    return [named("loss", "loss-log-base", f"it is that of {name}", "loss")]
        if scale.constant < 0:
            return [named("loss", "loss-sign", "it is below 0", "loss", factor=scale.constant)]
        by = 1.0 if self.declaration.like in _OF_CLASSES else 1.0 / outputs
        reduction = self.declaration.options.get("reduction")
        meant = Scale(1.0, 0) if reduction == "sum" else Scale(by, 1)
        found = ratio(scale, meant, [outputs, outputs], tolerance)
        if found is None:
            reduced = "sum" if meant.power == 0 else "mean"
            told = f"it is {way.text}, the {reduced} as in PyTorch"
            status = CONVENTION if way.convention else EQUAL
            return [Verdict("loss", status, f"{told}; {way.convention}".rstrip("; "))]
        samples = _SAMPLES[0]
        factor = scale.at(samples) / meant.at(samples)
        told = f"yours = {factor:.6g} x {way.text} as PyTorch reduces it: {found.text}"
        if reduction is None:
            return [Verdict("loss", CONVENTION, told, None, None, factor)]
        return [named("loss", found.causes[0], told, "loss", factor=factor)]

    def _ways(self, batch: Batch) -> Iterator[_Way]:
        """Yield the ways to compute the value, the right one first."""
        x, t, like = batch.inputs, batch.targets, self.declaration.like
        for name, value in self._sums(x, t):
            yield _Way(value, name, () if name == like else ("another-loss",))
        p = self._probabilities(x)
        squares = (x - t) ** 2
        if like == "MSELoss":
            cause = ("loss-not-squared",)
            for total in (squares.sum(), squares.mean(), squares.sum() / len(x)):
                yield _Way(float(np.sqrt(total)), "the root of the squared error", cause)
            yield _Way(float(np.sqrt(squares.sum(axis=1)).sum()), "norms of the errors", cause)
        if p is None:
            return
        with np.errstate(all="ignore"):
            for epsilon in _EPSILONS:
                yes, no = np.log(p + epsilon), np.log(1 - p + epsilon)
                value = -(t * yes).sum()
                if like != "CrossEntropyLoss":
                    value -= ((1 - t) * no).sum()
                told = f"{epsilon:g} is added inside the logarithm"
                yield _Way(float(value), like, (), told)
            if like == "CrossEntropyLoss":
                twice = np.log(softmax(p))
                yield _Way(-float((t * twice).sum()), "cross-entropy", ("softmax-twice",))
            else:
                one = -float((t * np.log(p)).sum())
                yield _Way(one, "the term of the ones", ("loss-one-term",))
        without = ("loss-without-log",)
        yield _Way(-float((t * p).sum()), "the probability itself", without)
        yield _Way(float((1 - (t * p).sum(axis=1)).sum()), "1 - the probability", without)

    def _probabilities(self, x: Array) -> Array | None:
        if self.declaration.takes == "logits":
            return softmax(x) if self.declaration.like == "CrossEntropyLoss" else sigmoid(x)
        return x if self.declaration.takes == "probabilities" else None

    def _sums(self, x: Array, t: Array) -> Iterator[tuple[str, float]]:
        """Yield losses summed over samples and outputs, by PyTorch's names; the right one first."""
        like = self.declaration.like
        p = self._probabilities(x)
        yield like, self._own(x, t)[0]
        with np.errstate(all="ignore"):
            if p is not None and like == "CrossEntropyLoss":
                both = t * np.log(p) + (1 - t) * np.log(1 - p)
                yield "BCELoss", -float(both.sum())
            for name, other in losses_for(t).items():
                if name != self.kind:
                    # What is made of a probability is an error, and a margin is one of scores.
                    given = x if p is None or "hinge" in name else p
                    yield f"the {name.replace('_', ' ')}", float(other.value(given, t).sum())

    def _own(self, x: Array, t: Array) -> tuple[float, Array]:
        """Return what is right, summed over samples and outputs, with its derivative."""
        declaration = self.declaration
        if declaration.like == "CrossEntropyLoss" and not declaration.from_logits:
            with np.errstate(all="ignore"):
                return -float(np.where(t > 0, t * np.log(x), 0.0).sum()), -t / x
        options = {**declaration.options, "reduction": "sum"}
        try:
            loss = getattr(ours, declaration.like)(**options)
        except TypeError as error:
            told = f"{dict(declaration.options)}: {error}"
            raise InputError("options", f"arguments of {declaration.like}", told) from None
        target = t.argmax(axis=1) if declaration.like == "MultiMarginLoss" else t
        return float(loss(x, target)), np.asarray(loss.backward())

    # Gradient

    def _gradient(self) -> list[Verdict]:
        first, second = (self._fits(answer) for answer in self.answers)
        matches: list[tuple[Candidate, Scale, float]] = []
        for key, (candidate, factor, residual) in first.items():
            if key in second:
                _, other, left = second[key]
                scale = scale_of((factor, other), _SAMPLES, 1e-8)
                if scale is not None:
                    matches.append((candidate, scale, max(residual, left)))
        if not matches:
            return [self._by_differences()]
        best, scale, residual = min(matches, key=lambda match: len(match[0].causes))
        told = f"it is {best.text} (residual {residual:.1g})"
        if best.causes:
            seen = f"yours is {best.text}"
            return [named("gradient", best.causes[0], seen, "dL/dinput", residual=residual)]
        return [self._judge_gradient(best, scale, told, residual)]

    def _fits(
        self, answer: _Answer
    ) -> dict[tuple[str, tuple[str, ...]], tuple[Candidate, float, float]]:
        """Return what gives a gradient, with factor and residual, by formula and causes."""
        assert answer.gradient is not None
        found: dict[tuple[str, tuple[str, ...]], tuple[Candidate, float, float]] = {}
        for candidate in self._candidates(answer.batch):
            factor, residual = fit(answer.gradient, candidate.value)
            if factor and residual <= EXACT:
                key = candidate.text, candidate.causes
                found.setdefault(key, (candidate, factor, residual))
        return found

    def _judge_gradient(self, best: Candidate, scale: Scale, told: str, residual: float) -> Verdict:
        outputs = self.declaration.outputs
        expected, tolerance = self.scale, 1e-7
        reduction = self.declaration.options.get("reduction")
        if expected is None and reduction is not None:
            by = 1.0 if self.declaration.like in _OF_CLASSES else 1.0 / outputs
            expected = Scale(1.0, 0) if reduction == "sum" else Scale(by, 1)
        if expected is not None:
            # A value with something inside its logarithm has its scale to a few digits only.
            nearest = Scale(_short(expected.constant, outputs), expected.power)
            found = ratio(scale, nearest, [outputs, outputs], tolerance)
            if found is not None:
                samples = _SAMPLES[0]
                factor = scale.at(samples) / nearest.at(samples)
                what = f"({best.text})" if best.loss else "the derivative of the value"
                seen = f"yours = {factor:.6g} x {what}: {found.text}"
                seen += f"; {best.loss}" if best.loss else ""
                return named(
                    "gradient", found.causes[0], seen, "dL/dinput", factor=factor, residual=residual
                )
        if best.loss:
            return Verdict("gradient", CONVENTION, f"{told}; {best.loss}", residual=residual)
        but = " but for its sign" if self.is_turned else ""
        message = f"{told}, and belongs to the value{but}"
        return Verdict("gradient", EQUAL, message, residual=residual)

    def _candidates(self, batch: Batch) -> Iterator[Candidate]:
        """Yield gradients, the right ones first. Of these, `loss` is a convention if it is set."""
        x, t = batch.inputs, batch.targets
        right = self._own(x, t)[1]
        yield Candidate(right, f"the derivative of {self.declaration.like}")
        p = self._probabilities(x)
        if self.declaration.takes == "probabilities":
            assert p is not None
            inner = "softmax" if self.declaration.like == "CrossEntropyLoss" else "sigmoid"
            told = f"that is with respect to the logits, through {inner}: it must not come again"
            yield Candidate(p - t, "p - t", loss=told)
            for epsilon in _EPSILONS:
                told = f"{epsilon:g} is added to the denominator"
                slopes = [-t / (p + epsilon)]
                if self.declaration.like != "CrossEntropyLoss":
                    slopes = [
                        (p - t) / (p * (1 - p) + epsilon),
                        -t / (p + epsilon) + (1 - t) / (1 - p + epsilon),
                    ]
                for slope in slopes:
                    yield Candidate(slope, "the derivative", loss=told)
        given = x if p is None else p
        yield Candidate(given, "the prediction itself", ("target-not-subtracted",))
        another = ("gradient-of-another-loss",)
        if self.declaration.takes != "logits":
            for name, other in losses_for(t).items():
                text = f"that of the {name.replace('_', ' ')}"
                yield Candidate(other.slope(x, t), text, another)
            if p is not None and self.kind == "binary_cross_entropy":
                yield Candidate(-t / p, "-t / p", ("loss-one-term",))
            return
        form, passed = Form((), "identity"), Pass([x, x], [x])
        for candidate in output_deltas(form, passed, batch, self.kind):
            causes = candidate.causes
            if not causes and not _is_multiple(candidate.value, right):
                causes = another
            if causes:
                told = candidate.text
                if causes == another and candidate.loss:
                    told = f"that of the {candidate.loss.replace('_', ' ')}"
                yield Candidate(candidate.value, told, causes)

    def _by_differences(self) -> Verdict:
        """Hold the gradient to the value itself, whatever that is."""
        answer = self.answers[0]
        assert answer.gradient is not None

        def function(arrays: list[Array]) -> float:
            changed = Batch(arrays[0], answer.batch.labels, answer.batch.targets)
            result = self._call("value", self.declaration.value, changed)
            first = result[0] if isinstance(result, (tuple, list)) else result
            return float(np.sum(first))

        numeric = numeric_gradients(function, [answer.batch.inputs], self.rng)[0]
        if numeric is None:
            return Verdict("gradient", UNCHECKED, "the value has no derivative by differences")
        residual = numeric.distance(answer.gradient)
        if residual <= 1e-6:
            message = "it is the derivative of the value, by differences"
            return Verdict("gradient", EQUAL, message, residual=residual)
        message = (
            f"it is off by {residual:.2g} of its norm from the derivative of the value by "
            "differences, and nothing else that is known. The cause is unknown."
        )
        return Verdict("gradient", DIFFERS, message, "dL/dinput", residual=residual)

    # Stability

    def _stability(self) -> list[Verdict]:
        if self.declaration.takes == "values" or not self.kind:
            return []
        several = self.declaration.like == "CrossEntropyLoss"
        if self.declaration.takes == "probabilities":
            return self._end_of_logarithm()
        batch = self.answers[0].batch
        sign = 2 * batch.targets - 1
        low = 1000.0 * (batch.targets - 1) if several else 1000.0 * sign
        probes = [("log-of-zero", low)]
        if several:
            far = batch.inputs.copy()
            far[0] -= 3000.0
            # An exponential that overflows fails at the second already.
            probes += [("softmax-no-shift", low + 1000.0), ("softmax-one-shift", far)]
        for cause, logits in probes:
            try:
                value = self._ask(Batch(logits, batch.labels, batch.targets))[0]
            except SubjectError as error:
                return [_raised(error, cause, f"for logits up to {np.abs(logits).max():.4g}")]
            if not np.isfinite(value):
                seen = f"the loss of logits up to {np.abs(logits).max():.4g} is {value}"
                why = cause if np.isnan(value) else "overflow"
                return [named("stability", why, seen, "loss")]
        message = "the loss of logits of 1000 is finite where the prediction is right"
        return [Verdict("stability", EQUAL, message)]

    def _end_of_logarithm(self) -> list[Verdict]:
        batch = self.answers[0].batch
        right = Batch(batch.targets.copy(), batch.labels, batch.targets)
        try:
            value = self._ask(right)[0]
        except SubjectError as error:
            return [_raised(error, "log-of-zero", "for a prediction that is right")]
        if np.isnan(value):
            seen = "the loss of a prediction that is right is NaN"
            return [named("stability", "log-of-zero", seen, "loss")]
        wrong = Batch(np.roll(batch.targets, 1, axis=1), batch.labels, batch.targets)
        if self.declaration.outputs == 1 or self.kind == "binary_cross_entropy":
            wrong = Batch(1 - batch.targets, batch.labels, batch.targets)
        try:
            value, gradient = self._ask(wrong)
        except SubjectError as error:
            return [_raised(error, "log-of-zero", "for a probability of 0")]
        if np.isfinite(value):
            message = f"the loss of a probability of 0 is cut off: {value:.6g} for all wrong"
        else:
            is_steep = gradient is not None and not np.isfinite(gradient).all()
            so = ", and so is its gradient" if is_steep else ""
            message = f"the loss of a probability of 0 is infinite{so}"
            if np.isnan(value):
                return [named("stability", "log-of-zero", "all wrong gives NaN", "loss")]
        return [Verdict("stability", CONVENTION, message)]


def _raised(error: SubjectError, cause: str, where: str) -> Verdict:
    """Judge an exception for large inputs: that of arithmetic stands for infinity or NaN."""
    told = raised(error)
    if not told:
        return Verdict("stability", UNCHECKED, str(error))
    # A logarithm of 0 is no overflow.
    cause = "overflow" if "overflow" in told.lower() or "range" in told else cause
    return named("stability", cause, f"{where} {told}", "loss")


def _short(value: float, outputs: int) -> float:
    """Return the plain number that a scale is to a few digits, or the scale."""
    for plain in (1.0, 2.0, 0.5, 1 / outputs, 2 / outputs, 0.5 / outputs):
        if abs(value / plain - 1) <= CLOSE:
            return plain
    return value


def _is_multiple(one: Array, other: Array) -> bool:
    return fit(one, other)[1] <= EXACT
