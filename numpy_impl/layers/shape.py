"""Layers that change no number: the identity, and flattening."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from numpy_impl.arrays import FloatArray, as_float_array, check_int
from numpy_impl.errors import InputError
from numpy_impl.layers.layer import Layer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Identity(Layer):
    """The identity, y = x, for arrays of any shape.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Identity.html
    """

    elementwise = True

    def infer_into(self, x: FloatArray, y: FloatArray) -> None:
        """Copy x; see `Layer.infer_into`."""
        np.copyto(y, x)

    def backward_into(
        self,
        grad_output: FloatArray,
        grad_input: FloatArray | None,
        *,
        accumulate: bool = False,  # noqa: ARG002 - there are no parameters to accumulate into
    ) -> None:
        """Copy the gradient; see `Layer.backward_into`."""
        if grad_input is not None:
            np.copyto(grad_input, grad_output)


class Flatten(Layer):
    """Neighbouring axes made into one: shape (N, a, b) becomes (N, a b).

    Parameters
    ----------
    start_dim : int, default 1
        The first of the axes; negative numbers count from the last.
    end_dim : int, default -1
        The last of them.

    Raises
    ------
    InputError
        If an axis is not an integer. In `forward`, if there are no such axes or they are in the
        wrong order.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Flatten.html
    """

    arguments = ("start_dim", "end_dim")

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = check_int("start_dim", start_dim)
        self.end_dim = check_int("end_dim", end_dim)

    def infer_into(self, x: FloatArray, y: FloatArray) -> None:
        """Copy x in its new shape; see `Layer.infer_into`."""
        np.copyto(y.reshape(x.shape), x)

    def backward_into(
        self,
        grad_output: FloatArray,
        grad_input: FloatArray | None,
        *,
        accumulate: bool = False,  # noqa: ARG002 - there are no parameters to accumulate into
    ) -> None:
        """Copy the gradient in the shape of x; see `Layer.backward_into`."""
        if grad_input is not None:
            np.copyto(grad_input, grad_output.reshape(grad_input.shape))

    def out_features(self, in_features: int) -> int:
        """Return `in_features`; InputError if samples of one axis each would become one."""
        in_features = super().out_features(in_features)
        self._output_shape((2, in_features))
        if self.start_dim in (0, -2) and self.end_dim in (1, -1):
            raise InputError("start_dim", "1, to keep samples apart", str(self.start_dim))
        return in_features

    def _as_input(self, x: ArrayLike) -> FloatArray:
        array = as_float_array("x", x)
        self._output_shape(array.shape)
        return array

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        # As in PyTorch, a scalar has one axis here.
        axes = max(len(shape), 1)
        for name, dim in (("start_dim", self.start_dim), ("end_dim", self.end_dim)):
            if not -axes <= dim < axes:
                raise InputError("x", f"an axis {dim}, which is the {name}", f"shape {shape}")
        start, end = self.start_dim % axes, self.end_dim % axes
        if start > end:
            raise InputError(
                "x", f"axis {self.start_dim} not behind axis {self.end_dim}", f"shape {shape}"
            )
        return (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
