r"""What single layers compute, forward and back, in their right forms and in those that go wrong.

A `Form` is a forward pass with the derivative that belongs to it. A layer's backward pass is held
to its own forward pass: one fault of the forward pass is then told once.

Normalization in all its forms, over groups of n numbers with mean m:

.. math:: d = x - r m, \quad v = \tfrac{1}{n - k} \sum d^2, \quad
          s = \frac{1}{\sqrt{v + \epsilon}} \text{ or } \frac{1}{\sqrt v + \epsilon}, \quad
          y = d s \gamma + \beta

    \frac{\partial L}{\partial d} = G \gamma s + \frac{2 d}{n - k} s'(v) \sum G \gamma d, \quad
    \frac{\partial L}{\partial x} = \frac{\partial L}{\partial d}
        - r \, \overline{\frac{\partial L}{\partial d}}
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

import numpy_impl as ours
from numpy_impl.layers.linear import linear, linear_backward
from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.candidates.multipliers import multipliers, multipliers_of_gradient
from parity_tests.kit.functions import (
    ACTIVATIONS,
    OUTPUTS,
    WRONG_OUTPUTS,
    Activation,
    Output,
    softmax,
)
from parity_tests.kit.layers.subject import LayerUnderTest, Values, reference

Array = NDArray[Any]
Wrong = Iterator[tuple[str, Candidate]]

NORMALIZATIONS = ("BatchNorm1d", "LayerNorm", "RMSNorm")
ALONG_AXIS = ("Softmax", "LogSoftmax", "Softmin")
_USUAL_EPS = (1e-5, 1e-8, 1e-7, 1e-6, 1e-3, 1e-12)
# Options that are often of another value than PyTorch's default, and those values.
_ALTERNATIVES: Mapping[str, tuple[str, tuple[Any, ...]]] = {
    "LeakyReLU": ("negative_slope", (0.1, 0.2, 0.02, 0.05, 0.3, 0.001)),
    "ELU": ("alpha", (0.1, 0.5, 0.01)),
    "GELU": ("approximate", ("tanh",)),
}


@dataclass(frozen=True)
class Form:
    """A forward pass, and the derivative that belongs to it.

    Attributes
    ----------
    text : str
        As a formula.
    value : callable
        ``value(x, parameters)``, on rows.
    back : callable
        ``back(grad, x, parameters)`` returning gradients by ``"input"`` and names of parameters.
    wrong : callable
        ``wrong(grad, x, parameters)`` yielding names and candidates of what goes wrong.
    causes : tuple of str
        What is wrong about the forward pass; empty if nothing is.
    convention : str
        What is unlike PyTorch's defaults and not wrong.
    """

    text: str
    value: Callable[[Array, Values], Array]
    back: Callable[[Array, Array, Values], Values]
    wrong: Callable[[Array, Array, Values], Wrong]
    causes: tuple[str, ...] = ()
    convention: str = ""


def forms(
    declaration: LayerUnderTest, x: Array, parameters: Values, observed: Array
) -> Iterator[Form]:
    """Yield the forms that a layer may have, the right one first.

    Parameters
    ----------
    declaration : LayerUnderTest
    x, parameters : ndarray, dict
        What the layer was asked with.
    observed : ndarray
        Its output, from which numbers like eps are solved for; every form is to be recomputed.
    """
    like = declaration.like
    if like == "Linear":
        yield from _linears()
    elif like in NORMALIZATIONS:
        yield from _normalizations(declaration, x, parameters, observed)
    elif like in ALONG_AXIS:
        yield from _along_axis(declaration)
    elif getattr(ours, like).elementwise:
        yield from _elementwise(declaration)
    else:
        yield _as_reference(declaration)


# Linear


def _linears() -> Iterator[Form]:
    def value(x: Array, p: Values, bias: bool = True) -> Array:
        return linear(x, p["weight"], p.get("bias") if bias else None)

    yield Form("x @ W.T + b", value, _linear_back, _linear_wrong)
    yield Form(
        "x @ W.T without the bias",
        partial(value, bias=False),
        _linear_back,
        _linear_wrong,
        ("bias-left-out",),
    )


def _linear_back(grad: Array, x: Array, p: Values) -> Values:
    names = ("input", "weight", "bias")
    return dict(zip(names, linear_backward(grad, x, p["weight"]), strict=True))


def _linear_wrong(grad: Array, x: Array, p: Values) -> Wrong:
    weight = p["weight"]
    if weight.shape[0] == weight.shape[1]:
        yield "input", Candidate(grad @ weight.T, "G @ W.T", ("weight-transposed",))
        yield "input", Candidate(grad, "G", ("weight-missing",))
        yield "weight", Candidate(x.T @ grad, "x.T @ G", ("gradient-transposed",))
    yield "bias", Candidate(np.full(grad.shape[1], grad.sum()), "sum of G", ("bias-collapsed",))
    yield "bias", Candidate(grad, "G of every sample", ("bias-not-summed",))
    for number, which in ((0, "first"), (-1, "last")):
        row = Candidate(grad[number], f"G of the {which} sample", ("bias-of-one-sample",))
        yield "bias", row


# Normalization


@dataclass(frozen=True)
class _Normalization:
    """One way to normalize.

    Attributes
    ----------
    axis : int or None
        Of the groups: 0 for samples, 1 for features, None for the whole array.
    center : float
        Multiple of the mean that is subtracted; 0 for RMSNorm.
    eps : float
    place : {"inside", "outside", "variance"}
        Where eps is, or that no root is taken.
    lost : int
        Degrees of freedom that the variance divides by less.
    scaled, shifted : bool
        Whether the parameters are used.
    """

    axis: int | None
    center: float
    eps: float
    place: str = "inside"
    lost: int = 0
    scaled: bool = True
    shifted: bool = True

    def parts(self, x: Array) -> tuple[Array, Array, Array, float]:
        """Return d, v, s and n - k."""
        count = x.size if self.axis is None else x.shape[self.axis]
        divisor = float(count - self.lost)
        d = x - self.center * x.mean(axis=self.axis, keepdims=True)
        v = (d**2).sum(axis=self.axis, keepdims=True) / divisor
        with np.errstate(all="ignore"):
            if self.place == "outside":
                s = 1 / (np.sqrt(v) + self.eps)
            else:
                s = 1 / (v + self.eps)
                s = s if self.place == "variance" else np.sqrt(s)
        return d, v, s, divisor

    def value(self, x: Array, p: Values) -> Array:
        """Return y."""
        d, _, s, _ = self.parts(x)
        y = d * s
        if self.scaled and "weight" in p:
            y = y * p["weight"]
        return y + p["bias"] if self.shifted and "bias" in p else y

    def back(
        self,
        grad: Array,
        x: Array,
        p: Values,
        mean: bool = True,
        variance: bool = True,
        scaled: bool = True,
    ) -> Values:
        """Return the gradients, with or without the terms of mean and variance."""
        d, v, s, divisor = self.parts(x)
        inner = grad * p["weight"] if scaled and self.scaled and "weight" in p else grad
        total = inner * s
        if variance:
            with np.errstate(all="ignore"):
                slope = {
                    "inside": -0.5 * s**3,
                    "outside": -(s**2) / (2 * np.sqrt(v)),
                    "variance": -(s**2),
                }[self.place]
            product_sum = (inner * d).sum(axis=self.axis, keepdims=True)
            total = total + 2 * d / divisor * slope * product_sum
        if mean:
            total = total - self.center * total.mean(axis=self.axis, keepdims=True)
        return {
            "input": total,
            "weight": _summed(grad * d * s, p.get("weight")),
            "bias": _summed(grad, p.get("bias")),
        }

    def _unusual(self) -> tuple[str, ...]:
        """Return what makes the usual backward pass another than this one's."""
        if self.center not in (0.0, 1.0):
            return ("running-mean-in-training",)
        if self.place == "outside":
            return ("eps-outside-root",)
        if self.lost:
            return ("variance-unbiased",)
        return ("divided-by-variance",) if self.place == "variance" else ()

    def wrong(self, grad: Array, x: Array, p: Values) -> Wrong:
        """Yield what goes wrong on the way back."""
        d, _, s, _ = self.parts(x)
        back = partial(self.back, grad, x, p)

        def of(text: str, *causes: str, **terms: bool) -> tuple[str, Candidate]:
            return "input", Candidate(back(**terms)["input"], text, causes)

        if self.center:
            yield of("without the term of the mean", "mean-taken-for-constant", mean=False)
        yield of("without the term of the variance", "variance-taken-for-constant", variance=False)
        yield of("G gamma s", "moments-taken-for-constants", mean=False, variance=False)
        if "weight" in p and self.scaled:
            yield of("without gamma", "scale-left-out-of-backward", scaled=False)
            if self.axis != 0:  # over the samples, gamma is the same for all that meet
                behind = back(scaled=False)["input"] * p["weight"]
                cause = ("scale-behind-derivative",)
                yield "input", Candidate(behind, "gamma times what comes of G", cause)
        unusual = self._unusual()
        if unusual:
            # What belongs to the usual normalization, by values of this one.
            inner = grad * p["weight"] if self.scaled and "weight" in p else grad
            product_mean = (inner * d * s).mean(axis=self.axis, keepdims=True)
            usual = s * (inner - inner.mean(axis=self.axis, keepdims=True) - d * s * product_mean)
            yield "input", Candidate(usual, "s (G - mean G - xhat mean G xhat)", unusual)
            full = self.back(grad, x, p, mean=False)["input"]
            full = full - full.mean(axis=self.axis, keepdims=True)
            yield "input", Candidate(full, "as if the group's mean was subtracted", unusual)
        weight, bias = p.get("weight"), p.get("bias")
        normal, plain = _summed(grad * d * s, weight), _summed(grad, bias)
        swapped = ("scale-and-shift-swapped",)
        yield "weight", Candidate(plain, "sum of G", swapped)
        yield "bias", Candidate(normal, "sum of G times the normalized input", swapped)
        raw = ("scale-by-raw-input",)
        yield "weight", Candidate(_summed(grad * x, weight), "sum of G x", raw)
        yield "weight", Candidate(_summed(grad * d, weight), "sum of G (x - mean)", raw)
        downstream = [("the gradient of the input", back()["input"])]
        if weight is not None and self.scaled:
            downstream.append(("G gamma", grad * weight))
        for text, source in downstream:
            cause = ("parameters-by-downstream-gradient",)
            product_ = _summed(source * d * s, weight)
            yield "weight", Candidate(product_, f"sum of {text} times the normalized input", cause)
            yield "bias", Candidate(_summed(source, bias), f"sum of {text}", cause)
        total = np.full(plain.shape, plain.sum())
        yield "bias", Candidate(total, "sum of G over samples and units", ("bias-collapsed",))
        total = np.full(plain.shape, normal.sum())
        yield "weight", Candidate(total, "sum over samples and units", ("bias-collapsed",))


