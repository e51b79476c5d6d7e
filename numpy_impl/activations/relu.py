"""The rectifier."""

# Annotations are not evaluated, and what only they need is not loaded: who predicts does not wait
# for it.
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numpy_impl.arrays import FLOAT_DTYPES, FloatArray
from numpy_impl.layers.layer import Layer

if TYPE_CHECKING:
    from numpy.typing import NDArray


def relu(x: FloatArray) -> FloatArray:
    """Return max(0, x), elementwise; NaN stays NaN.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html
    """
    return np.where(x <= 0, np.zeros_like(x), x)


def relu_backward(grad_output: FloatArray, x: FloatArray) -> FloatArray:
    """Return the derivative of `relu` at x, applied to a gradient: G where x > 0, else 0.

    At the kink relu'(0) = 0, which is PyTorch's choice. The gradient is selected, not multiplied
    by 0 or 1: an infinite G on a unit that is off gives 0, not NaN.

    Parameters
    ----------
    grad_output : ndarray
        G, of the shape of x.
    x : ndarray
        The input, before the activation.
    """
    return np.where(x <= 0, np.zeros_like(grad_output), grad_output)


# As arrays without axes, which NumPy takes faster than a number.
_ZERO = {dtype: np.zeros((), dtype) for dtype in FLOAT_DTYPES}


class _Mask:
    """Where a unit is on: an integer as wide as the floats, all ones if so and all zeros if not.

    Attributes
    ----------
    off : ndarray of bool
    bits : ndarray of int32 or int64
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.off = np.empty(shape, np.bool_)
        self.bits: NDArray[np.signedinteger[Any]] = np.empty(shape, f"i{dtype.itemsize}")

    def fits(self, x: FloatArray) -> bool:
        """Whether it is for arrays of this shape and type."""
        return self.bits.shape == x.shape and self.bits.itemsize == x.itemsize

    def update(self, x: FloatArray) -> NDArray[np.signedinteger[Any]]:
        """Set and return the bits: the unit is on unless x <= 0."""
        np.less_equal(x, _ZERO[x.dtype], out=self.off)
        # False, True -> 0, 1 -> -1, 0: all ones, all zeros.
        np.copyto(self.bits, self.off)
        self.bits -= 1
        return self.bits


class ReLU(Layer):
    """The rectified linear unit, y = max(0, x), for arrays of any shape.

    Notes
    -----
    What `backward` needs of the input is one bit per entry. It is kept as an integer as wide as
    the floats, all ones where the unit is on and all zeros where it is off: selecting entries,
    forward and back, is then one bitwise *and* over the raw floats, exact for infinities and NaN.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html
    """

    elementwise = True

    def infer_into(self, x: FloatArray, y: FloatArray) -> None:
        """Write max(0, x); see `Layer.infer_into`."""
        np.maximum(x, _ZERO[x.dtype], out=y)

    def forward_into(self, x: FloatArray, y: FloatArray) -> None:
        """Write max(0, x) and remember where x > 0; see `Layer.forward_into`."""
        if self._cache is None or not self._cache.fits(x):
            self._cache = _Mask(x.shape, x.dtype)
        mask = self._cache.update(x)
        np.bitwise_and(x.view(mask.dtype), mask, out=y.view(mask.dtype))

    def backward_into(
        self,
        grad_output: FloatArray,
        grad_input: FloatArray | None,
        *,
        accumulate: bool = False,  # noqa: ARG002 - there are no parameters to accumulate into
    ) -> None:
        """Write `grad_output` where the input was above 0, else 0; see `Layer.backward_into`."""
        if grad_input is not None:
            mask = self._cache.bits
            np.bitwise_and(grad_output.view(mask.dtype), mask, out=grad_input.view(mask.dtype))

    def _kept(self) -> tuple[NDArray[Any], np.dtype[Any]]:
        mask = self._cache.bits
        return mask, np.dtype(f"f{mask.itemsize}")
