"""Whether a training pass that drops units has the mean of evaluation."""

from parity_tests.kit.aspects.forward.dropped import Kept, kept_of
from parity_tests.kit.forward import Form
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.verdicts import Verdict, named

# How often a mask is drawn, and how closely two factors are one.
_DRAWS, _NEAR = 64, 1e-5


def of_kept_units(training: Inquiry, form: Form) -> tuple[list[Verdict], str]:
    r"""Judge how much of every hidden layer is kept in training, and what that is multiplied with.

    With a share q of the units that is kept and multiplied by s, and e x the activation in
    evaluation, both have one mean where

    .. math:: q \, s = e

    Parameters
    ----------
    training : Inquiry
        Into the training pass, whose gradient is right.
    form : Form
        The forward pass in evaluation.

    Returns
    -------
    wrong : list of Verdict
        On the forward pass, where the means are not the same.
    right : str
        What is kept where they are; empty where nothing is dropped, or what is kept is not seen.
    """
    wrong: list[Verdict] = []
    right: list[str] = []
    for number, name in enumerate(form.hidden):
        evaluated, _ = _apart(name)
        kept = kept_units(training, form, number)
        if kept is None:
            continue
        seen = (
            f"{kept.share:.1%} of the units of layer {number + 1} are kept in training and "
            f"multiplied by {kept.factor:.6g}, and evaluation multiplies all by {evaluated:.6g}"
        )
        cause = _cause(kept, evaluated)
        if cause is None:
            right.append(seen)
        else:
            dropped = 1 - kept.share
            if cause == "dropout-scale" and abs(dropped - 1 / kept.factor) <= kept.margin:
                seen += "; that is 1 / the share that is dropped, and not that which is kept"
            wrong.append(named("forward", cause, seen, f"a{number + 1}"))
    return wrong, "; ".join(right)


def kept_units(training: Inquiry, form: Form, number: int) -> Kept | None:
    """Return what is kept of a hidden layer, from 0; None if that is all of it, or is not seen."""
    if form.unnamed is not None:
        return None
    kept = kept_of(training, number, _apart(form.hidden[number])[1], _DRAWS)
    return None if kept is None or kept.share == 1 else kept


def _apart(name: str) -> tuple[float, str]:
    """Return what an activation is multiplied with, and its name without that."""
    factor, is_multiple, base = name.partition(" x ")
    return (float(factor), base) if is_multiple else (1.0, name)


def _cause(kept: Kept, evaluated: float) -> str | None:
    """Return what is wrong about a factor; None if nothing is."""
    if abs(kept.share - evaluated / kept.factor) <= kept.margin:
        return None
    if abs(kept.factor / evaluated - 1) <= _NEAR:
        return "dropout-not-inverted"
    is_scaled = abs(kept.share - 1 / kept.factor) <= kept.margin
    if is_scaled and abs(kept.share - evaluated) <= kept.margin:
        return "dropout-scaled-twice"
    return "dropout-scale"
