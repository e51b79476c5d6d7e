"""The gradient is that of the loss, by the network's own forward pass."""

from collections.abc import Callable

from parity_tests.kit.aspects.first_steps import reshaped
from parity_tests.kit.aspects.first_steps.short_steps import of_short_steps
from parity_tests.kit.aspects.first_steps.slopes_of_steps import of_slopes
from parity_tests.kit.aspects.gradient.account import (
    DRAWS,
    SMALLER,
    Account,
    are_of_two,
    are_of_two_factors,
    ask,
    ask_again,
    keep,
)
from parity_tests.kit.aspects.gradient.by_class import of_classes
from parity_tests.kit.aspects.gradient.constant_gradients import with_constants
from parity_tests.kit.aspects.gradient.elsewhere import of_wider_outputs
from parity_tests.kit.aspects.gradient.few_numbers import without_chance
from parity_tests.kit.aspects.gradient.from_steps import (
    of_infinite,
    of_limits,
    of_other_steps,
    of_samples,
    of_velocities,
)
from parity_tests.kit.aspects.gradient.judged import judged, of_another_loss
from parity_tests.kit.aspects.gradient.kept_margins import of_kept_margins
from parity_tests.kit.aspects.gradient.labels_between import of_labels_between
from parity_tests.kit.aspects.gradient.larger_steps import of_larger_steps
from parity_tests.kit.aspects.gradient.larger_values import of_larger_values
from parity_tests.kit.aspects.gradient.left_out import of_left_out
from parity_tests.kit.aspects.gradient.measured_errors import of_measured_error
from parity_tests.kit.aspects.gradient.measured_slopes import of_measured_slope
from parity_tests.kit.aspects.gradient.one_number import settled
from parity_tests.kit.aspects.gradient.other_losses import (
    of_margins,
    of_random,
    of_threshold,
    of_unknown_loss,
)
from parity_tests.kit.aspects.gradient.own_forward import of_own_forward
from parity_tests.kit.aspects.gradient.rates import of_rates
from parity_tests.kit.aspects.gradient.training_pass import with_training
from parity_tests.kit.aspects.never_set import refused
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import SubjectError, flat
from parity_tests.kit.verdicts import DIFFERS, UNCHECKED, Verdict

NOT_DECLARED = "neither gradients nor a step are declared"


def examine(inquiry: Inquiry) -> list[Verdict]:
    """Explain the gradients of two batches, and judge what they have in common.

    That of a training pass which drops units is held to slopes beside it.
    """
    return with_training(inquiry, _examined(inquiry))


def _examined(inquiry: Inquiry) -> list[Verdict]:
    network = inquiry.subject.network
    if network.gradients is None and network.backward is None and network.step is None:
        return [Verdict("gradient", UNCHECKED, NOT_DECLARED)]
    if inquiry.form is None:
        return reshaped.of_gradient(inquiry) or of_slopes(inquiry)
    loss = inquiry.spec.loss or (inquiry.reported and inquiry.reported[0])
    try:
        account = Account(inquiry, loss, ask(inquiry))
    except SubjectError as error:
        return reshaped.of_gradient(inquiry) or [_not_observed(inquiry, error)]
    for question in _QUESTIONS:
        answer = question(account)
        if answer:
            return [*answer, *of_rates(inquiry, answer)]
    return [*account.verdicts, *of_rates(inquiry, account.verdicts)]


def _not_observed(inquiry: Inquiry, error: SubjectError) -> Verdict:
    """Return that a batch raises, and whether one sample does not.

    Of one sample that changes nothing none may be left, so that it is not what the network takes.
    """
    one = inquiry.batches[0].part(slice(0, 1))
    try:
        seen, _ = observe(inquiry, one)
    except SubjectError:
        return refused("gradient", error)
    raised = f"raises for a batch of {len(inquiry.batches[0])}: {error}".rstrip()
    if not flat(seen).any():
        message = f"one sample changes nothing, and it {raised}. The cause is unknown."
        return Verdict("gradient", DIFFERS, message)
    message = f"it works with one sample and {raised}"
    return Verdict("gradient", DIFFERS, message, cause="batch-raises")


def _explain(account: Account) -> list[Verdict]:
    """Find what the gradient is; by other parameters, if it seems to be that of two losses."""
    inquiry = account.inquiry
    account.explanations = account.explained(account.seen)
    for _ in range(0 if inquiry.is_given else DRAWS):
        if not are_of_two(account.explanations):
            break
        account.seen = keep(inquiry, ask_again(inquiry))
        account.explanations = account.explained(account.seen)
    _ask_smaller(account)
    return []


def _ask_smaller(account: Account) -> None:
    """Ask with smaller parameters for a fault that two batches show in two forms, by chance.

    Where both are right then, it is what is large that has the fault, and that is what is kept.
    """
    inquiry, usual = account.inquiry, account.inquiry.layers
    samples = [len(batch) for batch in inquiry.batches]
    if inquiry.is_given or not are_of_two_factors(account.explanations, samples):
        return
    for size in SMALLER:
        seen = ask_again(inquiry, size)
        again = account.explained(seen)
        is_faulty = again[0].known and not again[0].is_right
        if is_faulty and not are_of_two_factors(again, samples):
            account.seen, account.explanations = keep(inquiry, seen), again
            return
    inquiry.layers = inquiry.evidence.layers = inquiry.subject.set(usual)


