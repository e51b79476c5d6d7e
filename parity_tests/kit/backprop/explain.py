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

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.backprop.bias_sums import matching_sums, right_sum
from parity_tests.kit.backprop.clipping import CAUSE as CLIPPED
from parity_tests.kit.backprop.clipping import clipped_products, clipped_sums, limit_of, own_limit
from parity_tests.kit.backprop.reordered import reordered_vector, reorderings
from parity_tests.kit.candidates.any_guards import any_guards
from parity_tests.kit.candidates.candidate import Candidate, distinct
from parity_tests.kit.candidates.decayed import (
    ENOUGH,
    KINDS,
    OF_ONE_ARRAY,
    WITH_DECAY,
    decay_of,
    own_decays,
    with_magnitudes,
)
from parity_tests.kit.candidates.hidden import (
    carried_errors,
    errors_of,
    hidden_deltas,
    inputs_of,
    right_hidden_deltas,
)
from parity_tests.kit.candidates.outputs import output_deltas, right_deltas, rights_below
from parity_tests.kit.fitting import fit
from parity_tests.kit.forward import Form, Pass, functions
from parity_tests.kit.penalties import Shares, slope_of
from parity_tests.kit.subject.subject import Batch, Layer, Layers, tensors

Array = NDArray[Any]


# What is said of a bias gradient that is of no known kind.
ANOTHER_SHAPE = "it has another shape than its parameter"
_REORDERED = ("units-reordered",)
# Faults of the gradient of a pre-activation that are none of its sum alone.
_CARRIED = {"loss-as-gradient"}
# What is said of a gradient of which its penalty alone is left.
_PENALTY_ALONE = "nothing but its penalty"


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
    decay : mapping
        What penalties on the parameter have added: see `parity_tests.kit.penalties`.
    is_vacant : bool
        Whether nothing came where nothing is expected, which tells nothing.
    loss : str or None
        The loss of whose gradient it was found to be a part.
    """

    tensor: str
    causes: tuple[str, ...]
    known: bool
    factor: float
    residual: float
    text: str
    relative: bool = False
    also: list[str] = field(default_factory=list)
    decay: Shares = field(default_factory=dict)
    is_vacant: bool = False
    loss: str | None = None


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
    reading : str
        Which forward pass it is that of, where that may be another one: see
        `parity_tests.kit.aspects.gradient.readings`.
    sample : int
        Which sample of its batch it is of, if it is of one.
    """

    findings: list[Finding] = field(default_factory=list)
    loss: str | None = None
    deltas: dict[int, Candidate] = field(default_factory=dict)
    reading: str = ""
    sample: int = 0

    @property
    def known(self) -> bool:
        """Whether all of it could be reproduced."""
        return all(finding.known for finding in self.findings)

    @property
    def is_right(self) -> bool:
        """Whether all of it could be reproduced, and nothing is wrong about it."""
        return self.known and not any(finding.causes for finding in self.findings)

    @property
    def decays(self) -> dict[str, Shares]:
        """What penalties have added, by tensor, where it is anything."""
        return {finding.tensor: finding.decay for finding in self.findings if finding.decay}


