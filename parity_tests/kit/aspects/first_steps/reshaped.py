"""Training steps that leave parameters in another shape."""

from parity_tests.kit.aspects.observing import is_inferred, observe
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import ReshapedError, SubjectError
from parity_tests.kit.verdicts import UNCHECKED, Verdict, named


def of_gradient(inquiry: Inquiry) -> list[Verdict]:
    """Return that the steps that show the gradient do so; nothing if they do not."""
    try:
        if is_inferred(inquiry):
            observe(inquiry, inquiry.batches[0])
    except ReshapedError as error:
        return [named("gradient", "parameter-reshaped", str(error), error.tensor)]
    except SubjectError:
        pass
    return []


def of_steps(inquiry: Inquiry, error: ReshapedError) -> Verdict:
    """Return that steps do so, unless it was said of the gradient."""
    is_right = inquiry.is_gradient_known and not inquiry.is_gradient_faulty
    if is_inferred(inquiry) or not is_right:
        return Verdict("optimizer", UNCHECKED, str(error))
    return named("optimizer", "parameter-reshaped", str(error), error.tensor)
