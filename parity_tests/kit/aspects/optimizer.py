"""Steps, recomputed: those of an optimizer, and those of a network that updates itself."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.kept_steps import of_faulty
from parity_tests.kit.aspects.shares import NEAR, expected_of, left_of, of_average
from parity_tests.kit.aspects.walks import Trajectory, right_gradient, trajectory, walk_on
from parity_tests.kit.backprop import fit
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.network import Rule
from parity_tests.kit.optimizers.formulas import LINEAR, Asked, read
from parity_tests.kit.optimizers.judging import judged, told_of, unknown
from parity_tests.kit.optimizers.rules import RATES, cornered, examine_rule
from parity_tests.kit.optimizers.search import Observed, estimates, find
from parity_tests.kit.scales import Scale, ratio
from parity_tests.kit.subject import SubjectError, flat, tensors
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[Any]

# How closely steps grow with the gradient.
_ROUGH = 1e-4


def examine(inquiry: Inquiry) -> list[Verdict]:
    """Recompute the steps of a network's optimizer, or of the network that updates itself."""
    network = inquiry.subject.network
    if network.optimizer is not None:
        rule = network.optimizer
        kind = rule.kind or inquiry.spec.optimizer
        options = rule.options or inquiry.spec.options
        seed = int(inquiry.rng.integers(2**31))
        return examine_rule(Rule(rule.make, rule.step, kind, options), seed, inquiry.subject.shapes)
    if network.step is not None:
        return _of_itself(inquiry)
    return []


def _of_itself(inquiry: Inquiry) -> list[Verdict]:
    """Recompute the steps of a network that updates itself, from the gradients of its loss."""
    network, spec = inquiry.subject.network, inquiry.spec
    if inquiry.form is None:
        return [Verdict("optimizer", UNCHECKED, "the forward pass is not known")]
    if inquiry.is_gradient_faulty:
        return of_faulty(inquiry)
    loss = inquiry.gradient_loss or spec.loss or (inquiry.reported and inquiry.reported[0])
    if loss is None:
        return [Verdict("optimizer", UNCHECKED, "the loss is not known")]
    lr = network.lr or RATES["sgd"]
    try:
        walks = trajectory(inquiry, 4, lr)
        alone = walk_on(inquiry, [walks[1].batches[1]], lr)
    except SubjectError as error:
        return [Verdict("optimizer", UNCHECKED, str(error))]
    kind, given = read(spec.optimizer, spec.options) if spec.optimizer else (None, {})
    factors = [_factors(inquiry, walk, loss, lr) for walk in (walks[0], alone)]
    if inquiry.gradient_scale is None or any(found is None for found in factors):
        return _of_moments(inquiry, walks[1], loss, lr, kind, given)
    turns = _observed(inquiry, walks[1], loss, lr, factors)
    same = _observed(inquiry, walks[0], loss, lr, factors[:1] * 2)
    ahead = _look_ahead(turns, kind, given)
    found = judged(_divided(turns, ahead), kind, given)
    is_known = any(verdict.cause or verdict.status in (EQUAL, CONVENTION) for verdict in found)
    again = judged(_divided(same, ahead), kind, given) if is_known else found
    if ahead != 1 and any(verdict.status != DIFFERS for verdict in found):
        inquiry.steps_explain = "factor"
    if {v.cause for v in found} != {v.cause for v in again}:
        message = "steps on one batch and steps on two batches in turn are of different formulas"
        return [Verdict("optimizer", UNCHECKED, message)]
    unscaled = _of_unscaled_decay(inquiry, loss)
    if [verdict.status for verdict in found] == [EQUAL]:
        return of_average(inquiry, turns) + unscaled or found
    return found + unscaled


def _look_ahead(observed: Observed, kind: str | None, given: Mapping[str, float | None]) -> float:
    """Return how much longer than the gradient a first step is: 1 + momentum for Nesterov's."""
    if not find(observed, kind, given, simple=True):
        for momentum in estimates(observed).get("momentum", ()):
            if find(_divided(observed, 1 + momentum), kind, given, simple=True):
                return 1 + momentum
    return 1.0


def _divided(observed: Observed, factor: float) -> Observed:
    asked = observed.asked
    return replace(observed, asked=replace(asked, gradients=asked.gradients / factor))


def _of_unscaled_decay(inquiry: Inquiry, loss: str) -> list[Verdict]:
    """Return that a decay is the same at every learning rate, where the rest of a step is not."""
    spec, rates = inquiry.spec, (RATES["sgd"], RATES["sgd"] / 4)
    if inquiry.subject.network.lr is not None:
        return []
    one = inquiry.batches[0]
    if inquiry.subject.single:
        one = one.part(slice(0, 1))
    seen = []
    for rate in rates:
        factors = _factors(inquiry, walk_on(inquiry, [one], rate), loss, rate)
        if factors is None or not any(decay for _, decay in factors):
            return []
        seen.append(np.array(factors) * (1.0, rate))
    if not np.allclose(seen[0], seen[1], rtol=_ROUGH, atol=0):
        return []
    taken = float(np.abs(seen[0][:, 1]).max())
    what = f"a step takes {taken:.6g} x the parameters away, whatever the learning rate is"
    if spec.weight_decay or spec.options.get("weight_decay") or inquiry.penalty:
        return [named("optimizer", "decay-not-scaled", what)]
    message = f"{CAUSES['decay-not-scaled'].title}: {what}, unless it is meant otherwise"
    return [Verdict("optimizer", CONVENTION, message, None, "decay-not-scaled", taken)]


