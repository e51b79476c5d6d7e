"""What a gradient is taken for while it is asked: what was seen of it, and what explains that."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from parity_tests.kit.aspects.drawn import is_drawn, is_ever_another
from parity_tests.kit.aspects.gradient.readings import explained
from parity_tests.kit.aspects.observing import is_another, is_inferred, observe
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import IN_LAYERS, ROUGH, scale_of
from parity_tests.kit.subject.subject import Layers, SubjectError, tensors
from parity_tests.kit.verdicts import DIFFERS, Verdict

# The gradient of each batch, and the parameters after a step, where a step is what shows it.
Seen = list[tuple[Layers, Layers | None]]

# How often parameters are drawn at which a gradient is not zero.
DRAWS = 4
# How many times as large parameters are that few entries of a gradient stand out by.
SMALLER = (0.3, 0.1)
# By how much a unit that is left out changes a gradient, and the order of samples does not.
_FAR = 1e-3


@dataclass
class Account:
    """What is known so far.

    Attributes
    ----------
    inquiry : Inquiry
        Of which network.
    loss : str or None
        The loss whose gradient it is meant to be.
    seen : list
        What was observed of both batches.
    explanations : list of Explanation
        What both were found to be.
    beside : list of Verdict
        What is said besides, whatever they are.
    verdicts : list of Verdict
        What is said of them.
    is_of_signs : bool
        Whether only signs of it are seen, as in the first steps of adaptive optimizers.
    """

    inquiry: Inquiry
    loss: str | None
    seen: Seen
    explanations: list[Explanation] = field(default_factory=list)
    beside: list[Verdict] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    is_of_signs: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the gradient of the first batch could be reproduced."""
        return self.explanations[0].known

    @property
    def is_right(self) -> bool:
        """Whether that is the right one."""
        return self.explanations[0].is_right

    @property
    def is_inferred(self) -> bool:
        """Whether the gradient is only seen from steps."""
        return is_inferred(self.inquiry)

    @property
    def gradients(self) -> list[Layers]:
        """What was observed, without parameters after a step."""
        return [observed for observed, _ in self.seen]

    @property
    def differs(self) -> bool:
        """Whether something is said to be wrong."""
        return any(verdict.status == DIFFERS for verdict in self.verdicts)

    def tell(self, unknown: Verdict, told: Verdict) -> None:
        """Say something in the place of what is not known."""
        self.verdicts = [told if own is unknown else own for own in self.verdicts]

    def explained(self, seen: Seen) -> list[Explanation]:
        """Return what a gradient of both batches is."""
        return [
            explained(self.inquiry, batch, observed, updated, self.loss)
            for batch, (observed, updated) in zip(self.inquiry.batches, seen, strict=True)
        ]

    def is_random(self, *, differs: bool) -> bool:
        """Whether the gradient of the first batch is ever another one.

        One that is right is asked again only where something is drawn for it; where updates follow
        one another sample by sample, that is their order.
        """
        inquiry, first = self.inquiry, self.seen[0][0]

        def ask() -> Layers:
            return observe(inquiry, inquiry.batches[0])[0]

        try:
            if differs:
                return is_ever_another(inquiry.subject, ask, lambda now: is_another(first, now))
            is_asked = not inquiry.is_one_by_one and is_drawn(inquiry.subject, ask)
            return is_asked and is_ever_another(
                inquiry.subject, ask, lambda now: _is_far(first, now)
            )
        except SubjectError:
            return False


def ask(inquiry: Inquiry) -> Seen:
    """Return what is seen of both batches.

    What is zero by chance, as where all margins of a hinge are kept in a batch, is asked elsewhere.
    """
    usual, subject = inquiry.layers, inquiry.subject
    seen = [observe(inquiry, batch) for batch in inquiry.batches]
    if not inquiry.is_given and _are_zero_by_chance(seen):
        for _ in range(DRAWS):
            again = ask_again(inquiry)
            if not _are_zero_by_chance(again):
                return keep(inquiry, again)
        inquiry.layers = inquiry.evidence.layers = subject.set(usual)
    for (observed, _), answer in zip(seen, inquiry.evidence.answers, strict=True):
        answer.gradients = observed
    return seen


def ask_again(inquiry: Inquiry, size: float = 1.0) -> Seen:
    """Return the same by other parameters, that are so many times as large."""
    inquiry.draw_again(size)
    return [observe(inquiry, batch) for batch in inquiry.batches]


def keep(inquiry: Inquiry, seen: Seen) -> Seen:
    """Take what was seen by other parameters for the answers of the network."""
    for batch, (observed, _), answer in zip(
        inquiry.batches, seen, inquiry.evidence.answers, strict=True
    ):
        inquiry.restore()
        answer.output = inquiry.subject.forward(batch.inputs)
        answer.gradients = observed
    return seen


def forget(inquiry: Inquiry) -> None:
    """Forget what a gradient was taken for."""
    inquiry.edges.clear()
    inquiry.is_gradient_known = inquiry.is_gradient_faulty = False
    inquiry.gradient_loss = inquiry.gradient_scale = inquiry.guard = None
    inquiry.loss_begins = ""
    inquiry.evidence.forget_loss()


def are_of_two(explanations: Sequence[Explanation]) -> bool:
    """Whether what is known of two batches is the gradient of two losses.

    Where a single sample of a batch has a gradient, that is a multiple of many others.
    """
    first, second = explanations
    return first.known and second.known and first.loss != second.loss


def are_of_two_factors(explanations: Sequence[Explanation], samples: Sequence[int]) -> bool:
    """Whether batches show two forms of a tensor, whose factors no power of their sizes explains.

    Where a few entries are far larger than all others, what has these is a multiple of many forms.
    """
    first, second = explanations
    return any(
        one.known
        and other.known
        and not (one.relative or other.relative or one.is_vacant or other.is_vacant)
        and set(one.causes) != set(other.causes)
        and scale_of((one.factor, other.factor), samples, ROUGH, powers=IN_LAYERS) is None
        for one, other in zip(first.findings, second.findings, strict=True)
    )


def _are_zero_by_chance(seen: Seen) -> bool:
    """Whether all of a gradient is zero, or what is not zero with another batch."""
    one, other = ([bool(np.any(tensor)) for tensor in tensors(own)] for own, _ in seen)
    return one != other or not any(one)


def _is_far(one: Layers, other: Layers) -> bool:
    first, second = one[-1].weight, other[-1].weight
    return not np.linalg.norm(first - second) <= _FAR * np.linalg.norm(first)
