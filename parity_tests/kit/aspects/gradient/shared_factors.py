"""What the factors of all tensors share, and what each layer adds to those above it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from parity_tests.kit.aspects.gradient.measured_factors import Factor
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import NEAR, Scale, ratio
from parity_tests.kit.verdicts import DIFFERS, Verdict

# Of the gradient itself, what may be added by a penalty's mistake.
_SMALL = 0.5


def shared_scale(inquiry: Inquiry, factors: list[Factor], reference: Scale) -> Scale | None:
    """Return the scale that all tensors have, where some have another factor besides.

    What is shared is a power of the batch size, a sign, and the number that matrices or biases
    have alone, if that is one with a meaning. Where each layer below has another one by the same
    factor, it is what the last layer has; else a number that leaves fewer or simpler ones, which
    most tensors have if it is all that is shared. A sign that some have is no part of it.
    """
    # That of a tensor with another fault may belong to it.
    own = [factor for factor in factors if not factor.finding.causes]
    if not own or any(factor.ratio is None or not factor.ratio.causes for factor in own):
        return None
    others = [factor for factor in factors if factor not in own]
    if any(factor.scale is not None and factor.ratio is None for factor in others) and all(
        factor.finding.tensor.startswith("b") for factor in own
    ):
        # Matrices are as large as expected, whatever else is wrong with them.
        return None
    layers = _by_layer(inquiry, factors)
    if len(layers) > 2 and _by_which_carried(inquiry, layers) is not None:
        return layers[-1][0]
    scales = [factor.scale for factor in factors if factor.scale is not None]
    powers = {None if factor.scale is None else factor.scale.power for factor in own}
    signs = {factor.finding.factor > 0 for factor in own}
    if len(scales) < len(factors) or len(powers) > 1:
        return None
    sign, power = (-1.0 if signs == {False} else 1.0), scales[factors.index(own[0])].power
    shares: dict[str, list[float]] = {"W": [], "b": []}
    for factor, scale in zip(factors, scales, strict=True):
        if factor in own:
            shares[factor.finding.tensor[0]].append(abs(scale.constant) / reference.constant)
    constants = [constant for group in shares.values() for constant in group]
    if max(constants) - min(constants) <= NEAR * max(constants):
        # Where all have the same, whatever that is, there is none besides.
        is_one = abs(constants[0] - 1) <= NEAR and power == reference.power
        is_told = len(signs) == 1 or is_one
        return None if is_told else Scale(constants[0] * reference.constant, power)
    if len(signs) > 1 and power == reference.power:
        return None
    constant = _shared_constant(shares, inquiry.subject.sizes)
    is_whole = sign < 0 or power != reference.power
    if constant == 1:
        simplest = _simplest_constant(constants, inquiry.subject.sizes)
        is_usual = 2 * _count(simplest, constants) > len(constants)
        if not is_whole and (simplest == 1 or not is_usual):
            return None
        constant = simplest
    elif not is_whole and not _is_near(shares):
        return None
    return Scale(sign * constant * reference.constant, power)


def _shared_constant(shares: Mapping[str, list[float]], sizes: Sequence[int]) -> float:
    """Return the number that matrices and biases share, of those that each have."""
    if not all(own and max(own) - min(own) <= NEAR * max(own) for own in shares.values()):
        return 1.0
    ones = [own[0] for own in shares.values()]
    means = [one for one in ones if not _is_without_meaning(one, sizes)]
    is_one = any(abs(one - 1) <= NEAR for one in means)
    return means[0] if means and not is_one else 1.0


def _simplest_constant(constants: Sequence[float], sizes: Sequence[int]) -> float:
    """Return the number that leaves the fewest without a meaning, and the fewest parts; or 1.

    Of several, the one that most tensors have.
    """
    unit, distinct = Scale(1.0, 0), [1.0]
    for constant in constants:
        if not _count(constant, distinct):
            distinct.append(constant)

    def cost(shared: float) -> tuple[int, int, int]:
        left = {shared, *(own / shared for own in distinct[1:])}
        found = (ratio(Scale(own, 0), unit, sizes, 1e-7) for own in left)
        parts = [cause for own in found if own is not None for cause in own.causes]
        having = len(constants) if shared == 1 else _count(shared, constants)
        return parts.count("factor-constant"), len(parts), -having

    return min(distinct, key=cost)


def _count(number: float, among: Sequence[float]) -> int:
    return sum(abs(own - number) <= NEAR * own for own in among)


def _is_near(shares: Mapping[str, list[float]]) -> bool:
    """Whether what matrices have besides is no more than half of the gradient itself."""
    return abs(shares["W"][0] / shares["b"][0] - 1) < _SMALL


def _is_without_meaning(constant: float, sizes: Sequence[int]) -> bool:
    between = ratio(Scale(constant, 0), Scale(1.0, 0), sizes, 1e-7)
    return between is not None and "factor-constant" in between.causes


def _by_layer(inquiry: Inquiry, factors: list[Factor]) -> list[list[Scale]]:
    """Return the scales of the tensors of each layer, the first one first; empty if not all."""
    layers: dict[int, list[Scale]] = {}
    for factor in factors:
        if factor.finding.causes and factor.finding.tensor.startswith("b"):
            # What is wrong about it is told for itself, and its factor may belong to that.
            continue
        if factor.scale is None or factor.finding.causes:
            return []
        layers.setdefault(int(factor.finding.tensor[1:]), []).append(factor.scale)
    depth = len(inquiry.layers)
    if depth < 2 or len(layers) < depth:
        return []
    return [layers[number] for number in range(1, depth + 1)]


def _by_which_carried(inquiry: Inquiry, layers: list[list[Scale]]) -> float | None:
    """Return the factor from each layer to the one below, if that is one and the same."""
    samples = len(inquiry.batches[0])
    at = [[scale.at(samples) for scale in scales] for scales in layers]
    if not at or any(max(own) - min(own) > NEAR * abs(own[0]) for own in at):
        return None
    steps = [below[0] / above[0] for below, above in pairwise(at)]
    return steps[0] if max(steps) - min(steps) <= NEAR * abs(steps[0]) else None


def carried_factor(
    inquiry: Inquiry, factors: list[Factor], expected: Scale, *, besides: bool = False
) -> Verdict | None:
    """Return the factor that a gradient gets each time that it is carried back to a layer below.

    Parameters
    ----------
    besides : bool, default False
        Whether what is expected is what all tensors have.
    """
    layers = _by_layer(inquiry, factors)
    step = _by_which_carried(inquiry, layers)
    if step is None:
        return None
    samples, sizes, depth = len(inquiry.batches[0]), inquiry.subject.sizes, len(layers)
    upper = layers[-1][0].at(samples) / expected.at(samples)
    is_right, is_alike = abs(upper - 1) <= NEAR, abs(upper / step - 1) <= NEAR
    between = ratio(layers[-2][0], layers[-1][0], sizes, 1e-7)
    # With two layers, a factor of the first alone may have any other reason.
    if between is None or not (is_alike or (is_right and depth > 2)):
        return None
    either = ""
    if depth == 2 and between.causes == ("sign",):
        # Turned once more, it is as expected: so is it if the last layer alone is turned.
        if not _has_one_function(inquiry):
            return None
        either = ", or the update of the last layer alone is turned: the same numbers come of both"
    cause, text = between.causes[0], between.text
    if cause == "factor-classes":
        # What a loss is averaged over comes in once, at the last layer.
        cause, text = "factor-constant", "a constant"
    if besides:
        last = "has what all have"
    else:
        last = f"has {step:.6g} x expected" if is_alike else "is as expected"
    where = "in every layer" if is_alike else "where a gradient is carried back to the layer below"
    look = _LOOK_IN_LAYERS if cause in _OF_LOSS else CAUSES[cause].advice
    message = (
        f"the gradient of the last layer {last}, and that of each layer below has another "
        f"{step:.6g} x: {text}; the batch is {samples}. The factor comes in {where}"
        f"{either}. Look at {look}."
    )
    tensor = f"dL/dz{depth if is_alike else depth - 1}"
    return Verdict("gradient", DIFFERS, message, tensor, cause, step)


# Causes that have to do with the loss, or with the direction of an update.
_OF_LOSS = ("factor-two", "factor-classes", "factor-constant", "sign")
# Neither comes in once more with every layer.
_LOOK_IN_LAYERS = "what every layer multiplies with: the derivative of its function, or a scalar"


def _has_one_function(inquiry: Inquiry) -> bool:
    """Whether the last layer has the function of the others, and with it their derivative."""
    form = inquiry.form
    return form is not None and set(form.hidden) == {form.output}