def _of_moments(
    inquiry: Inquiry,
    walk: Trajectory,
    loss: str,
    lr: float,
    kind: str | None,
    given: Mapping[str, float | None],
) -> list[Verdict]:
    """Recompute steps that are not multiples of the gradient, with that of the loss reported."""
    expected = expected_of(inquiry) or Scale(1.0, 1)
    seen: list[Observed] = []
    # Adaptive steps hardly depend on a factor of the gradient, but eps beside it tells.
    for scale in dict.fromkeys((expected, Scale(1.0, 1), Scale(1.0, 0))):
        factors = [
            [(scale.at(len(batch)), 0.0)] * len(tensors(inquiry.layers))
            for batch in walk.batches[:2]
        ]
        seen.append(_observed(inquiry, walk, loss, lr, factors))
        matches = find(seen[-1], kind, given, simple=scale != expected)
        if len(matches) == 1 and matches[0].formula.kind not in LINEAR:
            inquiry.steps_explain = "gradient"
            factor = ratio(scale, expected, inquiry.subject.sizes, NEAR)
            residual = matches[0].residual
            left = [] if factor is None else [left_of(inquiry, factor, scale, expected, residual)]
            return left + told_of(matches[0], kind, given, len(walk.batches))
        if inquiry.gradient_scale is not None or not _is_of_entries(seen[0]):
            message = (
                "the first step is not a multiple of the gradient, by which later ones are judged"
            )
            return [Verdict("optimizer", UNCHECKED, message)]
    inquiry.steps_explain = "gradient"
    why = (
        "only steps show it, and an entry's first step grows with that entry's gradient, though "
        "it is no multiple of it, as with an adaptive optimizer; which one is not known"
    )
    of_steps = unknown(seen[0], kind, given)
    return [Verdict("gradient", UNCHECKED, why), of_steps]


def _is_of_entries(observed: Observed) -> bool:
    """Whether the first step goes down everywhere, and the further the larger the gradient is.

    A step of the whole gradient that is wrong does neither.
    """
    gradient, step = observed.asked.gradients[0], -observed.steps[0]
    # In units of the largest, so that a weight decay beside it does not count.
    largest = np.abs(step).max()
    if not np.isfinite(step).all() or largest == 0:
        return False
    order = np.argsort(np.abs(gradient))
    sizes = (step * np.sign(gradient))[order] / largest
    has_one = np.abs(gradient[order]) > 0
    moved, others = sizes[has_one], step[order][~has_one] / largest
    return bool(
        (moved > -_ROUGH).all()
        and (np.diff(moved) > -_ROUGH).all()
        and (np.abs(others) < _ROUGH).all()
    )


def _factors(
    inquiry: Inquiry, walk: Trajectory, loss: str, lr: float
) -> list[tuple[float, float]] | None:
    """Return the factors of gradient and parameter in the first step of each tensor."""
    gradient = tensors(right_gradient(inquiry, loss, walk.layers[0], walk.batches[0]))
    before, after = tensors(walk.layers[0]), tensors(walk.layers[1])
    factors = []
    for g, old, new in zip(gradient, before, after, strict=True):
        step = (old - new).ravel() / lr
        factor, residual = fit(step, g)
        decay = 0.0
        if residual > inquiry.tolerance:
            basis = np.stack([g.ravel(), old.ravel()], axis=1)
            if not np.isfinite(step).all() or len(step) < 3:
                return None
            (factor, decay), *_ = np.linalg.lstsq(basis, step, rcond=None)
            left = np.linalg.norm(step - basis @ [factor, decay])
            if left > inquiry.tolerance * np.linalg.norm(step):
                return None
        factors.append((float(factor), float(decay)))
    return factors


def _observed(
    inquiry: Inquiry, walk: Trajectory, loss: str, lr: float, factors: Sequence[Any]
) -> Observed:
    gradients = []
    for number, (layers, batch) in enumerate(zip(walk.layers, walk.batches, strict=False)):
        right = tensors(right_gradient(inquiry, loss, layers, batch))
        values = tensors(layers)
        gradients.append(
            np.concatenate(
                [
                    (factor * g + decay * value).ravel()
                    for g, value, (factor, decay) in zip(
                        right, values, factors[number % 2], strict=True
                    )
                ]
            )
        )
    places = np.stack([flat(layers) for layers in walk.layers])
    shapes = tuple(array.shape for array in tensors(walk.layers[0]))
    samples = tuple(map(len, walk.batches))
    asked = Asked(lr, shapes, places[:-1], np.stack(gradients), samples)
    groups = np.zeros(places.shape[1], int)
    precision = 2e-16 if inquiry.tolerance < CLOSE else 1e-7
    return cornered(Observed(asked, np.diff(places, axis=0), groups, inquiry.tolerance, precision))
