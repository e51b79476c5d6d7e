"""A gradient held to slopes of the loss reported, where that is none of those known.

Each question answers with verdicts, or with nothing where there is no doubt.
"""

from parity_tests.kit.aspects.drawn import is_drawn
from parity_tests.kit.aspects.first_steps.beginnings import OF_BEGINNINGS, note_beginnings
from parity_tests.kit.aspects.first_steps.slopes_of_steps import by_rates, of_slopes, with_momentum
from parity_tests.kit.aspects.gradient.account import Account, forget
from parity_tests.kit.aspects.gradient.elsewhere import (
    PLACES,
    is_elsewhere,
    is_last_elsewhere,
    is_last_known,
)
from parity_tests.kit.aspects.gradient.held_to_slopes.by_slopes import (
    by_slopes,
    is_last_bias_met,
    is_last_bias_off,
    is_last_layer_met,
)
from parity_tests.kit.aspects.gradient.judged import is_of_logits, of_another_loss
from parity_tests.kit.aspects.gradient.kept_margins import of_kept_margins
from parity_tests.kit.aspects.loss.aspect import is_saturated
from parity_tests.kit.aspects.observing import GROWN_OUTSIDE, is_grown_outside, observe
from parity_tests.kit.aspects.one_left_out import of_one_left_out_alone
from parity_tests.kit.aspects.shuffled_steps import of_shuffled_alone
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import BINARY_HINGES, OF_SIGNS
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named, worst

_ANY_MARGINS = (
    "with some parameters it is that of the {}, and with others it is not; the network "
    "reports no loss (``loss=``) whose slopes it could be"
)
_ANY_THRESHOLD = (
    "it is not that of Huber's loss with a threshold of 1, and the network reports no loss "
    "(``loss=``) that would show another one"
)


def of_random(account: Account) -> list[Verdict]:
    """Judge a gradient that is another one each time, as with dropout, by slopes alone."""
    inquiry = account.inquiry
    if not account.is_random(differs=account.differs):
        return []
    inquiry.edges.clear()
    inquiry.is_gradient_random = True
    inquiry.is_kept_outside = not is_drawn(
        inquiry.subject, lambda: observe(inquiry, inquiry.batches[0])
    )
    if is_grown_outside(inquiry):
        return [named("gradient", "gradient-accumulated", GROWN_OUTSIDE)]
    asked = inquiry, account.loss
    told = of_shuffled_alone(*asked) or of_one_left_out_alone(*asked)
    found = of_slopes(inquiry) if told is None else [told]
    forget(inquiry)
    return found


def of_margins(account: Account) -> list[Verdict]:
    """Ask what seems to be the gradient of a hinge, or of an absolute error, once more.

    Where all margins are missed, what does not ask for them has the gradient of a hinge; where
    outputs are between 0 and 1, that of the absolute error.
    """
    inquiry, loss = account.inquiry, account.loss
    if account.differs:
        return []
    is_few = inquiry.subject.outputs == 1 or inquiry.subject.single
    of_few = is_few and inquiry.gradient_loss in OF_SIGNS
    is_hinge = of_few or inquiry.gradient_loss in BINARY_HINGES
    if (
        is_hinge
        and not inquiry.is_loss_unknown
        and loss is None
        and not all(is_elsewhere(inquiry, account.explanations[0]) for _ in range(PLACES))
    ):
        which = str(inquiry.gradient_loss).replace("_", " ")
        forget(inquiry)
        return [Verdict("gradient", UNCHECKED, _ANY_MARGINS.format(which))]
    return of_kept_margins(inquiry, str(loss)) if "hinge" in str(loss) else []


def of_threshold(account: Account) -> list[Verdict]:
    """Return that Huber's loss with another threshold than 1 shows in a loss alone."""
    inquiry = account.inquiry
    is_asked = inquiry.reported is None and not inquiry.is_loss_unknown
    if not (is_asked and _is_of_another_threshold(account)):
        return []
    forget(inquiry)
    return [Verdict("gradient", UNCHECKED, _ANY_THRESHOLD)]


def of_unknown_loss(account: Account) -> list[Verdict]:
    """Hold a gradient to a loss that is not known, by its slopes."""
    inquiry, loss, verdicts = account.inquiry, account.loss, account.verdicts
    if not inquiry.is_loss_unknown:
        return []
    if account.differs:
        return _of_known_fault(account) or verdicts
    if loss is not None and account.explanations[0].loss == loss:
        return [*_of_loss_reported(inquiry, loss), *verdicts]
    # With one batch it is that of a loss that is known, as of a hinge with all margins missed.
    inquiry.evidence.forget_loss()
    return _of_another(inquiry, account.explanations[0]) or verdicts


