r"""What a gradient is made of, found out by recomputing it, edge by edge.

A backward pass is a chain of small steps: the loss gives the gradient of the last pre-activation,
every layer hands it back through its matrix and its activation's derivative, and the gradients of
the parameters are its products with what went in, and its sums. With samples in rows,

.. math:: \delta_L = J^T \frac{\partial \ell}{\partial p}, \qquad
          \delta_l = (\delta_{l+1} W_{l+1}) \odot f_l'(z_l), \qquad
          \frac{\partial L}{\partial W_l} = \delta_l^T a_{l-1}, \qquad
          \frac{\partial L}{\partial b_l} = \sum_n \delta_l

Each step is tried in its right form and in all forms in which it goes wrong; what reproduces the
network's own numbers, up to one factor, is what it did. The next step goes on from there, so that
one fault does not hide the next, and a gradient that follows from another fault is not blamed.
Where nothing fits, the gradient of the pre-activation is solved for, if the batch is small enough.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.forward import Form, Pass, functions
from parity_tests.kit.functions import (
    ACTIVATIONS,
    OUTPUTS,
    WRONG_OUTPUTS,
    Activation,
    Output,
)
from parity_tests.kit.losses import LOSSES, losses_for
from parity_tests.kit.penalties import PENALTIES
from parity_tests.kit.subject import Batch, Layer, Layers

Array = NDArray[Any]


@dataclass(frozen=True)
class Candidate:
    """One way to compute a quantity.

    Attributes
    ----------
    value : ndarray
        The quantity.
    text : str
        As a formula.
    causes : tuple of str
        What is wrong about it; empty if it is right.
    loss : str or None
        The loss whose gradient it is, for the last pre-activation.
    solved : bool
        Whether it was solved for and not recomputed.
    also : list of str
        Causes of which the same numbers would come.
    carried : ndarray or None
        What a derivative is multiplied with, if something is wrong about that already.
    """

    value: Array
    text: str
    causes: tuple[str, ...] = ()
    loss: str | None = None
    solved: bool = False
    also: list[str] = field(default_factory=list)
    carried: Array | None = None


@dataclass(frozen=True)
class Finding:
    """What the gradient of a parameter was found to be.

    Attributes
    ----------
    tensor : str
        ``"W1"``, ``"b2"``.
    causes : tuple of str
        What is wrong at the step that leads to it; empty if nothing is.
    known : bool
        Whether it could be reproduced.
    factor : float
        What is observed over the gradient of the loss summed over samples and outputs.
    residual : float
        What is left, relative to the observed.
    text : str
        The formula that reproduces it.
    relative : bool
        Whether the factor counts from something that was solved for.
    also : list of str
        Other causes of which the same numbers would come.
    decayed : bool
        Whether a bias has the share of itself added that its matrix has.
    """

    tensor: str
    causes: tuple[str, ...]
    known: bool
    factor: float
    residual: float
    text: str
    relative: bool = False
    also: list[str] = field(default_factory=list)
    decayed: bool = False


@dataclass
class Explanation:
    """What a whole gradient was found to be.

    Attributes
    ----------
    findings : list of Finding
        One for each parameter, from the last layer to the first.
    loss : str or None
        The loss whose gradient it is.
    deltas : dict
        How the gradient of each pre-activation was found, by the number of its layer.
    decays : dict
        Coefficient of a penalty's slope in the gradient of each matrix, by the number of its layer.
    penalized : str
        What of the weights is penalized: one of `parity_tests.kit.penalties.PENALTIES`.
    """

    findings: list[Finding] = field(default_factory=list)
    loss: str | None = None
    deltas: dict[int, Candidate] = field(default_factory=dict)
    decays: dict[int, float] = field(default_factory=dict)
    penalized: str = "squares"

    @property
    def known(self) -> bool:
        """Whether all of it could be reproduced."""
        return all(finding.known for finding in self.findings)

    @property
    def decayed_biases(self) -> list[str]:
        """Biases that have the share of themselves added that their matrices have."""
        return [finding.tensor for finding in self.findings if finding.decayed]


def explain(
    form: Form,
    passed: Pass,
    layers: Layers,
    updated: Layers | None,
    batch: Batch,
    observed: Layers,
    tolerance: float,
    loss: str | None = None,
) -> Explanation:
    """Find out how a gradient was computed.

    Parameters
    ----------
    form : Form
        The network's forward.
    passed : Pass
        Its quantities for this batch.
    layers, updated : list of Layer
        Parameters before, and after the step if the network updates itself.
    batch : Batch
        Samples.
    observed : list of Layer
        The gradients.
    tolerance : float
        Relative distance up to which a recomputed tensor is taken for the observed one.
    loss : str, optional
        The loss that is meant; tried first.
    """
    result = Explanation()
    deltas = output_deltas(form, passed, batch, loss)
    errors = _errors(passed, batch)
    right = deltas[0]
    for number, own in reversed(list(enumerate(layers))):
        inputs = list(_inputs(form, passed, number, batch.inputs))
        # All matrices have the kind of penalty that the first one has.
        kinds = [result.penalized] if result.decays else list(PENALTIES)
        tried = (
            (kind, *_layer(number, observed[number], own, deltas, inputs, tolerance, kind))
            for kind in kinds
        )
        kind, decay, chosen, findings = _first_known(tried)
        if decay:
            result.decays[number], result.penalized = decay, kind
        result.findings += findings
        result.deltas[number] = chosen
        if number == len(layers) - 1:
            result.loss = chosen.loss
            # What lies below is held to the loss whose gradient this is.
            right = _right_of(chosen, deltas)
        if number:
            errors = _carried_errors(errors, layers, updated, number)
            # A fault on the way to one matrix need not be on the way to the next.
            above = [chosen] if chosen is right else [chosen, right]
            deltas = _hidden_deltas(form, passed, layers, updated, number - 1, above, errors)
            right = replace(right, value=carried_back(form, passed, layers, right.value, number))
    _settle_collapsed(result, observed)
    return result


def _first_known(
    tried: Iterator[tuple[str, float, Candidate, list[Finding]]],
) -> tuple[str, float, Candidate, list[Finding]]:
    first = found = next(tried)
    while not found[-1][0].known:
        found = next(tried, None)
        if found is None:
            return first
    return found


def _right_of(chosen: Candidate, deltas: Sequence[Candidate]) -> Candidate:
    if not (chosen.causes or chosen.solved):
        return chosen
    own = (delta for delta in deltas if not delta.causes and delta.loss == chosen.loss)
    return next(own, deltas[0])


def carried_back(form: Form, passed: Pass, layers: Layers, delta: Array, number: int) -> Array:
    r"""Return the gradient of the pre-activation below a layer, from that of its own.

    .. math:: \delta_l = (\delta_{l+1} W_{l+1}) \odot f_l'(z_l)
    """
    slope = functions(form)[0][number - 1].slope(passed.logits[number - 1])
    return np.asarray((delta @ layers[number].weight) * slope)


def _settle_collapsed(result: Explanation, observed: Layers) -> None:
    """Call a bias gradient of nothing but rounding what those of the other layers are called.

    Summed over samples and classes, softmax's p - y is zero.
    """
    position = {finding.tensor: number for number, finding in enumerate(result.findings)}
    collapsed = any("bias-collapsed" in finding.causes for finding in result.findings)
    for number, layer in enumerate(observed, start=1):
        if layer.bias is None:
            continue
        delta = result.deltas[number - 1]
        samples, units = delta.value.shape
        if layer.bias.shape == (samples,) and samples != units:
            # With softmax p - y is zero over the classes, so that the numbers tell nothing.
            cause, text = "bias-wrong-axis", f"sum of {delta.text} over the units"
            if units == 1:
                cause, text = "bias-not-summed", f"{delta.text} of every sample"
            finding = Finding(f"b{number}", (cause,), True, 0.0, 0.0, text)
            result.findings[position[finding.tensor]] = finding
            continue
        size = float(np.linalg.norm(layer.bias))
        if size > 1e-9 * np.linalg.norm(delta.value) or not (size or collapsed):
            continue
        if abs(delta.value.sum()) <= 1e-9 * np.linalg.norm(delta.value):
            text = f"sum of {delta.text} over samples and units, which is zero"
            finding = Finding(f"b{number}", ("bias-collapsed",), True, 0.0, 0.0, text)
            result.findings[position[finding.tensor]] = finding


def fit(observed: Array, expected: Array) -> tuple[float, float]:
    """Return the factor that brings one tensor closest to another, and what is left over.

    Returns
    -------
    factor : float
        Least squares; 0 if either is zero.
    residual : float
        Norm of the difference over the norm of the observed; infinite if that is not finite.
    """
    observed, expected = observed.ravel(), expected.ravel()
    size, other = float(np.linalg.norm(observed)), float(expected @ expected)
    if not np.isfinite(size) or not np.isfinite(other):
        return np.nan, np.inf
    if size == 0:
        return 0.0, 0.0 if other == 0 else np.inf
    if other == 0:
        return 0.0, np.inf
    factor = float(observed @ expected) / other
    return factor, float(np.linalg.norm(observed - factor * expected)) / size


# One layer


def _layer(
    number: int,
    observed: Layer,
    own: Layer,
    deltas: Sequence[Candidate],
    inputs: Sequence[Candidate],
    tolerance: float,
    penalized: str,
) -> tuple[float, Candidate, list[Finding]]:
    """Return the share of a penalty, the gradient of the pre-activation, and what was found."""
    name, slope = f"W{number + 1}", PENALTIES[penalized].slope
    weight = slope(own.weight)
    decay = 0.0
    if not np.any(observed.weight):
        # Nothing came; what lies below is judged by the right gradient.
        chosen, finding = deltas[0], _nothing(name)
    else:
        matches = _matches(observed.weight, deltas, inputs, tolerance)
        if not matches:
            # Two numbers are fitted, which a few entries would always allow.
            several = inputs if weight.size >= _ENOUGH else inputs[:1]
            for source in several:
                decay = _decay(observed.weight, weight, deltas, source.value, tolerance)
                if decay:
                    observed = replace(observed, weight=observed.weight - decay * weight)
                    matches = _matches(observed.weight, deltas, [source], 10 * tolerance)
                    break
        if matches:
            delta, source, factor, residual = matches[0]
            causes = delta.causes + source.causes
            text = f"({delta.text}).T @ {source.text}"
            chosen = delta
            finding = Finding(name, causes, True, factor, residual, text, delta.solved, delta.also)
        else:
            chosen, finding = _unknown(name, observed, deltas, inputs, tolerance)
    findings = [finding]
    if observed.bias is not None:
        name = f"b{number + 1}"
        reference = _reference(finding, chosen)
        found = _bias(name, observed.bias, chosen, deltas, tolerance, reference)
        if decay and not found.known and np.shape(own.bias) == observed.bias.shape:
            # The share that was found in the matrix, and no other.
            rest = observed.bias - decay * slope(np.asarray(own.bias))
            without = _bias(name, rest, chosen, deltas, 10 * tolerance, reference)
            found = replace(without, decayed=True) if without.known else found
        findings.append(found)
    return decay, chosen, findings


def _reference(finding: Finding, chosen: Candidate) -> float | None:
    """Return the factor that a bias should have, None if the matrix does not tell it."""
    if chosen.solved:
        return 1.0
    return finding.factor if finding.known and not finding.relative and finding.factor else None


def _nothing(name: str) -> Finding:
    return Finding(name, ("not-updated",), True, 0.0, 0.0, "0")


def _matches(
    observed: Array, deltas: Sequence[Candidate], inputs: Sequence[Candidate], tolerance: float
) -> list[tuple[Candidate, Candidate, float, float]]:
    """Return the products that reproduce the gradient of a matrix, the simplest first."""
    found = []
    stack = np.stack([delta.value for delta in deltas])
    finite = np.isfinite(stack).all(axis=(1, 2))
    stack = np.where(finite[:, np.newaxis, np.newaxis], stack, 0.0)
    size = float((observed**2).sum())
    gram = np.einsum("kno,kmo->knm", stack, stack, optimize=True)
    for source in inputs:
        if source.value.shape[1] != observed.shape[1] or stack.shape[2] != observed.shape[0]:
            continue
        # <delta.T a, G> and |delta.T a|^2, without making the products.
        dots = np.einsum("kno,no->k", stack, source.value @ observed.T, optimize=True)
        squares = np.einsum("knm,nm->k", gram, source.value @ source.value.T, optimize=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            left = 1 - dots**2 / (squares * size)
        for k in np.flatnonzero(left < max(1e-12, 4 * tolerance**2)):
            delta = deltas[k]
            factor, residual = fit(observed, delta.value.T @ source.value)
            if residual <= tolerance:
                found.append((delta, source, factor, residual))
    # Sorting is stable: among equally simple ones the first stays first.
    return sorted(found, key=lambda match: len(match[0].causes) + len(match[1].causes))


def _unknown(
    name: str,
    observed: Layer,
    deltas: Sequence[Candidate],
    inputs: Sequence[Candidate],
    tolerance: float,
) -> tuple[Candidate, Finding]:
    """Solve for the gradient of the pre-activation, where nothing fits."""
    right, source = deltas[0], inputs[0]
    expected = right.value.T @ source.value
    if observed.weight.shape != expected.shape:
        turned = observed.weight.T
        factor, residual = fit(turned, expected) if turned.shape == expected.shape else (0, np.inf)
        known = residual <= tolerance
        cause = ("gradient-transposed" if known else "gradient-shape",)
        shape = "x".join(map(str, observed.weight.shape))
        text = f"the transposed of {right.text}.T @ {source.text}" if known else f"of shape {shape}"
        return right, Finding(name, cause, True, factor, residual, text, relative=not known)
    for causes, text, changed in _changed(observed.weight, expected):
        factor, residual = fit(observed.weight, changed)
        if residual <= tolerance:
            return right, Finding(name, causes, True, factor, residual, text, relative=True)
    factor, residual = fit(observed.weight, expected)
    samples = len(source.value)
    if np.isfinite(observed.weight).all() and np.linalg.matrix_rank(source.value) == samples:
        solved = (observed.weight @ np.linalg.pinv(source.value)).T
        _, left = fit(observed.weight, solved.T @ source.value)
        if left <= 100 * tolerance:
            text = f"dL/dz{name[1:]} as solved for"
            delta = Candidate(solved, text, ("unknown",), right.loss, solved=True)
            return delta, Finding(name, ("unknown",), False, factor, residual, "")
    return right, Finding(name, ("unknown",), False, factor, residual, "")


def _changed(observed: Array, expected: Array) -> Iterator[tuple[tuple[str, ...], str, Array]]:
    """Yield what may be done to a right gradient afterwards."""
    if observed.shape[0] == observed.shape[1]:
        yield ("gradient-transposed",), "the transposed gradient", expected.T
    top = np.abs(observed).max()
    free = np.abs(observed) < top * (1 - 1e-12)
    if 1 < free.sum() < free.size - 1 and np.any(expected[free]):
        # What is not clipped tells the factor.
        factor = float(observed[free] @ expected[free]) / float((expected[free] ** 2).sum())
        yield ("gradient-clipped",), f"clipped to {top:.3g}", np.clip(factor * expected, -top, top)
    yield ("gradient-sign",), "its sign", np.sign(expected)


def _bias(
    name: str,
    observed: Array,
    chosen: Candidate,
    deltas: Sequence[Candidate],
    tolerance: float,
    reference: float | None,
) -> Finding:
    """Return what the gradient of a bias was found to be.

    Parameters
    ----------
    reference : float or None
        The factor of the matrix's gradient. A bias that is one number is a multiple of any sum;
        then only those with a factor that means something count.
    """
    if not np.any(observed):
        return _nothing(name)
    is_one_number = float(np.ptp(observed)) <= 1e-12 * float(np.abs(observed).max())
    first = True
    tried = [chosen, *(delta for delta in deltas if delta is not chosen)]
    for delta in tried:
        for causes, text, value in _sums(delta, observed):
            if np.shape(value) != observed.shape:
                continue
            factor, residual = fit(observed, np.asarray(value))
            if is_one_number and not _is_likely(factor, reference, delta.value.shape):
                continue
            if residual <= tolerance:
                more = () if first else delta.causes or _of_another_loss(delta, chosen)
                return Finding(name, (*more, *causes), True, factor, residual, text, delta.solved)
        first = False
    total = chosen.value.sum(axis=0)
    factor, residual = fit(observed, total) if total.shape == observed.shape else (np.nan, np.inf)
    return Finding(name, ("unknown",), False, factor, residual, "")


def _is_likely(factor: float, reference: float | None, shape: tuple[int, ...]) -> bool:
    """Whether a factor is that of the matrix, but for samples, units and two."""
    if reference is None:
        return True
    samples, units = shape
    value = abs(factor / reference)
    return any(
        abs(value - float(samples) ** n * float(units) ** u * 2.0**t) <= 1e-6 * value
        for n in (0, 1, -1, 2, -2)
        for u in (0, 1, -1)
        for t in (0, 1, -1)
    )


def _of_another_loss(delta: Candidate, chosen: Candidate) -> tuple[str, ...]:
    another = not chosen.solved and delta.loss != chosen.loss
    return ("gradient-of-another-loss",) if another else ()


def _sums(delta: Candidate, observed: Array) -> Iterator[tuple[tuple[str, ...], str, Array]]:
    value = delta.value
    yield (), f"sum of {delta.text} over the samples", value.sum(axis=0)
    scalar = value.sum()
    collapsed = np.full(observed.shape, scalar)
    if value.shape[1] > 1:
        yield ("bias-collapsed",), f"sum of {delta.text} over samples and units", collapsed
    if len(value) > 1:
        yield ("bias-not-summed",), f"{delta.text} of every sample", value
        yield ("bias-not-summed",), f"{delta.text} of every sample", value.T
        yield ("bias-of-one-sample",), f"{delta.text} of the first sample", value[0]
        yield ("bias-of-one-sample",), f"{delta.text} of the last sample", value[-1]
        if value.shape[1] > 1:
            yield ("bias-wrong-axis",), f"sum of {delta.text} over the units", value.sum(axis=1)


# Candidates


def _inputs(form: Form, passed: Pass, number: int, given: Array) -> Iterator[Candidate]:
    """Yield what may be multiplied with the gradient of a pre-activation."""
    own = passed.activations[number]
    yield Candidate(own, "x" if number == 0 else f"a{number}")
    others: list[tuple[str, Array]] = []
    if number:
        below = functions(form)[0][number - 1]
        z = passed.logits[number - 1]
        others += [(f"z{number}", z), (f"{below.name}'(z{number})", below.slope(z))]
    else:
        others.append(("x as given", given))
    others += [
        ("x" if other == 0 else f"a{other}", value)
        for other, value in enumerate(passed.activations)
        if other != number
    ]
    for text, value in others:
        if not np.array_equal(value, own):
            yield Candidate(value, text, ("wrong-input",))


def losses_of(
    form: Form, passed: Pass, batch: Batch
) -> Iterator[tuple[str, Output, Array, dict[str, Array]]]:
    """Yield where a loss may begin: name, function, output, derivatives with respect to it.

    A network that returns logits has the function in its loss; some have softmax there beside an
    activation of the last layer.
    """
    z, y = passed.logits[-1], batch.targets
    outputs = [(form.output, functions(form)[1], passed.output)]
    if form.output in ("identity", "log_softmax"):
        outputs += [
            (name, OUTPUTS[name], OUTPUTS[name].value(z)) for name in ("softmax", "sigmoid")
        ]
    beside = f"softmax of {form.output}"
    if beside in OUTPUTS:
        outputs.append((beside, OUTPUTS[beside], OUTPUTS[beside].value(z)))
    for name, function, p in outputs:
        slopes = {}
        if name == "log_softmax" or ((p >= 0) & (p <= 1)).all():
            with np.errstate(all="ignore"):
                slopes["cross_entropy"] = -y / p
                slopes["binary_cross_entropy"] = (p - y) / (p * (1 - p))
        slopes |= {kind: loss.slope(p, y) for kind, loss in losses_for(y).items()}
        yield name, function, p, slopes


def misnormalized(form: Form, passed: Pass) -> Iterator[tuple[str, Array]]:
    """Yield what a loss makes of the output by a softmax that nobody means, and its name."""
    if form.output == "softmax":
        yield "softmax-twice", OUTPUTS["softmax"].value(passed.output)
    elif form.output == "identity":
        for name, cause in WRONG_OUTPUTS.items():
            yield cause, OUTPUTS[name].value(passed.logits[-1])


def _errors(passed: Pass, batch: Batch) -> list[Candidate]:
    """Return the error of the output, before any derivative."""
    return [Candidate(passed.output - batch.targets, "(p - y)", ())]


def output_deltas(form: Form, passed: Pass, batch: Batch, loss: str | None) -> list[Candidate]:
    """Return the gradient of the last pre-activation, in all ways: the right ones first."""
    z = passed.logits[-1]
    right: list[Candidate] = []
    wrong: list[Candidate] = []
    for name, function, p, slopes in losses_of(form, passed, batch):
        if name in WRONG_OUTPUTS:
            # What belongs to the softmax that was meant.
            follows = (WRONG_OUTPUTS[name],)
            wrong.append(Candidate(p - batch.targets, "(p - y)", follows, "cross_entropy"))
        with np.errstate(all="ignore"):
            for kind, slope in slopes.items():
                if kind == "cross_entropy" and name == "log_softmax":
                    continue
                value = function.back(slope, z)
                if np.isfinite(value).all():
                    simple = np.allclose(value, p - batch.targets, rtol=1e-9, atol=1e-12)
                    text = "(p - y)" if simple else f"dL/dz{len(passed.logits)}"
                    right.append(Candidate(value, text, (), kind))
                usual = kind in _USUAL_LOSSES or kind == loss
                if usual and (kind == "squared_error" or name != "identity"):
                    wrong += _wrong_outputs(function, p, z, kind, slope)
        if "cross_entropy" in slopes:
            right += _guarded(name, function, p, z, batch.targets)
    for cause, p in misnormalized(form, passed):
        wrong.append(Candidate(p - batch.targets, "(p - y)", (cause,), "cross_entropy"))
    wrong += _of_other_outputs(form, passed, batch, loss)
    right.sort(key=lambda candidate: candidate.loss != loss)
    wrong.sort(key=lambda candidate: candidate.loss != loss)
    return _distinct([*right, *wrong])


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


# What codes put beside a probability in a denominator.
_EPSILONS = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)


def _guarded(name: str, function: Output, p: Array, z: Array, y: Array) -> Iterator[Candidate]:
    """Yield the derivatives of cross-entropies whose denominators are kept from zero."""
    if name == "identity":
        return
    with np.errstate(all="ignore"):
        for epsilon in _EPSILONS:
            clipped = np.clip(p, epsilon, 1 - epsilon)
            slopes = {
                "cross_entropy": (-y / (p + epsilon), -y / clipped),
                "binary_cross_entropy": (
                    -y / (p + epsilon) + (1 - y) / (1 - p + epsilon),
                    (p - y) / (p * (1 - p) + epsilon),
                    -y / clipped + (1 - y) / (1 - clipped),
                ),
            }
            for kind, ways in slopes.items():
                for slope in ways:
                    value = function.back(slope, z)
                    if np.isfinite(value).all():
                        text = f"dL/dz with {epsilon:g} beside the probabilities"
                        yield Candidate(value, text, (), kind)


# Whose gradients are also tried in wrong forms if nothing says that they are meant.
_USUAL_LOSSES = ("cross_entropy", "binary_cross_entropy", "squared_error")
_ERRORS = {
    "cross_entropy": "(-y / p)",
    "binary_cross_entropy": "((p - y) / (p (1 - p)))",
    **{name: loss.formula for name, loss in LOSSES.items()},
}


def _wrong_outputs(
    function: Output, p: Array, z: Array, kind: str, slope: Array
) -> Iterator[Candidate]:
    text = _ERRORS[kind]
    own = function.elementwise
    missing = "output-derivative-missing"
    yield Candidate(slope, text, (missing,), kind)
    if own is None:
        back = function.back
        yield Candidate(
            slope * p * (1 - p), f"{text} * p (1 - p)", ("softmax-jacobian-diagonal",), kind
        )
        twice = back(back(slope, z), z)
        yield Candidate(twice, f"J J {text}", ("softmax-jacobian-twice",), kind)
        thrice = back(slope, z) * p * (1 - p)
        diagonal = ("softmax-jacobian-diagonal",)
        yield Candidate(
            thrice, f"J {text} * p (1 - p)", diagonal, kind, also=["softmax-jacobian-twice"]
        )
        again = function.value(p) if p.shape == z.shape else p
        yield Candidate(
            slope * again * (1 - again),
            f"{text} * s (1 - s), s = softmax(p)",
            ("softmax-jacobian-diagonal",),
            kind,
        )
    for rule in multipliers(own, z, p, {}):
        formula = text if rule.text == "1" else f"{text} * {rule.text}"
        yield Candidate(slope * rule.value, formula, rule.causes, kind)


def _carried_errors(
    errors: Sequence[Candidate], layers: Layers, updated: Layers | None, number: int
) -> list[Candidate]:
    """Carry errors back through a matrix, without any derivative."""
    carried = []
    for error in errors:
        carried.append(replace(error, value=error.value @ layers[number].weight))
        if updated is not None:
            carried.append(
                Candidate(
                    error.value @ updated[number].weight,
                    error.text,
                    (*error.causes, "update-order"),
                )
            )
    return carried[:4]


def _hidden_deltas(
    form: Form,
    passed: Pass,
    layers: Layers,
    updated: Layers | None,
    number: int,
    above: Sequence[Candidate],
    errors: Sequence[Candidate],
) -> list[Candidate]:
    """Return the gradient of a hidden pre-activation, in all ways: the right one first."""
    function = functions(form)[0][number]
    z, a = passed.logits[number], passed.activations[number + 1]
    weight = layers[number + 1].weight
    matrix = f"W{number + 2}"
    carried = []
    for delta in above:
        name = f"dz{number + 2}" if delta is above[0] else f"(dz{number + 2} as it should be)"
        base = replace(delta, causes=(), also=[])
        carried.append(replace(base, value=base.value @ weight, text=f"{name} @ {matrix}"))
        if updated is not None:
            between = {1.0: "after its update", 0.5: "after half of its update"}
            moved = updated[number + 1].weight - weight
            carried += [
                replace(
                    base,
                    value=base.value @ (weight + share * moved),
                    text=f"{name} @ ({matrix} {when})",
                    causes=("update-order",),
                )
                for share, when in between.items()
            ]
        if weight.shape[0] == weight.shape[1]:
            carried.append(
                replace(
                    base,
                    value=base.value @ weight.T,
                    text=f"{name} @ {matrix}.T",
                    causes=("weight-transposed",),
                )
            )
            carried.append(replace(base, text=name, causes=("weight-missing",)))
    carried += [
        Candidate(
            error.value,
            f"the output's error carried back to layer {number + 1} without derivatives",
            ("error-without-derivative", *error.causes),
            above[0].loss,
        )
        for error in errors
    ]
    others = {
        f"z{k + 1}": value
        for k, value in enumerate(passed.logits)
        if k != number and value.shape == z.shape
    }
    found = []
    for source in carried:
        rules = [
            Candidate(function.slope(z), f"{function.name}'(z{number + 1})"),
            *multipliers(function, z, a, others, number + 1),
            *multipliers_of_gradient(function, source.value),
        ]
        found += [
            Candidate(
                source.value * rule.value,
                source.text if rule.text == "1" else f"({source.text}) * {rule.text}",
                source.causes + rule.causes,
                source.loss,
                source.solved,
                carried=source.value if source.causes else None,
            )
            for rule in rules
        ]
    found.sort(key=lambda candidate: len(candidate.causes))
    return _distinct(found)


def multipliers(
    own: Activation | None,
    z: Array,
    a: Array,
    others: dict[str, Array],
    number: int | None = None,
) -> Iterator[Candidate]:
    """Yield what an upstream gradient may be multiplied with in the place of f'(z)."""
    mark = "" if number is None else str(number)
    ones = np.ones_like(z)
    missing = "activation-derivative-missing" if number is not None else "output-derivative-missing"
    on_activation = "derivative-on-activation"
    with np.errstate(all="ignore"):
        if own is not None:
            slope = own.slope(z)
            yield Candidate(ones, "1", (missing,))
            yield Candidate(own.slope(a), f"{own.name}'(a{mark})", (on_activation,))
            if own.slope_from_value is not None:
                yield Candidate(
                    own.slope_from_value(z),
                    f"{own.name}' as of an activation, of z{mark}",
                    ("derivative-on-preactivation",),
                )
                yield Candidate(
                    own.slope_from_value(own.value(a)),
                    f"{own.name}'({own.name}(a{mark}))",
                    (on_activation,),
                )
            yield Candidate(1 - slope, f"1 - {own.name}'(z{mark})", ("derivative-inverted",))
            for text, value in others.items():
                yield Candidate(
                    own.slope(value), f"{own.name}'({text})", ("derivative-of-another-layer",)
                )
        yield Candidate(z, f"z{mark}", ("times-preactivation",))
        yield Candidate(a, f"a{mark}", ("times-activation",))
        for other in ACTIVATIONS.values():
            if other.name == "identity" or (own is not None and other.name == own.name):
                continue
            cause = ("derivative-of-another-function",)
            yield Candidate(other.slope(z), f"{other.name}'(z{mark})", cause)
            if other.slope_from_value is not None:
                yield Candidate(
                    other.slope_from_value(a), f"{other.name}' from the activation a{mark}", cause
                )
                yield Candidate(
                    other.slope_from_value(z),
                    f"{other.name}' as of an activation, of z{mark}",
                    cause,
                )
            yield Candidate(other.slope(a), f"{other.name}'(a{mark})", cause)
        if own is not None:
            # After the others: the square of a leaky slope is another leaky slope.
            slope = own.slope(z)
            yield Candidate(slope**2, f"{own.name}'(z{mark})^2", ("derivative-twice",))


