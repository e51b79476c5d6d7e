"""Steps of some parameters by another rule, where the first ones look like factors of a gradient.

Nesterov's first step is 1 + momentum times the gradient, that of momentum once: where matrices go
by the one and biases by the other, the gradient of the matrices seems to have a factor.
"""

from collections.abc import Mapping, Sequence

from parity_tests.kit.aspects.first_steps import Factors, observed_steps
from parity_tests.kit.aspects.shares import expected_of
from parity_tests.kit.aspects.walks import Trajectory
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.apart import rules_apart
from parity_tests.kit.optimizers.judging import apart_verdict
from parity_tests.kit.scales import Scale
from parity_tests.kit.verdicts import Verdict

# How closely a factor is the one that is expected.
_NEAR = 1e-6


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
    expected = expected_of(inquiry) or Scale(1.0, 1)
    wanted = [expected.at(len(batch)) for batch in walk.batches[:2]]
    right = [
        [abs(factor / want - 1) <= _NEAR for factor, _ in own]
        for own, want in zip(factors, wanted, strict=True)
    ]
    # Some first steps are those of the gradient, with both batches, and some are not.
    if right[0] != right[1] or all(right[0]) or not any(right[0]):
        return []
    meant = [[(want, decay) for _, decay in own] for own, want in zip(factors, wanted, strict=True)]
    observed = observed_steps(inquiry, walk, loss, lr, meant)
    rules, left = rules_apart(observed, kind, given)
    if left or not rules:
        return []
    inquiry.steps_explain = "gradient"
    return [apart_verdict(observed, rules)]
