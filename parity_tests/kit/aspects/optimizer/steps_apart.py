"""Steps of some parameters by another rule, where the first ones look like factors of a gradient.

Nesterov's first step is 1 + momentum times the gradient, that of a moving average 1 - momentum
times, that of momentum or plain descent once: where matrices go by the one and biases by the other,
the gradient of the matrices seems to have a factor.
"""

from collections.abc import Iterator, Mapping, Sequence

from parity_tests.kit.aspects.first_steps.first_step import Factors, observed_steps
from parity_tests.kit.aspects.first_steps.shares import expected_of, rest_of
from parity_tests.kit.aspects.walks import Trajectory
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.apart import are_of_one_kind, rules_apart
from parity_tests.kit.optimizers.displacements import displacements
from parity_tests.kit.optimizers.formulas import DEFAULTS, Formula
from parity_tests.kit.optimizers.judging import apart_verdict
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.scales import MEAN
from parity_tests.kit.verdicts import Verdict

# How closely a factor is the one that is expected.
_NEAR = 1e-6


def keeps_nothing(observed: Observed) -> bool:
    """Whether all steps are those of plain descent, so that a factor is none of what they keep."""
    plain = displacements(Formula("sgd", DEFAULTS["sgd"]), observed.asked)
    return bool(observed.misfit(plain) <= observed.tolerance)


def of_first_steps_apart(
    inquiry: Inquiry,
    walk: Trajectory,
    loss: str,
    lr: float,
    factors: Sequence[Factors],
    kind: str | None,
    given: Mapping[str, float | None],
) -> list[Verdict]:
    """Return that parameters go by different rules, if that accounts for all of their first steps.

    Parameters
    ----------
    factors : sequence of two `Factors`
        Of the gradients of both batches, as first steps show them.
    """
    expected = expected_of(inquiry) or MEAN
    samples = [len(batch) for batch in walk.batches[:2]]
    wanted = tuple(expected.at(count) for count in samples)
    for common in _common(factors, wanted):
        pairs = zip(factors, common, strict=True)
        meant = [[(whole, decay) for _, decay in own] for own, whole in pairs]
        observed = observed_steps(inquiry, walk, loss, lr, meant)
        rules, left = rules_apart(observed, kind, given)
        if rules and not left and not are_of_one_kind(rules):
            inquiry.steps_explain = "gradient"
            is_wanted = _is_near(common, wanted)
            rest = [] if is_wanted else rest_of(inquiry, common, samples)
            return [*rest, apart_verdict(observed, rules)]
    return []


def _common(factors: Sequence[Factors], wanted: tuple[float, ...]) -> Iterator[tuple[float, ...]]:
    """Yield what the gradients of both batches may be multiplied with, where only some show it.

    What is expected comes first: no tensor needs another factor then.
    """
    shown = [(one, other) for (one, _), (other, _) in zip(*factors, strict=True)]
    tried: list[tuple[float, ...]] = []
    for common in (wanted, *shown):
        if not all(common) or any(_is_near(common, own) for own in tried):
            continue
        tried.append(common)
        alike = [_is_near(pair, common) for pair in shown]
        if any(alike) and not all(alike):
            yield common


def _is_near(factors: tuple[float, ...], common: tuple[float, ...]) -> bool:
    return all(abs(a / b - 1) <= _NEAR for a, b in zip(factors, common, strict=True))
