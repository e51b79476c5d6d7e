"""A gradient held against slopes of the reported loss, where the forward pass is not known."""

from functools import partial

import numpy as np

from parity_tests.kit.aspects.drawn import is_ever_another
from parity_tests.kit.aspects.gradient.held_to_slopes.decimals import OF_SINGLE, decimals_of
from parity_tests.kit.aspects.gradient.held_to_slopes.masks import of_mask
from parity_tests.kit.aspects.gradient.held_to_slopes.met import (
    ENOUGH_OF_ONE,
    Loss,
    Met,
    close_of,
    fits_of,
    met_slopes,
    of_another_shape,
    off_alone,
)
from parity_tests.kit.aspects.gradient.held_to_slopes.other_outputs import (
    GUARDED,
    at_larger_biases,
    at_ordinary_outputs,
    at_wider_outputs,
)
from parity_tests.kit.aspects.gradient.held_to_slopes.plain import plainly
from parity_tests.kit.aspects.observing import KEPT_OUTSIDE, is_another, is_inferred, observe
from parity_tests.kit.aspects.walks import ends
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.probe import parameters
from parity_tests.kit.subject.subject import Batch, Layers, SubjectError
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED, Verdict, named

# How often parameters are drawn at which a loss has slopes.
_DRAWS = 8
# A learning rate with which it is the same whether a step tells the loss before or after it.
_STILL = 1e-12

_UNKNOWN = "the forward pass is not known"
_OTHER_NUMBERS = (
    "the training step draws other random numbers than the pass whose loss it is held to, as for "
    "the order of its samples: declare `gradients`, or a step that takes samples as they come"
)
_OF_CALLS = (
    "the loss reported has something of the calls before in it, as a mean that every call moves, "
    "so that it has no slopes"
)
_OF_STEP = "the loss that a step tells is none that is known"


def by_slopes(inquiry: Inquiry) -> list[Verdict]:
    """Hold the gradient to differences of the reported loss.

    With dropout or noise in it, loss and gradient are asked with the same random numbers. Of a
    step that goes through its batch sample by sample, one sample is asked; and of one that draws
    the order of its samples, for which it takes no number then.
    """
    if not inquiry.is_one_by_one:
        found = _by_slopes(inquiry)
        is_open = any(own.status == DIFFERS and own.cause is None for own in found)
        if not (is_open and is_inferred(inquiry)) or _draws_alike(inquiry, inquiry.batches[0]):
            return found
        if not _draws_alike(inquiry, ends(inquiry.batches[0])[0]):
            return [Verdict("gradient", UNCHECKED, _OTHER_NUMBERS)]
    usual = inquiry.batches
    inquiry.batches = ends(usual[0])
    try:
        return _by_slopes(inquiry)
    finally:
        inquiry.batches = usual


def _by_slopes(inquiry: Inquiry) -> list[Verdict]:
    subject = inquiry.subject
    if subject.network.loss is None and subject.loss_of_output is None:
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
            drifts = _drifts(inquiry, reported)
            unknown = Verdict("gradient", UNCHECKED, _OF_CALLS)
            return [unknown] if drifts else _judged_by_grain(inquiry, reported)
        # The loss that a training step tells has the noise of training.
        told: Loss = partial(_told, inquiry)
        loss = reported if is_random(inquiry, reported) else told
        found: list[Verdict] = []
        with subject.drawing_alike(int(inquiry.rng.integers(2**31))):
            if not _changes(inquiry, loss):
                found = _judged(inquiry, loss, "; with the same random numbers in every call")
        if any(verdict.status == DIFFERS and verdict.cause is None for verdict in found):
            return of_mask(inquiry, loss, close_of(inquiry)) or found
        if found:
            return found
    except SubjectError as error:
        return [Verdict("gradient", UNCHECKED, str(error))]
    message = (
        "it changes from call to call, by the same parameters: dropout, noise or samples in random "
        "order, from a generator of its own"
    )
    return [Verdict("gradient", UNCHECKED, message)]


def _drifts(inquiry: Inquiry, loss: Loss) -> bool:
    """Whether the loss of the same batch is another one the next time in one network."""
    inquiry.subject.begin(inquiry.layers)
    batch = inquiry.batches[0]
    return loss(batch) != loss(batch)


def _draws_alike(inquiry: Inquiry, batch: Batch) -> bool:
    """Whether a step draws as many random numbers as a forward pass does for its loss."""
    subject = inquiry.subject
    with subject.drawing_alike(0):
        subject.begin(inquiry.layers)
        subject.loss_of_pass(batch)
        of_loss = subject.drawn_up_to
        observe(inquiry, batch)
        return subject.drawn_up_to == of_loss


def _told(inquiry: Inquiry, batch: Batch) -> float:
    network = inquiry.subject.network
    value = None
    if network.step is not None and network.lr is None and not inquiry.subject.single:
        value = inquiry.subject.step(batch, _STILL)
    if value is None:
        raise SubjectError(
            "it is another one each time, by the same parameters: dropout, noise or samples in "
            "random order, which the loss does not have; declare the loss of the training pass, or "
            "a step that takes all samples at once"
        )
    return value


def is_random(inquiry: Inquiry, loss: Loss) -> bool:
    """Whether a loss of the same batch is ever another one."""
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
    decimals = None if inquiry.is_float32 else decimals_of(inquiry, loss)
    if decimals is None:
        return _judged(inquiry, loss, "")
    is_float32, inquiry.is_float32 = inquiry.is_float32, True
    try:
        found = _judged(inquiry, loss, "; of a loss that is told to a few digits")
    finally:
        inquiry.is_float32 = is_float32
    if decimals == OF_SINGLE or all(verdict.status == EQUAL for verdict in found):
        return found
    message = (
        f"the loss is rounded to {decimals} decimals, and what the gradient is off its slopes by "
        "may come of that: return it as it is"
    )
    return [Verdict("gradient", UNCHECKED, message)]


