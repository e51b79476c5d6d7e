"""What all losses share: reductions, and the way from a loss to its derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from numpy_impl.arrays import FloatArray, as_float_array, check_shape, describe, prepare_out
from numpy_impl.elementwise import in_blocks, sum_in_blocks
from numpy_impl.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

REDUCTIONS = ("none", "mean", "sum")


class Loss:
    """A function of a network's output and of targets, with its derivative.

    A loss that compares entry by entry defines `function` and `derivative`; others define `forward`
    and `backward`.

    Parameters
    ----------
    reduction : {"none", "mean", "sum"}, default "mean"
        What becomes of the losses of the entries (for classes: of the samples): an array of them,
        their mean or their sum.

    Attributes
    ----------
    arguments : tuple of str
        Names of the constructor's arguments; the loss has them as attributes.

    Raises
    ------
    InputError
        For another reduction.
    """

    arguments: ClassVar[tuple[str, ...]] = ("reduction",)

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in REDUCTIONS:
            raise InputError("reduction", f"one of {list(REDUCTIONS)}", repr(reduction))
        self.reduction = reduction
        # What `backward` needs of the last `forward`; never copied or pickled.
        self._cache: Any = None

    # Typed so that a loss may name its arrays: input, target, and what `_others` gives.
    def function(self, *arrays: Any, **_: Any) -> FloatArray:
        """Return the losses of some entries, as a new array, in float64."""
        raise NotImplementedError

    def derivative(self, *arrays: Any, **_: Any) -> FloatArray:
        """Return the derivatives of the losses of some entries, as a new array, in float64."""
        raise NotImplementedError

    def forward(self, input: ArrayLike, target: ArrayLike) -> float | FloatArray:
        """Return the loss of a batch.

        Parameters
        ----------
        input : array_like
            The network's output, float32 or float64, of any shape.
        target : array_like
            What it should be, of the same shape; converted to the type of `input`.

        Returns
        -------
        float or ndarray
            The mean (NaN for an empty input) or the sum, added up in float64; or, without a
            reduction, the losses of all entries.

        Raises
        ------
        InputError
            If shapes or types do not fit.
        """
        predicted = as_float_array("input", input)
        wanted = as_float_array("target", target, predicted.dtype)
        check_shape("target", wanted, predicted.shape)
        self._check_entries(predicted, wanted)
        others = tuple(np.broadcast_to(array, predicted.shape) for array in self._others(predicted))
        self._cache = predicted, wanted, *others
        if self.reduction == "none":
            losses = np.empty(predicted.shape, predicted.dtype)
            in_blocks(self.function, losses, *self._cache, wide=True)
            return losses
        total = sum_in_blocks(self.function, *self._cache)
        return reduced(total, predicted.size, self.reduction)

    def backward(
        self, grad_output: ArrayLike | None = None, *, out: FloatArray | None = None
    ) -> FloatArray:
        """Return the derivative of the last `forward` with respect to its input.

        Parameters
        ----------
        grad_output : array_like, optional
            Derivative of what is minimized with respect to the loss: a number, by default 1; or,
            without a reduction, an array of the shape of the losses, which is then needed.
        out : ndarray of the shape of the input, optional
            Where to write it. Without it the result is a new array.

        Raises
        ------
        InputError
            If `grad_output` or `out` does not fit.
        RuntimeError
            If there was no `forward` before.
        """
        if self._cache is None:
            raise RuntimeError(f"{type(self).__name__}.backward: there was no forward before")
        predicted = self._cache[0]
        upstream = self._upstream(grad_output, predicted.shape, predicted.size)
        grad = prepare_out(out, predicted.shape, predicted.dtype, predicted)

        def applied(upstream: FloatArray, *arrays: FloatArray) -> FloatArray:
            return upstream * self.derivative(*arrays)

        in_blocks(applied, grad, np.broadcast_to(upstream, grad.shape), *self._cache, wide=True)
        return grad

    def _check_entries(self, input: FloatArray, target: FloatArray) -> None:
        """Raise InputError if entries lie where the loss is not defined."""

    def _others(self, input: FloatArray) -> tuple[FloatArray, ...]:  # noqa: ARG002
        """Return what `function` needs beside input and target, in shapes that broadcast."""
        return ()

    def _upstream(
        self, grad_output: ArrayLike | None, shape: tuple[int, ...], count: float
    ) -> FloatArray:
        """Return what multiplies the derivative of every loss, in float64; a mean is of `count`."""
        if self.reduction != "none":
            shape = ()
        elif grad_output is None:
            raise InputError(
                "grad_output", f"an array of shape {shape} without a reduction", "None"
            )
        given = np.asarray(1.0 if grad_output is None else grad_output)
        if given.dtype.kind not in "fiu":
            raise InputError("grad_output", "floating-point numbers", describe(given))
        upstream: FloatArray = given.astype(np.float64)
        check_shape("grad_output", upstream, shape)
        return upstream / count if self.reduction == "mean" and count else upstream

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {name: getattr(self, name) for name in self.arguments}

    def __call__(self, input: ArrayLike, target: ArrayLike) -> float | FloatArray:
        """Return ``forward(input, target)``."""
        return self.forward(input, target)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": None}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.config().items())
        return f"{type(self).__name__}({arguments})"


def reduced(total: float, count: float, reduction: str) -> float:
    """Return a sum of losses, or the mean of so many; NaN for the mean of none."""
    if reduction == "sum":
        return total
    return total / count if count else float("nan")