def explain(
    form: Form,
    passed: Pass,
    layers: Layers,
    updated: Layers | None,
    batch: Batch,
    observed: Layers,
    tolerance: float,
    loss: str | None = None,
    beside: float = 0.0,
) -> Explanation:
    """Find out how a gradient was computed.

    Parameters
    ----------
    form : Form
        The network's forward.
    passed : Pass
        Its quantities for this batch.
    layers, updated : list of Layer
        Parameters before, and after the step if the network updates itself; matrices are (out, in)
        as the forward pass takes them (see `parity_tests.kit.forward.upright`).
    batch : Batch
        Samples.
    observed : list of Layer
        The gradients.
    tolerance : float
        Relative distance up to which a recomputed tensor is taken for the observed one.
    loss : str, optional
        The loss that is meant; tried first.
    beside : float, default 0
        What is beside the probabilities in that loss.
    """
    result = Explanation()
    last = len(layers) - 1
    # Most layers are right: until one is not, the wrong ways need not be worked out.
    meant = [
        delta for delta in right_deltas(form, passed, batch, loss) if loss in (None, delta.loss)
    ]
    deltas = distinct(meant)
    inputs = list(inputs_of(form, passed, last, batch.inputs))
    if not deltas or not _is_right(
        _layer(last, observed[last], layers[last], deltas, inputs, tolerance, KINDS[:1])[1]
    ):
        guarded = list(any_guards(form, passed, batch, loss, observed[last].weight, tolerance))
        deltas = guarded[:1] + output_deltas(form, passed, batch, loss, beside) or meant[:1]
    # One that is zero is no candidate, and yet it may be what is right.
    rights = [meant[0] if meant and not np.any(meant[0].value) else deltas[0]]
    ways: Callable[[], list[Candidate]] | None = None
    errors: list[Candidate] = []
    limit = limit_of(tensors(observed), tolerance)
    for number, own in reversed(list(enumerate(layers))):
        inputs = list(inputs_of(form, passed, number, batch.inputs))
        asked = partial(
            _layer,
            number,
            observed[number],
            own,
            inputs=inputs,
            tolerance=tolerance,
            right=rights[0],
            loss=loss,
            limit=limit,
        )
        found = asked(deltas=deltas, penalties=KINDS[:1]) if ways is not None else None
        if found is None or not _is_right(found[1]):
            deltas = deltas if ways is None else ways() or deltas
            # Most likely all matrices have the penalties that the first one has.
            likely = next((tuple(decay) for decay in result.decays.values()), None)
            every = sorted(KINDS, key=lambda kinds: kinds != likely)
            found = asked(deltas=deltas, penalties=every)
        chosen, findings = found
        if number == last and loss is None and not findings[0].known and len(meant) > 1:
            # Of no loss that is meant, what came is held to the nearest.
            near = _nearest(observed[last].weight, meant, inputs[0].value)
            others = [delta for delta in deltas if delta is not near]
            chosen, findings = asked(deltas=[near, *others], penalties=KINDS[:1], right=near)
        result.findings += findings
        result.deltas[number] = chosen
        if number == last:
            result.loss = chosen.loss
            # What lies below is held to the loss whose gradient this is, and to the one meant.
            is_found = findings[0].known and not findings[0].causes
            rights = rights_below(chosen, deltas, meant, loss, is_found=is_found)
            errors = errors_of(form, passed, batch, chosen.loss)
        if number:
            errors = carried_errors(errors, layers, updated, number)
            # A fault on the way to one matrix need not be on the way to the next.
            above = [chosen, *(right for right in rights if not _is_same(right, chosen))]
            factor = findings[0].factor if findings[0].known else 1.0
            given = form, passed, layers, updated, number - 1, above, errors, factor
            ways = partial(hidden_deltas, *given, observed[number].weight)
            rights = [
                replace(
                    right,
                    value=carried_back(form, passed, layers, right.value, number),
                    upstream=None,
                )
                for right in rights
            ]
            deltas = right_hidden_deltas(form, passed, layers, number - 1, above) or rights[:1]
    _settle_loss(result, last, [right.loss for right in rights[1:]])
    _settle_collapsed(result, observed, layers)
    _settle_exchanged(result, observed, layers, tolerance)
    _settle_short(result, observed, layers, tolerance)
    return result


def _nearest(observed: Array, deltas: Sequence[Candidate], source: Array) -> Candidate:
    """Return the delta of whose product with a source a gradient leaves the least."""

    def left(delta: Candidate) -> float:
        expected = delta.value.T @ source
        return fit(observed, expected)[1] if observed.shape == expected.shape else np.inf

    return min(deltas, key=left)


def _is_right(findings: Sequence[Finding]) -> bool:
    return all(finding.known and not (finding.causes or finding.decay) for finding in findings)


def _is_same(one: Candidate, other: Candidate) -> bool:
    return one is other or (not other.causes and np.array_equal(one.value, other.value))