def _of_known_fault(account: Account) -> list[Verdict]:
    """Return what slopes say of a gradient that differs, where that says more of it.

    What is wrong for all losses that are known may be right for the one that is reported, but for
    a factor.
    """
    inquiry, loss = account.inquiry, account.loss
    found = by_slopes(inquiry)
    if account.is_inferred and any(verdict.status == DIFFERS for verdict in found):
        note_beginnings(inquiry)
        if inquiry.beginnings:
            return [Verdict("gradient", UNCHECKED, OF_BEGINNINGS)]
        found = by_rates(inquiry, with_momentum(inquiry, found))
    fits = all(v.status in (EQUAL, CONVENTION) or v.factor is not None for v in found)
    if fits:
        inquiry.slopes_show = worst([verdict.status for verdict in found])
    # Numbers by a loss that nothing says is meant would tell nothing of this one.
    # Of numbers that are no probabilities, no loss is more likely meant than another.
    last = len(inquiry.layers) - 1
    is_any = is_of_logits(inquiry) and any(own.deltas[last].causes for own in account.explanations)
    is_guessed = loss is None and (is_any or any(v.cause is None for v in account.verdicts))
    is_guessed |= _is_of_another_threshold(account) or bool(inquiry.hinge_reported)
    if not fits and (below := _below_last_layer(account)):
        return below
    return found if fits or is_guessed else _of_last_layer(account, found)


def _below_last_layer(account: Account) -> list[Verdict]:
    """Return what is wrong below a last layer that is right by slopes, and of no known form.

    Its gradient gives the error that goes back from it, by which layers below are recomputed.
    """
    last = len(account.inquiry.layers)
    of_last = (f"W{last}", f"b{last}", f"dL/dz{last}")
    is_open = all(own.findings[0].tensor == of_last[0] for own in account.explanations) and not any(
        own.findings[0].known for own in account.explanations
    )
    differing = [verdict for verdict in account.verdicts if verdict.status == DIFFERS]
    below = [verdict for verdict in differing if verdict.tensor not in of_last]
    if not (is_open and below) or any(verdict.cause is None for verdict in below):
        return []
    return below if is_last_layer_met(account.inquiry) else []


def _of_last_layer(account: Account, slopes: list[Verdict]) -> list[Verdict]:
    """Return that the last layer has the gradient of another loss than the one reported, if so.

    What is wrong below it says nothing of that: of the gradient of a last layer that is right for a
    loss that is known, the one reported has other slopes, whatever it is.

    Parameters
    ----------
    slopes : list of Verdict
        What slopes say of the whole gradient.

    Returns
    -------
    list of Verdict
        With what was said of the gradient after it; nothing if that is not so.
    """
    inquiry, explanation = account.inquiry, account.explanations[0]
    last = len(inquiry.layers)
    is_right = all(
        finding.known and not (finding.causes or finding.is_vacant)
        for own in account.explanations
        for finding in own.findings
        if finding.tensor in (f"W{last}", f"b{last}")
    )
    is_off = any(verdict.status == DIFFERS for verdict in slopes) and is_last_bias_off(inquiry)
    if not (is_right and is_off and is_last_elsewhere(inquiry, explanation)):
        return []
    if account.loss is not None and explanation.loss == account.loss:
        return [_another_reported(account.loss, f"b{last}"), *account.verdicts]
    which = _by_slopes(inquiry, f"b{last}")
    return [of_another_loss(inquiry, explanation, which), *account.verdicts]


def _is_of_another_threshold(account: Account) -> bool:
    return account.loss == "huber" and not is_last_known(account.explanations[0])


def _of_another(inquiry: Inquiry, explanation: Explanation) -> list[Verdict]:
    """Hold a right gradient to a loss that is not known, by its slopes."""
    found = by_slopes(inquiry)
    differs = [verdict for verdict in found if verdict.status == DIFFERS]
    # What has a factor is of the loss reported, too.
    is_multiple = all(verdict.factor and not _is_of_one(verdict) for verdict in differs)
    kept = of_kept_margins(inquiry, inquiry.hinge_reported) if inquiry.hinge_reported else []
    if is_multiple:
        return [*kept, *differs] if kept else found
    # What differs then is added to matrices, as a penalty is.
    if kept or is_last_bias_met(inquiry) or not is_elsewhere(inquiry, explanation):
        return kept or found
    which = _by_slopes(inquiry, str(found[0].tensor))
    return [of_another_loss(inquiry, explanation, which)]


def _by_slopes(inquiry: Inquiry, tensor: str) -> str:
    """Return what the loss reported is, whose slopes are others than those of a known one."""
    if inquiry.huber_reported:
        return f"the huber with a threshold of {inquiry.huber_reported:.6g}"
    return f"another function, by its slopes ({tensor})"


def _is_of_one(verdict: Verdict) -> bool:
    """Whether a verdict is of a parameter, and not of what all of them come from."""
    return not str(verdict.tensor).startswith("dL/dz")


def _of_loss_reported(inquiry: Inquiry, loss: str) -> list[Verdict]:
    """Hold a loss that is not known to the right gradient of the one that is declared."""
    slopes = by_slopes(inquiry)
    if is_saturated(inquiry) or all(verdict.status != DIFFERS for verdict in slopes):
        return []
    return [_another_reported(loss, str(slopes[0].tensor))]


def _another_reported(loss: str, tensor: str) -> Verdict:
    """Return that a loss is reported which is not the one that is declared, by its slopes."""
    seen = (
        f"the gradient is that of the {loss.replace('_', ' ')} that is declared, and not the slope "
        f"of the loss reported ({tensor})"
    )
    return named("loss", "another-loss", seen, "loss")