def _judged(inquiry: Inquiry, loss: Loss, how: str) -> list[Verdict]:
    met = met_slopes(inquiry, inquiry.batches[0], loss)
    if isinstance(met, Verdict):
        return [met]
    infinite = [name for name, (came, _) in met.pairs.items() if not np.isfinite(came).all()]
    if infinite:
        return [_infinite(infinite)]
    if met.is_flat:
        return _at_other_parameters(inquiry, loss, how)
    found = _of_met(inquiry, met, loss, how)
    if all(verdict.status == EQUAL for verdict in found):
        found = at_wider_outputs(inquiry, loss, how) or found
    if all(verdict.status == EQUAL for verdict in found) and not inquiry.is_float32:
        found = at_larger_biases(inquiry, loss, how) or found
    if met.rough and all(verdict.status == EQUAL for verdict in found):
        message = (
            f"{' and '.join(met.rough)}: the loss has no slope by any entry that was asked; some "
            f"entries of the other tensors are slopes of it ({met.residual:.1g}){how}"
        )
        return [Verdict("gradient", UNCHECKED, message)]
    if not met.unsummed:
        return found
    if any(verdict.status == DIFFERS and verdict.cause is None for verdict in found):
        return [of_another_shape(met.unsummed[0])]
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


def off_slopes(inquiry: Inquiry) -> list[Verdict]:
    """Return where the gradient is not the slope of the loss, up to a sign, just as it is asked."""
    loss: Loss = inquiry.subject.loss_of_pass
    met = met_slopes(inquiry, inquiry.batches[0], loss)
    if isinstance(met, Verdict):
        return []
    if all(max(left, abs(abs(factor) - 1)) <= GUARDED for factor, left in fits_of(met).values()):
        return []
    return [v for v in plainly(inquiry, met, loss, "") if v.status == DIFFERS]


def shared_factor(inquiry: Inquiry) -> float | None:
    """Return how many times the slopes of the loss all tensors are; None if they differ in that."""
    met = met_slopes(inquiry, inquiry.batches[0], inquiry.subject.loss_of_pass)
    if isinstance(met, Verdict):
        return None
    factors, left = np.array(list(fits_of(met).values())).T
    is_one = np.ptp(factors) <= GUARDED * np.abs(factors).max() and left.max() <= GUARDED
    return float(factors[0]) if is_one else None


def is_last_bias_met(inquiry: Inquiry) -> bool:
    """Whether the last bias has its slopes, and the last pre-activation with it.

    Of one or two numbers, a multiple of them tells nothing.
    """
    batch = ends(inquiry.batches[0])[0] if inquiry.is_one_by_one else inquiry.batches[0]
    met = met_slopes(inquiry, batch, inquiry.subject.loss_of_pass)
    name = f"b{len(inquiry.layers)}"
    if isinstance(met, Verdict) or name not in met.pairs:
        return False
    factor, residual = fits_of(met)[name]
    close, is_told = close_of(inquiry), len(met.positions[name]) >= ENOUGH_OF_ONE
    return residual <= close and (is_told or abs(factor - 1) <= close)


def is_last_layer_met(inquiry: Inquiry) -> bool:
    """Whether the last matrix has its slopes, and its bias the same multiple of them."""
    batch = ends(inquiry.batches[0])[0] if inquiry.is_one_by_one else inquiry.batches[0]
    met = met_slopes(inquiry, batch, inquiry.subject.loss_of_pass)
    if isinstance(met, Verdict):
        return False
    last, close = len(inquiry.layers), close_of(inquiry)
    fits = [fit for name, fit in fits_of(met).items() if name in (f"W{last}", f"b{last}")]
    factors = [factor for factor, _ in fits]
    return bool(fits) and max(left for _, left in fits) <= close and np.ptp(factors) <= close


def is_last_bias_off(inquiry: Inquiry) -> bool:
    """Whether the last bias is no multiple of its slopes, of a loss that is told in full.

    No penalty on the weights is in these.
    """
    loss, name = inquiry.subject.loss_of_pass, f"b{len(inquiry.layers)}"
    if inquiry.is_float32 or decimals_of(inquiry, loss) is not None:
        return False
    batch = ends(inquiry.batches[0])[0] if inquiry.is_one_by_one else inquiry.batches[0]
    met = met_slopes(inquiry, batch, loss)
    return not isinstance(met, Verdict) and off_alone(met, close_of(inquiry)).get(name, False)


def _of_met(inquiry: Inquiry, met: Met, loss: Loss, how: str) -> list[Verdict]:
    found = plainly(inquiry, met, loss, how)
    if not any(verdict.status == DIFFERS and verdict.cause is None for verdict in found):
        return found
    is_near = max(met.residual, abs(met.factor - 1)) <= GUARDED
    return at_ordinary_outputs(inquiry, loss, how, is_near=is_near) or found


def _at_other_parameters(inquiry: Inquiry, loss: Loss, how: str) -> list[Verdict]:
    """Judge where the loss has slopes, as a hinge has none where all margins are kept."""
    subject = inquiry.subject
    with inquiry.elsewhere():
        for _ in range(0 if inquiry.is_given else _DRAWS):
            inquiry.layers = subject.begin(parameters(subject, inquiry.rng))
            met = met_slopes(inquiry, inquiry.batches[0], loss)
            if isinstance(met, Verdict) or not met.is_flat:
                return _judged(inquiry, loss, how)
    message = "gradient and slopes of the loss reported are zero with all that was asked"
    return [Verdict("gradient", UNCHECKED, message)]
