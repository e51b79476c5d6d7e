r"""What is said of a gradient that steps show, until the optimizer tells the steps' own share.

.. math:: \theta_0 - \theta_1 = \eta \, s \, (c_k \, g_k + w_k \, \theta_0)

Steps show :math:`s c_k` and :math:`s w_k` of tensor k: s is 1 + momentum for Nesterov's first step,
1 - momentum for that of a moving average, and what a schedule makes of the learning rate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from parity_tests.kit.scales import NEAR, Ratio, Scale, ratio
from parity_tests.kit.verdicts import Verdict

# What a number is put down to that has no meaning.
_WITHOUT_MEANING = {"factor-constant", "factor-nominal-batch"}


@dataclass(frozen=True)
class ToldByShare:
    """What was said of a gradient, and what is to be said where a share of it is the steps' own.

    Attributes
    ----------
    told : list of Verdict
        What was said with s = 1.
    told_by : callable
        ``f(s)``, what is said then.
    """

    told: list[Verdict]
    told_by: Callable[[float], list[Verdict]]


@dataclass(frozen=True)
class FactorsApart(ToldByShare):
    """The same of factors that are not those of all tensors.

    Attributes
    ----------
    scales : sequence of Scale
        :math:`s c_k` of all tensors that are known.
    expected : Scale
        What they are held to.
    sizes : sequence of int
        Widths of all layers.
    """

    scales: Sequence[Scale]
    expected: Scale
    sizes: Sequence[int]

    @property
    def possible_shares(self) -> list[float]:
        """What s may be, if that of at least one tensor is all that is different about it."""
        found: list[float] = []
        for scale in self.scales:
            share = abs(scale.constant / self.expected.constant)
            is_new = all(abs(share / other - 1) > NEAR for other in found)
            if scale.power == self.expected.power and is_new:
                found.append(share)
        return found

    def difficulty(self, share: float, tolerance: float) -> tuple[int, int, int]:
        """Return how far factors are from being explained by a share of the steps.

        Numbers without a meaning, parts of factors, and tensors that have any: the fewer, the
        likelier.
        """
        left = [
            ratio(Scale(own.constant / share, own.power), self.expected, self.sizes, tolerance)
            for own in self.scales
        ]
        several = {own.text: own for own in left if own is not None}.values()
        return (
            sum(len(_WITHOUT_MEANING & set(own.causes)) for own in several),
            sum(len(own.causes) for own in several),
            sum(own is not None for own in left),
        )


def difficulty(factor: Ratio | None) -> tuple[int, int]:
    """Return how far a factor is from being explained: numbers without a meaning, and parts."""
    causes = () if factor is None else factor.causes
    return len(_WITHOUT_MEANING & set(causes)), len(causes)