def _summed(terms: Array, parameter: Array | None) -> Array:
    """Return the sum over the samples; over all, if one number is the parameter of all features."""
    one = parameter is not None and parameter.size == 1
    return np.asarray(terms.sum(keepdims=True).ravel() if one else terms.sum(axis=0))


def _normalizations(
    declaration: LayerUnderTest, x: Array, p: Values, observed: Array
) -> Iterator[Form]:
    own = 0 if declaration.like == "BatchNorm1d" else 1
    center = 0.0 if declaration.like == "RMSNorm" else 1.0
    default = 1e-5 if declaration.like != "RMSNorm" else float(np.finfo(np.float64).eps)
    declared = declaration.options.get("eps")
    eps = default if declared is None else float(declared)
    yield _as_form(_Normalization(own, center, eps), own, center, eps, declared)
    found = []
    for axis, (scaled, shifted) in product(
        (own, 1 - own, None), ((True, True), (False, True), (True, False), (False, False))
    ):
        for solved in _solved(x, p, observed, axis, center, scaled, shifted):
            form = _as_form(solved, own, center, eps, declared)
            found.append(form)
    yield from sorted(found, key=lambda form: len(form.causes))


def _solved(
    x: Array, p: Values, observed: Array, axis: int | None, center: float, *used: bool
) -> Iterator[_Normalization]:
    """Yield ways to normalize whose numbers are solved for.

    Within a group the output before scale and shift is a straight line of x: its slope is s and
    its root the mean that was subtracted.
    """
    scaled, shifted = used
    with np.errstate(all="ignore"):
        u = observed - p["bias"] if shifted and "bias" in p else observed
        u = u / p["weight"] if scaled and "weight" in p else u
        middle, level = (a.mean(axis=axis, keepdims=True) for a in (x, u))
        away = x - middle
        s = (away * (u - level)).sum(axis=axis, keepdims=True) / (away**2).sum(
            axis=axis, keepdims=True
        )
        ratio = float(np.median((middle - level / s) / middle)) if center else 0.0
        ratio = 1.0 if abs(ratio - 1) < 1e-6 else ratio
        for lost, place in product((0, 1), ("inside", "outside", "variance")):
            base = _Normalization(axis, ratio, 0.0, place, lost, scaled, shifted)
            _, v, _, _ = base.parts(x)
            excess = {"inside": 1 / s**2 - v, "outside": 1 / s - np.sqrt(v), "variance": 1 / s - v}
            eps = float(np.median(excess[place]))
            if not np.isfinite(eps) or eps < -1e-9:
                continue
            # The shortest number that eps may be, and none at all. In float32 little is left of a
            # small eps, and the usual ones must come before what rounding makes of them.
            for usual in _USUAL_EPS if place == "inside" else ():
                yield replace(base, eps=usual)
            yield replace(base, eps=float(f"{eps:.2g}") if eps > 1e-13 else 0.0)
            yield replace(base, eps=0.0)


