"""Derivatives by PyTorch's autograd, as NumPy arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Autograd:
    """What a forward and a backward pass in PyTorch gave.

    Attributes
    ----------
    output : ndarray
        The function's value.
    grad_input : ndarray
        Derivative with respect to the input.
    grads : dict of str to ndarray
        Derivative with respect to every parameter, by name.
    """

    output: Array
    grad_input: Array
    grads: dict[str, Array]


def differentiate(
    function: Callable[[torch.Tensor], torch.Tensor],
    x: Array,
    grad_output: Array | None = None,
    *,
    dtype: torch.dtype | None = None,
) -> Autograd:
    """Run a PyTorch function and carry a gradient back through it.

    Parameters
    ----------
    function : callable
        A module, or any function of one tensor. Its parameters' gradients are zeroed first.
    x : ndarray
        The input.
    grad_output : ndarray, optional
        Derivative of some loss with respect to the output; 1 for a function that is a scalar.
    dtype : torch.dtype, optional
        Type to compute in; by default that of `x`.
    """
    parameters = dict(function.named_parameters()) if isinstance(function, torch.nn.Module) else {}
    for parameter in parameters.values():
        parameter.grad = None
    # A copy: torch.from_numpy takes no negative strides and shares memory.
    tensor = torch.tensor(np.array(x, order="C"), dtype=dtype, requires_grad=True)
    output = function(tensor)
    if grad_output is None:
        output.backward()  # type: ignore[no-untyped-call]
    else:
        output.backward(torch.tensor(np.array(grad_output), dtype=output.dtype))  # type: ignore[no-untyped-call]
    assert tensor.grad is not None
    grads = {
        name: parameter.grad.numpy().copy()
        for name, parameter in parameters.items()
        if parameter.grad is not None
    }
    return Autograd(output.detach().numpy().copy(), tensor.grad.numpy().copy(), grads)
