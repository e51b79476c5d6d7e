"""A residual block: layers beside the identity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from numpy_impl.arrays import FloatArray, as_float_array
from numpy_impl.errors import InputError
from numpy_impl.layers.containers import (
    adopt,
    all_buffers,
    all_generators,
    all_parameters,
    check_layers,
    common_dtype,
)
from numpy_impl.layers.layer import Layer
from numpy_impl.parameters import Parameter

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Residual(Layer):
    """Layers f, applied one after the other, beside the identity: y = x + f(x).

    Its derivative is the sum of both: dL/dx = G + the gradient that f carries back.

    Parameters
    ----------
    *layers : Layer
        At least one, as for `Sequential`; together they give what they take, of the same width.

    Raises
    ------
    InputError
        As `Sequential`, and if the widths of input and output differ.

    References
    ----------
    He et al. (2016), Deep residual learning, https://arxiv.org/abs/1512.03385
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__()
        self._layers = check_layers(layers)
        self.in_features = next(
            (layer.in_features for layer in layers if layer.in_features is not None), None
        )
        if self.in_features is not None:
            self.out_features(self.in_features)
        self.dtype = common_dtype(layers)
        adopt(self._layers)
        self.rowwise = all(layer.elementwise or layer.rowwise for layer in layers)
        self.random = any(layer.random for layer in layers)

    def infer_into(self, x: FloatArray, y: FloatArray) -> None:
        """Write x + f(x); see `Layer.infer_into`."""
        inner = x
        for layer in self._layers:
            inner = layer.infer(inner)
        self._add(x, inner, y)

    def forward_into(self, x: FloatArray, y: FloatArray) -> None:
        """Write x + f(x), and remember what the layers do; see `Layer.forward_into`."""
        inner = x
        for layer in self._layers:
            inner = layer.forward(inner)
        self._add(x, inner, y)
        self._cache = x

    def backward_into(
        self, grad_output: FloatArray, grad_input: FloatArray | None, *, accumulate: bool = False
    ) -> None:
        """Carry the gradient through both; see `Layer.backward_into`."""
        first, *rest = self._layers
        grad = grad_output
        for layer in reversed(rest):
            inner = layer.backward(grad, accumulate=accumulate)
            assert inner is not None
            grad = inner
        if grad_input is None:
            first.backward(grad, need_input_grad=False, accumulate=accumulate)
        else:
            first.backward(grad, out=grad_input, accumulate=accumulate)
            grad_input += grad_output

    def _add(self, x: FloatArray, inner: FloatArray, y: FloatArray) -> None:
        if inner.shape != x.shape:
            raise InputError("layers", f"an output of shape {x.shape}", f"shape {inner.shape}")
        np.add(x, inner, out=y)

    def parameters(self) -> list[Parameter]:
        """Return the layers' parameters, in their order."""
        return all_parameters(self._layers)

    def buffers(self) -> dict[str, NDArray[Any]]:
        """Return the layers' buffers; see `Layer.buffers`."""
        return all_buffers(self._layers)

    def generators(self) -> list[np.random.Generator]:
        """Return the layers' generators; see `Layer.generators`."""
        return all_generators(self._layers)

    def out_features(self, in_features: int) -> int:
        """Return `in_features`; InputError if the layers give another width."""
        width = in_features
        for layer in self._layers:
            width = layer.out_features(width)
        if width != in_features:
            raise InputError("layers", f"{in_features} output features", f"{width}")
        return width

    def config(self) -> dict[str, Any]:
        """Return the types and arguments of the layers."""
        return {"layers": [{"type": type(layer).__name__, **layer.config()} for layer in self]}

    def train(self) -> None:
        """Switch to training mode, the layers as well."""
        super().train()
        for layer in self._layers:
            layer.train()

    def eval(self) -> None:
        """Switch to evaluation mode, the layers as well."""
        super().eval()
        for layer in self._layers:
            layer.eval()

    def _as_input(self, x: ArrayLike) -> FloatArray:
        return as_float_array("x", x, self.dtype)

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers)

    def __getitem__(self, index: int) -> Layer:
        return self._layers[index]

    def __repr__(self) -> str:
        return f"Residual({', '.join(map(repr, self._layers))})"