def _as_form(way: _Normalization, own: int, center: float, eps: float, declared: Any) -> Form:
    causes: list[str] = []
    convention = ""
    if way.axis is None:
        causes.append("normalized-over-whole-batch")
    elif way.axis != own:
        causes.append("normalized-over-wrong-axis")
    if way.center != center:
        causes.append("running-mean-in-training")
    if way.lost:
        causes.append("variance-unbiased")
    if not (way.scaled and way.shifted):
        causes.append("affine-left-out")
    if way.place == "variance":
        causes.append("divided-by-variance")
    elif way.place == "outside" and way.eps:
        causes.append("eps-outside-root")
    elif way.eps == 0 != eps:
        causes.append("eps-left-out")
    elif way.eps != eps and declared is not None:
        causes.append("eps-of-another-size")
    if way.eps not in (0.0, eps) and declared is None:
        convention = f"eps = {way.eps:g}, PyTorch's is {eps:g}"
    root = {
        "inside": f"sqrt(variance + {way.eps:g})",
        "outside": f"(sqrt(variance) + {way.eps:g})",
        "variance": f"(variance + {way.eps:g})",
    }[way.place]
    mean = {0.0: "x", 1.0: "(x - mean)"}.get(way.center, f"(x - {way.center:.4g} mean)")
    return Form(f"{mean} / {root}", way.value, way.back, way.wrong, tuple(causes), convention)