def _of_labels_as_given(account: Account) -> list[Verdict]:
    """Judge a gradient as that of the labels as they are, where the loss smooths them."""
    inquiry, loss = account.inquiry, account.loss
    smoothing = inquiry.smoothing
    if not smoothing or account.is_known:
        return []
    inquiry.smoothing = 0.0
    explanations = account.explained(account.seen)
    if not explanations[0].known:
        inquiry.smoothing = smoothing
        return []
    reported = f"that of labels of which {smoothing:.6g} is spread over the classes"
    told = of_another_loss(inquiry, explanations[0], reported)
    return [told, *(v for v in judged(inquiry, explanations, loss) if v.status == DIFFERS)]


def _settle(account: Account) -> list[Verdict]:
    """Tell by both batches of what a gradient of few numbers is a multiple, if it is of any."""
    inquiry = account.inquiry
    samples = [len(batch) for batch in inquiry.batches]
    asked = samples, inquiry.tolerance
    account.explanations = settled(inquiry.layers, account.explanations, *asked)
    account.explanations = without_chance(inquiry.layers, account.explanations, *asked)
    account.explanations = with_constants(inquiry, account.gradients, account.explanations)
    return []


def _of_hinge_reported(account: Account) -> list[Verdict]:
    """Name the fault of a hinge that the loss seems to be."""
    inquiry = account.inquiry
    if not inquiry.hinge_reported or account.is_right:
        return []
    return of_kept_margins(inquiry, inquiry.hinge_reported, named_alone=True)


def _of_samples_left_out(account: Account) -> list[Verdict]:
    """Name samples that have no gradient, or one that is so many times as large by their class.

    Of a loss that is not known, as of errors with a tolerance, samples need not have one.
    """
    inquiry = account.inquiry
    if inquiry.is_loss_unknown or all(own.known for own in account.explanations):
        return []
    asked = inquiry, account.gradients, account.loss
    findings = [finding for own in account.explanations for finding in own.findings]
    found = [] if account.is_known else of_left_out(*asked, findings)
    # One of the batches may have none of a class.
    found = found or of_classes(*asked)
    return [] if found and account.is_random(differs=True) else found


def _judge(account: Account) -> list[Verdict]:
    """Say of the gradient what it was found to be; where signs are seen, that has been said."""
    inquiry, explanations = account.inquiry, account.explanations
    if account.is_of_signs:
        return []
    account.verdicts = judged(inquiry, explanations, account.loss) + account.beside
    is_unknown = not (account.is_known or inquiry.is_loss_unknown)
    if account.is_inferred and is_unknown and explanations[0].loss is not None:
        # Tensors may have a factor in short steps, where longer ones are not known.
        short = of_short_steps(inquiry, explanations[0].loss)
        told = [verdict for verdict in short if verdict.status != UNCHECKED]
        account.verdicts = told or account.verdicts
    return []


def _of_signs(account: Account) -> list[Verdict]:
    """Return what was said of signs."""
    if not account.is_of_signs:
        return []
    account.inquiry.gradient_loss = account.explanations[0].loss
    return account.verdicts


def _of_other_values(account: Account) -> list[Verdict]:
    """Ask a right gradient once more, with wider outputs and with larger values."""
    inquiry = account.inquiry
    if not all(own.is_right for own in account.explanations):
        return []
    if account.differs:
        # A factor may be that of the steps, and has nothing to do with what larger inputs show.
        account.verdicts += of_larger_steps(inquiry)
        return []
    wider = of_wider_outputs(inquiry, account.explanations[0])
    if wider:
        return wider
    larger = of_larger_values(inquiry) or of_larger_steps(inquiry)
    if any(verdict.status == DIFFERS for verdict in larger):
        return larger
    account.verdicts += larger
    return []


def _of_another_hinge(account: Account) -> list[Verdict]:
    """Return that it is the gradient of no hinge, where one is declared."""
    inquiry = account.inquiry
    is_another = inquiry.hinges and inquiry.gradient_loss not in (None, *inquiry.hinges)
    if not is_another or inquiry.reported is not None or account.differs:
        return []
    return [of_another_loss(inquiry, account.explanations[0], inquiry.hinges[0])]


# One after the other: the first that has an answer ends it.
_QUESTIONS: tuple[Callable[[Account], list[Verdict]], ...] = (
    of_infinite,
    # What it is taken for.
    _explain,
    of_limits,
    of_velocities,
    _of_labels_as_given,
    of_samples,
    _settle,
    _of_hinge_reported,
    _of_samples_left_out,
    of_other_steps,
    # What is said of it.
    _judge,
    of_labels_between,
    of_own_forward,
    of_measured_error,
    of_measured_slope,
    # Whether that is so.
    of_random,
    _of_signs,
    of_margins,
    of_threshold,
    of_unknown_loss,
    _of_other_values,
    _of_another_hinge,
)
