"""Somebody's layer, judged on its own: forward, backward, running statistics, side effects."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import numpy_impl as ours
from parity_tests.kit.aspects.stability.overflowing import raised
from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.differences import numeric_gradients
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import CLOSE, EXACT
from parity_tests.kit.layers import dropout
from parity_tests.kit.layers.forms import ALONG_AXIS, NORMALIZATIONS, Form, forms
from parity_tests.kit.layers.statistics import NormSubject
from parity_tests.kit.layers.subject import (
    Gradients,
    LayerSubject,
    LayerUnderTest,
    Values,
)
from parity_tests.kit.layers.verdicts import ROUNDING, distance, simplest
from parity_tests.kit.scales import Scale, ratio, scale_of
from parity_tests.kit.subject.seeding import seeded
from parity_tests.kit.subject.subject import SubjectError
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

__all__ = ["LayerUnderTest", "examine_layer"]

Array = NDArray[Any]

_BATCHES = (7, 11, 5, 13, 17)


def examine_layer(declaration: LayerUnderTest, seed: int = 0) -> list[Verdict]:
    """Return what was found about a layer.

    Its forward pass is recomputed in all forms that occur, its backward pass is held to the
    derivative of the form that was found, and its running statistics to what three batches make of
    them. NumPy's global generator is seeded for the time being, and put back.

    Parameters
    ----------
    declaration : LayerUnderTest
        How it is reached, and what it is meant to be.
    seed : int, default 0
        Of everything it is asked with.

    Returns
    -------
    list of Verdict
        At least one on ``"forward"``.

    Raises
    ------
    InputError
        If PyTorch's layer of that name does not take the options.
    """
    rng = np.random.default_rng(seed)
    with seeded(seed):
        try:
            subject = LayerSubject(declaration)
        except SubjectError as error:
            return [Verdict("forward", UNCHECKED, str(error))]
        if declaration.like == "Dropout":
            verdicts = dropout.examine(subject, rng)
        else:
            verdicts = _Examination(subject, rng).run()
    return verdicts + _side_effects(subject)


@dataclass(frozen=True)
class _Question:
    """A batch, the gradient that comes back, and what a new layer answered."""

    x: Array
    output: Array
    grad: Array
    gradients: Gradients | None


class _Examination:
    """All questions about one layer that is not random.

    Parameters
    ----------
    subject : LayerSubject
    rng : numpy.random.Generator
    """

    def __init__(self, subject: LayerSubject, rng: np.random.Generator) -> None:
        self.subject = subject
        self.declaration = subject.declaration
        self.rng = rng
        self.tolerance = EXACT
        self.parameters: Values = {}
        self.warm: list[Array] = []
        self.questions: list[_Question] = []
        self.form: Form | None = None
        self.failure = ""

    def run(self) -> list[Verdict]:
        """Return all verdicts."""
        try:
            verdicts = self._forward()
        except SubjectError as error:
            return [Verdict("forward", UNCHECKED, str(error))]
        steps = [self._backward, self._kink, self._state, self._statistics, self._stability]
        for aspect, step in zip(
            ("gradient", "gradient", "side effects", "forward", "stability"), steps, strict=True
        ):
            try:
                verdicts += step()
            except SubjectError as error:
                verdicts.append(Verdict(aspect, UNCHECKED, str(error)))
        return verdicts

    # Asking

    def _begin(self) -> None:
        """Make a new layer with the parameters; one that makes them when it is called is called."""
        self.subject.renew()
        self.warm = []
        try:
            self.subject.get()
        except SubjectError:
            warm = self._inputs(_BATCHES[3])
            self.subject.forward(warm)
            self.warm = [warm]
        if self.parameters:
            self.subject.set(self.parameters)

    def _draw(self) -> None:
        """Draw parameters that hide nothing: of both signs, none near zero."""
        self.parameters = {}
        for name, value in self.subject.get().items():
            sign = self.rng.choice([-1.0, 1.0], value.shape)
            size = 1.0 if value.ndim < 2 else 1.0 / np.sqrt(value.shape[1])
            self.parameters[name] = size * sign * self.rng.uniform(0.5, 1.5, value.shape)

    def _inputs(self, samples: int) -> Array:
        """Return samples of features with means and spreads of their own, small ones among them."""
        width = self.subject.width
        values = self.rng.standard_normal((samples, width))
        if self.declaration.like in NORMALIZATIONS:
            spread = np.geomspace(0.02, 2.0, width)
            return np.asarray(values * spread + np.linspace(-1.0, 2.0, width) + 0.3)
        if self.declaration.like in ALONG_AXIS or self.declaration.like == "Linear":
            return values
        # Clipped functions show what they are beyond 6 only.
        return np.asarray(2.5 * values + 0.01 * np.sign(values))

    def _ask(self, x: Array) -> _Question:
        self._begin()
        output = self.subject.forward(x)
        grad = self.rng.standard_normal(output.shape)
        gradients = None
        if self.declaration.backward is not None:
            try:
                gradients = self.subject.backward(grad)
            except SubjectError as error:
                self.failure = str(error)
        return _Question(x, output, grad, gradients)

    # Forward

    def _forward(self) -> list[Verdict]:
        layouts = [self.subject.layout]
        if self.declaration.like == "Linear" and self.declaration.weights is None:
            layouts = ["in_out", "out_in"]
        failure: SubjectError | None = None
        tried: list[tuple[str, Verdict]] = []
        for layout in layouts:
            try:
                tried.append((layout, self._in_layout(layout)))
            except SubjectError as error:
                failure = error
                continue
            if self.form is not None and not self.form.causes:
                return [tried[-1][1]]
        if not tried:
            assert failure is not None
            raise failure
        # Whatever is wrong is told by the layout of which the output says more.
        layout, verdict = min(tried, key=lambda pair: pair[1].cause is None)
        if layout != self.subject.layout or len(tried) < len(layouts):
            verdict = self._in_layout(layout)
        return [verdict]

    def _in_layout(self, layout: str) -> Verdict:
        """Ask with matrices in a layout, and judge the output."""
        self.subject.layout = layout
        self.parameters, self.form, self.failure = {}, None, ""
        self._begin()
        self._draw()
        sizes = [samples for samples in _BATCHES if samples != self.subject.width][:2]
        self.questions = [self._ask(self._inputs(samples)) for samples in sizes]
        return self._find_form()

    def _find_form(self) -> Verdict:
        first, second = self.questions
        self._begin()
        if not np.array_equal(self.subject.forward(first.x), first.output, equal_nan=True):
            return named("forward", "forward-random", "the same batch gave two outputs", "output")
        if not np.isfinite(first.output).all():
            message = "the output for ordinary inputs has infinities or NaN"
            return Verdict("forward", DIFFERS, message, "output")
        found: list[tuple[Form, float]] = []
        for form in forms(self.declaration, first.x, self.parameters, first.output):
            residual = max(
                distance(q.output, form.value(q.x, self.parameters)) for q in (first, second)
            )
            if residual <= CLOSE:
                found.append((form, residual))
            if residual <= ROUNDING:
                break
        best = simplest(found, lambda form: (len(form.causes), bool(form.convention)))
        if best is not None:
            self.form, residual = best
            self.tolerance = EXACT if residual <= EXACT else CLOSE
            return self._judge_form(self.form, residual)
        message = (
            f"the output is not that of {self.declaration.like}, nor of anything else that is "
            "known; the cause is unknown"
        )
        return Verdict("forward", DIFFERS, message, "output")

    def _judge_form(self, form: Form, residual: float) -> Verdict:
        seen = f"the output is {form.text} (residual {residual:.1g})"
        if form.causes:
            return named(
                "forward",
                form.causes[0],
                seen,
                "output",
                residual=residual,
                more=form.causes[1:],
            )
        if form.convention:
            return Verdict("forward", CONVENTION, f"{seen}; {form.convention}", residual=residual)
        held = f", within {self.tolerance:.0e}, to which single precision is held"
        precise = held if self.tolerance > EXACT else ""
        return Verdict("forward", EQUAL, f"{seen}{precise}", residual=residual)

    # Backward

    def _backward(self) -> list[Verdict]:
        if self.declaration.backward is None:
            return []
        if self.failure:
            return [Verdict("gradient", UNCHECKED, self.failure)]
        if self.form is None:
            return self._backward_by_differences()
        first, second = self.questions
        assert first.gradients is not None
        assert second.gradients is not None
        verdicts: list[Verdict] = []
        factors: dict[str, tuple[float, Scale]] = {}
        right = self.form.back(first.grad, first.x, self.parameters)
        names = ["input", *self.parameters]
        residuals = []
        for name in names:
            observed = first.gradients.of.get(name)
            if observed is None:
                message = f"backward gave no gradient of the {name}"
                verdicts.append(Verdict("gradient", UNCHECKED, message, _tensor(name)))
                continue
            other = second.gradients.of[name]
            if observed.size == right[name].size:
                observed = observed.reshape(right[name].shape)
                other = other.reshape(right[name].shape if name != "input" else other.shape)
                residual = max(
                    distance(observed, right[name]),
                    distance(other, self._right(second)[name]),
                )
                if residual <= self.tolerance:
                    factors[name] = 1.0, Scale(1.0, 0)
                    residuals.append(residual)
                    continue
            verdict, factor = self._explain(name, observed, other)
            if factor is not None:
                factors[name] = factor
            elif verdict is not None:
                verdicts.append(verdict)
        verdicts += self._of_factors(factors)
        if not verdicts:
            which = " and ".join(map(_tensor, names))
            message = f"{which} {'are' if len(names) > 1 else 'is'} right, by its own forward pass"
            message += f" (residual {max(residuals):.1g})"
            verdicts.append(Verdict("gradient", EQUAL, message, residual=max(residuals)))
        return verdicts

    def _right(self, question: _Question) -> Values:
        assert self.form is not None
        return self.form.back(question.grad, question.x, self.parameters)

    def _candidates(self, question: _Question, name: str) -> list[Candidate]:
        assert self.form is not None
        assert question.gradients is not None
        grad, x, updated = question.grad, question.x, question.gradients.updated
        wrong = self.form.wrong
        found = [c for which, c in wrong(grad, x, self.parameters) if which == name]
        if name == "input" and updated:
            late = self.form.back(grad, x, updated)["input"]
            order = ("update-order",)
            found.append(Candidate(late, "the right formula, of what was updated", order))
            found += [
                replace(c, text=f"{c.text}, of what was updated", causes=(*c.causes, *order))
                for which, c in wrong(grad, x, updated)
                if which == name
            ]
        return found

    def _explain(
        self, name: str, observed: Array, other: Array
    ) -> tuple[Verdict | None, tuple[float, Scale] | None]:
        """Return what is wrong, or the factor if that is all."""
        first, second = self.questions
        tensor = _tensor(name)
        right, right_other = self._right(first)[name], self._right(second)[name]
        if not np.any(observed) and np.any(right):
            return named("gradient", "gradient-zero", "all entries are 0", tensor), None
        others = {(c.text, c.causes): c.value for c in self._candidates(second, name)}
        matches = []
        for one in self._candidates(first, name):
            two = others.get((one.text, one.causes))
            if two is not None and one.causes:
                residual = max(distance(observed, one.value), distance(other, two))
                if residual <= self.tolerance:
                    matches.append((one, residual))
        if matches:
            best, residual = min(matches, key=lambda match: len(match[0].causes))
            seen = f"yours is {best.text}"
            causes = best.causes
            verdict = named("gradient", causes[0], seen, tensor, residual=residual, more=causes[1:])
            return verdict, None
        left = np.nan
        if observed.shape == right.shape and other.shape == right_other.shape:
            factor, left = fit(observed, right)
            factor_other, left_other = fit(other, right_other)
            if max(left, left_other) <= self.tolerance:
                samples = [len(q.x) for q in self.questions]
                scale = scale_of((factor, factor_other), samples, 10 * self.tolerance)
                if scale is not None:
                    return None, (factor, scale)
            message = (
                f"it is not the derivative of the layer's forward pass; {factor:.4g} x what was "
                f"expected is nearest and leaves {left:.2g} of its norm. The cause is unknown."
            )
        else:
            message = f"it has the shape {observed.shape}, and {right.shape} is right"
        return Verdict("gradient", DIFFERS, message, tensor, residual=left), None

    def _of_factors(self, factors: Mapping[str, tuple[float, Scale]]) -> list[Verdict]:
        samples = len(self.questions[0].x)
        sizes = [self.subject.width, self.questions[0].output.shape[1]]
        unit = Scale(1.0, 0)
        found = {
            name: ratio(scale, unit, sizes, max(self.tolerance, 1e-7))
            for name, (_, scale) in factors.items()
        }
        off = {name: why for name, why in found.items() if why is not None}
        if not off:
            return []
        own = [name for name in factors if name != "input"]
        texts = {off[name].text if name in off else "" for name in own}
        is_mean = all(name in off and off[name].causes == ("factor-batch",) for name in own)
        if "input" not in off and own and is_mean and len(texts) == 1:
            value = factors[own[0]][0]
            message = (
                f"yours = {value:.6g} x the sum over the batch of {samples}, on all parameters: "
                "the layer takes the mean, and the loss must not take it again"
            )
            if _near_inverse(value, samples):
                return [Verdict("gradient", CONVENTION, message, None, "factor-batch", value)]
        verdicts = []
        for name, why in off.items():
            value = factors[name][0]
            apart = name != "input" and len(own) > 1 and len(texts) > 1
            # A product of several widths is more likely a number of its own.
            single = why.causes[0] if len(why.causes) == 1 else "factor-constant"
            cause = "bias-scaled" if apart else single
            told = CAUSES[cause]
            message = (
                f"{told.title}: yours = {value:.6g} x expected"
                f"{f', {why.text}' if len(why.causes) == 1 else ''}; the batch is {samples}. "
                f"Look at {told.advice}."
            )
            verdicts.append(Verdict("gradient", DIFFERS, message, _tensor(name), cause, value))
        return verdicts

    def _backward_by_differences(self) -> list[Verdict]:
        """Hold the gradient of the input to the layer's own forward pass, whatever that is."""
        question = self.questions[0]
        observed = None if question.gradients is None else question.gradients.of.get("input")
        if observed is None or self.subject.float32:
            return [Verdict("gradient", UNCHECKED, "the forward pass is not known")]
        self._begin()

        def function(arrays: list[Array]) -> float:
            return float((question.grad * self.subject.forward(arrays[0])).sum())

        numeric = numeric_gradients(function, [question.x], self.rng)[0]
        if numeric is None:
            return [Verdict("gradient", UNCHECKED, "the forward pass is not known")]
        residual = numeric.distance(observed)
        if residual <= 1e-6:
            message = "dL/dx is the derivative of the layer's own forward pass, by differences"
            return [Verdict("gradient", EQUAL, message, residual=residual)]
        message = (
            f"it is off by {residual:.2g} of its norm from the derivative of the layer's own "
            "forward pass, by differences. The cause is unknown."
        )
        return [Verdict("gradient", DIFFERS, message, "dL/dx", residual=residual)]

    # Special points

    def _kink(self) -> list[Verdict]:
        """Judge the derivative at 0, where some functions have two."""
        form = self.form
        asked = self.declaration.backward is not None and not self.failure
        if form is None or not asked or not _is_elementwise(self):
            return []
        zero = np.zeros((2, self.subject.width))
        ones = np.ones_like(zero)
        self._begin()
        self.subject.forward(zero)
        observed = self.subject.backward(ones).of.get("input")
        if observed is None:
            return []
        here, low, high = (
            float(form.back(ones, zero + step, {})["input"].flat[0]) for step in (0, -1e-9, 1e-9)
        )
        came = float(observed.flat[0])
        if abs(came - here) <= 1e-6 or abs(high - low) <= 1e-6:
            return []
        if min(low, high) - 1e-6 <= came <= max(low, high) + 1e-6:
            message = f"the derivative at 0 is taken for {came:g}, PyTorch's is {here:g}"
            return [Verdict("gradient", CONVENTION, message, "dL/dx")]
        message = f"the derivative at 0 is {came:g}, and must lie between {low:g} and {high:g}"
        return [Verdict("gradient", DIFFERS, message, "dL/dx")]

    def _state(self) -> list[Verdict]:
        """Judge whether a second batch is computed as by a new layer."""
        if self.form is None or self.form.causes:
            return []
        first, second = self.questions
        self._begin()
        self.subject.forward(first.x)
        before = self.subject.backward(first.grad) if first.gradients else None
        if self.declaration.lr is not None:
            self.subject.set(self.parameters)
        try:
            output = self.subject.forward(second.x)
            after = self.subject.backward(second.grad) if second.gradients else None
        except SubjectError as error:
            seen = f"a new layer takes it, and this one raises: {error}"
            return [named("side effects", "state-kept", seen, "output")]
        if distance(output, second.output) > self.tolerance:
            seen = "a new layer gives another output for it"
            return [named("side effects", "state-kept", seen, "output")]
        if before is None or after is None or second.gradients is None:
            return []
        for name, fresh in second.gradients.of.items():
            came, was = after.of.get(name), before.of.get(name)
            if came is None or was is None or distance(came, fresh) <= self.tolerance:
                continue
            if came.shape == was.shape and distance(came, fresh + was) <= self.tolerance:
                message = (
                    f"{_tensor(name)} adds to what was there, as PyTorch does: it must be set to "
                    "zero before every batch"
                )
                return [Verdict("side effects", CONVENTION, message, _tensor(name))]
            seen = f"a new layer gives another {_tensor(name)} for it"
            return [named("side effects", "state-kept", seen, _tensor(name))]
        return []

    def _statistics(self) -> list[Verdict]:
        if self.declaration.like != "BatchNorm1d" or self.form is None:
            return []
        self._begin()
        layer = NormSubject(self.subject, self.form, self.parameters, self.tolerance)
        return layer.examine(self.warm, [self._inputs(samples) for samples in _BATCHES])

    def _stability(self) -> list[Verdict]:
        """Judge large inputs, for functions that take exponentials."""
        form = self.form
        along = self.declaration.like in ALONG_AXIS
        if form is None or form.causes or not (along or _is_elementwise(self)):
            return []
        x = self.questions[0].x.copy()
        x[0] = 1000.0 * np.linspace(-1, 1, x.shape[1])
        x[1] -= 3000.0
        self._begin()
        with np.errstate(all="ignore"):
            expected = form.value(x, self.parameters)
        if not np.isfinite(expected).all():
            return []
        try:
            observed = self.subject.forward(x)
        except SubjectError as error:
            if not raised(error):
                raise
            return [named("stability", "overflow", raised(error), "output")]
        if np.isfinite(observed).all():
            return []
        cause = "overflow"
        if along:
            with np.errstate(all="ignore"):
                plain = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
                shifted = np.exp(x - x.max())
                one = shifted / shifted.sum(axis=1, keepdims=True)
            ways = {"softmax-no-shift": plain, "softmax-one-shift": one}
            bad = ~np.isfinite(observed)
            cause = next((c for c, w in ways.items() if np.array_equal(bad, np.isnan(w))), cause)
        rows = np.flatnonzero(~np.isfinite(observed).all(axis=1))
        seen = f"infinities or NaN where all is finite, in the samples {rows.tolist()}"
        return [named("stability", cause, seen, "output")]


def _is_elementwise(examination: _Examination) -> bool:
    declaration = examination.declaration
    return bool(getattr(ours, declaration.like).elementwise) and not declaration.parameters


def _near_inverse(value: float, samples: int) -> bool:
    return abs(value * samples - 1) <= 1e-4


def _tensor(name: str) -> str:
    return "dL/dx" if name == "input" else f"dL/d{name}"


def _side_effects(subject: LayerSubject) -> list[Verdict]:
    causes = {"x": "input-edited", "grad_output": "gradient-edited"}
    return [
        named("side effects", causes[name], f"{name} is not what it was", name)
        for name in sorted(subject.written)
    ]
