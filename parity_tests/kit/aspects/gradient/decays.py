"""What a gradient has added for a penalty on the parameters."""

from collections.abc import Callable, Collection
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from parity_tests.kit.aspects.first_steps.beginnings import without_beginning
from parity_tests.kit.aspects.gradient.decay_signs import (
    AT_ANY_RATE,
    growing_verdict,
    negated,
    negative,
    turned_alone,
    turned_together,
)
from parity_tests.kit.aspects.gradient.decays_of_steps import replaced_by, steps_apart
from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.penalties import PENALTIES, Shares, added, as_sums, close, slopes_of
from parity_tests.kit.scales import NEAR
from parity_tests.kit.subject.subject import by_name
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict, named

_ADVICE = f"Look at {CAUSES['weight-decay'].advice}."
_TURNED = "its sign is turned as that of the rest is"


def of_decays(
    inquiry: Inquiry,
    explanation: Explanation,
    rate: float | None,
    at_another: Callable[[float], Explanation],
    direction: int,
) -> list[Verdict]:
    """Judge the multiples of the weights, and of some biases, in the gradient.

    Parameters
    ----------
    rate : float or None
        The learning rate of the steps that show the gradient, None if it is handed out.
    at_another : callable
        ``f(rate)``, the explanation of the same at another learning rate.
    direction : {1, -1}
        As `parity_tests.kit.aspects.gradient.decay_signs.direction_of` returns it.
    """
    explanation = without_beginning(inquiry, explanation, rate)
    replaced = replaced_by(inquiry, explanation, rate)
    if replaced:
        left = [f for f in explanation.findings if f not in replaced]
        rest = replace(explanation, findings=left)
        names = sorted(finding.tensor for finding in replaced)
        seen = f"nothing is left of {' and '.join(names)}"
        told = named("gradient", "weights-replaced", seen, names[0])
        return [told, *of_decays(inquiry, rest, rate, at_another, direction)]
    growing = turned_alone(inquiry, explanation, direction)
    if growing:
        left = [f for f in explanation.findings if f not in growing]
        rest = replace(explanation, findings=left)
        steps = steps_apart(inquiry, explanation, rate, at_another)
        together = turned_together(rest)
        told = growing_verdict(growing, steps)
        return [told, *_of_signed(inquiry, rest, rate, at_another, together)]
    together = turned_together(explanation)
    return _of_signed(inquiry, explanation, rate, at_another, together)


def _of_signed(
    inquiry: Inquiry,
    explanation: Explanation,
    rate: float | None,
    at_another: Callable[[float], Explanation],
    together: Collection[str],
) -> list[Verdict]:
    """Judge multiples whose sign is that of the rest or was told, as `of_decays` does.

    Parameters
    ----------
    together : collection of str
        As `parity_tests.kit.aspects.gradient.decay_signs.turned_together` returns it.
    """
    decays = explanation.decays
    of_optimizer = _of_optimizer(inquiry, rate)
    declared = None if of_optimizer else inquiry.spec.weight_decay
    verdicts = [] if declared is None else _declared(inquiry, explanation, declared, rate, together)
    if inquiry.penalty is not None:
        return verdicts or _by_penalty(inquiry, explanation, of_optimizer, together)
    if declared is not None:
        return [*verdicts, *_beside_declared(explanation, declared)]
    if not decays:
        return []
    if of_optimizer and all(set(shares) == {"squares"} for shares in decays.values()):
        return []
    steps = steps_apart(inquiry, explanation, rate, at_another)
    if steps:
        told = ", ".join(added(steps[name], name) for name in sorted(steps))
        message = f"a step takes {told} away, {AT_ANY_RATE}, unless it is meant otherwise"
        return [Verdict("gradient", CONVENTION, message, None, "weight-decay")]
    if decays.keys() <= set(together):
        return _with_the_rest(_by_itself(inquiry, negated(explanation)))
    return _by_itself(inquiry, explanation)


def _of_optimizer(inquiry: Inquiry, rate: float | None) -> float:
    """Return the decay that the optimizer is declared to have, where its steps are what is seen."""
    is_declared = rate is not None and inquiry.spec.optimizer is not None
    return float(inquiry.spec.options.get("weight_decay") or 0.0) if is_declared else 0.0


def _with_the_rest(verdicts: list[Verdict]) -> list[Verdict]:
    """Say of what is told without its sign that it goes the wrong way, as the rest does."""
    return [replace(v, message=f"{v.message}; {_TURNED}") for v in verdicts]