# Functions along an axis


def _along_axis(declaration: LayerUnderTest) -> Iterator[Form]:
    options = {"dim": 1, **declaration.options}
    own = _as_reference(replace(declaration, options=options))
    right = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}.get(
        declaration.like, "softmax of negated logits"
    )
    yield replace(own, text=right, wrong=partial(_output_wrong, OUTPUTS[right]))
    for output in OUTPUTS.values():
        if output.name != right:
            cause = WRONG_OUTPUTS.get(output.name, "another-output")
            yield _as_output(output, (cause,))


def _as_output(output: Output, causes: tuple[str, ...]) -> Form:
    return Form(
        output.name,
        lambda x, _: output.value(x),
        lambda grad, x, _: {"input": output.back(grad, x)},
        partial(_output_wrong, output),
        causes,
    )


def _output_wrong(output: Output, grad: Array, x: Array, _: Values) -> Wrong:
    p = output.value(x)
    if output.elementwise is not None:
        for rule in multipliers(output.elementwise, x, p, {}, 1):
            yield "input", replace(rule, value=grad * rule.value, text=f"G * {rule.text}")
        return
    if output.name == "log_softmax":
        yield from _log_softmax_wrong(grad, x)
        return
    tries = [
        (grad * p * (1 - p), "G * p (1 - p)", "softmax-jacobian-diagonal"),
        (p * (1 - p), "p (1 - p)", "softmax-jacobian-diagonal"),
        (grad, "G", "output-derivative-missing"),
        (grad * p, "G * p", "softmax-jacobian-diagonal"),
        (output.back(output.back(grad, x), x), "J J G", "softmax-jacobian-twice"),
        (output.back(grad, p), "the Jacobian at p", "derivative-on-activation"),
    ]
    for axis in (0, None):
        total = (grad * p).sum(axis=axis, keepdims=True)
        tries.append((p * (grad - total), f"p (G - sum over {axis})", "softmax-jacobian-axis"))
    for value, text, cause in tries:
        yield "input", Candidate(value, text, (cause,))