def _settle_loss(result: Explanation, last: int, others: Sequence[str | None]) -> None:
    """Take a last layer for wrong that is right for another loss than all else.

    What lies below, or the bias, tells which loss is meant: the gradient of that is carried back.
    """
    name = f"W{last + 1}"
    right = {f.tensor: f.loss for f in result.findings if f.known and not f.causes}
    told = [loss for tensor, loss in right.items() if tensor != name]
    below = [loss for tensor, loss in right.items() if int(tensor[1:]) <= last]
    meant = next((loss for loss in others if loss in told), None)
    if meant is None or result.loss in below:
        return
    delta = result.deltas[last]
    causes = delta.causes or tuple(delta.also[:1]) or ("gradient-of-another-loss",)
    if not delta.causes:
        delta = replace(delta, causes=causes, also=delta.also[1:])
        place = next(n for n, f in enumerate(result.findings) if f.tensor == name)
        found = result.findings[place]
        causes = tuple(dict.fromkeys((*causes, *found.causes)))
        result.findings[place] = replace(found, causes=causes, also=delta.also)
    result.deltas[last] = replace(delta, loss=meant)
    result.loss = meant


def carried_back(form: Form, passed: Pass, layers: Layers, delta: Array, number: int) -> Array:
    r"""Return the gradient of the pre-activation below a layer, from that of its own.

    .. math:: \delta_l = (\delta_{l+1} W_{l+1}) \odot f_l'(z_l)
    """
    below = functions(form)[0][number - 1]
    return below.back(delta @ layers[number].weight, passed.logits[number - 1])


def _settle_collapsed(result: Explanation, observed: Layers, layers: Layers) -> None:
    """Call a bias gradient of nothing but rounding what those of the other layers are called.

    Summed over samples and classes, softmax's p - y is zero.
    """
    position = {finding.tensor: number for number, finding in enumerate(result.findings)}
    collapsed = any("bias-collapsed" in finding.causes for finding in result.findings)
    for number, (layer, own) in enumerate(zip(observed, layers, strict=True), start=1):
        if layer.bias is None or own.has_shared_bias:
            continue
        delta = result.deltas[number - 1]
        if result.findings[position[f"b{number}"]].is_vacant:
            continue
        samples, units = delta.value.shape
        # A sum over the units, spread over the samples by the update.
        even = 1e-9 * np.linalg.norm(delta.value)
        spread = layer.bias.shape == (samples, units) and np.ptp(layer.bias, axis=1).max() <= even
        if (layer.bias.shape == (samples,) and samples != units) or (spread and samples > 1):
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
        if _is_nothing(delta.value.sum(axis=0), delta.value):
            # So is the right sum, as of what was centred on its way.
            text = f"sum of {delta.text} over the samples, which is zero"
            finding = Finding(f"b{number}", (), True, 0.0, 0.0, text, delta.solved)
            result.findings[position[finding.tensor]] = finding
        elif abs(delta.value.sum()) <= 1e-9 * np.linalg.norm(delta.value):
            text = f"sum of {delta.text} over samples and units, zero for softmax"
            finding = Finding(f"b{number}", ("bias-collapsed",), True, 0.0, 0.0, text)
            result.findings[position[finding.tensor]] = finding


def _settle_exchanged(
    result: Explanation, observed: Layers, layers: Layers, tolerance: float
) -> None:
    """Say of biases beside a right matrix that they have the gradient of another layer's.

    That is no fault of what is carried back, whatever gives its numbers.
    """
    found = {finding.tensor: finding for finding in result.findings}
    others: dict[str, str] = {}
    for number, own in enumerate(observed, start=1):
        name, matrix = f"b{number}", found[f"W{number}"]
        is_wrong = name in found and bool(found[name].causes)
        if not is_wrong or own.bias is None or own.bias.ndim > 1 or own.bias.size < 2:
            continue
        if not matrix.known or matrix.causes or result.deltas[number - 1].solved:
            continue
        for other, delta in sorted(result.deltas.items()):
            total = right_sum(delta.value, layers[other])
            if other == number - 1 or total.shape != own.bias.shape:
                continue
            factor, residual = fit(own.bias, total)
            is_same = abs(factor - found[f"W{other + 1}"].factor) <= 10 * tolerance * abs(factor)
            if residual <= tolerance and is_same:
                others[name] = f"b{other + 1}"
    text = " and ".join(f"{name} has that of {other}" for name, other in others.items())
    for place, finding in enumerate(result.findings):
        if finding.tensor in others:
            unknown = Finding(finding.tensor, ("unknown",), False, np.nan, np.inf, text)
            result.findings[place] = unknown


