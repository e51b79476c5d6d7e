"""Parameters: named views into one flat vector of values and one of gradients.

A model owns a single `ParameterArena`. Everything that treats the parameters as a whole
(an optimizer step, a gradient norm, a checkpoint, a reduction over processes) is then an
operation on one vector, while layers go on using arrays of their own shape.

There is deliberately no reference from the arena to its parameters: without that cycle,
`copy.deepcopy` and `pickle` rebuild the arena first and the views upon it afterwards, and
a copied model stays connected to its copied arena.

A matrix stands in the arena by columns: a weight of shape (out_features, in_features) takes its
memory as the transposed matrix does. Both large products of a layer, x W^T and the gradient of W,
then find their operands in the order in which BLAS multiplies fastest.
"""

# Annotations are not evaluated, and what only they need is not loaded: who predicts does not wait
# for it.
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    as_float_array,
    as_float_dtype,
    check_instance,
    check_int,
    check_shape,
    describe,
    new_array,
)
from numpy_impl.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["Parameter", "ParameterArena"]


class ParameterArena:
    """One contiguous vector of values and one of gradients, of equal length.

    Parameters
    ----------
    size : int
        Number of scalars.
    dtype : dtype_like, default float32
        float32 or float64.

    Attributes
    ----------
    values, grads : ndarray of shape (size,)
        Written in place, never replaced.
    """

    def __init__(self, size: int, dtype: DTypeLike = np.float32) -> None:
        count = check_int("size", size)
        if count < 0:
            raise InputError("size", "at least 0", f"{size}")
        self.values: FloatArray = new_array(count, as_float_dtype(dtype))
        self.grads: FloatArray = new_array(count, self.values.dtype)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values and of the gradients."""
        return self.values.dtype

    def __len__(self) -> int:
        return len(self.values)


class Parameter:
    """A named array of an arena, with its gradient.

    Parameters
    ----------
    name : str
        PyTorch's name: ``weight`` in a layer on its own, ``0.weight`` in a model.
    shape : tuple of int
        Shape of the value and of the gradient.
    arena : ParameterArena
        Where both live.
    offset : int
        Index of the first scalar in the arena.
    """

    def __init__(
        self, name: str, shape: tuple[int, ...], arena: ParameterArena, offset: int
    ) -> None:
        check_instance("name", name, str, "a string")
        check_instance("shape", shape, tuple, "a tuple of integers")
        self.name = name
        self.shape = tuple(check_int(f"shape[{n}]", length) for n, length in enumerate(shape))
        if min(self.shape, default=0) < 0:
            raise InputError("shape", "lengths of at least 0", f"{shape}")
        self._fit(arena, offset)
        self._connect(arena, int(offset))

    def _fit(self, arena: ParameterArena, offset: int) -> None:
        check_instance("arena", arena, ParameterArena, "a ParameterArena")
        if not 0 <= check_int("offset", offset) <= len(arena) - self.size:
            raise InputError("offset", f"from 0 to {len(arena) - self.size}", f"{offset}")

    def _connect(self, arena: ParameterArena, offset: int) -> None:
        self.arena = arena
        self.offset = offset
        self._data = self._part_of(arena.values)
        self._transposed = self._data.T
        self._grad = self._part_of(arena.grads)

    @property
    def size(self) -> int:
        """Number of scalars."""
        return math.prod(self.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def slice(self) -> slice:
        """Where the parameter stands in ``arena.values`` and ``arena.grads``."""
        return slice(self.offset, self.offset + self.size)

    def of(self, vector: FloatArray) -> FloatArray:
        """Return the parameter's part of a vector as long as the arena, as a view in its shape."""
        shape = self.arena.values.shape
        if type(vector) is not np.ndarray or vector.dtype.kind != "f" or vector.shape != shape:
            raise InputError("vector", f"an array of floats of shape {shape}", describe(vector))
        return self._part_of(vector)

    def _part_of(self, vector: FloatArray) -> FloatArray:
        return vector[self.slice].reshape(self.shape, order="F")

    @property
    def data(self) -> FloatArray:
        """The value, a view into ``arena.values``. Assigning copies into the view.

        Raises
        ------
        InputError
            On assignment, unless the new value is floating-point and of the same shape.
        """
        return self._data

    @data.setter
    def data(self, value: ArrayLike) -> None:
        self._assign(self._data, value)

    @property
    def transposed(self) -> FloatArray:
        """The value with its axes in reverse order, a view into ``arena.values``."""
        return self._transposed

    @property
    def grad(self) -> FloatArray:
        """The gradient, a view into ``arena.grads``. Assigning copies into the view.

        Raises
        ------
        InputError
            On assignment, unless the new value is floating-point and of the same shape.
        """
        return self._grad

    @grad.setter
    def grad(self, value: ArrayLike) -> None:
        self._assign(self._grad, value)

    def _assign(self, view: FloatArray, value: ArrayLike) -> None:
        # `parameter.data -= step` assigns the view to itself after the in-place operation.
        if value is view:
            return
        array = as_float_array(self.name, value, view.dtype)
        check_shape(self.name, array, self.shape)
        np.copyto(view, array)

    def move_to(self, arena: ParameterArena, offset: int) -> None:
        """Copy value and gradient into another arena and become a view of that one."""
        self._fit(arena, offset)
        data, grad = self._data, self._grad
        self._connect(arena, offset)
        np.copyto(self._data, data)
        np.copyto(self._grad, grad)

    def __getstate__(self) -> tuple[str, tuple[int, ...], ParameterArena, int]:
        return self.name, self.shape, self.arena, self.offset

    def __setstate__(self, state: tuple[str, tuple[int, ...], ParameterArena, int]) -> None:
        self.name, self.shape, arena, offset = state
        self._connect(arena, offset)

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, shape={self.shape}, dtype={self._data.dtype})"


def make_parameters(shapes: dict[str, tuple[int, ...]], dtype: DTypeLike) -> list[Parameter]:
    """Allocate one arena and return a parameter of zeros for each name and shape, in order."""
    arena = ParameterArena(sum(math.prod(shape) for shape in shapes.values()), dtype)
    parameters = []
    offset = 0
    for name, shape in shapes.items():
        parameters.append(Parameter(name, shape, arena, offset))
        offset += parameters[-1].size
    return parameters


def gather(parameters: Iterable[Parameter], dtype: DTypeLike) -> ParameterArena:
    """Move parameters, in the order given, into one new arena and return it."""
    parameters = list(parameters)
    arena = ParameterArena(sum(parameter.size for parameter in parameters), dtype)
    offset = 0
    for parameter in parameters:
        parameter.move_to(arena, offset)
        offset += parameter.size
    return arena
