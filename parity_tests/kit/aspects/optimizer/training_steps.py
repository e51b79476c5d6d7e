"""Steps that draw which units they drop, by gradients of a training pass that draws alike."""

from parity_tests.kit.aspects.forward.dropped import in_training
from parity_tests.kit.aspects.optimizer.handed_steps import by_handed
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import SubjectError
from parity_tests.kit.verdicts import CONVENTION, EQUAL, Verdict


def of_training_steps(inquiry: Inquiry) -> list[Verdict]:
    """Recompute steps from the gradients of the training pass, with the same random numbers.

    Empty where nothing is certain: a step may draw others than the pass that is declared, or in
    another order, and then no formula gives it.
    """
    network = inquiry.subject.network
    if not {"gradients", "backward"} & network.training.keys():
        return []
    try:
        training = in_training(inquiry)
        with training.subject.drawing_alike(0):
            found = by_handed(training, is_right=True)
    except SubjectError:
        return []
    finally:
        inquiry.subject.begin(inquiry.layers)
    is_certain = all(v.cause or v.status in (EQUAL, CONVENTION) for v in found)
    return found if is_certain else []
