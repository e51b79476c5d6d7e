"""The weights begin as the scheme that is declared says, and a network can learn from there."""

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects.initialization.by_widths import ByWidths, by_widths, gain_of
from parity_tests.kit.aspects.initialization.never_called import never_called
from parity_tests.kit.aspects.initialization.same_numbers import repeated_numbers, with_same_numbers
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.forward import Form, functions
from parity_tests.kit.functions import activation
from parity_tests.kit.initialization import (
    FAMILIES,
    SCHEMES,
    Drawn,
    Mistake,
    Scheme,
    fan_missing,
    formulas,
    growing,
    mistakes,
    root_missing,
    scheme,
    shrinking,
    variants,
)
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.seeding import preserved, reseeded, seed_both
from parity_tests.kit.subject.subject import Layers, Subject, SubjectError
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[np.float64]

# Entries of a matrix from which its standard deviation is known so well that it is not further
# than 2 % off in any of 100,000 networks, and the limits of what is done for it: constructions,
# seconds.
_ENTRIES, _CONSTRUCTIONS, _SECONDS = 40_000, 1000, 1.0
# Weights that nobody means. Standard normal weights behind 3,072 inputs, which are common, have a
# gain of 55; 1e-4 x standard normal ones, which are taught, one of 1e-3 and less.
_EXPLODING_STD, _EXPLODING_GAIN, _VANISHING_GAIN = 3.0, 30.0, 1e-6
# Sum of the means of all weights of a unit, from which it does not matter what the inputs are.
_ONE_SIGNED = 10.0
# How many times the largest scheme by the same widths weights have that nobody means. Xavier's with
# the gain of the sigmoid has 2.83 times that with the gain of ReLU.
_MULTIPLIED = 3.0
# From where on a standard deviation is known too roughly to tell schemes, which are up to a factor
# of sqrt(2) apart.
_ROUGH = 0.2
# How well the best and the worst known matrix have to be known for a mistake to be named.
_CLOSELY, _NEARLY = 0.03, 0.1
# Standard deviations that are written as they are.
_ROUND = tuple(digit * 10.0**power for power in range(-4, 2) for digit in (1, 2, 5))
# Of a single matrix, whose size says less, any such number with one digit.
_ONE_DIGIT = tuple(digit * 10.0**power for power in range(-4, 2) for digit in range(1, 10))
# How many times as large or as small as it is meant a mistake makes a matrix that nobody means.
_FAR = 1.5
# What the least of uniform entries from 0 on is, over the largest.
_NEAR_ZERO = 0.02
_IS_ARE = ("is", "are")
# A seed may be the time of day, in seconds.
_AGAIN = "constructions right after one another give the same numbers"
_ZEROS = "initialization-zeros"
_TWO, _ONE_SIGNED_CAUSE = "initialization-factor-two", "initialization-one-signed"


@dataclass
class _Draws:
    """Constructions of a network.

    Attributes
    ----------
    first : list of Layer
        Parameters of the first.
    weights : list of Drawn
        Entries of each matrix.
    same : bool
        Whether all constructions gave the same numbers.
    is_seeded : bool
        Whether they do, and others with other seeds, from which the entries are.
    """

    first: Layers
    weights: list[Drawn]
    same: bool
    is_seeded: bool = False
    names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = [f"W{number}" for number in range(1, len(self.weights) + 1)]


def examine(inquiry: Inquiry) -> list[Verdict]:
    """Construct the network many times, and judge the weights that it begins with."""
    if getattr(inquiry.subject.network.make, "uninitialized", False):
        message = "the parameters are placeholders: what makes the network's own is not known"
        return [Verdict("initialization", UNCHECKED, message)]
    try:
        meant = _meant(inquiry)
        draws = _draw(inquiry)
    except (SubjectError, InputError) as error:
        return [Verdict("initialization", UNCHECKED, str(error))]
    if draws is None:
        message = "make returns what it has returned before, with the parameters written to it"
        return [Verdict("initialization", UNCHECKED, message)]
    found = _hampered(draws, inquiry)
    if found is not None:
        if found.cause != _ZEROS:
            return [found]
        name = never_called(inquiry.subject.net, inquiry.subject.network.make)
        message = f"weights are zero until {name} is called: declare a make that calls it"
        return [Verdict("initialization", UNCHECKED, message) if name else found]
    if meant is None:
        judged = [_undeclared(inquiry, draws)]
    elif len(set(meant)) == 1:
        judged = [_declared(inquiry, draws, meant[0])]
    else:
        judged = [_of_some(inquiry, draws, meant, of) for of in dict.fromkeys(meant)]
    return judged + _of_same_numbers(draws)


