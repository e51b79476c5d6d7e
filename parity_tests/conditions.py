r"""The unit of error of any function, by autograd.

A result cannot be known better than its inputs: rounding every input x_i once moves y by

.. math:: \epsilon \sum_i \left|\frac{\partial y}{\partial x_i}\right| |x_i|

and rounding y itself by :math:`\epsilon |y|`. The sum of both, over eps, is the *condition* that
errors are measured by. For a sum of products it is the sum of their magnitudes.

References
----------
Higham, Accuracy and Stability of Numerical Algorithms, section 1.5 (mixed forward-backward error)
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[Any]
Function = Callable[..., torch.Tensor]


def conditions(function: Function, *inputs: torch.Tensor) -> torch.Tensor:
    """Return the condition of every entry of a function's value.

    Parameters
    ----------
    function : callable
        From float64 tensors to one tensor, differentiable.
    *inputs : Tensor
        Where.
    """
    value = function(*inputs).detach()
    total = value.abs()
    if not value.numel():
        return total
    with warnings.catch_warnings():
        # An operation that is not vectorized makes it slower, and says so.
        warnings.simplefilter("ignore")
        jacobians = torch.autograd.functional.jacobian(function, inputs, vectorize=True)
    for jacobian, x in zip(jacobians, inputs, strict=True):
        terms = jacobian.abs() * x.abs()
        total = total + terms.sum(dim=tuple(range(value.ndim, jacobian.ndim)))
    return total


def derivative(function: Function, wanted: int) -> Function:
    """Return the function whose value is a gradient of another one.

    Parameters
    ----------
    function : callable
        From tensors to one tensor.
    wanted : int
        Which of the inputs the gradient is for.

    Returns
    -------
    callable
        From the gradient of the value, and then the inputs, to the gradient of the wanted input.
    """

    def gradient(grad_output: torch.Tensor, *inputs: torch.Tensor) -> torch.Tensor:
        inputs = tuple(x if x.requires_grad else x.detach().requires_grad_() for x in inputs)
        (grad,) = torch.autograd.grad(
            function(*inputs), inputs[wanted], grad_output, create_graph=True
        )
        return grad

    return gradient


def elementwise_conditions(
    function: Function, x: torch.Tensor, grad_output: torch.Tensor
) -> tuple[Array, Array]:
    """Return the conditions of the value and of the input's gradient, entry by entry.

    With y = f(x) and g = G f'(x) they are |y| + |x f'(x)| and 2 |g| + |G x f''(x)|.
    """
    x = x.detach().requires_grad_()
    y = function(x)
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    bend = torch.zeros_like(x)
    if slope.requires_grad:
        try:
            (bend,) = torch.autograd.grad(slope.sum(), x)
        except RuntimeError as error:
            # PyTorch leaves out the second derivative of some functions of straight pieces.
            if "not implemented" not in str(error):
                raise
    grad = grad_output * slope
    value = y.abs() + (x * slope).abs()
    gradient = 2 * grad.abs() + (grad_output * x * bend).abs()
    return value.detach().numpy(), gradient.detach().numpy()


def module_conditions(
    module: torch.nn.Module, x: Array, grad_output: Array
) -> tuple[Array, Array, dict[str, Array]]:
    """Return the conditions of a module's output, of the gradient of its input, and of all others.

    Parameters
    ----------
    module : torch.nn.Module
        In float64; one that changes nothing in itself when it is called.
    x : ndarray
        The input.
    grad_output : ndarray
        The gradient of the output.
    """
    names = [name for name, _ in module.named_parameters()]
    tensors = [parameter.detach() for parameter in module.parameters()]
    inputs = (torch.tensor(np.array(x), dtype=torch.float64), *tensors)
    upstream = torch.tensor(np.array(grad_output), dtype=torch.float64)

    def function(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.func.functional_call(
            module, dict(zip(names, values, strict=True)), (x,)
        )
        return result

    output = conditions(function, *inputs).numpy()
    grads = [
        conditions(derivative(function, wanted), upstream, *inputs).numpy()
        for wanted in range(len(inputs))
    ]
    return output, grads[0], dict(zip(names, grads[1:], strict=True))
