"""What all losses share: reductions, and the way from a loss to its derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    as_array,
    as_float_array,
    cast,
    check_choice,
    check_shape,
    describe,
)
from numpy_impl.errors import InputError
from numpy_impl.losses.batch import Entries, Samples

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

REDUCTIONS = ("none", "mean", "sum")


class Loss:
    """A function of a network's output and of targets, with its derivative.

    A loss defines `function` and `derivative`, which are computed in float64 whatever the input is.
    By default they are given entries of the input and of a target of the same shape; a loss of
    classes overrides `_read`, and they are given rows.

    Parameters
    ----------
    reduction : {"none", "mean", "sum"}, default "mean"
        What becomes of the losses of the entries (for classes: of the samples): an array of them,
        their mean or their sum.

    Attributes
    ----------
    arguments : tuple of str
        Names of the constructor's arguments; the loss has them as attributes.
    reductions : tuple of str
        Those that it has.

    Raises
    ------
    InputError
        For another reduction.

    Notes
    -----
    An object remembers one batch. Shapes are not broadcast: PyTorch does that, with a warning, for
    a target of another shape than the input, and it is nearly always a mistake.
    """

    arguments: ClassVar[tuple[str, ...]] = ("reduction",)
    reductions: ClassVar[tuple[str, ...]] = REDUCTIONS

    def __init__(self, reduction: str = "mean") -> None:
        check_choice("reduction", reduction, self.reductions)
        self.reduction = reduction
        # What `backward` needs of the last `forward`; never copied or pickled.
        self._cache: Any = None

    # Typed so that a loss may name its arrays: input, target, and what `_others` gives.
    def function(self, *arrays: Any, **_: Any) -> FloatArray:
        """Return the losses of some entries or rows, as a new array, in float64."""
        raise NotImplementedError

    def derivative(self, *arrays: Any, **_: Any) -> FloatArray:
        """Return the derivatives with respect to entries or rows of the input, in float64."""
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
        self._cache = self._read(input, target)
        return self._reduced()

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
        batch = self._remembered()
        gradient: FloatArray = batch.gradient(self.derivative, self._upstream(grad_output), out)
        return gradient

    def _read(self, input: ArrayLike, target: ArrayLike) -> Entries | Samples:
        """Return the batch; InputError if it is not one."""
        predicted = as_float_array("input", input)
        wanted = as_float_array("target", target, predicted.dtype)
        check_shape("target", wanted, predicted.shape)
        self._check_entries(predicted, wanted)
        return Entries(predicted, wanted, *self._others(predicted))

    def _check_entries(self, input: FloatArray, target: FloatArray) -> None:
        """Raise InputError if entries lie where the loss is not defined."""

    def _others(self, input: FloatArray) -> tuple[FloatArray, ...]:  # noqa: ARG002
        """Return what `function` needs beside input and target, of the shape of the input."""
        return ()

    def _count(self, batch: Entries | Samples) -> float:
        """Return what the sum of the losses is divided by."""
        return batch.count if self.reduction == "mean" else 1

    def _reduced(self) -> float | FloatArray:
        """Return the loss of the batch that is remembered."""
        batch = self._remembered()
        if self.reduction == "none":
            losses: FloatArray = batch.losses(self.function)
            return losses
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(np.divide(batch.total(self.function), self._count(batch)))

    def _remembered(self) -> Any:
        if self._cache is None:
            raise RuntimeError(f"{type(self).__name__}.backward: there was no forward before")
        return self._cache

    def _upstream(self, grad_output: ArrayLike | None) -> FloatArray:
        """Return what multiplies the derivatives: `grad_output`, divided for a mean."""
        batch = self._remembered()
        if self.reduction == "none":
            return read_upstream(grad_output, batch.shape)
        upstream = read_upstream(1.0 if grad_output is None else grad_output, ())
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(upstream.astype(np.float64) / self._count(batch))

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


def read_upstream(grad_output: ArrayLike | None, shape: tuple[int, ...]) -> FloatArray:
    """Return a gradient of losses of this shape; InputError if it is not one."""
    if grad_output is None:
        raise InputError("grad_output", f"an array of shape {shape} without a reduction", "None")
    given = as_array("grad_output", grad_output, "numbers")
    if given.dtype.kind not in "fiu":
        raise InputError("grad_output", "numbers", describe(given))
    check_shape("grad_output", given, shape)
    return given


def broadcast(name: str, array: FloatArray, input: FloatArray) -> FloatArray:
    """Return an array as if it had the shape and type of the input.

    Raises
    ------
    InputError
        If its shape does not broadcast to that of the input.
    """
    array = cast(name, array, input.dtype)
    try:
        return np.broadcast_to(array, input.shape)
    except ValueError:
        raise InputError(
            name, f"a shape that broadcasts to {input.shape}", f"shape {array.shape}"
        ) from None