def _of_same_numbers(draws: _Draws) -> list[Verdict]:
    """Return that layers or units do not begin apart, though the spread may be as it should be."""
    verdicts = []
    for name, text in repeated_numbers(draws.first).items():
        message = f"{name} begins with one number for each {text}, as what is broadcast has"
        verdicts.append(Verdict("initialization", CONVENTION, message, name))
    names = with_same_numbers(draws.first)
    if not names:
        return verdicts
    message = (
        f"{', '.join(names[:-1])} and {names[-1]} begin with the same random numbers, but for "
        "their scale, as from generators of one seed: a single generator for all layers makes them "
        "independent"
    )
    return [*verdicts, Verdict("initialization", CONVENTION, message, names[1])]


def _meant(inquiry: Inquiry) -> list[Scheme] | None:
    """Return the scheme of each layer, None if none is declared."""
    names, depth = inquiry.spec.initialization, len(inquiry.layers)
    if not names:
        return None
    if isinstance(names, str):
        return [scheme(names)] * depth
    if len(names) != depth:
        raise InputError("initialization", f"{depth} names, one for each layer", str(list(names)))
    return [scheme(name) for name in names]


def _of_some(inquiry: Inquiry, draws: _Draws, schemes: Sequence[Scheme], meant: Scheme) -> Verdict:
    """Judge the matrices of one scheme among several."""
    numbers = [number for number, own in enumerate(schemes) if own == meant]
    part = _part(draws, numbers)
    found = _declared(inquiry, part, meant)
    return replace(found, message=f"of {', '.join(part.names)}: {found.message}")


def _part(draws: _Draws, numbers: Sequence[int]) -> _Draws:
    """Return the draws of some matrices."""
    part = replace(draws, weights=[draws.weights[number] for number in numbers])
    part.names = [draws.names[number] for number in numbers]
    return part


def _draw(inquiry: Inquiry) -> _Draws | None:
    """Return what constructions give; None if they do not begin anew.

    Where all give the same, they are made with other seeds than the code has.
    """
    draws = _constructed(inquiry, lambda _: contextlib.nullcontext())
    if draws is None or not draws.same:
        return draws
    with contextlib.suppress(SubjectError):
        others = _constructed(inquiry, reseeded)
        if others is not None and not others.same:
            return replace(others, first=draws.first, is_seeded=True)
    return draws


