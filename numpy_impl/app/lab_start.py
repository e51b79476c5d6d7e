"""What a network's first output and first step tell of its initial weights."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A probability above this is as good as certain: the gradient of its row is less than a
# thousandth.
_CERTAIN = 0.999
# Of a standard deviation of many thousand numbers: far above its error, far below a wrong scheme.
_TOLERANCE = 0.05

Array = NDArray[np.floating]


def look(network: Any, x: Array, y: NDArray[np.integer]) -> dict[str, Any]:
    """Return figures of a network that has not been trained; it takes one step for it.

    Parameters
    ----------
    network : object
        With ``forward(X) -> probs`` and ``train_step(X, y) -> loss``, and matrices of shape
        (inputs, outputs) as attributes. What it has not is left out.
    x : ndarray of shape (N, features)
    y : ndarray of int of shape (N,)

    Returns
    -------
    dict
        ``first_loss``: whatever its first step returns; ``certain``: share of rows with a
        probability above 0.999; ``layers``: for every matrix its ``name``, the ``std`` of its
        entries, that of He's initialization for its inputs ``he``, the root mean square of the
        pre-activations ``z``, and that of its first change by that of itself, ``change``.
    """
    before = {name: weight.copy() for name, weight in _chain(network, x.shape[1])}
    scales: list[float] = []
    signal = np.asarray(x, np.float64)
    for weight in before.values():
        signal = np.maximum(signal, 0) @ weight if scales else signal @ weight
        scales.append(_rms(signal))
    probs = np.asarray(network.forward(x.copy()), np.float64)
    first_loss = network.train_step(x.copy(), y.copy())
    layers = [
        {
            "name": name,
            "std": float(weight.std()),
            "he": math.sqrt(2 / len(weight)),
            "z": scale,
            "change": _rms(getattr(network, name) - weight) / (_rms(weight) or 1.0),
        }
        for (name, weight), scale in zip(before.items(), scales, strict=True)
    ]
    return {
        "first_loss": first_loss,
        "certain": float(np.mean(probs.max(axis=1) > _CERTAIN)),
        "layers": layers,
    }


def remarks(start: dict[str, Any], classes: int) -> list[str]:
    """Return what the figures of `look` say of the initialization; nothing if it is sound.

    A scale that is no known one is told by its factor against He's.
    """
    expected = math.log(classes)
    told = []
    for layer in start["layers"]:
        name, std, he = layer["name"], layer["std"], layer["he"]
        if std == 0:
            told.append(f"{name} is zero: all hidden units stay alike.")
        elif math.isclose(std, 1 / he, rel_tol=_TOLERANCE):
            told.append(
                f"{name} has a standard deviation of {std:.3g}, {std / he:.3g} times He's "
                f"sqrt(2 / n) = {he:.3g}: it is 1 / sqrt(2 / n). Multiply by sqrt(2 / n), "
                "where it is divided by it."
            )
        elif not 0.2 < std / he < 2:
            told.append(
                f"{name} has a standard deviation of {std:.3g}, {std / he:.3g} times He's "
                f"sqrt(2 / n) = {he:.3g}."
            )
    if start["first_loss"] > 2 * expected:
        told.append(
            f"The first loss is {start['first_loss']:.3g}; who knows nothing has "
            f"ln {classes} = {expected:.3f}. The network is sure of what it cannot know: "
            f"{start['certain']:.0%} of its rows have a probability above {_CERTAIN}."
        )
    return told


def _chain(network: Any, features: int) -> list[tuple[str, Array]]:
    """Return the matrices that lead from the features to the classes, by name."""
    found = []
    width = features
    for name, value in vars(network).items():
        is_matrix = isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind == "f"
        # A row of biases follows a layer of one unit as if it were a matrix, if not for its width.
        if is_matrix and len(value) == width and value.shape[1] > 1:
            found.append((name, value))
            width = value.shape[1]
    return found


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
