"""First steps that are multiples of the gradient as long as they are short."""

from collections.abc import Iterable, Sequence
from typing import Any

from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects.first_steps.first_step import ENOUGH
from parity_tests.kit.aspects.first_steps.shares import expected_of
from parity_tests.kit.aspects.gradient.normed import of_norms
from parity_tests.kit.aspects.observing import RATES, is_inferred, stepped
from parity_tests.kit.aspects.walks import right_gradient, walk_on
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import Scale
from parity_tests.kit.subject.subject import Batch, SubjectError, by_name
from parity_tests.kit.verdicts import DIFFERS, UNCHECKED, Verdict

Array = NDArray[Any]

# Rates at which what a step does to the gradient hardly shows, and how closely it is a multiple.
_SHORT, _SHORTER, _NEAR = 1e-5, 2.5e-6, 1e-3
# Tensors of which none is the one that is off.
_PAIR = 2


def of_short_steps(inquiry: Inquiry, loss: str) -> list[Verdict]:
    r"""Return of which multiples of the gradient short steps are; nothing if they are of none.

    .. math:: \theta_0 - \theta_1 = \eta \sum_{i=1}^{k} g(\theta^{(i)})
              \to k \, \eta \, g(\theta_0)

    as a step is that goes on from where it came to, several times. One that does not go with the
    learning rate is none of them.
    """
    if not is_inferred(inquiry) or inquiry.subject.network.lr is not None:
        return []
    is_single = inquiry.subject.single or inquiry.is_one_by_one
    batch, *others = inquiry.batches
    if is_single:
        batch, *others = (batch.part(slice(n, n + 1)) for n in range(len(batch)))
    try:
        gradient = by_name(right_gradient(inquiry, loss, inquiry.layers, batch))
        factors = _multiples(inquiry, batch, _SHORT, gradient)
        shorter = _multiples(inquiry, batch, _SHORTER, gradient) if factors else {}
    except (SubjectError, InputError):
        return []
    if not shorter or not _are_alike(factors, shorter):
        return []
    expected = expected_of(inquiry)
    seen = "longer steps are not the same multiples of it"
    why = ", as where parameters are updated several times, each time from where they came to"
    is_everywhere = _is_at_every_rate(inquiry, batch, gradient, factors)
    if is_everywhere:
        seen, why = "longer steps are the same multiples of it", ""
    own = _relative(factors, expected, len(batch))
    if not own:
        return []
    off = _off(own)
    if not off:
        which = "those of the gradient expected"
        if expected is None:
            every = ", as of every loss of one output" if batch.targets[:1].size == 1 else ""
            which = f"a multiple of the gradient of the {loss.replace('_', ' ')}{every}"
        message = f"only steps show it: short ones are {which}, and {seen}"
        return [Verdict("gradient", UNCHECKED, message)]
    meant, what = "that expected", "the gradient that short steps show"
    if expected is None:
        meant, what = f"that of {_last(own)}", "the factor of the gradient that short steps show"
        why += ". Of one loss all tensors have the same"
    told = f"{what} is {_told(own, meant)}"
    tensor = _blamed(off, own, is_meant=expected is not None, is_everywhere=is_everywhere)
    told_again = ((o, _relative(_again(inquiry, o, loss), expected, len(o))) for o in others)
    seen_again = [(o, again) for o, again in told_again if again]
    if is_everywhere and _is_one(off, own):
        clipped = _of_norms(inquiry, [batch, *(o for o, again in seen_again if _off(again))])
        if clipped:
            return clipped
    other = next((again for _, again in seen_again if not _are_alike(own, again)), None)
    factor = None
    if seen_again and other is None:
        factor = off.get(tensor, next(iter(off.values()))) if tensor else None
    else:
        which = "sample" if is_single else "batch"
        with_another = f", and {_told(other, meant)} with another" if other else ""
        told += f" with one {which}{with_another}"
    message = f"{told}, and {seen}{why}. The cause is unknown."
    return [Verdict("gradient", DIFFERS, message, tensor, factor=factor)]


