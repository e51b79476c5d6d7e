"""A gradient held against slopes of the reported loss, where the forward pass is not known."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.drawn import is_ever_another
from parity_tests.kit.aspects.gradient.masks import of_mask
from parity_tests.kit.aspects.gradient.mixed_margins import with_mixed_margins
from parity_tests.kit.aspects.gradient.slopes import noise_of, slopes
from parity_tests.kit.aspects.observing import KEPT_OUTSIDE, is_another, observe
from parity_tests.kit.aspects.walks import ends
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.fitting import are_single, fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.probe import parameters
from parity_tests.kit.scales import IN_LAYERS, Scale, ratio, scale_of
from parity_tests.kit.subject.subject import Batch, Layers, SubjectError, by_name
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[Any]

# Entries of each tensor whose slopes are taken, and how closely they are met: in double precision
# and in single.
_ENTRIES, _EXACT, _SINGLE = 12, 1e-5, 2e-2
# In single precision the slopes of one tensor may be off by more than those of all together.
_SINGLE_ALONE = 0.1
# Probabilities that are extreme, and what a last layer is made smaller by.
_EXTREME, _SMALLER = 1e-4, (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
# The standard deviation of outputs at which margins of 1 are kept and missed, and what a last layer
# is made larger by at most.
_WIDE, _LARGEST = 2.5, 100.0
# How often parameters are drawn at which a loss has slopes.
_DRAWS = 8
# How closely a factor is met for its origin to be told.
_NAMED = 1e-3
_NAMED_SINGLE = 3e-4
# By how much a small number in the loss may change slopes where outputs are not extreme.
_GUARDED = 1e-2
# Decimals that single precision has of a loss of about 1, and what parameters are multiplied by to
# see to how many a loss is rounded.
_OF_SINGLE, _STRETCHES = 7, (1.0, 0.9, 1.1)
# By how much parameters are moved to see whether a loss is the same when they are back, and what
# rounding makes of it.
_AWAY, _ROUNDING = 1.25, 1e-12
# A learning rate with which it is the same whether a step tells the loss before or after it.
_STILL = 1e-12


_UNKNOWN = "the forward pass is not known"
_OF_STEP = "the loss that a step tells is none that is known"
Loss = Callable[[Batch], float]


def by_slopes(inquiry: Inquiry) -> list[Verdict]:
    """Hold the gradient to differences of the reported loss.

    With dropout or noise in it, loss and gradient are asked with the same random numbers. Of a
    step that goes through its batch sample by sample, one sample is asked.
    """
    if not inquiry.is_one_by_one:
        return _by_slopes(inquiry)
    usual = inquiry.batches
    inquiry.batches = ends(usual[0])
    try:
        return _by_slopes(inquiry)
    finally:
        inquiry.batches = usual


def _by_slopes(inquiry: Inquiry) -> list[Verdict]:
    subject = inquiry.subject
    if subject.network.loss is None:
        if inquiry.is_kept_outside:
            why = f"it is another one in every new network: {KEPT_OUTSIDE}"
        elif inquiry.is_gradient_random:
            why = "it is random, as with dropout"
        else:
            why = _UNKNOWN if inquiry.form is None else _OF_STEP
        message = f"{why}, and the network reports no loss (``loss=``) whose slopes it could be"
        return [Verdict("gradient", UNCHECKED, message)]
    reported: Loss = subject.loss_of_pass
    try:
        if not _changes(inquiry, reported):
            return _judged_by_grain(inquiry, reported)
        # The loss that a training step tells has the noise of training.
        told: Loss = partial(_told, inquiry)
        loss = reported if _is_random(inquiry, reported) else told
        found: list[Verdict] = []
        with subject.drawing_alike(int(inquiry.rng.integers(2**31))):
            if not _changes(inquiry, loss):
                found = _judged(inquiry, loss, "; with the same random numbers in every call")
        if any(verdict.status == DIFFERS and verdict.cause is None for verdict in found):
            return of_mask(inquiry, loss, _close(inquiry)) or found
        if found:
            return found
    except SubjectError as error:
        return [Verdict("gradient", UNCHECKED, str(error))]
    message = (
        "it changes from call to call, by the same parameters: dropout, noise or samples in random "
        "order, from a generator of its own"
    )
    return [Verdict("gradient", UNCHECKED, message)]


def _told(inquiry: Inquiry, batch: Batch) -> float:
    network = inquiry.subject.network
    value = None
    if network.step is not None and network.lr is None and not inquiry.subject.single:
        value = inquiry.subject.step(batch, _STILL)
    if value is None:
        raise SubjectError(
            "it is another one each time, by the same parameters: dropout, noise or samples in "
            "random order, which the loss does not have; declare the loss of the training pass"
        )
    return value


def _is_random(inquiry: Inquiry, loss: Loss) -> bool:
    batch = inquiry.batches[0]
    first = loss(batch)
    return is_ever_another(inquiry.subject, lambda: loss(batch), lambda again: again != first)


def _changes(inquiry: Inquiry, loss: Loss) -> bool:
    """Whether the loss, or the gradient, of the same batch is another one the next time."""
    subject, batch = inquiry.subject, inquiry.batches[0]

    def ask() -> tuple[float, Layers]:
        observed, _ = observe(inquiry, batch)
        subject.begin(inquiry.layers)
        return loss(batch), observed

    value, one = ask()
    return is_ever_another(
        subject, ask, lambda again: value != again[0] or is_another(one, again[1])
    )


def _judged_by_grain(inquiry: Inquiry, loss: Loss) -> list[Verdict]:
    r"""Judge by slopes over longer ways where the loss is told to a few digits.

    .. math:: \frac{\ell(\theta + h) - \ell(\theta - h)}{2 h} \quad\text{is off by up to}\quad
              \frac{\text{grain}}{2 h}
    """
    decimals = None if inquiry.is_float32 else _decimals(inquiry, loss)
    if decimals is None:
        return _judged(inquiry, loss, "")
    is_float32, inquiry.is_float32 = inquiry.is_float32, True
    try:
        found = _judged(inquiry, loss, "; of a loss that is told to a few digits")
    finally:
        inquiry.is_float32 = is_float32
    if decimals == _OF_SINGLE or all(verdict.status == EQUAL for verdict in found):
        return found
    message = (
        f"the loss is rounded to {decimals} decimals, and what the gradient is off its slopes by "
        "may come of that: return it as it is"
    )
    return [Verdict("gradient", UNCHECKED, message)]


def _decimals(inquiry: Inquiry, loss: Loss) -> int | None:
    """Return how many decimals a loss is rounded to, None if to none."""
    values = set()
    with inquiry.elsewhere():
        for stretch in _STRETCHES:
            inquiry.subject.set([layer.times(stretch) for layer in inquiry.layers])
            values |= {loss(batch) for batch in inquiry.batches}
    told = [value for value in values if value and np.isfinite(value)]
    if len(told) < len(_STRETCHES):
        return None
    for decimals in range(_OF_SINGLE):
        if all(round(value, decimals) == value for value in told):
            return decimals
    return _OF_SINGLE if are_single(told) else None


def _judged(inquiry: Inquiry, loss: Loss, how: str) -> list[Verdict]:
    met = _met(inquiry, inquiry.batches[0], loss)
    if isinstance(met, Verdict):
        return [met]
    infinite = [name for name, (came, _) in met.pairs.items() if not np.isfinite(came).all()]
    if infinite:
        return [_infinite(infinite)]
    if met.is_flat:
        return _at_other_parameters(inquiry, loss, how)
    found = _of_met(inquiry, met, loss, how)
    if all(verdict.status == EQUAL for verdict in found):
        found = _at_wider_outputs(inquiry, loss, how) or found
    if met.rough and all(verdict.status == EQUAL for verdict in found):
        message = (
            f"{' and '.join(met.rough)}: the loss has no slope by any entry that was asked; some "
            f"entries of the other tensors are slopes of it ({met.residual:.1g}){how}"
        )
        return [Verdict("gradient", UNCHECKED, message)]
    if not met.unsummed:
        return found
    if any(verdict.status == DIFFERS and verdict.cause is None for verdict in found):
        return [_off(met.unsummed[0], np.nan, np.inf, "it has another shape than its parameter")]
    seen = (
        f"a row for each sample is taken from {' and '.join(met.unsummed)}, and their sum is a "
        f"multiple of the slope of the loss reported{how.replace(';', ',')}"
    )
    unsummed = named("gradient", "bias-not-summed", seen, met.unsummed[0], None, met.residual)
    return [unsummed, *(verdict for verdict in found if verdict.status != EQUAL)]


def _infinite(names: list[str]) -> Verdict:
    message = (
        f"{' and '.join(names)}: it has infinities or NaN, where the loss reported has slopes. The "
        "cause is unknown. Look at what is divided by zero."
    )
    return Verdict("gradient", DIFFERS, message, names[0], residual=np.inf)


def _equal(residual: float, how: str) -> Verdict:
    message = f"some entries of all tensors are slopes of the loss reported ({residual:.1g}){how}"
    return Verdict("gradient", EQUAL, message, residual=residual)


def _at_ordinary_outputs(inquiry: Inquiry, loss: Loss, how: str, *, is_near: bool) -> list[Verdict]:
    """Judge with a smaller last layer where outputs are extreme; empty if that explains nothing.

    A loss that keeps its probabilities from 0 is flat there, and its gradient need not be. What is
    before the last layer stays as it is, and a fault there shows as before.

    Parameters
    ----------
    is_near : bool
        Whether the gradient is so near to the slopes that a small number in the loss may be the
        difference. Then outputs that are less extreme are made smaller as well.
    """
    usual = inquiry.layers
    # Of a network that is no chain, vectors behind the last matrix belong to its layer.
    matrices = [n for n, layer in enumerate(usual) if layer.weight.ndim == 2]
    if not matrices:
        return []
    last = matrices[-1]
    with inquiry.elsewhere():
        is_extreme = _is_extreme(inquiry)
        if not (is_near or is_extreme):
            return []
        why = "since outputs are" if is_extreme else "where probabilities are less"
        for size in _SMALLER:
            smaller = [layer.times(size) for layer in usual[last:]]
            inquiry.layers = inquiry.subject.begin([*usual[:last], *smaller])
            if _is_extreme(inquiry):
                continue
            told = f"; with the last layer {size:g} x as large, {why} extreme{how}"
            met = _met(inquiry, inquiry.batches[0], loss)
            found = [met] if isinstance(met, Verdict) else _plainly(inquiry, met, loss, told)
            if all(v.cause or v.status in (EQUAL, CONVENTION) for v in found):
                return found
            if not is_near:
                return []
        return []


def _at_wider_outputs(inquiry: Inquiry, loss: Loss, how: str) -> list[Verdict]:
    """Judge again where outputs are so large that margins are kept and missed; empty if it fits.

    Of an unknown loss of numbers, a mask may be the same for all samples where outputs are small.
    """
    usual, form, batch = inquiry.layers, inquiry.form, inquiry.batches[0]
    if not inquiry.is_loss_unknown or form is None:
        return []
    if inquiry.hinge_reported:
        asked = (inquiry.subject, form, inquiry.hinge_reported, batch, inquiry.rng)
        wider, which = with_mixed_margins(*asked), "by other parameters"
    else:
        spread = float(np.std(inquiry.subject.forward(batch.inputs)))
        if form.output != "identity" or not _WIDE / _LARGEST < spread < _WIDE:
            return []
        size = _WIDE / spread
        wider = [*usual[:-1], usual[-1].times(size)]
        which = f"with the last layer {size:.3g} x as large"
    with inquiry.elsewhere():
        inquiry.layers = inquiry.subject.begin(wider)
        if not inquiry.hinge_reported and _is_extreme(inquiry):
            return []
        met = _met(inquiry, batch, loss)
        if isinstance(met, Verdict) or met.residual <= _GUARDED:
            return []
        told = f"; {which}, for both sides of margins{how}"
        return [v for v in _plainly(inquiry, met, loss, told) if v.status == DIFFERS]


def off_slopes(inquiry: Inquiry) -> list[Verdict]:
    """Return where the gradient is not the slope of the loss, up to a sign, just as it is asked."""
    loss: Loss = inquiry.subject.loss_of_pass
    met = _met(inquiry, inquiry.batches[0], loss)
    if isinstance(met, Verdict):
        return []
    if all(max(left, abs(abs(factor) - 1)) <= _GUARDED for factor, left in _fits(met).values()):
        return []
    return [v for v in _plainly(inquiry, met, loss, "") if v.status == DIFFERS]


def is_last_bias_met(inquiry: Inquiry) -> bool:
    """Whether the last bias has its slopes, and the last pre-activation with it.

    Of one or two numbers, a multiple of them tells nothing.
    """
    batch = ends(inquiry.batches[0])[0] if inquiry.is_one_by_one else inquiry.batches[0]
    met = _met(inquiry, batch, inquiry.subject.loss_of_pass)
    name = f"b{len(inquiry.layers)}"
    if isinstance(met, Verdict) or name not in met.pairs:
        return False
    factor, residual = _fits(met)[name]
    close, is_told = _close(inquiry), len(met.positions[name]) >= _ENOUGH_OF_ONE
    return residual <= close and (is_told or abs(factor - 1) <= close)


def _at_other_parameters(inquiry: Inquiry, loss: Loss, how: str) -> list[Verdict]:
    """Judge where the loss has slopes, as a hinge has none where all margins are kept."""
    subject = inquiry.subject
    with inquiry.elsewhere():
        for _ in range(0 if inquiry.is_given else _DRAWS):
            inquiry.layers = subject.begin(parameters(subject, inquiry.rng))
            met = _met(inquiry, inquiry.batches[0], loss)
            if isinstance(met, Verdict) or not met.is_flat:
                return _judged(inquiry, loss, how)
    message = "gradient and slopes of the loss reported are zero with all that was asked"
    return [Verdict("gradient", UNCHECKED, message)]


def _is_extreme(inquiry: Inquiry) -> bool:
    """Whether a probability, or that of logits, is so near to 0 that a loss may keep it away."""
    outputs = inquiry.subject.forward(inquiry.batches[0].inputs)
    if ((outputs < 0) | (outputs > 1)).any():
        # Two logits, or one and zero, are as far apart as the logarithms of two probabilities.
        logits = np.insert(outputs, 0, 0.0, axis=1)
        return bool(np.ptp(logits, axis=1).max() > -np.log(_EXTREME))
    return bool((outputs < _EXTREME).any() or (outputs > 1 - _EXTREME).any())


def _close(inquiry: Inquiry) -> float:
    return _SINGLE if inquiry.is_float32 else _EXACT


@dataclass(frozen=True)
class _Met:
    """Entries of the gradient beside the slopes, by tensor, and how they fit together.

    `unsummed` are tensors that came with a row for each sample, and are summed here; `rough` those
    by whose entries the loss is nowhere smooth; `noise` is how far any slope may be off.
    """

    pairs: dict[str, tuple[Array, Array]]
    positions: dict[str, Array]
    factor: float
    residual: float
    unsummed: tuple[str, ...] = ()
    rough: tuple[str, ...] = ()
    noise: float = 0.0

    @property
    def is_flat(self) -> bool:
        """Whether nothing came where nothing is expected, which tells nothing."""
        return not any(np.any(part) for pair in self.pairs.values() for part in pair)

    @classmethod
    def of(cls, pairs: dict[str, tuple[Array, Array]], positions: dict[str, Array]) -> "_Met":
        """Return them with the factor that all have in common."""
        came, wanted = (np.concatenate(part) for part in zip(*pairs.values(), strict=True))
        return cls(pairs, positions, *fit(came, wanted))


def _of_met(inquiry: Inquiry, met: _Met, loss: Loss, how: str) -> list[Verdict]:
    found = _plainly(inquiry, met, loss, how)
    if not any(verdict.status == DIFFERS and verdict.cause is None for verdict in found):
        return found
    is_near = max(met.residual, abs(met.factor - 1)) <= _GUARDED
    return _at_ordinary_outputs(inquiry, loss, how, is_near=is_near) or found


def _plainly(inquiry: Inquiry, met: _Met, loss: Loss, how: str) -> list[Verdict]:
    beside: list[Verdict] = []
    close = _close(inquiry)
    told = ""
    alone = _SINGLE_ALONE if inquiry.is_float32 else close
    if met.residual > close or any(_off_alone(met, alone).values()):
        decays = _decays(inquiry, met)
        if decays:
            met = _without(inquiry, met, decays)
            if _is_of_penalty(inquiry, _fits(met), decays, loss):
                told = " The penalty is as it should be: the factor is that of the rest."
            else:
                beside = [_of_decays(inquiry, decays, loss)]
    if met.residual > close:
        found = _by_tensor(inquiry, met, loss, how, close)
    elif any(_off_alone(met, alone).values()):
        found = _by_tensor(inquiry, met, loss, how, alone)
    elif _is_any_off(met, close):
        found = _by_tensor(inquiry, met, loss, how, close)
    elif abs(met.factor - 1) <= close:
        return beside or [_equal(met.residual, how)]
    else:
        found = [_constant(inquiry, met, loss)]
    return [replace(verdict, message=f"{verdict.message}{told}") for verdict in found] + beside


def _off_alone(met: _Met, close: float) -> dict[str, bool]:
    """Return whether a tensor is off its slopes by more than what those may be off themselves."""
    off = {}
    for name, (_, residual) in _fits(met).items():
        came, _ = met.pairs[name]
        least = met.noise * np.sqrt(len(came))
        off[name] = residual > close and residual * float(np.linalg.norm(came)) > least
    return off


def _is_any_off(met: _Met, close: float) -> bool:
    """Whether a tensor has a factor of its own, that is small beside all others."""
    fits = _fits(met)
    if any(residual > close for _, residual in fits.values()):
        return False
    return any(
        abs(factor / met.factor - 1) > close and len(met.positions[name]) >= _ENOUGH_OF_ONE
        for name, (factor, _) in fits.items()
    )


def _met(inquiry: Inquiry, batch: Batch, loss: Loss) -> _Met | Verdict:
    subject = inquiry.subject
    observed, _ = observe(inquiry, batch)
    subject.begin(inquiry.layers)
    asked = (subject, inquiry.layers, batch, _ENTRIES, inquiry.rng, loss)
    sloped = slopes(
        *asked, is_float32=inquiry.is_float32, renewed=is_of_calls_before(inquiry, loss)
    )
    own = by_name(inquiry.layers)
    pairs, places = {}, {}
    unsummed = []
    for name, came in by_name(observed).items():
        tensor = came
        if came.shape == (len(batch), *own[name].shape):
            tensor = came.sum(axis=0)
            unsummed.append(name)
        if name in sloped and len(sloped[name][0]):
            positions, wanted = sloped[name]
            if positions.max() >= tensor.size:
                return _off(name, np.nan, np.inf, "it has another shape than its parameter")
            pairs[name], places[name] = (tensor.ravel()[positions], wanted), positions
    if not pairs:
        return Verdict("gradient", UNCHECKED, "the loss is nowhere smooth")
    rough = tuple(name for name in by_name(observed) if name not in pairs)
    noise = noise_of(loss(batch), is_float32=inquiry.is_float32)
    found = _Met.of(pairs, places)
    return replace(found, unsummed=tuple(unsummed), rough=rough, noise=noise)


def is_of_calls_before(inquiry: Inquiry, loss: Loss) -> bool:
    """Whether the loss depends on losses before by other parameters, as with running averages."""
    subject, usual, batch = inquiry.subject, inquiry.layers, inquiry.batches[0]
    subject.begin(usual)
    before = loss(batch)
    subject.set([layer.times(_AWAY) for layer in usual])
    loss(batch)
    subject.set(usual)
    return not np.isclose(loss(batch), before, rtol=_ROUNDING, atol=0.0, equal_nan=True)


# Entries from which two numbers are fitted to them, and one.
_ENOUGH, _ENOUGH_OF_ONE = 6, 3


def _entries(inquiry: Inquiry, met: _Met, name: str) -> Array:
    """Return the entries of a matrix whose slopes were taken."""
    entries: Array = by_name(inquiry.layers)[name].ravel()[met.positions[name]]
    return entries


def _decays(inquiry: Inquiry, met: _Met) -> dict[str, float]:
    """Return the multiple of itself that is added to the slope of each matrix that has one."""
    found, close, fits = {}, _close(inquiry), _fits(met)
    for name, (came, wanted) in met.pairs.items():
        is_met = name not in fits or fits[name][1] <= close
        if not name.startswith("W") or len(came) < _ENOUGH or is_met:
            continue
        basis = np.stack([wanted, _entries(inquiry, met, name)], axis=1)
        (factor, share), *_ = np.linalg.lstsq(basis, came, rcond=None)
        left = np.linalg.norm(came - basis @ (factor, share))
        if not factor or left > close * np.linalg.norm(came):
            return {}
        found[name] = float(share)
    return found


def _without(inquiry: Inquiry, met: _Met, decays: dict[str, float]) -> _Met:
    rest = {
        name: (came - decays[name] * _entries(inquiry, met, name), wanted)
        if name in decays
        else (came, wanted)
        for name, (came, wanted) in met.pairs.items()
    }
    found = _Met.of(rest, met.positions)
    return replace(found, unsummed=met.unsummed, noise=met.noise)


def _of_decays(inquiry: Inquiry, decays: dict[str, float], loss: Loss) -> Verdict:
    told = " and ".join(f"{share:.4g} x {name}" for name, share in decays.items())
    what = f"the gradient has {told} added to the slope of the loss reported"
    if min(decays.values()) > 0 and not _is_penalized(inquiry, loss):
        message = (
            f"{what}: a penalty on their squares that the loss leaves out or has with another "
            "coefficient, unless it is meant otherwise"
        )
        return Verdict("gradient", CONVENTION, message, None, "weight-decay")
    first = next(iter(decays))
    if _is_turned(inquiry, decays, loss):
        seen = f"{what}, which is twice the penalty: one has it added, the other taken off"
        return named("gradient", "penalty-sign", seen, first)
    message = f"{what}. Look at {CAUSES['weight-decay'].advice}."
    return Verdict("gradient", DIFFERS, message, first, "weight-decay")


def _is_turned(inquiry: Inquiry, decays: dict[str, float], loss: Loss) -> bool:
    r"""Whether what is added is what a penalty in loss and gradient of two signs leaves.

    .. math:: g + \lambda W = (g - \lambda W) + 2 \lambda W
    """
    penalties = _penalties(inquiry, decays, loss)
    return bool(penalties) and all(
        any(
            own and abs(share + 2 * own) <= 10 * _close(inquiry) * abs(2 * own)
            # Of the last matrix it is known from what the others have.
            for own in ([penalties[name]] if name in penalties else penalties.values())
        )
        for name, share in decays.items()
    )


def _penalties(inquiry: Inquiry, names: Iterable[str], loss: Loss) -> dict[str, float]:
    """Return what `_penalty` does, of all matrices but the last."""
    last = f"W{len(inquiry.layers)}"
    return {
        name: _penalty(inquiry, int(name[1:]) - 1, loss)
        for name in names
        if name.startswith("W") and name != last
    }


def _is_penalized(inquiry: Inquiry, loss: Loss) -> bool:
    """Whether the loss depends on the first matrix where the output does not."""
    return _penalty(inquiry, 0, loss) != 0


def _penalty(inquiry: Inquiry, number: int, loss: Loss) -> float:
    r"""Return how many times itself a penalty on the squares of a matrix adds to its slope.

    .. math:: \ell(2 W) - \ell(W) = \frac{3 \lambda}{2} \|W\|^2

    where the output does not depend on W, as the last matrix is zero. Of that one it is not known,
    and zero is returned.
    """
    depth = len(inquiry.layers)
    if number == depth - 1 or not inquiry.subject.is_chain:
        return 0.0
    values = []
    for stretch in (1.0, 2.0):
        layers = list(inquiry.layers)
        layers[-1] = replace(layers[-1], weight=0.0 * layers[-1].weight)
        layers[number] = replace(layers[number], weight=stretch * layers[number].weight)
        inquiry.subject.set(layers)
        values.append(loss(inquiry.batches[0]))
    inquiry.restore()
    squares = float((inquiry.layers[number].weight ** 2).sum())
    return (values[1] - values[0]) * 2 / (3 * squares)


def _is_of_penalty(
    inquiry: Inquiry,
    fits: dict[str, tuple[float, float]],
    decays: dict[str, float],
    loss: Loss,
) -> bool:
    r"""Whether what is added is what a right penalty leaves beside a factor of the rest.

    .. math:: c \, g + \lambda W = c \, (g + \lambda W) + (1 - c) \, \lambda W
    """
    close, penalties = 10 * _close(inquiry), _penalties(inquiry, fits, loss)
    if not any(penalties.values()):
        return False
    for name in fits:
        if not name.startswith("W"):
            continue
        added, share = 1 - fits[name][0], decays.get(name, 0.0)
        # Of the last matrix it is known from what the others have.
        expected = [penalties[name]] if name in penalties else [0.0, *penalties.values()]
        if not any(abs(share - added * own) <= close * abs(own) for own in expected):
            return False
    return True


def _of_second(inquiry: Inquiry, loss: Loss) -> _Met | None:
    """Return what the second batch shows without penalties; None if it shows nothing."""
    again = _met(inquiry, inquiry.batches[1], loss)
    if isinstance(again, Verdict) or again.is_flat:
        return None
    decays = _decays(inquiry, again) if again.residual > _close(inquiry) else {}
    return _without(inquiry, again, decays) if decays else again


def _by_tensor(inquiry: Inquiry, met: _Met, loss: Loss, how: str, close: float) -> list[Verdict]:
    """Name the factors of tensors that have different ones, or the first that has none."""
    fits = _fits(met)
    if any(residual > close for _, residual in fits.values()):
        alone = _off_alone(met, close)
        is_any = any(alone.values())
        return [_first_off({n: f for n, f in fits.items() if alone[n] or not is_any}, how, close)]
    again = _of_second(inquiry, loss)
    second = {} if again is None else again.pairs
    groups: dict[float, list[str]] = {}
    for name, (factor, _) in reversed(fits.items()):
        same = next((f for f in groups if abs(f - factor) <= close * abs(f)), factor)
        groups.setdefault(same, []).append(name)
    carried = _carried(inquiry, fits, second)
    if carried is not None:
        return [carried]
    verdicts = []
    for factor, group in groups.items():
        if abs(factor - 1) <= close:
            continue
        other = fit(*second[group[0]])[0] if group[0] in second else factor
        residual = fits[group[0]][1]
        cause, why = _named(inquiry, (factor, other), residual)
        if cause and cause.startswith("factor") and all(name.startswith("b") for name in group):
            cause = "bias-scaled"
        message = (
            f"yours = {factor:.6g} x the slope of the loss reported on {', '.join(group)} and not "
            f"on the others: {why}. {_look(cause)}"
        )
        verdicts.append(
            Verdict("gradient", DIFFERS, message, group[0], cause, factor, residual),
        )
    return verdicts or [_equal(met.residual, how)]


def _carried(
    inquiry: Inquiry,
    fits: dict[str, tuple[float, float]],
    second: dict[str, tuple[Array, Array]],
) -> Verdict | None:
    """Return the factor that a gradient gets each time that it is carried back to a layer below."""
    depth, close = len(inquiry.layers), _close(inquiry)
    layers = [
        [factor for name, (factor, _) in fits.items() if int(name[1:]) == number]
        for number in range(1, depth + 1)
    ]
    # With two layers, a factor of the first alone may have any other reason.
    if depth <= 2 or not all(layers) or not inquiry.subject.is_chain:
        return None
    if any(max(own) - min(own) > close * abs(own[0]) for own in layers):
        return None
    steps = [below[0] / above[0] for below, above in pairwise(layers)]
    spread = max(steps) - min(steps)
    if abs(layers[-1][0] - 1) > close or spread > len(steps) * close * abs(steps[0]):
        return None
    lower, upper = f"W{depth - 1}", f"W{depth}"
    step = steps[-1]
    other = step
    if lower in second and upper in second:
        other = fit(*second[lower])[0] / fit(*second[upper])[0]
    residual = max(residual for _, residual in fits.values())
    cause, why = _named(inquiry, (step, other), residual)
    is_fixed = abs(other - step) <= 10 * close * abs(step)
    look = _look(cause)
    if is_fixed:
        # Whatever the number is, it is none of the loss.
        cause = "sign" if cause == "sign" else "factor-constant"
        look = (
            f"Look at the derivative of the hidden activation, which is {step:.6g} x what it "
            "should be, or what multiplies it."
        )
    message = (
        f"the gradient of the last layer is the slope of the loss reported, and that of each layer "
        f"below has another {step:.6g} x: {why}. The factor comes in where a gradient is carried "
        f"back to the layer below. {look}"
    )
    tensor = f"dL/dz{depth - 1}"
    return Verdict("gradient", DIFFERS, message, tensor, cause, step, residual)


def _named(
    inquiry: Inquiry, factors: tuple[float, float], residual: float
) -> tuple[str | None, str]:
    """Return cause and text of the factors of two batches, as exact as they are known.

    There is no cause if they are two, which no power of the batch size explains.
    """
    samples = [len(batch) for batch in inquiry.batches]
    # Of the loss in single precision, slopes are no nearer to each other.
    tolerance = max(residual, _NAMED_SINGLE if inquiry.is_float32 else 1e-7)
    apart = abs(factors[1] / factors[0] - 1) if factors[0] else np.inf
    if apart <= _close(inquiry):
        # Each is known no better than slopes are.
        tolerance = max(tolerance, 2 * apart)
    scale = scale_of(factors, samples, tolerance, powers=IN_LAYERS)
    if scale is None:
        (one, other), (n, m) = factors, samples
        return None, (
            f"another one for each batch, {one:.6g} x with {n} and {other:.6g} x with {m}, which "
            "no power of the batch size explains"
        )
    between = None
    # Of two digits any number is one with a meaning.
    if tolerance <= _NAMED:
        between = ratio(scale, Scale(1.0, 0), inquiry.subject.sizes, tolerance)
    if between is None:
        return "factor-constant", "a constant factor"
    if between.causes[0] == "loss-log-base" and abs(factors[0]) > 1:
        # A logarithm of another base makes slopes larger; so is one of powers of another base.
        return "factor-constant", f"a constant, {between.text}"
    return between.causes[0], between.text


def _look(cause: str | None) -> str:
    return f"Look at {CAUSES[cause].advice}." if cause else "The cause is unknown."


def _constant(inquiry: Inquiry, met: _Met, loss: Loss) -> Verdict:
    """Name the factor that all tensors have, by two batches."""
    again = _of_second(inquiry, loss)
    factor = met.factor if again is None else again.factor
    cause, why = _named(inquiry, (met.factor, factor), met.residual)
    message = (
        f"yours = {met.factor:.6g} x the slope of the loss reported, on all tensors: {why}; the "
        f"batch is {len(inquiry.batches[0])}. {_look(cause)}"
    )
    tensor = f"dL/dz{len(inquiry.layers)}"
    return Verdict("gradient", DIFFERS, message, tensor, cause, met.factor, met.residual)


def _fits(met: _Met) -> dict[str, tuple[float, float]]:
    """Return the factor of each tensor, and what it leaves.

    What is nothing beside the others, as the gradient of a bias in front of a normalization, is
    rounding, of which there is no factor: it is left out.
    """
    whole = np.sqrt(sum(float(wanted @ wanted) for _, wanted in met.pairs.values()))
    least = _EXACT * whole
    return {
        name: fit(came, wanted)
        for name, (came, wanted) in met.pairs.items()
        if np.linalg.norm([came, wanted]) > least
    }


def _first_off(fits: dict[str, tuple[float, float]], how: str, close: float) -> Verdict:
    """Return the first tensor, from the last layer, that is no multiple of its slopes."""
    for name, (factor, residual) in reversed(fits.items()):
        if residual > close:
            told = f"it is not the slope of the loss reported{how.replace(';', ',')}"
            return _off(name, factor, residual, told)
    raise ValueError("all tensors are multiples of their slopes")


# A multiple that is larger is one of rounding.
_BEYOND = 1e6


def _off(name: str, factor: float, residual: float, what: str) -> Verdict:
    nearest = (
        f"; the nearest multiple is {factor:.4g} x, which leaves {residual:.2g} of its norm"
        if np.isfinite(residual)
        else ""
    )
    if abs(factor) > _BEYOND:
        nearest = "; next to what came, the slope is nothing"
    message = f"{name}: {what}{nearest}. The cause is unknown."
    return Verdict("gradient", DIFFERS, message, name, None, None, residual)