def _constructed(
    inquiry: Inquiry, seeding: Callable[[int], contextlib.AbstractContextManager[None]]
) -> _Draws | None:
    subject = inquiry.subject
    seeds = inquiry.rng.integers(0, 2**32, _CONSTRUCTIONS)
    needed = [-(-_ENTRIES // layer.weight.size) for layer in inquiry.layers]
    entries: list[list[Array]] = [[] for _ in needed]
    first: Layers = []
    same = True
    deadline = time.monotonic() + _SECONDS
    try:
        with preserved():
            for number in range(min(max(*needed, 3), _CONSTRUCTIONS)):
                seed_both(int(seeds[number]))
                with seeding(number):
                    subject.renew()
                layers = _as_made(subject)
                if not number and _equal(layers, inquiry.layers):
                    return None
                first = first or layers
                same = same and _equal(layers, first)
                for kept, layer, enough in zip(entries, layers, needed, strict=True):
                    if number < enough:
                        kept.append(layer.weight.ravel())
                late = time.monotonic() > deadline
                if (same and number == 2) or (late and number > 1):
                    break
    finally:
        subject.renew()
        inquiry.restore()
    extra = int(subject.network.bias not in ("apart", "none"))
    weights = []
    for kept, layer in zip(entries, first, strict=True):
        fan_out, fan_in = layer.weight.shape
        weights.append(Drawn(np.concatenate(kept[:1] if same else kept), fan_in, fan_out, extra))
    return _Draws(first, weights, same)


def _as_made(subject: Subject) -> Layers:
    """Return parameters with the signs that they have, and not those that they are read with."""
    return [
        replace(own, bias=-own.bias)
        if number in subject.subtracted and own.bias is not None
        else own
        for number, own in enumerate(subject.get())
    ]


def _equal(one: Layers, other: Layers) -> bool:
    return all(np.array_equal(a.weight, b.weight) for a, b in zip(one, other, strict=True))


# What no training gets over


def _hampered(draws: _Draws, inquiry: Inquiry) -> Verdict | None:
    """Return what keeps any network from learning, or None."""
    is_shifted = _is_without_shift(inquiry)
    alike = _alike(draws, inquiry.form, is_shifted=is_shifted)
    return alike or _one_signed(draws) or _out_of_range(draws)


def _is_without_shift(inquiry: Inquiry) -> bool:
    """Whether what is added to all outputs has no effect, as before softmax."""
    output = inquiry.form and inquiry.form.output
    loss = inquiry.spec.loss or (inquiry.reported and inquiry.reported[0])
    is_of_logits = output == "identity" and loss == "cross_entropy"
    return output in ("softmax", "log_softmax") or is_of_logits


def _alike(draws: _Draws, form: Form | None, *, is_shifted: bool) -> Verdict | None:
    r"""Units of a hidden layer with the same weights before and behind them never part.

    Nor do those that begin with zeros where their activation has no slope, or those before a
    softmax whose weights behind differ by one number for all outputs:

    .. math:: \sum_k \delta_k = 0, \quad w_{kj} = v_j + c_k \quad\Rightarrow\quad
              \sum_k \delta_k w_{kj} = \sum_k \delta_k c_k \quad\text{for all } j
    """
    for number in range(len(draws.first) - 1):
        before, behind = draws.first[number], draws.first[number + 1]
        rows, columns = before.weight, behind.weight.T
        bias = before.bias
        if len(rows) < 2 or (bias is not None and np.ptp(bias) > 0):
            continue
        if np.ptp(rows, axis=0).any():
            continue
        is_last = number == len(draws.first) - 2
        parts = columns - columns[:, :1] if is_shifted and is_last else columns
        if np.ptp(parts, axis=0).any():
            own = activation("identity") if form is None else functions(form)[0][number]
            is_dead = not (rows.any() or own.slope(np.zeros(1)).any())
            if is_dead and (bias is None or not bias.any()):
                seen = f"all entries of W{number + 1} are 0, and the slope of {own.name} is 0 there"
                return named("initialization", _ZEROS, seen, f"W{number + 1}")
            continue
        zeros = not rows.any() and not columns.any()
        cause = _ZEROS if zeros else "initialization-alike"
        what = "zero" if zeros else "the same for every unit"
        if np.ptp(columns, axis=0).any():
            what += ", but for what a softmax takes away,"
        seen = f"W{number + 1} and W{number + 2} are {what} in hidden layer {number + 1}"
        return named("initialization", cause, seen, f"W{number + 1}")
    return None


def _one_signed(draws: _Draws) -> Verdict | None:
    for name, drawn in zip(draws.names, draws.weights, strict=True):
        total = abs(drawn.mean) * drawn.fan_in
        if drawn.is_one_signed and total > _ONE_SIGNED:
            seen = (
                f"the entries of {name} lie {_between(drawn)}; those of a unit add up to "
                f"{total:.3g} in the mean"
            )
            return named("initialization", _ONE_SIGNED_CAUSE, seen, name)
    return None


def _out_of_range(draws: _Draws) -> Verdict | None:
    # A network that is copied and not constructed may have any weights.
    if draws.same or _mistaken(draws) is not None:
        return None
    for name, drawn in zip(draws.names, draws.weights, strict=True):
        if drawn.distribution == "constant":
            continue  # but for rounding it has no spread
        seen = (
            f"{name} has a standard deviation of {drawn.std:.3g} with {drawn.fan_in} inputs: a "
            f"signal of size 1 comes out with size {drawn.gain:.3g}"
        )
        if drawn.std > _EXPLODING_STD and drawn.gain > _EXPLODING_GAIN:
            return named("initialization", "initialization-exploding", seen, name)
        if 0 < drawn.gain < _VANISHING_GAIN and len(draws.weights) > 1:
            return named("initialization", "initialization-vanishing", seen, name)
    return None


# Against what is declared


def _declared(inquiry: Inquiry, draws: _Draws, meant: Scheme) -> Verdict:
    off = [number for number, drawn in enumerate(draws.weights) if not drawn.follows(meant)]
    if not off:
        return _as_meant(draws, meant)
    signed = [number for number in off if draws.weights[number].is_one_signed]
    if signed and not draws.same:
        name, drawn = draws.names[signed[0]], draws.weights[signed[0]]
        seen = f"the entries of {name} lie {_between(drawn)}, and those of {meant.text} around 0"
        return named("initialization", _ONE_SIGNED_CAUSE, seen, name)
    for variant in variants(meant):
        # A gain is that of the activation behind a matrix: others may have none.
        if all(draws.weights[number].follows(variant) for number in off):
            if _roughly_known(draws):
                return _too_few(draws, meant)
            which = "all matrices"
            if len(off) < len(draws.weights):
                which = f"of the matrices, {', '.join(draws.names[number] for number in off)} alone"
            message = f"{which}: the standard deviation is that of {variant.text}"
            return Verdict("initialization", CONVENTION, message + _more(draws))
    names = ", ".join(draws.names[number] for number in off)
    factors = [_factor(draws.weights[number], meant) for number in off]
    measured = "; ".join(
        f"{draws.names[number]} has {draws.weights[number].std:.4g}, {factor:.4g} x expected"
        for number, factor in zip(off, factors, strict=True)
    )
    first = draws.names[off[0]]
    # Those that match by accident have to come from the same mistake.
    found, blamed, numbers = _mistakes_of(inquiry, draws, meant), draws, _ROUND
    if not found and len(off) < len(draws.weights):
        blamed, numbers = _part(draws, off), _ONE_DIGIT
        found = _mistakes_of(inquiry, blamed, meant)
    sure = found and _is_known(blamed) and _are_one(found, blamed)
    # Two numbers of a single matrix are easily the same; a factor of two is what most others are.
    sure = sure and (blamed is draws or len({m.cause for m in found} - {_TWO}) <= 1)
    if sure and not _is_fixed(blamed, found[0], numbers):
        cause = found[0].cause
        others = {m.cause for m in found} - {cause}
        seen = f"the standard deviation should be {meant.text}, and is {found[0].text}. {measured}"
        if blamed is not draws:
            right = [name for name in draws.names if name not in blamed.names]
            seen = f"of {names} alone, {seen}; {', '.join(right)} {_IS_ARE[len(right) > 1]} right"
        seen += "".join(f"; the same comes if {CAUSES[o].title}" for o in sorted(others))
        return named("initialization", cause, seen, first, factors[0])
    message = f"the standard deviation of {names} is not {meant.text}: {measured}"
    if not all(draws.weights[number].centred for number in off):
        message += f"; the mean of {first} is {draws.weights[off[0]].mean:.3g}"
    if draws.same:
        message += f"; {_AGAIN}, which may be a copy's"
        return Verdict("initialization", UNCHECKED, message, first)
    known = dict.fromkeys(m.text for m in found)
    fixed = _round_std(draws.weights)
    if fixed is not None and known:
        known[f"a fixed {fixed:g}"] = None
    common = None if known or fixed else _common_factor(draws, meant)
    if common is not None:
        texts = formulas(draws.weights)
        which = f", as of {' or '.join(texts)}" if texts else ""
        seen = (
            f"the standard deviation should be {meant.text}, and is {common:.4g} x that in all "
            f"matrices, the variance {common**2:.4g} x{which}. {measured}"
        )
        return named("initialization", "initialization-scaled", seen, first, common)
    if known:
        message += f". It may be {' or '.join(known)}; the numbers do not tell which mistake it is"
    elif fixed is not None:
        message += f". It is {fixed:g} in all, whatever their inputs and outputs"
    else:
        texts = formulas(draws.weights)
        message += f". They are those of {' or '.join(texts)}" if texts else ""
        message += ". The cause is unknown"
    return Verdict("initialization", DIFFERS, message, first, None, factors[0])


def _common_factor(draws: _Draws, meant: Scheme) -> float | None:
    """Return what all matrices are multiplied by; None if they are not known well, or one scale."""
    own = [meant.std(drawn.fan_in, drawn.fan_out) for drawn in draws.weights]
    tolerances = [drawn.tolerance for drawn in draws.weights]
    # A scale that is fixed is no multiple of what goes with the layers' widths.
    is_fixed = max(own) < min(own) * (1 + 4 * max(tolerances))
    if not _is_known(draws) or is_fixed or not all(drawn.centred for drawn in draws.weights):
        return None
    closest = min(draws.weights, key=lambda drawn: drawn.tolerance)
    common = _factor(closest, meant)
    is_one = all(
        abs(_factor(drawn, meant) / common - 1) <= drawn.tolerance + closest.tolerance
        for drawn in draws.weights
    )
    return common if is_one else None


def _mistakes_of(inquiry: Inquiry, draws: _Draws, meant: Scheme) -> list[Mistake]:
    """Return the mistakes that all matrices may come from."""
    return [
        mistake
        for mistake in mistakes(meant, inquiry.subject.sizes[0])
        if all(drawn.comes_from(mistake) for drawn in draws.weights)
    ]


def _as_meant(draws: _Draws, meant: Scheme) -> Verdict:
    """Judge weights none of which is off what is declared, as far as it is known."""
    if _roughly_known(draws):
        return _too_few(draws, meant)
    other = [d.distribution for d in draws.weights if not d.is_kind(meant.distribution)]
    message = f"all matrices have the standard deviation of {meant.text}"
    if other:
        message += f"; the distribution is {other[0]}"
    return Verdict("initialization", CONVENTION if other else EQUAL, message + _more(draws))


def _roughly_known(draws: _Draws) -> list[str]:
    """Return the matrices whose entries are too few to tell schemes apart."""
    pairs = zip(draws.names, draws.weights, strict=True)
    return [name for name, drawn in pairs if drawn.tolerance > _ROUGH]


def _too_few(draws: _Draws, meant: Scheme) -> Verdict:
    names = ", ".join(_roughly_known(draws))
    message = f"the entries of {names} are too few to tell {meant.text} from others"
    return Verdict("initialization", UNCHECKED, message + _more(draws))


def _is_known(draws: _Draws) -> bool:
    """Return whether the matrices are known so well that no formula fits by accident."""
    tolerances = [drawn.tolerance for drawn in draws.weights]
    return min(tolerances) <= _CLOSELY and max(tolerances) <= _NEARLY


def _are_one(found: Sequence[Mistake], draws: _Draws) -> bool:
    """Return whether mistakes give the same standard deviations, and not only similar ones."""
    first, *others = (
        np.array([mistake.std(drawn.fan_in, drawn.fan_out) for drawn in draws.weights])
        for mistake in found
    )
    return all(np.allclose(other, first, rtol=1e-9, atol=0) for other in others)


def _is_fixed(draws: _Draws, mistake: Mistake, numbers: Sequence[float]) -> bool:
    """Return whether one round number explains what a mistake does."""
    stds = [mistake.std(drawn.fan_in, drawn.fan_out) for drawn in draws.weights]
    return np.ptp(stds) <= 1e-9 * max(stds) and any(
        all(drawn.has_std(number) for drawn in draws.weights) for number in numbers
    )


def _factor(drawn: Drawn, meant: Scheme) -> float:
    return drawn.std / meant.std(drawn.fan_in, drawn.fan_out)


# Without a declaration


def _undeclared(inquiry: Inquiry, draws: _Draws) -> Verdict:
    wrong = _mistaken(draws)
    if wrong is not None:
        meant, mistake = wrong
        turned = [
            (name, drawn, _factor(drawn, meant))
            for name, drawn in zip(draws.names, draws.weights, strict=True)
            if drawn.comes_from(mistake)
        ]
        measured = "; ".join(
            f"{name} has {drawn.std:.4g}, {factor:.4g} x what was meant"
            for name, drawn, factor in turned
        )
        seen = f"the standard deviation is {mistake.text}. {measured}"
        name, _, factor = turned[0]
        return named("initialization", mistake.cause, seen, name, factor)
    common = [s for s in SCHEMES.values() if all(_is(drawn, s) for drawn in draws.weights)]
    variant = None if common else _variant(draws)
    if variant is not None:
        message = f"standard deviations: all are {variant.text}"
        return Verdict("initialization", CONVENTION, message + _more(draws))
    scales = [] if common or _one_scale(draws.weights) or not _is_known(draws) else _scales(draws)
    multiplied = _multiplied(inquiry, draws, scales)
    if multiplied is not None:
        return multiplied
    # A fixed scale may be that of a scheme for one of the matrices.
    fixed = not common and _one_scale(draws.weights)
    texts, known = [], True
    whole = _round_scheme(common[0], draws.weights) if common else None
    for name, drawn in zip(draws.names, draws.weights, strict=True):
        found = common or [s for s in SCHEMES.values() if not fixed and _is(drawn, s)]
        # What is known roughly may be any of several schemes.
        certain = bool(found) and drawn.tolerance <= _ROUGH
        text = found[0].text if certain else _described(drawn)
        number = whole if common or not certain else _round_scheme(found[0], [drawn])
        if certain and number is not None:
            text += f", or a fixed {number:g}"
        known = known and certain and number is None
        texts.append(f"{name} {text}")
    message = f"standard deviations: {'; '.join(texts)}{'' if known else _root(draws, fixed)}"
    unnamed = [] if known or fixed else formulas(draws.weights)
    if len(unnamed) == 1:
        message += f"; all are {unnamed[0]}"
    if any(drawn.is_one_signed for drawn in draws.weights):
        return _of_one_sign(draws, scales, message)
    if not known:
        message += _line_of_fixed(draws)
    return Verdict("initialization", EQUAL if known else CONVENTION, message + _more(draws))


def _of_one_sign(draws: _Draws, scales: Sequence[ByWidths], message: str) -> Verdict:
    r"""Judge weights of one sign, of which those of a unit add up to little.

    Where the scale goes down with the root of the widths, it is one for weights of both signs: of
    one sign, the sum of n weights grows with :math:`n \cdot n^{-1/2}`.
    """
    pairs = zip(draws.names, draws.weights, strict=True)
    signed = {name: drawn for name, drawn in pairs if drawn.is_one_signed}
    first, names, verb = next(iter(signed)), ", ".join(signed), _IS_ARE[len(signed) > 1]
    if len(signed) < len(draws.weights):
        message += f"; {names} {verb} of one sign, and the others are not"
        return named("initialization", _ONE_SIGNED_CAUSE, message, first)
    if scales:
        message += (
            f"; {names} {verb} of one sign, and the scale goes down with the root of "
            f"{scales[0].fan}, as one for weights around 0"
        )
        return named("initialization", _ONE_SIGNED_CAUSE, message, first)
    most = max(abs(drawn.mean) * drawn.fan_in for drawn in signed.values())
    message += (
        f"; {names} {verb} of one sign, as rand() is without - 0.5. Those of a unit add up to "
        f"{most:.3g} in the mean, and it is a fault above {_ONE_SIGNED:g}, or where the scale goes "
        "down with the root of the widths"
    )
    return Verdict("initialization", CONVENTION, message + _more(draws), first, _ONE_SIGNED_CAUSE)


def _scales(draws: _Draws) -> list[ByWidths]:
    """Return the scales by the widths of matrices that are draws, or none."""
    is_any = draws.same or any(d.distribution == "constant" for d in draws.weights)
    return [] if is_any else by_widths(draws.weights)


def _multiplied(inquiry: Inquiry, draws: _Draws, scales: Sequence[ByWidths]) -> Verdict | None:
    """Return that weights go with the widths, and are far larger than any scheme of that form."""
    factor = min((scale.factor for scale in scales), default=0.0) / gain_of(inquiry.form)
    if factor <= _MULTIPLIED or not all(drawn.centred for drawn in draws.weights):
        return None
    [scale, *_] = sorted(scales, key=lambda scale: scale.factor)
    measured = "; ".join(
        f"{name} has {_described(drawn)}"
        for name, drawn in zip(draws.names, draws.weights, strict=True)
    )
    seen = (
        f"the standard deviations are sqrt({scale.number:.3g} / {scale.fan}), {scale.factor:.3g} x "
        f"the largest scheme of that form, sqrt({scale.largest:g} / {scale.fan}). {measured}"
    )
    cause = "initialization-multiplied"
    return named("initialization", cause, seen, draws.names[0], scale.factor)


def _line_of_fixed(draws: _Draws) -> str:
    """Return from where on weights would be a fault, where some are far larger than schemes are."""
    far = []
    for name, drawn in zip(draws.names, draws.weights, strict=True):
        factor = _factor(drawn, FAMILIES["he"])
        if factor > _MULTIPLIED:
            far.append(f"{name} is {factor:.3g} x He's")
    if not far:
        return ""
    return (
        f"; {', '.join(far)}: taken as meant, and a fault above a standard deviation of "
        f"{_EXPLODING_STD:g} with which a signal comes out more than {_EXPLODING_GAIN:g} times as "
        "large"
    )


def _round_scheme(known: Scheme, weights: Sequence[Drawn]) -> float | None:
    """Return the round number that a scheme gives as the standard deviation of all matrices."""
    stds = [known.std(drawn.fan_in, drawn.fan_out) for drawn in weights]
    return next((n for n in _ROUND if np.allclose(stds, n, rtol=1e-9, atol=0)), None)


def _round_std(weights: Sequence[Drawn]) -> float | None:
    """Return the round number that all matrices have as their standard deviation."""
    if any(drawn.tolerance > _ROUGH for drawn in weights):
        return None
    return next((n for n in _ROUND if all(d.centred and d.has_std(n) for d in weights)), None)


def _is(drawn: Drawn, known: Scheme) -> bool:
    return drawn.follows(known) and drawn.is_kind(known.distribution)


def _variant(draws: _Draws) -> Scheme | None:
    """Return the variant of a scheme that all matrices follow, if they are known well."""
    if not _is_known(draws) or _one_scale(draws.weights):
        return None
    every = (variant for meant in SCHEMES.values() for variant in variants(meant))
    return next((v for v in every if all(_is(drawn, v) for drawn in draws.weights)), None)


def _mistaken(draws: _Draws) -> tuple[Scheme, Mistake] | None:
    """Return a scheme and a mistake that explain the weights, if nothing simpler does.

    By it, the scale goes up with the widths, or down with them in place of their root. All matrices
    are so; or, where the scale goes up, the others are of a scheme, or two of other sizes are so.
    Or one matrix lacks its root or its fan beside others of that scheme.
    """
    simple = all(
        any(drawn.has_std(s) for s in _ROUND) or any(drawn.follows(s) for s in SCHEMES.values())
        for drawn in draws.weights
    )
    simple = simple or _variant(draws) is not None
    if simple or _one_scale(draws.weights) or not _is_known(draws):
        return None
    for meant in (*FAMILIES.values(), SCHEMES["pytorch"]):
        for mistake in growing(meant):
            others = [drawn for drawn in draws.weights if not drawn.comes_from(mistake)]
            turned = [drawn for drawn in draws.weights if drawn.comes_from(mistake)]
            far = all(_ratio(mistake, meant, drawn) > _FAR for drawn in turned)
            several = {round(mistake.std(drawn.fan_in, drawn.fan_out), 9) for drawn in turned}
            are_known = all(_is_of_widths(drawn, draws.weights) for drawn in others)
            is_told = len(several) > 1 or (are_known and not (others and _is_one_digit(turned)))
            if turned and far and is_told:
                return meant, mistake
        for mistake in shrinking(meant) if len(draws.weights) > 1 else ():
            if all(
                drawn.comes_from(mistake) and _ratio(mistake, meant, drawn) < 1 / _FAR
                for drawn in draws.weights
            ):
                return meant, mistake
        for mistake in filter(None, (root_missing(meant), fan_missing(meant))):
            if _is_of_one_alone(draws.weights, meant, mistake):
                return meant, mistake
    return None


def _is_of_widths(drawn: Drawn, weights: Sequence[Drawn]) -> bool:
    """Return whether a matrix is of a scheme, be it by the number of inputs of another one."""
    fans = {own.fan_in for own in weights}
    borrowed = (s.std(fan, drawn.fan_out) for s in FAMILIES.values() for fan in fans)
    is_its_own = any(map(drawn.follows, SCHEMES.values()))
    return is_its_own or (drawn.centred and any(map(drawn.has_std, borrowed)))


def _is_of_one_alone(weights: Sequence[Drawn], meant: Scheme, mistake: Mistake) -> bool:
    """Return whether one normal matrix comes from a mistake, and all others are as it was meant.

    Uniform ones may be meant: up to 1 / n in the first layer, and by a root in all others. So may a
    last layer of 1 / n behind others of 1 / sqrt(n), as wide networks have it: Yang and Hu (2021),
    Feature learning in infinite-width neural networks, https://arxiv.org/abs/2011.14522.
    """
    turned = [drawn for drawn in weights if not drawn.follows(meant)]
    is_one = len(turned) == 1 and len(weights) > 1 and not _is_one_digit(turned)
    is_one = is_one and not (turned[0] is weights[-1] and meant is FAMILIES["lecun"])
    return is_one and all(
        drawn.is_kind("normal")
        and drawn.comes_from(mistake)
        and not 1 / _FAR < _ratio(mistake, meant, drawn) < _FAR
        for drawn in turned
    )


def _is_one_digit(weights: Sequence[Drawn]) -> bool:
    """Return whether a single matrix has a number of one digit, which is meant, for its scale."""
    if len(weights) != 1:
        return False
    share = math.sqrt(3) if weights[0].distribution == "uniform" else 1.0
    return any(weights[0].has_std(number / part) for number in _ONE_DIGIT for part in (1.0, share))


def _ratio(mistake: Mistake, meant: Scheme, drawn: Drawn) -> float:
    """Return how many times as large as it is meant a mistake makes a matrix."""
    fans = drawn.fan_in, drawn.fan_out
    return mistake.std(*fans) / meant.std(*fans)


def _one_scale(weights: Sequence[Drawn]) -> bool:
    """Return whether all matrices have one standard deviation, whatever their sizes."""
    return len(weights) > 1 and all(drawn.has_std(weights[0].std) for drawn in weights)


def _between(drawn: Drawn) -> str:
    """Return where entries of one sign lie, which begin at 0 as far as that is known."""
    ends = sorted((drawn.values.min(), drawn.values.max()), key=abs)
    near, far = (float(f"{end:.3g}") for end in ends)
    near = 0.0 if abs(near) < _NEAR_ZERO * abs(far) else near
    return f"between {min(near, far):g} and {max(near, far):g}"


def _described(drawn: Drawn) -> str:
    if drawn.distribution == "constant":
        return f"constant at {drawn.mean:.3g}"
    kind = drawn.distribution
    text = f"{drawn.std:.4g}" + (f", {kind}" if kind not in ("unknown", "other") else "")
    if drawn.is_one_signed:
        text += f" {_between(drawn)}"
    elif not drawn.centred:
        text += f", mean {drawn.mean:.3g}"
    return f"{text}: a signal of size 1 comes out with size {drawn.gain:.3g}"


def _root(draws: _Draws, fixed: bool) -> str:
    """Return whether the standard deviations look like the variances of a scheme."""
    if fixed or len(draws.weights) < 2 or not _is_known(draws):
        return ""
    for meant in FAMILIES.values():
        if all(drawn.comes_from(root_missing(meant)) for drawn in draws.weights):
            return f"; they are the squares of {meant.text}: the root may be missing"
    return ""


def _more(draws: _Draws) -> str:
    """Return what else is known: biases, and whether the draws are new ones every time."""
    biases = [layer.bias for layer in draws.first if layer.bias is not None]
    text = ""
    if biases:
        every = np.concatenate([np.ravel(bias) for bias in biases])
        if not every.any():
            text = "; biases are zero"
        elif np.ptp(every) == 0:
            text = f"; biases are {every[0]:.3g}"
        else:
            text = f"; biases are random, up to {np.abs(every).max():.3g}"
    if draws.same and any(drawn.distribution != "constant" for drawn in draws.weights):
        text += f"; {_AGAIN}: they are seeded, or copies"
    if draws.is_seeded:
        text += f"; {_AGAIN}, and others only where the seed in the code is another one"
    smallest = min(drawn.values.size for drawn in draws.weights)
    off = 100 * max(drawn.tolerance for drawn in draws.weights)
    return text if math.isnan(off) else f"{text} (known to {off:.2g} % from {smallest} entries)"
