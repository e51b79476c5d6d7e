"""The contract that all layers keep."""

# Annotations are not evaluated, and what only they need is not loaded: who predicts does not wait
# for it.
from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    as_float_array,
    check_bool,
    check_int,
    check_shape,
    prepare_out,
)
from numpy_impl.elementwise import in_blocks
from numpy_impl.errors import InputError
from numpy_impl.parameters import Parameter

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Layer:
    """One step of a network, with its derivative.

    What is called from outside, `infer`, `forward` and `backward`, checks its arguments and finds
    the memory for the result. It then calls what a subclass defines, `infer_into` (the layer in
    evaluation mode), `forward_into` (the same in training mode, remembering what the derivative
    needs) and `backward_into` (the derivative), which check nothing: a model whose own buffers
    pass from layer to layer calls these at once.

    A layer that is a function of one entry at a time defines `function` and `derivative` instead,
    and is computed block by block.

    Attributes
    ----------
    training : bool
        True after construction and `train`, False after `eval`. In evaluation mode `forward` is
        `infer`: it writes nothing in the layer, so validating between a forward and its backward
        is safe.
    in_features : int or None
        Width that the input must have, or None where any width will do.
    arguments : tuple of str
        Names of the constructor's arguments that are plain data; the layer has them as attributes.
    elementwise : bool
        Whether each entry of the output depends on that entry of the input alone. Then `infer_into`
        may be given its input as its output, and workers may each have a part of the units.
    random : bool
        Whether the output in training mode is drawn by a generator.
    rowwise : bool
        Whether a row of the output, along the last axis, depends on that row of the input alone.
        Then a single row may be given as a vector.
    wide : bool
        Whether `function` and `derivative` are computed in float64 for a float32 input too, and
        rounded once. Not where their few operations are exact enough as they are.
    """

    arguments: ClassVar[tuple[str, ...]] = ()
    elementwise: ClassVar[bool] = False
    random: bool = False
    rowwise: bool = False
    wide: ClassVar[bool] = True
    in_features: int | None = None

    def __init__(self) -> None:
        self.training = True
        # Whether a model has taken the layer.
        self.adopted = False
        # What `backward` needs of the last training-mode `forward`; never copied or pickled.
        self._cache: Any = None

    def infer(self, x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
        """Return the layer's output in evaluation mode; reads parameters, writes no state.

        Takes and raises what `forward` does.
        """
        x = self._as_input(x)
        y = prepare_out(out, self._output_shape(x.shape), x.dtype, x)
        self.infer_into(x, y)
        return y

    def forward(self, x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
        """Return the layer's output and, in training mode, remember what `backward` needs.

        Parameters
        ----------
        x : array_like
            The input; converted to the layer's dtype where it has another, never written to.
        out : ndarray, optional
            Where to write the output. Without it the output is a new array.

        Raises
        ------
        InputError
            If `x` or `out` has the wrong shape or type.
        """
        if not self.training:
            return self.infer(x, out=out)
        x = self._as_input(x)
        y = prepare_out(out, self._output_shape(x.shape), x.dtype, x)
        self.forward_into(x, y)
        return y

    def backward(
        self,
        grad_output: ArrayLike,
        *,
        out: FloatArray | None = None,
        need_input_grad: bool = True,
        accumulate: bool = False,
    ) -> FloatArray | None:
        """Carry a gradient back through the last training-mode `forward`.

        Parameters
        ----------
        grad_output : array_like
            Derivative of the loss with respect to the output; never written to.
        out : ndarray, optional
            Where to write the derivative with respect to the input.
        need_input_grad : bool, default True
            Without it the derivative with respect to the input is not computed.
        accumulate : bool, default False
            Add to the parameters' gradients instead of overwriting them. (PyTorch always adds.)

        Returns
        -------
        ndarray or None
            The derivative with respect to the input; None without `need_input_grad`.

        Raises
        ------
        InputError
            If `grad_output` or `out` has the wrong shape or type.
        RuntimeError
            If there was no training-mode `forward` before.
        """
        if self._cache is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward: there was no forward in training mode before"
            )
        check_bool("need_input_grad", need_input_grad)
        check_bool("accumulate", accumulate)
        kept, dtype = self._kept()
        grad_output = as_float_array("grad_output", grad_output, dtype)
        check_shape("grad_output", grad_output, self._output_shape(kept.shape))
        grad_input = None
        if need_input_grad:
            grad_input = prepare_out(out, kept.shape, dtype, grad_output, kept)
        self.backward_into(grad_output, grad_input, accumulate=accumulate)
        return grad_input

    def function(self, x: FloatArray) -> FloatArray:
        """Return the output for some entries, as a new array."""
        raise NotImplementedError

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return the derivative at some entries, applied to their gradients, as a new array."""
        raise NotImplementedError

    def infer_into(self, x: FloatArray, y: FloatArray) -> None:
        """Write the output in evaluation mode for an input that fits; writes no state."""
        in_blocks(self.function, y, x, wide=self.wide)

    def forward_into(self, x: FloatArray, y: FloatArray) -> None:
        """Write the output for an input that fits, and remember what the derivative needs."""
        self.infer_into(x, y)
        self._cache = x

    def backward_into(
        self,
        grad_output: FloatArray,
        grad_input: FloatArray | None,
        *,
        accumulate: bool = False,  # noqa: ARG002 - without parameters there is nothing to add to
    ) -> None:
        """Write the parameters' gradients and, if it is asked for, that of the input."""
        if grad_input is not None:
            in_blocks(self.derivative, grad_input, grad_output, self._cache, wide=self.wide)

    def _as_input(self, x: ArrayLike) -> FloatArray:
        """Return the input in the layer's dtype; InputError if it does not fit."""
        return as_float_array("x", x)

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the output for an input of this shape."""
        return shape

    def _kept(self) -> tuple[NDArray[Any], np.dtype[Any]]:
        """Return what `backward` remembers, of the shape of the input, and the type of that."""
        return self._cache, self._cache.dtype

    @classmethod
    def state_shapes(cls, *args: Any, **kwargs: Any) -> dict[str, tuple[int, ...]]:  # noqa: ARG003
        """Return the shapes of parameters and buffers of a layer made with these arguments.

        Nothing is allocated. The names are PyTorch's, the parameters come first and in order.
        """
        return {}

    def parameters(self) -> list[Parameter]:
        """Return the layer's parameters, in PyTorch's order."""
        return []

    def buffers(self) -> dict[str, NDArray[Any]]:
        """Return what belongs to the layer's state beside parameters, by PyTorch's names.

        The arrays are the layer's own; loading a state writes into them.
        """
        return {}

    def generators(self) -> list[np.random.Generator]:
        """Return what the output in training mode is drawn by."""
        return []

    def out_features(self, in_features: int) -> int:
        """Return the width of the output for this width of input; InputError if it does not fit."""
        width = check_int("in_features", in_features)
        if self.in_features not in (None, width):
            raise InputError("in_features", str(self.in_features), str(width))
        return width

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data, without randomness and dtype."""
        return {name: getattr(self, name) for name in self.arguments}

    def train(self) -> None:
        """Switch to training mode."""
        self.training = True

    def eval(self) -> None:
        """Switch to evaluation mode."""
        self.training = False

    def __call__(self, x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
        """Return ``forward(x, out=out)``."""
        return self.forward(x, out=out)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": None}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.config().items())
        return f"{type(self).__name__}({arguments})"
