"""Whether a training pass that drops units has the mean of evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass

from parity_tests.kit.aspects.forward.dropped import Kept, kept_of, kept_of_inputs
from parity_tests.kit.forward import Form
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.verdicts import CONVENTION, Verdict, named

# How often a mask is drawn, and how closely two factors are one.
_DRAWS, _NEAR = 64, 1e-5
_SHARED = (
    "in training all {} samples of a batch keep the same units of layer {}, where PyTorch draws a "
    "mask for each"
)


def of_kept_units(training: Inquiry, form: Form) -> tuple[list[Verdict], str]:
    r"""Judge how much of inputs and hidden layers is kept, and what that is multiplied with.

    With a share q that is kept and multiplied by s in training, and all multiplied by e in
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
    told : list of Verdict
        On the forward pass, where the means are not the same, or samples share a mask.
    right : str
        What is kept where they are; empty where nothing is dropped, or what is kept is not seen.
    """
    told: list[Verdict] = []
    right: list[str] = []
    for place in _places(training, form):
        kept, evaluated = place.kept, place.evaluated
        seen = (
            f"{kept.share:.1%} of {place.what} are kept in training and multiplied by "
            f"{kept.factor:.6g}, and evaluation multiplies all by {evaluated:.6g}"
        )
        cause = _cause(kept, evaluated)
        if cause is None:
            right.append(seen)
        elif cause == "dropout-not-inverted" and place.tensor == "x":
            seen = f"{seen}: noise that is meant, or dropout that is not divided by 1 - p"
            told.append(Verdict("forward", CONVENTION, seen, place.tensor))
        else:
            dropped = 1 - kept.share
            if cause == "dropout-scale" and abs(dropped - 1 / kept.factor) <= kept.margin:
                seen += "; that is 1 / the share that is dropped, and not that which is kept"
            told.append(named("forward", cause, seen, place.tensor))
    return told + _of_shared_masks(training, form), "; ".join(right)


def _of_shared_masks(training: Inquiry, form: Form) -> list[Verdict]:
    """Return that all samples of a batch have one mask, where they do."""
    samples = len(training.batches[0])
    if samples < 2 or training.subject.single or training.is_one_by_one:
        return []
    return [
        named("forward", "dropout-mask-shared", _SHARED.format(samples, number), f"a{number}")
        for number in range(1, len(form.hidden) + 1)
        if kept_units(training, form, number - 1, samples) is not None
    ]


@dataclass(frozen=True)
class _Place:
    """Where something is dropped.

    Attributes
    ----------
    what, tensor : str
        In words, and as it is called.
    evaluated : float
        What evaluation multiplies it with.
    kept : Kept
        What is kept of it.
    """

    what: str
    tensor: str
    evaluated: float
    kept: Kept


def _places(training: Inquiry, form: Form) -> Iterator[_Place]:
    """Yield the inputs and the hidden layers, where something of them is dropped."""
    # The inputs of an autoencoder are hidden from it, and what is left of them is no mean.
    if form.inputs == "as given" and not training.subject.is_of_inputs:
        kept = kept_of_inputs(training, _DRAWS)
        if kept is not None and kept.share < 1:
            yield _Place("the inputs", "x", form.scale, kept)
    for number, name in enumerate(form.hidden):
        kept = kept_units(training, form, number)
        if kept is not None:
            what = f"the units of layer {number + 1}"
            yield _Place(what, f"a{number + 1}", _apart(name)[0], kept)


def kept_units(training: Inquiry, form: Form, number: int, samples: int = 1) -> Kept | None:
    """Return what is kept of a hidden layer, from 0; None if that is all of it, or is not seen.

    Of several samples it is seen where they have one mask.
    """
    if form.unnamed is not None:
        return None
    kept = kept_of(training, number, _apart(form.hidden[number])[1], _DRAWS, samples)
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
