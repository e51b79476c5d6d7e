"""A dense network in PyTorch from plain arrays: its output, its loss and autograd's gradients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray

Array = NDArray[Any]
Function = Callable[[torch.Tensor], torch.Tensor]

_FUNCTIONS: dict[str, Function] = {
    "identity": lambda z: z,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": lambda z: F.softplus(z),
    "silu": F.silu,
    "gelu": lambda z: F.gelu(z),
    "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "relu6": F.relu6,
    "selu": F.selu,
    "mish": F.mish,
    "softsign": F.softsign,
    "hardtanh": F.hardtanh,
    "hardsigmoid": F.hardsigmoid,
    "softmax": lambda z: torch.softmax(z, 1),
    "log_softmax": lambda z: torch.log_softmax(z, 1),
    "sine": torch.sin,
    "arctan": torch.atan,
    "square": torch.square,
    "exponential": torch.exp,
    "gaussian": lambda z: torch.exp(-(z**2)),
}
_NUMBERED: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "leaky_relu": lambda z, slope: F.leaky_relu(z, slope),
    "elu": lambda z, alpha: F.elu(z, alpha),
    "scaled_tanh": lambda z, scale: scale * torch.tanh(2 / 3 * z),
}
_DISTANCES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "squared_error": lambda p, y: F.mse_loss(p, y, reduction="sum") / 2,
    "absolute_error": lambda p, y: F.l1_loss(p, y, reduction="sum"),
    "huber": lambda p, y: F.huber_loss(p, y, reduction="sum"),
    "log_cosh": lambda p, y: torch.log(torch.cosh(p - y)).sum(),
    "hinge": lambda p, y: _hinge(p, y, power=1),
    "squared_hinge": lambda p, y: _hinge(p, y, power=2),
    "categorical_hinge": lambda p, y: F.relu(1 + _largest_other(p, y) - (p * y).sum(dim=1)).sum(),
    "binary_hinge": lambda p, y: F.relu(1 - (2 * y - 1) * p).sum(),
    "squared_binary_hinge": lambda p, y: (F.relu(1 - (2 * y - 1) * p) ** 2).sum(),
    "hinge_of_signs": lambda p, y: F.relu(1 - y * p).sum(),
    "squared_hinge_of_signs": lambda p, y: (F.relu(1 - y * p) ** 2).sum(),
    "squared_error_of_signs": lambda p, y: F.mse_loss(p, 2 * y - 1, reduction="sum") / 2,
    "poisson": lambda p, y: F.poisson_nll_loss(p, y, log_input=False, eps=0.0, reduction="sum"),
    "euclidean_error": lambda p, y: torch.linalg.vector_norm(p - y, dim=1).sum(),
}


def _largest_other(p: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return p.masked_fill(y == 1, -torch.inf).amax(dim=1)


def _hinge(p: torch.Tensor, y: torch.Tensor, power: int) -> torch.Tensor:
    classes = p.shape[1]
    return classes * F.multi_margin_loss(p, y.argmax(dim=1), p=power, reduction="sum")


@dataclass(frozen=True)
class Dense:
    """What PyTorch computes.

    Attributes
    ----------
    output : ndarray of shape (samples, out_features)
    loss : float
        Summed over samples and outputs.
    weights, biases : list of ndarray
        The derivatives of the loss.
    """

    output: Array
    loss: float
    weights: list[Array]
    biases: list[Array | None]


def function_of(name: str) -> Function | None:
    """Return PyTorch's function of a name, such as ``"relu"`` or ``"leaky_relu:0.1"``, or None."""
    plain, _, number = name.partition(":")
    if plain in _NUMBERED and number:
        return lambda z: _NUMBERED[plain](z, float(number))
    return _FUNCTIONS.get(name)


def dense(
    hidden: Sequence[str],
    output: str,
    loss: str,
    weights: Sequence[Array],
    biases: Sequence[Array | None],
    inputs: Array,
    targets: Array,
) -> Dense:
    """Return output, loss and gradients of a dense network, in float64.

    Parameters
    ----------
    hidden : sequence of str
        Activation of each hidden layer.
    output : str
        That of the last layer. If it is ``"identity"`` the loss is computed from logits.
    loss : str
        ``"cross_entropy"``, ``"softmax_cross_entropy"`` (of the output, whatever function that is
        of), ``"binary_cross_entropy"``, ``"squared_error"``, ``"absolute_error"``,
        ``"huber"``, ``"log_cosh"``, ``"hinge"``, ``"squared_hinge"``,
        ``"poisson"`` or ``"squared_error_of_signs"`` (labels 0 and 1 for -1 and 1); of single
        outputs ``"binary_hinge"`` (labels 0 and 1) or ``"hinge_of_signs"`` (labels -1 and 1), or
        either with ``"squared_"`` in front. Summed over samples and outputs; the squared error is
        halved.
    weights : sequence of ndarray, each of shape (out_features, in_features)
    biases : sequence of ndarray or None
    inputs, targets : ndarray of shape (samples, features)

    Raises
    ------
    ValueError
        For a function that there is not.
    """
    functions = [function_of(name) for name in (*hidden, output)]
    if None in functions:
        raise ValueError(f"no function for one of {(*hidden, output)}")
    w = [torch.tensor(np.array(a), dtype=torch.float64, requires_grad=True) for a in weights]
    b = [
        None if a is None else torch.tensor(np.array(a), dtype=torch.float64, requires_grad=True)
        for a in biases
    ]
    value = z = torch.tensor(np.array(inputs), dtype=torch.float64)
    for matrix, vector, function in zip(w, b, functions, strict=True):
        z = F.linear(value, matrix, vector)
        assert function is not None
        value = function(z)
    total = _loss(loss, output, z, value, torch.tensor(np.array(targets), dtype=torch.float64))
    total.backward()  # type: ignore[no-untyped-call]
    return Dense(
        value.detach().numpy(),
        float(total.detach()),
        [_gradient(tensor) for tensor in w],
        [None if tensor is None else _gradient(tensor) for tensor in b],
    )


def _gradient(tensor: torch.Tensor) -> Array:
    assert tensor.grad is not None
    gradient: Array = tensor.grad.numpy()
    return gradient


def _loss(
    loss: str, output: str, z: torch.Tensor, p: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    if loss in _DISTANCES:
        return _DISTANCES[loss](p, y)
    if loss == "softmax_cross_entropy":
        return F.cross_entropy(p, y, reduction="sum")
    if loss == "cross_entropy":
        if output in ("softmax", "identity", "log_softmax"):
            return F.cross_entropy(z, y, reduction="sum")
        return -(y * torch.log(p)).sum()
    if loss == "binary_cross_entropy":
        if output in ("sigmoid", "identity"):
            return F.binary_cross_entropy_with_logits(z, y, reduction="sum")
        return F.binary_cross_entropy(p, y, reduction="sum")
    raise ValueError(f"no loss {loss!r}")
