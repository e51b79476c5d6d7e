"""The matrix products of a step and nothing else: no NumPy training on one thread can be faster."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.work import Work


def make(work: Work) -> Callable[[NDArray[Any]], None]:
    """Return the epoch; see `benchmarks.contenders`.

    A layer has y = x W, the gradient of W = x^T g and that of its input, g W^T; the first layer
    has no use for the last. Matrices stand as BLAS multiplies them fastest.
    """
    x = work.inputs(work.batch_size)
    weights = [weight.T.copy() for weight in work.weights]
    inputs = [x, *(np.ones((len(x), w.shape[1]), np.float32) for w in weights)]
    grads = [np.ones_like(array) for array in inputs]
    weight_grads = [np.empty_like(weight) for weight in weights]
    layers = list(zip(inputs, weights, inputs[1:], grads[1:], weight_grads, grads, strict=False))

    def epoch(order: NDArray[Any]) -> None:
        for _ in range(0, len(order), work.batch_size):
            for given, weight, output, *_rest in layers:
                np.matmul(given, weight, out=output)
            for given, weight, _, grad, weight_grad, grad_input in layers[::-1]:
                np.matmul(given.T, grad, out=weight_grad)
                if given is not x:
                    np.matmul(grad, weight.T, out=grad_input)

    return epoch