def _settle_short(result: Explanation, observed: Layers, layers: Layers, tolerance: float) -> None:
    """Say of biases of few units that they have the penalty of the others, where that is all.

    No number is fitted: the factor is that of the matrix, and the penalty is known of others.
    """
    found = {finding.tensor: finding for finding in result.findings}
    others = [own for tensor, own in result.decays.items() if tensor.startswith("b")]
    for place, finding in enumerate(result.findings):
        if not finding.tensor.startswith("b") or not finding.causes:
            continue
        number = int(finding.tensor[1:]) - 1
        bias, came = layers[number].bias, observed[number].bias
        delta, matrix = result.deltas[number], found[f"W{number + 1}"]
        reference = _reference(matrix, delta)
        if bias is None or came is None or reference is None or came.size >= OF_ONE_ARRAY:
            continue
        total = reference * right_sum(delta.value, layers[number])
        for shares in others if came.shape == np.shape(bias) == total.shape else ():
            left = came - slope_of(shares, np.asarray(bias)) - total
            residual = float(np.linalg.norm(left) / (np.linalg.norm(came) or 1.0))
            if residual <= 10 * tolerance:
                text = f"sum of {delta.text} over the samples"
                known = Finding(finding.tensor, (), True, reference, residual, text, delta.solved)
                result.findings[place] = replace(known, decay=shares, loss=delta.loss)
                break


# One layer


def _layer(
    number: int,
    observed: Layer,
    own: Layer,
    deltas: Sequence[Candidate],
    inputs: Sequence[Candidate],
    tolerance: float,
    penalties: Sequence[tuple[str, ...]],
    right: Candidate | None = None,
    loss: str | None = None,
    limit: float | None = None,
) -> tuple[Candidate, list[Finding]]:
    """Return the gradient of the pre-activation, and what was found.

    Parameters
    ----------
    penalties : sequence of tuple of str
        Those that are tried, one after another, until the matrix is known.
    right : Candidate, optional
        What it should be, if that may be zero and no candidate.
    loss : str, optional
        The loss that is meant.
    limit : float, optional
        What no entry of any gradient is larger than, where several are as large.
    """
    name = f"{number + 1}"
    asked = observed, own, deltas, inputs, tolerance
    chosen, finding = _matrix(f"W{name}", *asked, penalties, right, limit)
    findings = [finding]
    if observed.bias is not None:
        beside = own, chosen, deltas, finding, tolerance
        findings.append(_beside_matrix(f"b{name}", observed.bias, *beside, loss, limit))
    return chosen, findings


def _matrix(
    name: str,
    observed: Layer,
    own: Layer,
    deltas: Sequence[Candidate],
    inputs: Sequence[Candidate],
    tolerance: float,
    penalties: Sequence[tuple[str, ...]],
    right: Candidate | None,
    limit: float | None,
) -> tuple[Candidate, Finding]:
    """Return what the gradient of a matrix was found to be, and that of the pre-activation."""
    if right is not None and _is_vacant(observed.weight, right.value.T @ inputs[0].value):
        return right, _vacant(name)
    if not np.any(observed.weight):
        # Nothing came; what lies below is judged by the right gradient.
        return deltas[0], _nothing(name)
    asked = deltas, inputs, tolerance
    likely, *others = penalties
    found = _product(name, observed.weight, *asked)
    found = found or _penalized(name, observed.weight, own.weight, *asked, likely)
    found = found or _clipped(name, observed, own, *asked, limit)
    for kinds in others:
        found = found or _penalized(name, observed.weight, own.weight, *asked, kinds)
    return found or _unknown(name, observed, own.weight, *asked)


def _product(
    name: str,
    observed: Array,
    deltas: Sequence[Candidate],
    inputs: Sequence[Candidate],
    tolerance: float,
) -> tuple[Candidate, Finding] | None:
    """Return the product that the gradient of a matrix is, or None."""
    matches = _matches(observed, deltas, inputs, tolerance)
    if not matches:
        return None
    delta, source, factor, residual = matches[0]
    causes = delta.causes + source.causes
    text = f"({delta.text}).T @ {source.text}"
    finding = Finding(name, causes, True, factor, residual, text, delta.solved, delta.also)
    return delta, replace(finding, loss=delta.loss)


