r"""What a first step adds of the parameters, and later ones do not.

Momentum that is written as a difference of weights, and begins with others than the parameters are,
and a velocity that begins as the parameters, have some of these in it at first:

.. math:: v_0 = \kappa \theta_0, \qquad v_{t+1} = \mu v_t - \eta g_t, \qquad
          \theta_{t+1} = \theta_t + v_{t+1}

A new network begins anew at every place. With the steps :math:`\Delta_t` of one, and those
:math:`\Delta_t'` of new ones from the same places, whatever the gradient is,

.. math:: \Delta_t - \Delta_t' = \mu \Delta_{t-1} - \mu \kappa \theta_t \quad\text{for } t \ge 1

No penalty and no decay is in the first step alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.first_steps.kept_steps import of_kept_momentum
from parity_tests.kit.aspects.observing import RATES, precision_of
from parity_tests.kit.aspects.walks import kept_walk, step_of, taken_anew
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.formulas import read
from parity_tests.kit.optimizers.kept import Kept
from parity_tests.kit.penalties import slopes_of
from parity_tests.kit.subject.subject import SubjectError, by_name
from parity_tests.kit.verdicts import DIFFERS, EQUAL, Verdict, named

Array = NDArray[Any]
OF_BEGINNINGS = (
    "only steps show it, and the first one has parameters in it that later ones have not: no cause "
    "is concluded from that"
)
# How closely a share of the parameters is the one that steps show.
_NEAR = 1e-6
# Numbers of an array of which two shares can be told.
_ENOUGH = 2


def without_beginning(
    inquiry: Inquiry, explanation: Explanation, rate: float | None
) -> Explanation:
    """Take out of penalties what the first step alone has of the parameters, and note it.

    Parameters
    ----------
    rate : float or None
        The learning rate of the steps that show the gradient, None if it is handed out.
    """
    decayed = {
        finding.tensor: finding.decay["squares"]
        for finding in explanation.findings
        if "squares" in finding.decay
    }
    if rate is None or not decayed:
        return explanation
    try:
        seen = _beginnings(inquiry, rate, list(decayed))
    except SubjectError:
        return explanation
    findings = []
    for finding in explanation.findings:
        own = seen.get(finding.tensor)
        left = None if own is None else _left(inquiry, finding.tensor, finding.decay, own, rate)
        if own is not None and left is not None:
            inquiry.beginnings[finding.tensor] = own
            finding = replace(finding, decay=left)
        findings.append(finding)
    return replace(explanation, findings=findings)


def note_beginnings(inquiry: Inquiry) -> None:
    """Note what the first step alone has of the parameters, where the gradient is not known."""
    rate = inquiry.subject.network.lr or RATES[0]
    try:
        seen = _beginnings(inquiry, rate, list(by_name(inquiry.layers)))
    except SubjectError:
        return
    near = _near(inquiry)
    inquiry.beginnings |= {n: own for n, own in seen.items() if _is_of_differences(own, near)}


def _near(inquiry: Inquiry) -> float:
    return max(_NEAR, inquiry.tolerance)


def _is_of_differences(beginning: tuple[float, float], near: float) -> bool:
    r"""Whether the velocity begins as the parameters, which no decay is.

    One that is taken away beside a velocity gives the same relation with another sign:

    .. math:: \theta_{t+1} = \theta_t + v_{t+1} - \eta w \theta_t, \qquad
              \kappa = -\frac{\eta w}{1 - \eta w}
    """
    momentum, share = beginning
    return abs(share - momentum) <= near * abs(momentum)


def _left(
    inquiry: Inquiry,
    tensor: str,
    decay: Mapping[str, float],
    beginning: tuple[float, float],
    rate: float,
) -> dict[str, float] | None:
    """Return what is left of a penalty; None if it may all be one that every step has."""
    left, whole, share = dict(decay), decay["squares"], beginning[1] / rate
    meant, near = inquiry.spec.weight_decay or 0.0, _near(inquiry)
    if inquiry.penalty is not None:
        meant = slopes_of(inquiry.penalty.of(tensor)).get("squares", 0.0)
    for own in (0.0, meant):
        if abs(whole + share - own) <= near * max(abs(whole), abs(share)):
            left["squares"] = own
            return {name: value for name, value in left.items() if value}
    return {**left, "squares": whole + share} if _is_of_differences(beginning, near) else None


def _beginnings(
    inquiry: Inquiry, rate: float, names: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Return momentum and share of the parameters in a first step, of tensors that have them."""
    walk = kept_walk(inquiry, rate)
    anew = taken_anew(inquiry, walk, rate, inquiry.tolerance)
    if anew is None:
        return {}
    steps = [step_of(walk, number) for number in range(3)]
    beyond = [
        {name: step[name] - own[name] for name in names}
        for step, own in zip(steps[1:], (step_of(new, 0) for new in anew), strict=True)
    ]
    places = [by_name(walk.layers[number]) for number in (1, 2)]
    precision, near = precision_of(inquiry), _near(inquiry)
    found: dict[str, tuple[float, float]] = {}
    for name in sorted(names, key=lambda name: -places[0][name].size):
        target = np.concatenate([own[name].ravel() for own in beyond])
        basis = np.stack(
            [
                np.concatenate([own[name].ravel() for own in steps[:2]]),
                -np.concatenate([own[name].ravel() for own in places]),
            ],
            axis=1,
        )
        if not np.isfinite(target).all() or not np.isfinite(basis).all():
            continue
        tried = list(dict.fromkeys(found.values()))
        if places[0][name].size >= _ENOUGH:
            fitted, *_ = np.linalg.lstsq(basis, target, rcond=None)
            tried.insert(0, (float(fitted[0]), float(fitted[1])))
        allowed = 10 * max(inquiry.tolerance, precision) * float(np.linalg.norm(basis))
        for momentum, share in tried:
            off = np.linalg.norm(target - basis @ [momentum, share])
            if off <= allowed and abs(share) > near:
                found[name] = momentum if abs(momentum) > near else 0.0, share
                break
    return found


def of_beginnings(inquiry: Inquiry) -> list[Verdict]:
    """Judge steps of which the first one alone has parameters in it; empty if none has.

    Where those parameters are made as zeros, nothing is wrong with it.
    """
    spec, found = inquiry.spec, inquiry.beginnings
    if not found:
        return []
    inquiry.subject.renew()
    made = by_name(inquiry.subject.get())
    inquiry.restore()
    blamed = [name for name in by_name(inquiry.layers) if name in found and made[name].any()]
    kind, given = read(spec.optimizer, spec.options) if spec.optimizer else (None, {})
    momentum, share = found[next(iter(blamed or found))]
    momentum, share = float(f"{momentum:.9g}"), float(f"{share:.6g}")
    if blamed and not momentum:
        message = (
            f"the first step alone adds {share:g} x {', '.join(blamed)}, and nothing is kept for "
            "later ones. The cause is unknown."
        )
        return [Verdict("optimizer", DIFFERS, message, blamed[0])]
    of_momentum = of_kept_momentum(inquiry, Kept("momentum", momentum), kind, given)
    if not blamed:
        return of_momentum
    seen = (
        f"the first step alone adds {share:g} x {', '.join(blamed)}, and all later ones have "
        f"momentum of {momentum:g}"
    )
    told = named("optimizer", "momentum-begins-elsewhere", seen, blamed[0])
    return [told, *(verdict for verdict in of_momentum if verdict.status != EQUAL)]
