"""Forward passes whose hidden layers have a function of no known name, asked of the network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.forward import Form, run
from parity_tests.kit.functions import UNNAMED, Activation
from parity_tests.kit.inquiry import EXACT, Inquiry
from parity_tests.kit.subject.subject import Layer, Layers, Subject, SubjectError

Array = NDArray[Any]

# A slope is the limit of differences over steps of h and h / 2. Where they are not this near to
# each other, relative to the slope or to 1, the function has a kink or an edge between.
_STEP, _SMOOTH, _SHORTER = 1e-3, 1e-6, 6
# What a last layer may be made smaller by, for probabilities that keep their digits, and how small
# those may be.
_SHARES, _LEAST = (1.0, 0.1, 0.01), 1e-6
# How near a gradient is to one with slopes that are measured.
CLOSE = 1e-7


# Outputs between 0 and 1, whose logarithms are taken.
_PROBABILITIES = ("softmax", "sigmoid")


def _of_softmax(p: Array) -> Array:
    return np.asarray(np.log(p[:, 1:] / p[:, :1]))


def _of_sigmoid(p: Array) -> Array:
    return np.asarray(np.log(p / (1 - p)))


# Pre-activations of the last layer by its outputs; of softmax they are known but for those of the
# first class.
_LOGITS: Mapping[str, Callable[[Array], Array]] = {
    "softmax": _of_softmax,
    "log_softmax": lambda p: p[:, 1:] - p[:, :1],
    "sigmoid": _of_sigmoid,
    "identity": lambda z: z,
    "tanh": np.arctanh,
}


@dataclass(frozen=True)
class _Probe:
    """A network that is asked for the function of its last hidden layer, z by z.

    Its matrices are zero but for what passes one value on: z is the bias of a unit in the last
    hidden layer, or its row of weights on the sample, and each unit goes to an output of its own.

    Attributes
    ----------
    subject : Subject
        A network for nothing else.
    layers : list of Layer
        Its usual parameters.
    sample : ndarray of shape (1, inputs)
        Any that is not zero.
    output : str
        The function of the last layer.
    known : dict
        Values that were asked for.
    """

    subject: Subject
    layers: Layers
    sample: Array
    output: str
    known: dict[float, float] = field(default_factory=dict)

    @property
    def shift(self) -> int:
        """Outputs whose pre-activation is not known, as only differences of it show."""
        return int("softmax" in self.output)

    def value(self, z: Array) -> Array:
        """Return f(z), entry by entry; NaN where the network does not tell it."""
        new = [one for one in np.unique(z[np.isfinite(z)]).tolist() if one not in self.known]
        several = min(len(self.layers[-2].weight), len(self.layers[-1].weight) - self.shift)
        for start in range(0, len(new), several):
            asked = new[start : start + several]
            self.known.update(zip(asked, self._asked(np.array(asked)), strict=True))
        values = [self.known.get(one, np.nan) for one in z.ravel().tolist()]
        return np.array(values).reshape(z.shape)

    def _asked(self, z: Array) -> list[float]:
        *below, _, last = self.layers
        units = np.arange(len(z))
        for share in _SHARES:
            weight = np.zeros_like(last.weight)
            weight[units + self.shift, units] = share
            self.subject.set([*below, self._given(z), replace(last.times(0.0), weight=weight)])
            output = self.subject.forward(self.sample)
            with np.errstate(all="ignore"):
                logits = _LOGITS[self.output](output)[0, : len(z)] / share
            is_between = bool(((output > _LEAST) & (output < 1)).all())
            if np.isfinite(logits).all() and (is_between or self.output not in _PROBABILITIES):
                return [float(one) for one in logits]
        return [np.nan] * len(z)

    def _given(self, z: Array) -> Layer:
        """Return the last hidden layer with z before the function of its first units."""
        before = self.layers[-2].times(0.0)
        if before.bias is None:
            weight = before.weight.copy()
            weight[: len(z)] = np.outer(z, self.sample / np.sum(self.sample**2))
            return replace(before, weight=weight)
        bias = before.bias.copy()
        bias[: len(z)] = z
        return replace(before, bias=bias)

    def slope(self, z: Array) -> Array:
        r"""Return f'(z), entry by entry, by Richardson's extrapolation.

        .. math:: f'(z) = \frac{4 \, d(h / 2) - d(h)}{3} + O(h^4), \quad
                  d(h) = \frac{f(z + h) - f(z - h)}{2 h}
        """
        found, left = np.full(z.shape, np.nan), np.ones(z.shape, bool)
        for step in _STEP * 0.25 ** np.arange(_SHORTER):
            near = z[left]
            whole, half = (
                (self.value(near + h) - self.value(near - h)) / (2 * h) for h in (step, step / 2)
            )
            found[left] = (4 * half - whole) / 3
            left[left] = ~(np.abs(whole - half) <= _SMOOTH * np.maximum(1.0, np.abs(half)))
        return found


def find_measured(inquiry: Inquiry, observed: Array, declared: Form | None) -> Form | None:
    """Return the form with hidden functions as the network's last hidden layer has it, or None.

    The function is the same for each entry of all hidden layers, or of the last alone if the others
    are declared.

    Parameters
    ----------
    observed : ndarray
        The output for the first batch.
    """
    layers, inputs = inquiry.layers, inquiry.batches[0].inputs
    if len(layers) < 2 or not inquiry.subject.is_chain or inquiry.is_float32:
        return None
    # Without a bias there, z comes from the sample itself.
    if layers[-2].has_shared_bias or (layers[-2].bias is None and len(layers) > 2):
        return None
    hidden = [(UNNAMED,) * (len(layers) - 1)]
    if declared is not None:
        hidden.append((*declared.hidden[:-1], UNNAMED))
    subject = inquiry.subject.another(inquiry.subject.network)
    for output in _LOGITS:
        probe = _Probe(subject, layers, inputs[:1], output)
        if len(layers[-1].weight) <= probe.shift:
            continue
        unnamed = Activation(UNNAMED, probe.value, probe.slope)
        for names in dict.fromkeys(hidden):
            form = Form(names, output, unnamed=unnamed)
            try:
                with np.errstate(all="ignore"):
                    off = np.linalg.norm(run(form, layers, inputs).output - observed)
            except SubjectError:
                return None
            if off <= EXACT * np.linalg.norm(observed):
                return form
    return None


def told_values(form: Form) -> str:
    """Return some values of the function that has no name."""
    assert form.unnamed is not None
    values = form.unnamed.value(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
    told = ", ".join(f"{value:.4g}" for value in values)
    return f"f(-2), f(-1), f(0), f(1), f(2) = {told}"
