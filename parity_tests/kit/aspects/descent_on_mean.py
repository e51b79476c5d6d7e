"""Steps down the mean of a loss that is a sum, where nothing but steps shows the gradient."""

from collections.abc import Sequence

from parity_tests.kit.aspects.gradient.measured_factors import Factor
from parity_tests.kit.aspects.observing import is_inferred
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import Scale
from parity_tests.kit.verdicts import CONVENTION, Verdict

_TOLD = (
    "the loss reported is a sum over the batch, and steps go by its mean, 1 / batch size x the "
    "sum; the batch is {}. No step tells a sum that is divided by the batch size from the "
    "gradient of a mean: it may as well be its convention."
)


def mean_of(inquiry: Inquiry, expected: Scale | None) -> Scale | None:
    r"""Return the scale of the mean, where steps alone may go down that of a loss that is a sum.

    .. math:: \theta_1 = \theta_0 - \frac{\eta}{n} \nabla \sum_i \ell_i
                       = \theta_0 - \eta \nabla \frac{1}{n} \sum_i \ell_i

    Parameters
    ----------
    expected : Scale or None
        What is declared, or what the loss reported has.

    Returns
    -------
    Scale or None
        None where gradients are handed out, samples come one at a time, or no sum is reported.
    """
    if expected is None or inquiry.reported is None or not is_inferred(inquiry):
        return None
    if inquiry.is_beside or inquiry.subject.single or inquiry.is_one_by_one:
        return None
    is_sum = expected.power == 0 and inquiry.reported[1].power == 0
    return Scale(expected.constant, 1) if is_sum else None


def are_on_mean(factors: Sequence[Factor]) -> bool:
    """Whether all matrices or all biases go with the mean, and none with the sum."""
    scales = {own.finding.tensor: own.scale for own in factors}
    powers = {name: None if scale is None else scale.power for name, scale in scales.items()}
    if not powers or not {None, 0}.isdisjoint(powers.values()):
        return False
    kinds = ([power for name, power in powers.items() if name[0] == kind] for kind in "Wb")
    return any(own and set(own) == {1} for own in kinds)


def of_mean(inquiry: Inquiry) -> Verdict:
    """Return that steps go down the mean of a loss that is a sum."""
    samples = len(inquiry.batches[0])
    message = _TOLD.format(samples)
    return Verdict("gradient", CONVENTION, message, None, "factor-batch", 1 / samples)