def _by_itself(inquiry: Inquiry, explanation: Explanation) -> list[Verdict]:
    """Judge what is added where nothing says what should be."""
    decays = explanation.decays
    tensors = list(by_name(inquiry.layers))
    matrices = [name for name in tensors if name.startswith("W")]
    first = decays.get(matrices[0], {})
    tolerance = max(1e-6, 100 * inquiry.tolerance)
    is_alike = all(close(shares, first, tolerance) for shares in decays.values())
    if first and is_alike and set(decays) in (set(matrices), set(tensors)):
        of, whole = "the matrices", "the matrix itself"
        if len(decays) > len(matrices):
            of, whole = "the matrices and biases", "the parameter itself"
        penalty = " and ".join(
            f"{share / PENALTIES[name].factor:.6g} x their {name}" for name, share in first.items()
        )
        message = (
            f"the gradient of {of} has {added(first, whole)} added: a penalty of {penalty}, unless "
            "it is meant otherwise"
        )
        return [Verdict("gradient", CONVENTION, message, None, "weight-decay")]
    as_gradient = _penalty_as_gradient(inquiry, decays)
    if as_gradient:
        return as_gradient
    told = ", ".join(added(decays[name], name) for name in sorted(decays))
    lost = [f.tensor for f in explanation.findings if not f.known and not f.decay]
    more = "" if lost else " and no more"
    message = f"the gradient has {told} added{more}, unless it is meant otherwise"
    if lost:
        message += f"; what else {' and '.join(sorted(lost))} may have is not known"
    return [Verdict("gradient", CONVENTION, message, None, "weight-decay")]


def _penalty_as_gradient(inquiry: Inquiry, decays: dict[str, Shares]) -> list[Verdict]:
    if any(set(shares) != {"squares"} or name.startswith("b") for name, shares in decays.items()):
        return []
    ratios, weights = [], by_name(inquiry.layers)
    for name, shares in decays.items():
        ratios.append(shares["squares"] / float((weights[name] ** 2).sum()))
    close = max(1e-6, 10 * inquiry.tolerance) * max(map(abs, ratios))
    if max(ratios) - min(ratios) > close or len(ratios) < 2:
        return []
    named = CAUSES["penalty-as-gradient"]
    message = (
        f"{named.title}: every matrix has {ratios[0]:.4g} x its sum of squares x itself added. "
        f"Look at {named.advice}."
    )
    return [Verdict("gradient", DIFFERS, message, max(decays), "penalty-as-gradient", ratios[0])]


def _by_penalty(
    inquiry: Inquiry, explanation: Explanation, of_optimizer: float, together: Collection[str]
) -> list[Verdict]:
    """Hold what is added to the penalty in the loss that is reported.

    Parameters
    ----------
    of_optimizer : float
        The decay that the optimizer may have added.
    together : collection of str
        As of `_of_signed`. The sign of those need not be that of the penalty.
    """
    assert inquiry.penalty is not None
    whole = _whole(inquiry, explanation)
    told: list[tuple[str, Shares, Shares]] = []
    is_scaled = False
    # From the first layer to the last, and matrices first.
    for finding in sorted(explanation.findings, key=lambda finding: finding.tensor):
        tensor, came = finding.tensor, finding.decay
        if not finding.known:
            continue
        # That of the penalty itself is right where the rest alone has the factor.
        alone = slopes_of(inquiry.penalty.of(tensor))
        values = by_name(inquiry.layers)[tensor]
        plain = as_sums(alone, values)
        sums = {name: whole * share for name, share in plain.items()}
        own = {"squares": sums.get("squares", 0.0) + whole * of_optimizer}
        unseen = slopes_of(inquiry.penalty.unseen(tensor), abs(whole))
        allowed = _allowed(inquiry, tensor, as_sums(unseen, values))
        signed = [came, negative(came)] if tensor in together else [came]
        meant = (sums, {**sums, **own})
        if any(close(one, by, 1e-5, allowed) for one in signed for by in meant):
            is_scaled |= bool(came)
        elif not any(close(one, plain, 1e-5, allowed) for one in signed):
            told.append((tensor, came, alone))
    if not told:
        return []
    # Penalties have the factor of the rest only where one is seen that has it.
    belongs = {
        tensor: {name: share * (whole if is_scaled else 1.0) for name, share in alone.items()}
        for tensor, _, alone in told
    }
    what = "; ".join(
        f"the gradient of {tensor} has {added(came, tensor)} added, and "
        f"{added(belongs[tensor], tensor)} belongs to that"
        for tensor, came, _ in told
    )
    # That the loss has it taken off has been told of the loss.
    which = "is meant to have" if inquiry.loss_cause == "penalty-sign" else "has"
    message = f"the loss {which} {inquiry.penalty}; {what}. {_ADVICE}"
    tensor, came, _ = told[0]
    expected, factor = belongs[tensor], None
    if list(came) == list(expected) and len(came) == 1:
        [(one, other)] = zip(came.values(), expected.values(), strict=True)
        factor = one / other
    elif not came:
        factor = 0.0
    return [Verdict("gradient", DIFFERS, message, tensor, "weight-decay", factor)]


