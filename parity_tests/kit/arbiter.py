"""The last word on what is equal: PyTorch's autograd, or values that it left in a file.

The kit finds out what a network does by recomputing it in NumPy. Whether that is right is not for
the kit to say: what came out as equal is held against an arbiter once more.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.evidence import Evidence
from parity_tests.kit.forward import Form, prepared
from parity_tests.kit.losses import smoothed_targets
from parity_tests.kit.penalties import slope_of
from parity_tests.kit.subject.subject import Batch, Layer, Layers, by_name

Array = NDArray[Any]
# What is left of a sum that is zero, beside the gradient of the same layer's matrix.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Expected:
    """What an arbiter says of one batch.

    Attributes
    ----------
    output : ndarray of shape (samples, out_features)
    loss : float
        Summed over samples and outputs; of squares, one half.
    gradients : dict of str to ndarray
        Of that loss, as ``"W1"`` (out, in) and ``"b1"``.
    """

    output: Array
    loss: float
    gradients: dict[str, Array]


@dataclass(frozen=True)
class Arbiter:
    """Who has the last word.

    Attributes
    ----------
    name : str
        For the report.
    ask : callable
        ``f(form, loss, layers, batch, number)``, of the batch of that number; the loss is None
        where outputs alone are compared. It returns an `Expected`, and raises ValueError for what
        it does not know.
    """

    name: str
    ask: Callable[[Form, str | None, Layers, Batch, int], Expected]


def pytorch() -> Arbiter | None:
    """Return PyTorch as the arbiter, None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    return Arbiter(f"PyTorch {torch.__version__}", _ask_pytorch)


def _ask_pytorch(
    form: Form, loss: str | None, layers: Layers, batch: Batch, _number: int
) -> Expected:
    from torch_ref.dense import dense

    result = dense(
        form.hidden,
        form.output,
        loss or "squared_error",
        [layer.weight for layer in layers],
        [layer.bias for layer in layers],
        prepared(form, batch.inputs),
        batch.targets,
    )
    gradients = [Layer(*pair) for pair in zip(result.weights, result.biases, strict=True)]
    return Expected(result.output, result.loss, by_name(gradients))


def distances(evidence: Evidence, arbiter: Arbiter) -> dict[str, float]:
    """Return how far the answers are from an arbiter's, relative to the norm, by tensor.

    Parameters
    ----------
    evidence : Evidence
        With the form, and with loss and factors where gradients were found equal.
    """
    assert evidence.form is not None
    if not evidence.form.is_as_meant:
        raise ValueError("it does not know such a forward pass")
    worst: dict[str, float] = {}
    own = by_name(evidence.layers)
    # The loss of a softmax behind the output is one of what is put out.
    loss = "softmax_cross_entropy" if evidence.begins else evidence.loss
    for number, (batch, answer) in enumerate(zip(evidence.batches, evidence.answers, strict=True)):
        meant = batch
        if evidence.smoothing and loss is not None:
            targets = smoothed_targets(batch.targets, evidence.smoothing, str(evidence.loss))
            meant = replace(batch, targets=targets)
        expected = arbiter.ask(evidence.form, loss, evidence.layers, meant, number)
        found: dict[str, tuple[Array, Array]] = {}
        if answer.output is not None:
            found["output"] = answer.output, expected.output
        if loss is not None and answer.gradients is not None and evidence.factors:
            decays = evidence.decays[number] if evidence.decays else {}
            for name, gradient in by_name(answer.gradients).items():
                wanted = evidence.factors[number] * expected.gradients[name]
                found[name] = gradient, wanted + slope_of(decays.get(name, {}), own[name])
        for name, (came, wanted) in found.items():
            beside = found[f"W{name[1:]}"][1] if name.startswith("b") else wanted
            if np.linalg.norm([came, wanted]) <= _ROUNDING * np.linalg.norm(beside):
                continue  # a sum that is zero, as that of softmax's p - y over the classes
            # Where nothing is wanted, whatever came is infinitely far from it.
            size = float(np.linalg.norm(wanted))
            distance = float(np.linalg.norm(came - wanted)) / size if size else np.inf
            worst[name] = max(worst.get(name, 0.0), distance)
    return worst