def _penalized(
    name: str,
    observed: Array,
    weight: Array,
    deltas: Sequence[Candidate],
    inputs: Sequence[Candidate],
    tolerance: float,
    penalties: tuple[str, ...],
) -> tuple[Candidate, Finding] | None:
    """Return the product that the gradient of a matrix is beside those of penalties, or None."""
    # Several numbers are fitted, which a few entries would always allow.
    several = inputs if weight.size >= ENOUGH * len(penalties) else inputs[:1]
    for source in several:
        decay = decay_of(observed, weight, penalties, deltas, source.value, tolerance)
        if not decay:
            continue
        rest = _left(observed, slope_of(decay, weight), tolerance)
        if not np.any(rest):
            return deltas[0], replace(_nothing(name), text=_PENALTY_ALONE, decay=decay)
        found = _product(name, rest, deltas, [source], 10 * tolerance)
        return None if found is None else (found[0], replace(found[1], decay=decay))
    return None


def _beside_matrix(
    name: str,
    observed: Array,
    own: Layer,
    chosen: Candidate,
    deltas: Sequence[Candidate],
    matrix: Finding,
    tolerance: float,
    loss: str | None,
    limit: float | None,
) -> Finding:
    """Return what the gradient of a bias was found to be, by what that of its matrix is."""
    reference = _reference(matrix, chosen)
    unknown = Finding(name, ("unknown",), False, np.nan, np.inf, "")
    asked = observed, [chosen, *deltas], tolerance, reference, limit, own
    found = unknown
    if observed.size == 1 and reference is not None:
        # One number is a multiple of any sum.
        found = _clipped_bias(name, observed, [chosen], *asked[2:], unknown)
    if not found.known:
        found = _bias(name, observed, own, chosen, deltas, tolerance, reference, loss)
    if not found.known and np.shape(own.bias) == observed.shape:
        bias = np.asarray(own.bias)
        total = (reference or 0.0) * right_sum(chosen.value, own)
        # A step that is assigned leaves nothing of the bias, and its gradient with any sign.
        several = (own_decays(observed, bias, by, tolerance) for by in (total, -total))
        for shares in chain([matrix.decay], *several):
            rest = _left(observed, slope_of(shares, bias), tolerance)
            without = _bias(name, rest, own, chosen, deltas, 10 * tolerance, reference, loss)
            if without.known:
                found = replace(without, decay=shares)
                if not np.any(rest) and without.causes:
                    found = replace(found, text=_PENALTY_ALONE)
                break
    return found if found.known else _clipped_bias(name, *asked, found)


def _left(observed: Array, penalty: Array, tolerance: float) -> Array:
    """Return what a penalty leaves of a gradient, without rounding where that is nothing."""
    rest: Array = observed - penalty
    is_nothing = np.linalg.norm(rest) <= tolerance * np.linalg.norm(observed)
    return np.zeros_like(rest) if is_nothing else rest


def _clipped(
    name: str,
    observed: Layer,
    own: Layer,
    deltas: Sequence[Candidate],
    inputs: Sequence[Candidate],
    tolerance: float,
    limit: float | None,
) -> tuple[Candidate, Finding] | None:
    """Return what the gradient of a matrix is below an upper limit that entries of it reach."""
    limit = own_limit(observed.weight, limit, tolerance)
    if limit is None:
        return None
    asked = observed.weight, own.weight, deltas[:WITH_DECAY], inputs
    found = clipped_products(*asked, limit, tolerance, KINDS)
    if found is None:
        return None
    delta, source = found.delta, found.source
    causes = (*delta.causes, *source.causes, CLIPPED)
    text = f"({delta.text}).T @ {source.text}, clipped to {limit:.3g}"
    finding = Finding(name, causes, True, found.factor, found.residual, text, delta.solved)
    return delta, replace(finding, also=delta.also, decay=found.decay, loss=delta.loss)