def _whole(inquiry: Inquiry, explanation: Explanation) -> float:
    """Return how many times what is expected the whole gradient is, which is judged for itself."""
    if inquiry.reported is None:
        return 1.0
    samples = len(inquiry.batches[0])
    expected = inquiry.reported[1].at(samples)
    if inquiry.gradient_scale is not None:
        return inquiry.gradient_scale.at(samples) / expected
    # Where the norm has a limit, it is another number with each batch.
    matrices = (f for f in explanation.findings if f.tensor.startswith("W") and f.known)
    factors = [finding.factor for finding in matrices if not finding.relative]
    is_shared = bool(factors) and np.ptp(factors) <= NEAR * np.abs(factors).max()
    return factors[0] / expected if is_shared else 1.0


def _allowed(inquiry: Inquiry, tensor: str, unseen: Shares = MappingProxyType({})) -> Shares:
    """Return how far coefficients may be off: by what makes no more of the gradient than rounding.

    Parameters
    ----------
    unseen : mapping, optional
        What they may be off by besides.
    """
    gradients = inquiry.evidence.answers[0].gradients
    if gradients is None:
        return unseen
    size = float(np.linalg.norm(by_name(gradients)[tensor]))
    own = by_name(inquiry.layers)[tensor]
    parts = {name: float(np.linalg.norm(p.slope(own))) for name, p in PENALTIES.items()}
    return {
        name: unseen.get(name, 0.0) + (2 * inquiry.tolerance * size / part if part else 0.0)
        for name, part in parts.items()
    }


def _beside_declared(explanation: Explanation, declared: float) -> list[Verdict]:
    """Return what biases have added, of which a declaration for the weights says nothing."""
    biases = {name: own for name, own in explanation.decays.items() if name.startswith("b")}
    if not biases:
        return []
    told = ", ".join(added(biases[name], name) for name in sorted(biases))
    message = (
        f"the gradient of biases has {told} added; the {declared:.6g} that is declared is for the "
        "weights, unless it is meant otherwise"
    )
    return [Verdict("gradient", CONVENTION, message, None, "weight-decay")]


def _declared(
    inquiry: Inquiry,
    explanation: Explanation,
    declared: float,
    rate: float | None,
    together: Collection[str],
) -> list[Verdict]:
    """Hold what is added to the matrices to the coefficient that is declared.

    In steps, what is not multiplied by the learning rate is as much as that over the rate.

    Parameters
    ----------
    together : collection of str
        As of `_by_penalty`.
    """
    matrices = [f for f in explanation.findings if f.tensor.startswith("W") and f.known]
    wrong: list[Finding] = []
    for finding in sorted(matrices, key=lambda finding: finding.tensor):
        if "not-updated" in finding.causes:
            continue
        share = finding.decay.get("squares", 0.0)
        others = set(finding.decay) - {"squares"}
        unseen = _allowed(inquiry, finding.tensor)["squares"]
        if finding.tensor in together and share * declared < 0:
            share = -share
        if abs(share - declared) <= 1e-6 * abs(declared) + unseen and not others:
            continue
        wrong.append(finding)
    if not wrong:
        return []
    if rate is not None and all(
        set(own.decay) == {"squares"}
        and abs(own.decay["squares"] - declared / rate)
        <= 1e-6 * abs(declared) / rate + _allowed(inquiry, own.tensor)["squares"]
        for own in wrong
    ):
        tensors = [own.tensor for own in wrong]
        seen = f"a step takes {declared:.6g} x {', '.join(tensors)} away, and not times the rate"
        return [named("gradient", "decay-not-scaled", seen, tensors[0])]
    told = "; ".join(
        f"the gradient of {own.tensor} has {added(own.decay, own.tensor)} added" for own in wrong
    )
    message = f"{told}; declared is {declared:.6g}. {_ADVICE}"
    first = wrong[0]
    share, others = first.decay.get("squares", 0.0), set(first.decay) - {"squares"}
    factor = share / declared if declared and not others else None
    return [Verdict("gradient", DIFFERS, message, first.tensor, "weight-decay", factor)]