def _of_norms(inquiry: Inquiry, batches: Sequence[Batch]) -> list[Verdict]:
    """Return that steps have one norm with all batches, if those have that are not as expected."""
    seen = [stepped(inquiry, batch, RATES[0])[0] for batch in batches]
    return of_norms(inquiry, seen, list(by_name(seen[0])), "all that were asked")


def _again(inquiry: Inquiry, batch: Batch, loss: str) -> dict[str, float]:
    """Return which multiples of the gradient short steps on another batch are, if on any."""
    try:
        gradient = by_name(right_gradient(inquiry, loss, inquiry.layers, batch))
        return _multiples(inquiry, batch, _SHORT, gradient)
    except (SubjectError, InputError):
        return {}


def _last(names: Iterable[str]) -> str:
    """Return the name of the last matrix."""
    return max((n for n in names if n.startswith("W")), key=lambda name: int(name[1:]))


def _relative(factors: dict[str, float], expected: Scale | None, samples: int) -> dict[str, float]:
    """Return factors over that expected or, where no loss tells one, over that of the last matrix.

    Of one output every loss has a multiple of the same gradient, and which one is not known.
    """
    if not factors or not factors[_last(factors)]:
        return {}
    unit = factors[_last(factors)] if expected is None else expected.at(samples)
    return {name: factor / unit for name, factor in factors.items()}


def _are_alike(one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether factors are the same, as far as short steps show them."""
    return all(abs(one[name] - own) <= 10 * _NEAR * abs(own) for name, own in other.items())


def _off(own: dict[str, float]) -> dict[str, float]:
    return {name: factor for name, factor in own.items() if abs(factor - 1) > 10 * _NEAR}


def _is_one(off: dict[str, float], own: dict[str, float]) -> bool:
    """Whether all tensors have one factor."""
    first = next(iter(off.values()))
    return len(off) == len(own) and _are_alike(dict.fromkeys(off, first), off)


def _told(own: dict[str, float], meant: str) -> str:
    """Return the factors that are not 1 in words, those of several tensors once."""
    off = _off(own)
    if not off:
        return meant
    if _is_one(off, own):
        return f"{next(iter(off.values())):.4g} x {meant} on all tensors"
    tensors: dict[str, list[str]] = {}
    for name, factor in off.items():
        tensors.setdefault(f"{factor:.4g}", []).append(name)
    return " and ".join(f"{f} x {meant} on {' and '.join(names)}" for f, names in tensors.items())


def _blamed(
    off: dict[str, float], own: dict[str, float], *, is_meant: bool, is_everywhere: bool
) -> str | None:
    """Return the first quantity that is not as expected; None where that is not known.

    Without a factor that is meant, one tensor may be off that of all others, and of two groups
    either.
    """
    if not is_meant:
        return next(iter(off)) if len(off) == 1 and len(own) > _PAIR else None
    if is_everywhere and _is_one(off, own):
        return f"dL/dz{_last(own)[1:]}"
    return max(off, key=lambda name: (int(name[1:]), name.startswith("W")))


def _is_at_every_rate(
    inquiry: Inquiry, batch: Batch, gradient: dict[str, Array], factors: dict[str, float]
) -> bool:
    """Whether a step that is not short is of the same multiples of the gradient."""
    try:
        longer = _multiples(inquiry, batch, RATES[0], gradient)
    except SubjectError:
        return False
    return bool(longer) and _are_alike(longer, factors)


def _multiples(
    inquiry: Inquiry, batch: Batch, rate: float, gradient: dict[str, Array]
) -> dict[str, float]:
    """Return which multiple of the gradient a step at a rate is, by tensor; none if one is none."""
    before, after = (by_name(own) for own in walk_on(inquiry, [batch], rate).layers)
    factors: dict[str, float] = {}
    for name, values in before.items():
        step = (values - after[name]) / rate
        if step.shape != gradient[name].shape:
            return {}
        factors[name], left = fit(step, gradient[name])
        if not left <= _NEAR or (name.startswith("W") and step.size < ENOUGH):
            return {}
    return factors