def multipliers_of_gradient(own: Activation, carried: Array) -> Iterator[Candidate]:
    """Yield derivatives that are evaluated on the gradient itself."""
    cause = ("derivative-on-gradient",)
    with np.errstate(all="ignore"):
        yield Candidate(own.slope(carried), f"{own.name}' of the gradient", cause)
        if own.slope_from_value is not None:
            yield Candidate(
                own.slope_from_value(carried), f"{own.name}' of the gradient, as of a value", cause
            )


def _distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Leave out what another candidate before gives as well, up to a factor; note its causes."""
    kept: dict[tuple[float, ...], Candidate] = {}
    for candidate in candidates:
        value = candidate.value
        size = np.linalg.norm(value)
        if not np.isfinite(size) or size == 0:
            continue
        flat = value.ravel() / size
        lead = flat[np.argmax(np.abs(flat) > 1e-6)]
        key = tuple(np.round(np.sign(lead) * flat[:24], 10) + 0.0)
        first = kept.setdefault(key, candidate)
        is_as_simple = len(candidate.causes) <= len(first.causes)
        if first is not candidate and first.causes and is_as_simple:
            known = (*first.also, *first.causes, "derivative-of-another-function")
            first.also.extend(cause for cause in candidate.causes if cause not in known)
    return list(kept.values())


# Candidates that are tried together with a multiple of the weights.
_WITH_DECAY = 80
# Entries of a matrix from which a wrong input and a share of the weights are told.
_ENOUGH = 12


def _decay(
    observed: Array,
    weight: Array,
    deltas: Sequence[Candidate],
    source: Array,
    tolerance: float,
) -> float:
    """Return the coefficient of the weights beside a gradient, 0 if that explains nothing."""
    total, own = observed.ravel(), weight.ravel()
    if not np.isfinite(total).all() or observed.shape != weight.shape:
        return 0.0
    if source.shape[1] != weight.shape[1]:
        return 0.0
    for delta in deltas[:_WITH_DECAY]:
        basis = np.stack([(delta.value.T @ source).ravel(), own], axis=1)
        if not np.isfinite(basis).all():
            continue
        # The normal equations of two unknowns would lose half of the digits.
        solution, *_ = np.linalg.lstsq(basis, total, rcond=None)
        left = np.linalg.norm(total - basis @ solution)
        if left <= tolerance * np.linalg.norm(total) and solution[0]:
            return float(solution[1])
    return 0.0