def _clipped_bias(
    name: str,
    observed: Array,
    deltas: Sequence[Candidate],
    tolerance: float,
    reference: float | None,
    limit: float | None,
    own: Layer,
    unknown: Finding,
) -> Finding:
    """Return what the gradient of a bias is below an upper limit, or that it is not known."""
    limit = own_limit(observed, limit, tolerance)
    if limit is None:
        return unknown
    for delta, factor, residual in clipped_sums(observed, deltas, limit, tolerance, reference, own):
        causes = (*(() if delta is deltas[0] else delta.causes), CLIPPED)
        text = f"sum of {delta.text} over the samples, clipped to {limit:.3g}"
        return Finding(name, causes, True, factor, residual, text, delta.solved, loss=delta.loss)
    return unknown


def _reference(finding: Finding, chosen: Candidate) -> float | None:
    """Return the factor that a bias should have, None if the matrix does not tell it."""
    if chosen.solved:
        return 1.0
    return finding.factor if finding.known and not finding.relative and finding.factor else None


def _nothing(name: str) -> Finding:
    return Finding(name, ("not-updated",), True, 0.0, 0.0, "0")


def _vacant(name: str) -> Finding:
    return Finding(name, (), True, 0.0, 0.0, "0, as it should be", is_vacant=True)


def _is_vacant(observed: Array, expected: Array) -> bool:
    return not np.any(observed) and not np.any(expected)


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
        if observed.shape != (stack.shape[2], source.value.shape[1]):
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
    weight: Array,
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
        # Of one number in every entry, the sign of anything that has one sign is a multiple.
        is_told = np.ptp(changed) > 0 or abs(abs(factor) - 1) <= tolerance
        if residual <= tolerance and is_told:
            return right, Finding(name, causes, True, factor, residual, text, relative=True)
    for text, changed in reorderings(observed.weight, expected):
        factor, residual = fit(observed.weight, changed)
        if residual <= tolerance:
            text = f"the gradient with {text}"
            return right, Finding(name, _REORDERED, True, factor, residual, text)
    added = with_magnitudes(observed.weight, expected, weight)
    if added is not None and added.residual <= tolerance:
        text = f"{right.text}.T @ {source.text} and {added.share:.6g} x |{name}|"
        cause = ("penalty-of-magnitudes",)
        return right, Finding(name, cause, True, added.factor, added.residual, text)
    factor, residual = fit(observed.weight, expected)
    is_even = observed.weight.size > 1 and not np.ptp(observed.weight)
    seen = f"all entries of {name} are one number" if is_even else ""
    samples = len(source.value)
    if np.isfinite(observed.weight).all() and np.linalg.matrix_rank(source.value) == samples:
        solved = (observed.weight @ np.linalg.pinv(source.value)).T
        _, left = fit(observed.weight, solved.T @ source.value)
        if left <= 100 * tolerance:
            text = f"dL/dz{name[1:]} as solved for"
            delta = Candidate(solved, text, ("unknown",), right.loss, solved=True)
            return delta, Finding(name, ("unknown",), False, factor, residual, seen)
    return right, Finding(name, ("unknown",), False, factor, residual, seen)


def _changed(observed: Array, expected: Array) -> Iterator[tuple[tuple[str, ...], str, Array]]:
    """Yield what may be done to a right gradient afterwards."""
    if observed.shape[0] == observed.shape[1]:
        yield ("gradient-transposed",), "the transposed gradient", expected.T
    yield ("gradient-sign",), "its sign", np.sign(expected)


