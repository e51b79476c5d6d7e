"""Training steps of a network, one after the other, and the gradients that they should go by."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.backprop.bias_sums import right_sum
from parity_tests.kit.backprop.explain import carried_back
from parity_tests.kit.candidates.outputs import losses_of
from parity_tests.kit.forward import run, upright
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import guarded_slope
from parity_tests.kit.subject.subject import (
    Batch,
    Layers,
    ReshapedError,
    Subject,
    SubjectError,
    by_name,
    flat,
    unflat,
)

Array = NDArray[Any]
# Steps that are taken, and those that are where RAdam's rectified ones have to be among them.
STEPS, MORE_STEPS = 4, 8
_FUNCTIONS = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}


@dataclass(frozen=True)
class Trajectory:
    """Parameters of a network before the first and after every step.

    Attributes
    ----------
    batches : list of Batch
        What each step was taken on.
    layers : list of Layers
        One more than steps.
    """

    batches: list[Batch]
    layers: list[Layers]


def trajectory(inquiry: Inquiry, steps: int, lr: float) -> tuple[Trajectory, Trajectory]:
    """Take steps on one batch, and from the same start on two in turn.

    A network that takes one sample at a time, also of a batch, gets the first and the last sample
    for batches: it may shuffle more of them.

    Raises
    ------
    SubjectError
        If a step fails.
    InputError
        If there is less than one step.
    """
    if steps < 1:
        raise InputError("steps", "at least 1", str(steps))
    first, second = inquiry.batches
    if inquiry.subject.single or inquiry.is_one_by_one:
        first, second = ends(first)
    return (
        walk_on(inquiry, [first] * steps, lr),
        walk_on(inquiry, [(first, second)[k % 2] for k in range(steps)], lr),
    )


def walk_on(
    inquiry: Inquiry,
    batches: list[Batch],
    lr: float,
    start: Layers | None = None,
    *,
    may_repeat: bool = False,
) -> Trajectory:
    """Take steps with a new network, from the parameters asked with or from others.

    Parameters
    ----------
    may_repeat : bool, default False
        Whether a vector may come out as an array of which it is a row, or a bias a column.

    Raises
    ------
    ReshapedError
        If a step leaves a parameter in another shape.
    """
    subject = inquiry.subject
    layers = [subject.begin(start or inquiry.layers)]
    for batch in batches:
        subject.step(batch, lr)
        after = _read(subject)
        if may_repeat:
            after = _repeated(layers[0], after)
        for name, new in by_name(after).items():
            old = by_name(layers[0])[name]
            if new.shape != old.shape and not (may_repeat and _is_repeated(old, new)):
                raise ReshapedError(name, _told(subject, name, old, new, len(batch)))
        layers.append(after)
    return Trajectory(batches, layers)


def kept_walk(inquiry: Inquiry, lr: float) -> Trajectory:
    """Take three steps on two batches in turn, from the parameters asked with."""
    one, other = inquiry.batches
    if inquiry.subject.single or inquiry.is_one_by_one:
        one, other = ends(one)
    return walk_on(inquiry, [one, other, one], lr)


def taken_anew(
    inquiry: Inquiry, walk: Trajectory, lr: float, tolerance: float = 0.0
) -> list[Trajectory] | None:
    """Take each step of a walk but the first once more, by a new network from the same place.

    Parameters
    ----------
    tolerance : float, default 0.0
        How far the places may be apart to which two new networks step, relative: samples that are
        shuffled are added up in another order.

    Returns
    -------
    list of Trajectory or None
        One step each; None if another new network does not step as the first one does.
    """
    anew = []
    for batch, start in zip(walk.batches[1:], walk.layers[1:-1], strict=True):
        first, second = (walk_on(inquiry, [batch], lr, start) for _ in range(2))
        one, other = flat(first.layers[-1]), flat(second.layers[-1])
        if not np.linalg.norm(one - other) <= tolerance * np.linalg.norm(one):
            return None
        anew.append(first)
    return anew


def step_of(walk: Trajectory, number: int) -> dict[str, Array]:
    """Return what a step of a walk adds to each parameter, by name."""
    before, after = by_name(walk.layers[number]), by_name(walk.layers[number + 1])
    return {name: after[name] - before[name] for name in before}


def _read(subject: Subject) -> Layers:
    before, now = len(subject.shapes), len(subject.arrays())
    if before != now:
        # Which one is which is not known then, and none has another shape.
        raise SubjectError(f"parameters: there are {now} arrays after a step, and were {before}")
    try:
        return subject.get()
    except (ValueError, IndexError) as error:
        message = f"parameters: after a step they are no layers: {type(error).__name__}: {error}"
        raise SubjectError(message) from None


def _repeated(before: Layers, after: Layers) -> Layers:
    """Return parameters with biases in rows that are columns beside one another."""
    return [
        replace(new, bias=new.bias.T)
        if old.bias is not None
        and new.bias is not None
        and not _is_repeated(old.bias, new.bias)
        and _is_repeated(old.bias, new.bias.T)
        else new
        for old, new in zip(before, after, strict=True)
    ]


def _is_repeated(old: Array, new: Array) -> bool:
    """Whether a vector has become an array of which it is a row."""
    if old.ndim > 1:
        return False
    try:
        return np.broadcast_shapes(old.shape, new.shape) == new.shape
    except ValueError:
        return False


def _told(subject: Subject, name: str, old: Array, new: Array, samples: int) -> str:
    before, after = old.shape, new.shape
    if name.startswith("W") and subject.layout == "in_out":
        before, after = before[::-1], after[::-1] if len(after) == 2 else after
    return f"{name} was of shape {before} and is of {after} after a step on a batch of {samples}"


def ends(batch: Batch) -> tuple[Batch, Batch]:
    """Return the first and the last sample, as batches of one."""
    return batch.part(slice(0, 1)), batch.part(slice(len(batch) - 1, len(batch)))


def losses_at(inquiry: Inquiry) -> list[str]:
    """Return the losses that the output may have."""
    form, batch = inquiry.form, inquiry.meant(inquiry.batches[0])
    assert form is not None
    passed = run(form, inquiry.layers, batch.inputs)
    found = {name: slopes for name, _, _, slopes in losses_of(form, passed, batch)}
    names = list(found.get(form.output, ()))
    if form.output in ("identity", "log_softmax"):
        # One output has no softmax.
        names += [loss for loss, function in _FUNCTIONS.items() if function in found]
    return list(dict.fromkeys([*names, *found.get(inquiry.loss_begins, ())]))


def right_gradient(inquiry: Inquiry, loss: str, layers: Layers, batch: Batch) -> Layers:
    r"""Return the gradient of a loss, summed over samples and outputs; NaN where the output is.

    .. math:: \delta_l = (\delta_{l+1} W_{l+1}) \odot f_l'(z_l), \qquad
              \partial L / \partial W_l = \delta_l^T a_{l-1}, \qquad
              \partial L / \partial b_l = \sum_n \delta_l

    Raises
    ------
    InputError
        For a loss that is not known.
    """
    form = inquiry.form
    assert form is not None
    batch = inquiry.meant(batch)
    passed = run(form, layers, batch.inputs)
    starts = {
        name: (function, p, slopes) for name, function, p, slopes in losses_of(form, passed, batch)
    }
    name = form.output
    # A network that returns logits has the function in its loss.
    if name in ("identity", "log_softmax") and loss in _FUNCTIONS:
        name = _FUNCTIONS[loss]
    name = inquiry.loss_begins or name
    if name in starts and not np.isfinite(starts[name][2].get(loss, np.nan)).all():
        # It may begin with a softmax behind the output.
        behind = f"softmax of {name}"
        name = behind if loss in starts.get(behind, ((), (), ()))[2] else name
    if name not in starts:
        raise InputError("loss", f"one of {losses_at(inquiry)}", repr(loss))
    function, p, slopes = starts[name]
    if loss not in slopes and not np.isfinite(passed.output).all():
        return unflat(np.full(flat(layers).size, np.nan), layers)
    if loss not in slopes:
        raise InputError("loss", f"one of {sorted(slopes)}", repr(loss))
    slope = slopes[loss]
    if inquiry.guard is not None and inquiry.guard.loss == loss:
        with np.errstate(all="ignore"):
            slope = guarded_slope(inquiry.guard, p, batch.targets)
    delta = function.back(slope, passed.logits[-1])
    turned = () if inquiry.is_gradient_unturned else form.transposed
    layers = upright(layers, turned)
    found: Layers = []
    for number in reversed(range(len(layers))):
        layer = layers[number]
        above = slope if number in form.bias_outside else delta
        bias = None if layer.bias is None else right_sum(above, layer)
        found.insert(0, type(layer)(delta.T @ passed.activations[number], bias))
        if number:
            slope = delta @ layer.weight
            delta = carried_back(form, passed, layers, delta, number)
    return upright(found, turned)
