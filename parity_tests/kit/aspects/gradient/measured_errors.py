r"""Errors of the outputs that are of no known form, measured where the gradient begins with them.

Of one sample the error of the last layer is known. It goes by each output and its label alone,
:math:`\delta = g(p, y)`, if it is the same for another sample that has the same outputs and labels
in other places, and other outputs beside them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.gradient.account import Account
from parity_tests.kit.aspects.gradient.expected_scales import expected_scale
from parity_tests.kit.aspects.gradient.single_samples import (
    add_up,
    are_near,
    close_of,
    errors_of,
)
from parity_tests.kit.candidates.outputs import right_deltas
from parity_tests.kit.forward import run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import MEAN
from parity_tests.kit.subject.subject import Batch, SubjectError
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict, named

Array = NDArray[Any]

# Outputs and labels of which the error has to be known, and of how many it is told for each label.
_ENOUGH, _TOLD = 6, 3
# How often the other outputs are drawn for each sample, and how far they are from its own.
_DRAWS, _APART = 3, 3.0
# Whose outputs stay as they are where one number is added to all pre-activations: an error that
# does not goes by these, and not by the outputs.
_SHIFTABLE = ("softmax", "log_softmax")


def of_measured_error(account: Account) -> list[Verdict]:
    """Name an error that goes by an output and its label alone, if that is what is unknown."""
    inquiry, name = account.inquiry, f"W{len(account.inquiry.layers)}"
    form, bias = inquiry.form, inquiry.layers[-1].bias
    unknown = [
        verdict
        for verdict in account.verdicts
        if verdict.status == DIFFERS and verdict.cause is None and verdict.tensor == name
    ]
    is_askable = not (inquiry.is_given or inquiry.is_loss_unknown or inquiry.subject.is_of_inputs)
    if not unknown or not is_askable or form is None or not form.is_as_meant:
        return []
    if bias is None or inquiry.layers[-1].has_shared_bias:
        return []
    try:
        seen, may_be_meant = _seen(account)
    except SubjectError:
        return []
    if may_be_meant:
        message = f"{seen}. It has the sign of p - y and rises with it, and no loss is reported"
        account.tell(unknown[0], Verdict("gradient", CONVENTION, message, name))
    elif seen:
        account.tell(unknown[0], named("gradient", "error-of-another-form", seen, name))
    return []


def _seen(account: Account) -> tuple[str, bool]:
    """Return what the error of an output is, and whether it may be that of a loss nobody reports.

    Empty if it goes by more than output and label.
    """
    inquiry = account.inquiry
    close, last = close_of(inquiry), len(inquiry.layers) - 1
    asked = [own for n in range(len(inquiry.batches[0])) for own in _asked(account, n)]
    p, y, one, other, wanted = (np.concatenate(part) for part in zip(*asked, strict=True))
    is_told = len(p) >= _ENOUGH and are_near(one, other, close) and not are_near(one, wanted, close)
    if not is_told or not add_up(account, (last,)):
        return "", False
    places = [place for label in _some(np.unique(y)) for place in _some_of(p, y == label)]
    pairs, came, meant = (
        ", ".join(parts)
        for parts in (
            [f"({p[n]:.3g}, {y[n]:.3g})" for n in places],
            [f"{one[n]:.3g}" for n in places],
            [f"{wanted[n]:.3g}" for n in places],
        )
    )
    loss = (account.loss or account.explanations[0].loss or "loss").replace("_", " ")
    seen = (
        f"the error of an output p goes by that and its label y alone, and not as that of the "
        f"{loss}: for (p, y) = {pairs} it is {came}, and that of the loss is {meant}"
    )
    return seen, _is_open(inquiry) and _rises(p - y, one, close)


def _is_open(inquiry: Inquiry) -> bool:
    """Whether outputs are plain numbers, and no loss says how far they are from the labels."""
    is_plain = inquiry.form is not None and inquiry.form.output == "identity"
    return is_plain and inquiry.reported is None and inquiry.spec.loss is None


def _rises(differences: Array, errors: Array, close: float) -> bool:
    """Whether errors have the sign of the differences, and are never smaller for larger ones."""
    order = np.argsort(differences)
    falls = np.diff(errors[order]) < -close * np.abs(errors).max()
    return bool((np.sign(errors) == np.sign(differences)).all() and not falls.any())


def _some(values: Array) -> Array:
    """Return the few values that there are, or some of many."""
    places = np.linspace(0, len(values) - 1, min(len(values), _TOLD))
    return np.asarray(values[places.astype(int)])


def _some_of(p: Array, chosen: Array) -> list[int]:
    """Return some of the chosen places, by how large p is there."""
    places = np.flatnonzero(chosen)
    return [int(place) for place in _some(places[np.argsort(p[places])])]


def _asked(account: Account, number: int) -> Iterator[tuple[Array, Array, Array, Array, Array]]:
    """Yield outputs, labels and errors of a sample, those of another one, and those meant.

    The other one has some of the outputs and labels in other places, and other outputs beside them.
    """
    inquiry = account.inquiry
    form, batch = inquiry.form, inquiry.batches[0]
    assert form is not None
    sample, outputs = batch.part(slice(number, number + 1)), inquiry.subject.outputs
    passed = run(form, inquiry.layers, sample.inputs)
    z = passed.logits[-1][0]
    some = (np.arange(outputs) + number) % 2 == 0 if outputs > 1 else np.array([True])
    own = _error(inquiry, sample, z)
    meant = right_deltas(form, passed, sample, account.loss or account.explanations[0].loss)
    scale = expected_scale(inquiry, account.explanations[0], another=False) or MEAN
    wanted = scale.at(1) * meant[0].value[0] if meant else np.full(outputs, np.nan)
    another = (number + 1) % len(batch)
    for _ in range(_DRAWS):
        changed = z + np.where(some, 0.0, _APART * inquiry.rng.standard_normal(outputs))
        if "softmax" in form.output and not some.all():
            # What all exponentials add up to stays as it is.
            changed[~some] += np.log(np.exp(z[~some]).sum() / np.exp(changed[~some]).sum())
        if form.output in _SHIFTABLE:
            changed += _APART * inquiry.rng.standard_normal()
        places = inquiry.rng.permutation(outputs)
        moved = replace(
            sample,
            inputs=batch.inputs[another : another + 1],
            labels=np.argsort(places)[sample.labels] if outputs > 1 else sample.labels,
            targets=sample.targets[:, places],
        )
        elsewhere = np.empty(outputs)
        elsewhere[places] = _error(inquiry, moved, changed[places])
        parts = passed.output[0], sample.targets[0], own, elsewhere, wanted
        p, y, one, other, right = (np.asarray(part)[some] for part in parts)
        yield p, y, one, other, right


def _error(inquiry: Inquiry, sample: Batch, logits: Array) -> Array:
    """Return the error of a sample by a last bias with which it has these pre-activations."""
    form, last = inquiry.form, inquiry.layers[-1]
    assert form is not None
    values = run(form, inquiry.layers, sample.inputs).activations[-2][0]
    with inquiry.elsewhere():
        biased = replace(last, bias=logits - last.weight @ values)
        inquiry.layers = inquiry.subject.begin([*inquiry.layers[:-1], biased])
        return errors_of(inquiry, sample, (len(inquiry.layers) - 1,))[0]