def _bias(
    name: str,
    observed: Array,
    own: Layer,
    chosen: Candidate,
    deltas: Sequence[Candidate],
    tolerance: float,
    reference: float | None,
    loss: str | None,
) -> Finding:
    """Return what the gradient of a bias was found to be.

    Parameters
    ----------
    own : Layer
        The parameters.
    reference : float or None
        The factor of the matrix's gradient. A bias that is one number is a multiple of any sum;
        then only those with a factor that means something count.
    loss : str or None
        The loss that is meant: nothing is wrong about a bias of whose gradient it is.
    """
    total = right_sum(chosen.value, own)
    if own.has_shared_bias and _cancels(chosen.value) and _cancels_too(observed, chosen, reference):
        text = f"sum of {chosen.text} over samples and units, zero for softmax"
        return Finding(name, (), True, reference or 0.0, 0.0, text, chosen.solved)
    if not np.any(observed):
        if np.any(chosen.value) and _is_nothing(total, chosen.value):
            # As many samples pull one way as the other; another batch tells.
            text = f"sum of {chosen.text} over the samples, which is zero"
            return Finding(name, (), True, reference or 0.0, 0.0, text, chosen.solved)
        return _vacant(name) if not np.any(chosen.value) else _nothing(name)
    asked = own, chosen, deltas, tolerance, reference, loss
    found = _sum(name, observed, *asked)
    if found is None and observed.ndim > 1 and observed[0].shape == total.shape:
        # Behind a repeated bias, rows may be of anything that adds up to the gradient.
        found = _sum(name, observed.sum(axis=0), *asked)
        if found is not None and not found.causes:
            text = f"rows that add up to the {found.text}"
            return replace(found, causes=("bias-not-summed",), text=text)
        found = None
    if found is not None:
        return found
    reordered = reordered_vector(observed, total, reference, tolerance)
    if reordered is not None:
        text = f"sum of {chosen.text} over the samples, with the units in another order"
        return Finding(name, _REORDERED, True, *reordered, text, chosen.solved)
    factor, residual = fit(observed, total) if total.shape == observed.shape else (np.nan, np.inf)
    text = "" if total.shape == observed.shape else ANOTHER_SHAPE
    return Finding(name, ("unknown",), False, factor, residual, text)


def _sum(
    name: str,
    observed: Array,
    own: Layer,
    chosen: Candidate,
    deltas: Sequence[Candidate],
    tolerance: float,
    reference: float | None,
    loss: str | None,
) -> Finding | None:
    """Return which sum the gradient of a bias is; see `_bias`."""
    is_short = observed.size < OF_ONE_ARRAY
    is_one_number = float(np.ptp(observed)) <= 1e-12 * float(np.abs(observed).max())
    # Beside a right matrix, what is carried back is right.
    is_right = not (chosen.causes or chosen.solved)
    unlikely: set[str] = _CARRIED if is_right else set()
    others = [d for d in deltas if d is not chosen and not unlikely & {*d.causes}]
    # Most sums are right, so the others are not made before they are asked for.
    for match in chain.from_iterable(
        matching_sums(observed, tried, tolerance, is_shared=own.has_shared_bias)
        for tried in ([chosen], others)
    ):
        delta = match.delta
        if is_one_number and not _is_likely(match.factor, reference, delta.value.shape):
            continue
        if is_one_number and reference is None and delta is not chosen:
            continue  # of which any sum is a multiple
        is_meant = delta is chosen or (loss is not None and delta.loss == loss)
        more = delta.causes if is_meant else delta.causes or _of_another_loss(delta, chosen)
        causes = (*(() if delta is chosen else more), *match.causes)
        if is_one_number and len(causes) > 1:
            continue  # two faults together explain too many numbers
        if is_short and causes and not delta.solved:
            is_likely = _is_likely(match.factor, reference, delta.value.shape)
            if not is_likely or (reference is None and len(causes) > 1):
                continue  # of few numbers, some fault is a multiple by chance
        factor, residual = match.factor, match.residual
        finding = Finding(name, causes, True, factor, residual, match.text, delta.solved)
        return replace(finding, loss=delta.loss)
    return None


# What is left of a sum that is zero, beside what is summed.
_ROUNDING = 1e-9


def _is_nothing(total: Array, delta: Array) -> bool:
    """Whether a sum is zero but for rounding, beside what is summed."""
    return float(np.linalg.norm(total)) <= _ROUNDING * float(np.linalg.norm(delta))


def _cancels(delta: Array) -> bool:
    """Whether a gradient is zero over samples and units, as softmax's p - y is."""
    return _is_nothing(delta.sum(), delta)


def _cancels_too(observed: Array, chosen: Candidate, reference: float | None) -> bool:
    size = abs(reference or 1.0) * float(np.linalg.norm(chosen.value))
    return observed.size == 1 and float(np.linalg.norm(observed)) <= _ROUNDING * size


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
    if chosen.solved or delta.loss == chosen.loss:
        return ()
    # All else is of the loss that is meant: what is wrong about that comes before another one.
    return tuple(delta.also[:1]) or ("gradient-of-another-loss",)
