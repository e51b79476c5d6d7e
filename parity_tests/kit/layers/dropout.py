"""Dropout judged by its masks, which are read off its output."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.inquiry import CLOSE, EXACT
from parity_tests.kit.layers.subject import LayerSubject
from parity_tests.kit.subject.subject import SubjectError
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[Any]

# So many entries that a share of them is known to 0.008 with six standard deviations: the normal
# distribution has 0.788 of its numbers below 0.8.
_SHAPE = (401, 419)
# New layers that are asked where a mask is shared, for a share that is known to 0.04.
_LAYERS = 16


@dataclass(frozen=True)
class _Mask:
    """What a random layer multiplied with.

    Attributes
    ----------
    kept : ndarray of bool
    scale : float
        Of what is kept.
    """

    kept: Array
    scale: float

    @property
    def dropped(self) -> float:
        """Share of the zeros."""
        return 1.0 - float(self.kept.mean())


def _mask(values: Array, given: Array, tolerance: float) -> _Mask | None:
    """Return the mask, None if the values are not the given ones times 0 or one number."""
    ratio = values / given
    kept = ratio != 0
    if not np.isfinite(ratio).all():
        return None
    scale = float(np.median(ratio[kept])) if kept.any() else 0.0
    same = np.abs(ratio - np.where(kept, scale, 0.0)) <= tolerance * max(abs(scale), 1.0)
    return _Mask(kept, scale) if same.all() else None


def examine(subject: LayerSubject, rng: np.random.Generator) -> list[Verdict]:
    """Judge a dropout layer: training, evaluation, and the way back."""
    x, again, grad = (_away_from_zero(rng) for _ in range(3))
    try:
        outputs = [subject.forward(x), subject.forward(again)]
        tolerance = CLOSE if subject.float32 else EXACT
        back = None
        if subject.declaration.backward is not None:
            back = subject.backward(grad).of.get("input")
        evaluated = None
        if subject.declaration.evaluate is not None:
            evaluated = [subject.forward(x, training=False) for _ in range(2)]
    except SubjectError as error:
        return [Verdict("forward", UNCHECKED, str(error))]
    masks = [_mask(y, given, tolerance) for y, given in zip(outputs, (x, again), strict=True)]
    if masks[0] is None or masks[1] is None:
        message = "the output in training is not the input times 0 or one number; cause unknown"
        return [Verdict("forward", DIFFERS, message, "output")]
    given = subject.declaration.options.get("p")
    drawn = _drawn(subject, masks[0], x, tolerance)
    p = _found(drawn, evaluated, x, tolerance) if given is None else float(given)
    verdicts = _training(masks[0], masks[1], p)
    if 0 < masks[0].dropped < 1:
        of_scale = _judge_scale(drawn, p, evaluated, x, tolerance)
        if given is None and not _near(p, round(p, 2), tolerance):
            of_scale = [_of_odd(verdict, p) for verdict in of_scale]
        # Beside a mask that is shared, that the rest is right is no news.
        shared = drawn is not masks[0]
        verdicts += [v for v in of_scale if not shared or v.status == DIFFERS]
    if back is not None:
        verdicts += _backward(masks[1], back, grad, tolerance)
    return verdicts


def _found(mask: _Mask, evaluated: list[Array] | None, x: Array, tolerance: float) -> float:
    """Return what p turns out to be, where none is declared."""
    margin = 6 * np.sqrt(0.25 / mask.kept.size)
    ratio = None if evaluated is None else _mask(evaluated[0], x, tolerance)
    scales = [1 / mask.scale if mask.scale else 1.0, ratio.scale if ratio else 1.0]
    for kept in scales:
        if 0 < kept < 1 and (abs(1 - kept - mask.dropped) <= margin or _normal(mask, 1 - kept)):
            return 1 - kept
    for kept in scales:
        if 0 < kept < 1 and abs(kept - mask.dropped) <= margin:
            return kept
    # A share that is measured only is that of a number with two digits.
    return round(mask.dropped, 2)


def _of_odd(verdict: Verdict, p: float) -> Verdict:
    """Return what is said of a p that nobody has declared, and that nobody would."""
    if verdict.status != EQUAL:
        return verdict
    message = (
        f"{verdict.message}: no p is declared, and the factor is that of {p:.6g}; declare p to "
        f"have the factor checked, which is {1 / (1 - round(p, 2)):.6g} for {round(p, 2):g}"
    )
    return replace(verdict, status=CONVENTION, message=message)


def _shared(mask: _Mask) -> int | None:
    """Return the axis along which everything is dropped or kept as a whole, None if there is none.

    A layer that drops everything, or nothing, shares nothing.
    """
    if mask.kept.all() or not mask.kept.any():
        return None
    for axis in (0, 1):
        if (mask.kept.all(axis=axis) | ~mask.kept.any(axis=axis)).all():
            return axis
    return None


def _drawn(subject: LayerSubject, mask: _Mask, x: Array, tolerance: float) -> _Mask:
    """Return what was drawn independently, by new layers too where a mask is shared."""
    axis = _shared(mask)
    if axis is None:
        return mask
    units = [mask.kept.take(0, axis)]
    for _ in range(_LAYERS):
        try:
            subject.renew()
            another = _mask(subject.forward(x), x, tolerance)
        except SubjectError:
            break
        if another is None or _shared(another) != axis:
            break
        units.append(another.kept.take(0, axis))
    # Layers that draw the same tell no more than one.
    return _Mask(np.unique(np.stack(units), axis=0), mask.scale)


def _away_from_zero(rng: np.random.Generator) -> Array:
    values = rng.standard_normal(_SHAPE)
    return np.asarray(np.sign(values) * (0.1 + np.abs(values)))


def _training(mask: _Mask, second: _Mask, p: float) -> list[Verdict]:
    """Judge whether anything is dropped, and whether every entry has a zero of its own."""
    if mask.kept.all():
        if p == 0:
            return [Verdict("forward", EQUAL, "nothing is dropped, and p is 0")]
        seen = f"all {mask.kept.size} entries come through, p is {p:g}"
        return [named("forward", "dropout-inactive", seen, "output")]
    if not mask.kept.any():
        status = EQUAL if p == 1 else DIFFERS
        return [Verdict("forward", status, f"everything is dropped, p is {p:g}", "output")]
    verdicts = []
    if np.array_equal(mask.kept, second.kept):
        seen = "two batches had the same zeros"
        verdicts.append(named("forward", "dropout-mask-kept", seen, "output"))
    axis = _shared(mask)
    if axis is not None:
        seen = f"every {('column', 'row')[axis]} is dropped or kept as a whole"
        verdicts.append(named("forward", "dropout-mask-shared", seen, "output"))
    return verdicts


def _normal(mask: _Mask, p: float) -> str:
    r"""Return which comparison of normal numbers keeps such a share, or nothing.

    .. math:: P(g < t) = \Phi(t) = \tfrac12 (1 + \operatorname{erf}(t / \sqrt 2))
    """
    ways = {f"randn() < {1 - p:g}": 1 - p, f"randn() > {p:g}": -p}
    ways |= {f"randn() < {p:g}": p, f"randn() > {1 - p:g}": p - 1}
    for text, bound in ways.items():
        share = 0.5 * (1 + math.erf(bound / np.sqrt(2)))
        margin = 5 * np.sqrt(share * (1 - share) / mask.kept.size)
        if abs(1 - mask.dropped - share) <= margin:
            return text
    return ""


def _near(one: float, other: float, tolerance: float) -> bool:
    return abs(one - other) <= tolerance * max(abs(other), 1.0)


def _judge_scale(
    mask: _Mask, p: float, evaluated: list[Array] | None, x: Array, tolerance: float
) -> list[Verdict]:
    """Judge how much is dropped, what the rest is multiplied with, and evaluation."""
    margin = 6 * np.sqrt(0.25 / mask.kept.size)
    dropped = mask.dropped
    seen = f"{dropped:.1%} are dropped, the rest is multiplied by {mask.scale:.6g}, p is {p:g}"
    if abs(dropped - p) > margin:
        if abs(dropped - (1 - p)) <= margin:
            return [named("forward", "dropout-keep-probability", seen, "output")]
        normal = _normal(mask, p)
        if normal:
            seen += f"; that is the share of {normal}"
            return [named("forward", "dropout-mask-normal", seen, "output")]
        return [Verdict("forward", DIFFERS, f"{seen}; cause unknown", "output")]
    inverted, plain = _near(mask.scale, 1 / (1 - p), tolerance), _near(mask.scale, 1.0, tolerance)
    if not (inverted or plain):
        factor = mask.scale * (1 - p)
        if _near(mask.scale, 1 / p, tolerance):
            seen += f"; the same comes if p is {1 - p:g} and is the probability to keep"
        return [named("forward", "dropout-scale", seen, "output", factor=factor)]
    if evaluated is None:
        if inverted:
            return [Verdict("forward", EQUAL, seen)]
        message = (
            f"{seen}: evaluation must multiply by {1 - p:g} then; declare `evaluate` to have that "
            "checked"
        )
        return [Verdict("forward", CONVENTION, message)]
    where = "output in evaluation"
    if not np.array_equal(evaluated[0], evaluated[1]):
        return [named("forward", "dropout-active-in-evaluation", "it is random", where)]
    ratio = _mask(evaluated[0], x, tolerance)
    if ratio is None or not ratio.kept.all():
        message = "the output in evaluation is not the input times one number; cause unknown"
        return [Verdict("forward", DIFFERS, message, where)]
    seen += f"; evaluation multiplies by {ratio.scale:.6g}"
    if _near(ratio.scale, 1.0, tolerance):
        if inverted:
            return [Verdict("forward", EQUAL, seen)]
        return [named("forward", "dropout-not-inverted", seen, "output", factor=1 - p)]
    if _near(ratio.scale, 1 - p, tolerance):
        if plain:
            message = f"{seen}: it is scaled there and not in training, where PyTorch does it"
            cause = "dropout-scaled-in-evaluation"
            return [Verdict("forward", CONVENTION, message, None, cause)]
        return [named("forward", "dropout-scaled-twice", seen, where, factor=1 - p)]
    if inverted and _near(ratio.scale, 1 / (1 - p), tolerance):
        return [named("forward", "dropout-scaled-twice", seen, where, factor=ratio.scale)]
    return [Verdict("forward", DIFFERS, f"{seen}; cause unknown", where)]


def _backward(mask: _Mask, back: Array, grad: Array, tolerance: float) -> list[Verdict]:
    """Judge the gradient of the input by the mask of the last forward pass."""
    tensor = "dL/dx"
    used = _mask(back, grad, tolerance)
    if used is None:
        message = "it is not the upstream gradient times 0 or one number; cause unknown"
        return [Verdict("gradient", DIFFERS, message, tensor)]
    if np.array_equal(used.kept, mask.kept):
        if _near(used.scale, mask.scale, tolerance):
            message = f"the upstream gradient times the same mask, times {used.scale:.6g}"
            return [Verdict("gradient", EQUAL, message)]
        seen = f"it multiplies by {used.scale:.6g}, the forward pass by {mask.scale:.6g}"
        factor = used.scale / mask.scale
        return [named("gradient", "dropout-backward-scale", seen, tensor, factor=factor)]
    if used.kept.all():
        seen = f"it is {used.scale:.6g} x the upstream gradient"
        return [named("gradient", "dropout-not-in-backward", seen, tensor)]
    if abs(used.dropped - mask.dropped) <= 12 * np.sqrt(0.25 / mask.kept.size):
        seen = "as many zeros as in the forward pass, and others"
        return [named("gradient", "dropout-new-mask", seen, tensor)]
    message = "its zeros are not those of the forward pass; cause unknown"
    return [Verdict("gradient", DIFFERS, message, tensor)]
