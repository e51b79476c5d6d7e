"""What keeps a cross-entropy of a probability of zero finite."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.stability.extremes import by_logits, zeros
from parity_tests.kit.candidates.outputs import losses_of
from parity_tests.kit.forward import Form, run
from parity_tests.kit.inquiry import EXACT, Inquiry
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict

Array = NDArray[np.float64]

# What is added to a probability, or is its lower bound, in a loss.
_SMALLEST, _LARGEST = 1e-305, 1e-2
# What no probability of 0 costs, over what even ones do.
_NOTHING = 1e-9


def of_guard(inquiry: Inquiry, form: Form, inputs: Array | None) -> Verdict | None:
    """Return what keeps a cross-entropy finite, if it is a guard and not the logits.

    What leaves out the worst samples is no guard, but differs.

    Three losses are asked, with none, one and two probabilities of 0. That of two, over that of
    none, gives the guard, whatever the loss is divided by; that of one has to follow from it, and
    so has one of other probabilities where the loss is not known to be a cross-entropy. Where
    labels are broadcast, each output meets every label.
    """
    subject = inquiry.subject
    is_broadcast = inquiry.loss_cause == "labels-broadcast" and not subject.single
    if inquiry.loss_cause is not None and not is_broadcast:
        return None  # what it makes of a guard is another thing
    observed: list[float] = []
    shares: list[list[Array]] = []
    batch = None
    wanted = list(zeros(subject.outputs))
    if inquiry.reported is None:
        wanted.append(("other probabilities", _ordinary(subject.outputs)))
    for extreme in by_logits(inquiry, form, inputs, *wanted):
        layers, batch = subject.begin(extreme.layers), extreme.batch
        passed = run(form, layers, batch.inputs)
        penalty = inquiry.penalty.value(layers) if inquiry.penalty else 0.0
        observed.append(subject.loss_of_pass(batch) - penalty)
        shares.append([p for *_, p, _ in losses_of(form, passed, batch)])
    if batch is None or len(observed) < len(wanted) or not observed[0]:
        return None
    if inquiry.reported is not None and abs(observed[2]) <= _NOTHING * observed[0]:
        message = (
            "samples whose own probability is 0 cost nothing, where the loss of them is largest: "
            f"of even probabilities it is {observed[0]:.5g}, and of 0 "
            f"{abs(observed[2]):.5g}. The cause is unknown. Look at what stands for log(0)."
        )
        return Verdict("stability", DIFFERS, message, "loss")
    ratios = np.array(observed[1:]) / observed[0]
    tolerance = max(1e-6, 10 * inquiry.tolerance)
    floor = 0.0 if inquiry.tolerance <= EXACT else float(np.finfo(np.float32).smallest_subnormal)
    for probabilities in zip(*shares, strict=True):
        if min(p.min() for p in probabilities) < 0 or max(p.max() for p in probabilities) > 1:
            continue
        least = min(p.min() for p in probabilities)
        targets = batch.targets
        if is_broadcast:
            targets = np.tile(targets, (len(targets), 1))
            probabilities = [np.repeat(p, len(p), axis=0) for p in probabilities]
        for loss in _GUARDED:
            values = partial(_ratios, loss, probabilities, targets)
            guard = _solved(lambda g, values=values: values(g)[1] - ratios[1])
            # What is kept from 0 by a guard is less than that, and no less than float32 has.
            if guard is None or guard <= max(least, floor):
                continue
            if np.allclose(values(guard), ratios, rtol=tolerance, atol=0):
                message = (
                    f"a loss with probabilities of 0, {observed[2]:.5g}, is finite: the "
                    f"probability is kept from 0 by {guard:.2g}"
                )
                return Verdict("stability", CONVENTION, message, "loss")
    return None


def _ordinary(outputs: int) -> Array:
    """Return logits of two samples that are neither alike nor far apart."""
    return np.linspace(-1.0, 1.5, 2 * outputs).reshape(2, outputs)


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
