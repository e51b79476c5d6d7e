"""Factors of a gradient that may be meant, where no loss says which one is."""

from parity_tests.kit.aspects.gradient.measured_factors import Factor
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import Ratio, Scale

# Losses with a term for each output, whose mean may be one over the outputs as well.
_OF_OUTPUTS = {
    "absolute_error",
    "binary_cross_entropy",
    "huber",
    "log_cosh",
    "squared_error",
}


def is_convention(inquiry: Inquiry, factor: Ratio) -> bool:
    """Whether a factor may be meant, where no loss says: what is averaged, and how squares are."""
    allowed = {"factor-batch"}
    if inquiry.gradient_loss in _OF_OUTPUTS:
        allowed.add("factor-classes")
    if inquiry.gradient_loss == "squared_error":
        allowed.add("factor-two")
    return not inquiry.spec.scale and set(factor.causes) <= allowed


def conventional_scale(inquiry: Inquiry, factors: list[Factor]) -> Scale | None:
    """Return the scale of all matrices, or of all biases, that may be meant, if all have a factor.

    Of two, the one with the simpler factor; that of the matrices, if both are alike. What the
    others have besides is then told for itself, and the convention is no fault of those that have
    no other one.
    """
    own = [factor for factor in factors if not factor.finding.causes]
    if any(factor.ratio is None or factor.scale is None for factor in factors):
        return None
    found: list[tuple[int, Scale]] = []
    for kind in "Wb":
        several = [factor for factor in own if factor.finding.tensor.startswith(kind)]
        scales = [factor.scale for factor in several if factor.scale is not None]
        between = several[0].ratio if several else None
        if between is None or not is_convention(inquiry, between):
            continue
        if all(scale.is_near(scales[0]) for scale in scales):
            found.append((len(between.causes), scales[0]))
    return min(found, key=lambda pair: pair[0])[1] if found else None