def _log_softmax_wrong(grad: Array, x: Array) -> Wrong:
    p = softmax(x)
    tries = [
        (grad * (1 - p), "G * (1 - p)", "softmax-jacobian-diagonal"),
        (1 - p, "1 - p", "softmax-jacobian-diagonal"),
        (grad, "G", "output-derivative-missing"),
    ]
    for axis in (0, None):
        total = grad.sum(axis=axis, keepdims=True)
        tries.append((grad - p * total, f"G - p sum over {axis}", "softmax-jacobian-axis"))
    for value, text, cause in tries:
        yield "input", Candidate(value, text, (cause,))


# Functions of one entry


def _elementwise(declaration: LayerUnderTest) -> Iterator[Form]:
    like, options = declaration.like, dict(declaration.options)
    own = _activation(like, options)
    yield _as_activation(own)
    if like in _ALTERNATIVES:
        option, values = _ALTERNATIVES[like]
        if option not in options:
            for value in values:
                form = _as_activation(_activation(like, {**options, option: value}))
                default = getattr(reference(like, options), option)
                told = f"{option} = {value!r}, PyTorch's default is {default!r}"
                yield replace(form, convention=told)
    for other in ACTIVATIONS.values():
        if other.name != own.name:
            yield replace(_as_activation(other), causes=("another-activation",))


def _activation(like: str, options: Mapping[str, Any]) -> Activation:
    """Return an activation, with the derivative from its value where it is ever written so."""
    layer = reference(like, options)

    def value(x: Array) -> Array:
        return np.asarray(layer.forward(x))

    def slope(x: Array) -> Array:
        layer.forward(x)
        return np.asarray(layer.backward(np.ones_like(x)))

    grid = np.linspace(-9, 9, 37)
    for known in ACTIVATIONS.values():
        if np.allclose(known.value(grid), value(grid), rtol=1e-12, atol=1e-14):
            return Activation(known.name, value, slope, known.slope_from_value)
    return Activation(like, value, slope)


def _as_activation(own: Activation) -> Form:
    def wrong(grad: Array, x: Array, _: Values) -> Wrong:
        for rule in multipliers(own, x, own.value(x), {}, 1):
            causes = tuple(
                "activation-derivative-missing" if c == "output-derivative-missing" else c
                for c in rule.causes
            )
            yield "input", Candidate(grad * rule.value, f"G * {rule.text}", causes)
        for rule in multipliers_of_gradient(own, grad):
            yield "input", Candidate(grad * rule.value, f"G * {rule.text}", rule.causes)

    return Form(
        own.name,
        lambda x, _: own.value(x),
        lambda grad, x, _: {"input": grad * own.slope(x)},
        wrong,
    )


# All others


def _as_reference(declaration: LayerUnderTest) -> Form:
    """The layer of this project."""

    def prepared(x: Array, p: Values) -> tuple[Any, Array]:
        layer = reference(declaration.like, declaration.options)
        for parameter in layer.parameters():
            parameter.data = p[parameter.name].reshape(parameter.shape)
        return layer, np.asarray(layer.forward(x))

    def value(x: Array, p: Values) -> Array:
        return prepared(x, p)[1].reshape(len(x), -1)

    def back(grad: Array, x: Array, p: Values) -> Values:
        layer, output = prepared(x, p)
        found = {"input": np.asarray(layer.backward(grad.reshape(output.shape)))}
        return found | {q.name: q.grad.copy() for q in layer.parameters()}

    return Form(declaration.like, value, back, lambda *_: iter(()))
