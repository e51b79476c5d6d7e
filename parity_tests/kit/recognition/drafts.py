"""What is known of one host: its passes, its step, and how well they are explained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parity_tests.kit.codes import code_of
from parity_tests.kit.functions import wrong_output
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.recognition.forwards import Forward, forwards
from parity_tests.kit.recognition.gradients import LABELS, Backward, backwards
from parity_tests.kit.recognition.hosts import Host
from parity_tests.kit.recognition.loop_pairs import takes_pairs
from parity_tests.kit.recognition.resets import Reset, optimizer_step, with_reset
from parity_tests.kit.recognition.steps import (
    PAIRS_OF_COLUMNS,
    PAIRS_OF_ROWS,
    of_known_loss,
    trainings,
    updates,
    updates_by_arguments,
)
from parity_tests.kit.recognition.stored import stored_by
from parity_tests.kit.recognition.trial import Match, Shapes

# Below this a gradient has nothing to do with that of any loss.
RELATED = 0.3


@dataclass
class Draft:
    """What is known of one host.

    Attributes
    ----------
    forward : Forward
        Its forward pass.
    backward : Backward or None
        What gives gradients.
    step : tuple of (str, Match) or None
        Code of a training step, and how well it is explained.
    labels : str
        The form of labels.
    astray : tuple of (str, str) or None
        Code of what should be a step, and what it does.
    is_misfit : bool
        Whether it is layers whose gradients are none as we combine them.
    is_unrelated : bool
        Whether gradients have nothing to do with an output that is only guessed to be one.
    reset : Reset or None
        What sets gradients to zero.
    loop : str
        Code of a training loop that takes the step with the labels of other samples.
    deeper : tuple of (str, str) or None
        What makes a network of more layers, and what that raises.
    batched : Draft or None
        What is known of it with batches, where it was taken to want one sample at a time.
    """

    forward: Forward
    backward: Backward | None = None
    step: tuple[str, Match] | None = None
    labels: str = "one_hot"
    astray: tuple[str, str] | None = None
    is_misfit: bool = False
    is_unrelated: bool = False
    reset: Reset | None = None
    loop: str = ""
    deeper: tuple[str, str] | None = None
    batched: "Draft | None" = None

    @property
    def match(self) -> Match | None:
        """How well its gradients are explained, or else its steps."""
        if self.backward is not None:
            return self.backward.match
        return self.step[1] if self.step else None

    @property
    def key(self) -> tuple[Any, ...]:
        """What is compared between hosts."""
        match = self.match
        depth = len(self.forward.chain.weights)
        return (
            depth > 1 and match is not None and self.forward.known,
            match is not None,
            depth > 1,
            self.forward.known,
            (match.right / match.total if match else 0),
            (match.known / match.total if match else 0),
        )


def drafted(host: Host, scope: Mapping[str, Any], drawn: dict[Shapes, Inquiry]) -> Draft | None:
    """Return what is known of a host, or None if it has no forward pass.

    Parameters
    ----------
    drawn : dict
        Inquiries by the shapes that they are drawn for; other hosts of these take them over.
    """
    passes = forwards(host, scope, drawn)
    best: Draft | None = None
    batched: Draft | None = None
    for one in passes:
        draft = _with_backward(one, scope)
        if batched is None and one.known and not one.inquiry.subject.single:
            batched = draft
        # One sample hides what goes wrong in a batch.
        found = best is not None and best.match is None and draft.match is not None
        if best is None or found or _is_single(best, draft) or _is_of_one(best, draft):
            best = draft
        if _settled(draft):
            break
    if best is not None:
        best.forward.takes_numbers = any(one.takes_numbers for one in passes)
        best.batched = batched if best.forward.inquiry.subject.single else None
        if host.is_put_together and best.match and best.match.known < best.match.total:
            # It may be that we have put the layers together in a way that is not meant.
            best.backward, best.step, best.is_misfit = None, None, True
        if best.forward.is_left_by_loss and best.match and not best.match.known:
            best.backward, best.step, best.is_unrelated = None, None, True
    return best


def _settled(draft: Draft) -> bool:
    """Whether other ways in which samples may lie need not be tried."""
    match = draft.match
    if match is None or (draft.backward is not None and draft.backward.unsummed):
        return False
    if _is_of_pairs(draft):
        return False
    batched = not draft.forward.inquiry.subject.single
    return match.complete or (batched and match.closeness > RELATED)


def _is_of_pairs(draft: Draft) -> bool:
    """Whether samples come one by one to a step, and an output of several mixes them.

    Its softmax is right for one, and nobody gives it more.
    """
    form, step = draft.forward.inquiry.form, draft.step
    if form is None or wrong_output(form.output) is None:
        return False
    pairs = step is not None and takes_each(step[0])
    return pairs or _makes_a_column(draft.forward)


def _is_of_one(best: Draft, other: Draft) -> bool:
    """Whether a network without a gradient goes through pairs of samples and labels one by one.

    Then an output that mixes those of a batch says nothing, and that of one sample is asked.
    """
    form = best.forward.inquiry.form
    if best.match is not None or form is None or wrong_output(form.output) is None:
        return False
    is_single = other.forward.inquiry.subject.single and other.forward.known
    return is_single and any(takes_pairs(one.function) for one in best.forward.host.functions)


def _makes_a_column(forward: Forward) -> bool:
    """Whether a forward pass makes a column of one sample: ``np.array(x, ndmin=2).T``."""
    called = (one.function for one in forward.host.functions if f"{one.code}(" in forward.call)
    codes = (code_of(own) for own in called)
    return any("ndmin" in str(code.co_consts) for code in codes if code is not None)


def takes_each(step: str) -> bool:
    """Return whether a step takes a list of samples with their labels, one by one."""
    return PAIRS_OF_COLUMNS in step or PAIRS_OF_ROWS in step


def _is_single(best: Draft, other: Draft) -> bool:
    """Whether a network wants one sample at a time: its biases' gradients are not summed else.

    Nor could they be taken from the biases then. It may have a fault. Or samples come one by one.
    """
    unsummed = best.backward is not None and best.backward.unsummed
    is_open = unsummed or _is_of_pairs(best)
    if not is_open or best.match is None or other.match is None:
        return False
    return other.match.complete or other.match.known >= best.match.known


def _with_backward(forward: Forward, scope: Mapping[str, Any]) -> Draft:
    draft = Draft(forward)
    begun: list[Backward] = []
    for backward in backwards(forward, scope):
        if draft.backward is None or backward.key > draft.backward.key:
            draft.backward, draft.labels = backward, backward.labels
        if backward.match.complete and not backward.own_delta:
            break
        begun += [] if backward.own_delta else [backward]
    if draft.backward is not None and draft.backward.own_delta:
        # A loss that is known hands out its gradient, right or wrong, and ours is not asked for.
        of_losses = (backward for backward in begun if of_known_loss(backward, scope))
        draft.backward = max(of_losses, key=lambda own: own.key, default=draft.backward)
        draft.labels = draft.backward.labels
    if draft.backward is not None and draft.backward.in_place:
        draft.step = draft.backward.fields["step"], draft.backward.match
    elif draft.backward is not None:
        zeroed = with_reset(draft.backward, scope)
        if zeroed is not None:
            plain = draft.backward
            draft.backward, draft.reset = zeroed
            draft.step = optimizer_step(plain, draft.reset, scope)
        draft.step = draft.step or updates(draft.backward, scope)
        if draft.step is None:
            match, given = draft.backward.match, draft.backward
            draft.step = trainings(forward, draft.labels, scope, match, given)
        draft.step = draft.step or updates_by_arguments(draft.backward, scope)
    if draft.backward is not None and draft.backward.unsummed:
        step = trainings(forward, draft.labels, scope, backward=draft.backward)
        if step is not None and step[1].closeness > RELATED:
            # It adds up what comes of each sample by itself.
            draft.backward, draft.step = None, step
            return draft
    if draft.backward is None or not draft.backward.match.complete:
        for labels in LABELS:
            step = trainings(forward, labels, scope, backward=draft.backward)
            if step is None:
                continue
            worse = draft.backward is None or step[1].key > draft.backward.match.key
            if worse and (draft.step is None or step[1].key > draft.step[1].key):
                draft.backward, draft.step, draft.labels = None, step, labels
    if draft.step is not None and (draft.backward is None or draft.backward.in_place):
        draft.backward = stored_by(draft.step, forward, draft.labels, scope) or draft.backward
    return draft
