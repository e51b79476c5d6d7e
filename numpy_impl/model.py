"""A network: layers in a row, over one arena of parameters."""

# Annotations are not evaluated, and what only they need is not loaded: who predicts does not wait
# for it.
from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from numpy_impl.activations.relu import ReLU
from numpy_impl.arrays import (
    FloatArray,
    as_array_like,
    as_float_array,
    as_float_dtype,
    check_generator,
    check_instance,
    check_int,
    check_mapping,
    check_positive_int,
    describe,
    new_array,
    prepare_out,
)
from numpy_impl.errors import InputError
from numpy_impl.initializers import kaiming_normal_
from numpy_impl.layers import Layer, Linear
from numpy_impl.layers.containers import adopt, all_buffers, all_parameters, check_layers
from numpy_impl.parameters import Parameter

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["Sequential", "Workspace", "mlp"]


class Workspace:
    """The arrays a training step writes its activations and their gradients to.

    Parameters
    ----------
    model : Sequential
        The network it is for.
    batch_size : int
        The largest batch it holds. A smaller one uses the first rows.
    in_features : int
        Width of the network's input.

    Attributes
    ----------
    outputs : list of ndarray of shape (batch_size, features)
        One per layer, for its output.
    grads : list of ndarray of shape (batch_size, features)
        One per layer, for the gradient of its output.
    """

    def __init__(self, model: Sequential, batch_size: int, in_features: int) -> None:
        check_instance("model", model, Sequential, "a Sequential")
        self.batch_size = check_positive_int("batch_size", batch_size)
        shapes = [(self.batch_size, width) for width in model.widths(in_features)]
        self.outputs: list[FloatArray] = [new_array(shape, model.dtype) for shape in shapes]
        self.grads: list[FloatArray] = [new_array(shape, model.dtype) for shape in shapes]

    def first(self, rows: int) -> tuple[list[FloatArray], list[FloatArray]]:
        """Return the output and gradient buffers, cut to this many rows.

        Raises
        ------
        InputError
            If that is more than `batch_size`.
        """
        if type(rows) is int and rows == self.batch_size:
            return self.outputs, self.grads
        rows = check_int("rows", rows)
        if rows < 0:
            raise InputError("rows", "at least 0", f"{rows}")
        if rows > self.batch_size:
            raise InputError("x", f"at most {self.batch_size} rows", f"{rows} rows")
        return [a[:rows] for a in self.outputs], [a[:rows] for a in self.grads]


class Sequential:
    """Layers applied one after the other.

    Parameters
    ----------
    *layers : Layer
        At least one, each used once and in one model only, all of one dtype. Their parameters
        move into the model's arena and are named ``0.weight``, ``0.bias``, ``2.weight``, ... by
        the position of their layer, as in PyTorch.

    Attributes
    ----------
    arena : ParameterArena
        All values in one vector and all gradients in another.
    dtype : numpy.dtype
        Type of the parameters, the activations and the gradients.
    training : bool
        True after construction and `train`, False after `eval`.

    Raises
    ------
    InputError
        If there is no layer, an argument is not a layer, a layer comes twice or belongs to
        another model, neighbouring layers do not fit, or dtypes differ.

    Notes
    -----
    Threads: any number of them may `predict` with one model at once, and get the bits that one
    gets. A model that is being trained belongs to one thread: `forward` in training mode,
    `backward`, `train`, `eval`, loading and an optimizer's step write what others would read. So
    do losses, optimizers, schedules and loaders, which remember what they did last. Two models
    share nothing, and may be used by two threads in any way.

    Copies: `copy.deepcopy` and `pickle` keep parameters connected to their arena, and an optimizer,
    schedule or average connected to the model that is copied together with it, as in
    ``pickle.dumps((model, optimizer))``. What a batch left behind for `backward` is not copied.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html
    """

    def __init__(self, *layers: Layer) -> None:
        self._layers = check_layers(layers)
        # Width of an input that was found to fit -> width of the output of every layer.
        self._widths: dict[int, tuple[int, ...]] = {}
        self.training = True
        self.train()
        # Whether every layer takes a single sample as a vector.
        self._by_vector = all(layer.elementwise or layer.rowwise for layer in layers)
        self.arena = adopt(layers)
        self.dtype = self.arena.dtype

    @property
    def in_features(self) -> int | None:
        """Width of the input, or None where any width will do."""
        return next((layer.in_features for layer in self if layer.in_features is not None), None)

    def forward(
        self,
        x: ArrayLike,
        *,
        out: FloatArray | None = None,
        workspace: Workspace | None = None,
    ) -> FloatArray:
        """Return the output of the last layer.

        Parameters
        ----------
        x : array_like of shape (..., in_features)
            The input; converted once to the model's dtype, never written to.
        out : ndarray, optional
            Where to write the output. Without it the output is a new array.
        workspace : Workspace, optional
            Where to write every layer's output; the result is then one of its buffers and
            changes with the next step. Takes the place of `out`.

        Raises
        ------
        InputError
            If `x` or `out` has the wrong shape or type.
        """
        y = as_float_array("x", x, self.dtype)
        if workspace is not None:
            check_instance("workspace", workspace, Workspace, "a Workspace")
            if self.training and y.ndim == 2:
                return self._forward_in(workspace, y)
        for layer in self._layers[:-1]:
            y = layer.forward(y)
        return self._layers[-1].forward(y, out=out)

    def _forward_in(self, workspace: Workspace, y: FloatArray) -> FloatArray:
        self._widths_for(y)
        outputs, _ = workspace.first(len(y))
        for layer, output in zip(self._layers, outputs, strict=True):
            layer.forward_into(y, output)
            y = output
        return y

    def backward(
        self,
        grad_output: ArrayLike,
        *,
        out: FloatArray | None = None,
        need_input_grad: bool = True,
        accumulate: bool = False,
        workspace: Workspace | None = None,
    ) -> FloatArray | None:
        """Write every parameter's gradient for the last training-mode `forward`.

        Parameters
        ----------
        grad_output : array_like
            Derivative of the loss with respect to the output; never written to.
        out : ndarray, optional
            Where to write the derivative with respect to the input.
        need_input_grad : bool, default True
            Without it the derivative with respect to the input is not computed, which saves the
            first layer a matrix product.
        accumulate : bool, default False
            Add to the gradients instead of overwriting them. (PyTorch always adds.)
        workspace : Workspace, optional
            Where to write the gradients between the layers.

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
        grad = as_float_array("grad_output", grad_output, self.dtype)
        if workspace is not None:
            check_instance("workspace", workspace, Workspace, "a Workspace")
            if grad.ndim == 0:
                raise InputError("grad_output", "shape (batch, features)", "shape ()")
        first, *rest = self._layers
        if workspace is None:
            for layer in reversed(rest):
                grad_input = layer.backward(grad, accumulate=accumulate)
                assert grad_input is not None
                grad = grad_input
        elif rest:
            # The gradient of a layer's input is that of the output of the layer before it.
            inner = workspace.first(len(grad))[1][:-1]
            last = rest.pop()
            last.backward(grad, out=inner[-1], accumulate=accumulate)
            for layer, grad, buffer in zip(
                reversed(rest), reversed(inner[1:]), reversed(inner[:-1]), strict=True
            ):
                layer.backward_into(grad, buffer, accumulate=accumulate)
            grad = inner[0]
        return first.backward(grad, out=out, need_input_grad=need_input_grad, accumulate=accumulate)

    def predict(
        self, x: ArrayLike, *, batch_size: int = 4096, out: FloatArray | None = None
    ) -> FloatArray:
        """Return the output in evaluation mode, whatever mode the model is in.

        Nothing is remembered or changed, so several threads may predict at once.

        Parameters
        ----------
        x : array_like of shape (samples, in_features)
            The input.
        batch_size : int, default 4096
            Rows computed at a time; bounds the memory used by the layers in between.
        out : ndarray of shape (samples, out_features), optional
            Where to write the output.

        Returns
        -------
        ndarray of shape (samples, out_features)
            What the last layer gives: logits, for a classifier.

        Raises
        ------
        InputError
            If `x` or `out` has the wrong shape or type, or `batch_size` is not positive.
        """
        rows = as_float_array("x", x, self.dtype)
        if rows.ndim != 2:
            raise InputError("x", "shape (samples, features)", describe(rows))
        step = check_positive_int("batch_size", batch_size)
        count = len(rows)
        widths = self._widths_for(rows)
        result = prepare_out(out, (count, widths[-1]), self.dtype, rows)
        if count == 1 and self._by_vector:
            # As vectors, a single sample takes NumPy less time per operation.
            self._predict_into(rows[0], result[0], widths)
        elif count <= step:
            self._predict_into(rows, result, widths)
        else:
            for start in range(0, count, step):
                part = slice(start, start + step)
                self._predict_into(rows[part], result[part], widths)
        return result

    def _predict_into(self, x: FloatArray, result: FloatArray, widths: tuple[int, ...]) -> None:
        y, last = x, len(widths) - 1
        for number, layer in enumerate(self._layers):
            inputs = y
            if number == last:
                y = result
            elif y is x or not layer.elementwise:
                y = np.empty((*x.shape[:-1], widths[number]), x.dtype)
            layer.infer_into(inputs, y)

    def widths(self, in_features: int) -> tuple[int, ...]:
        """Return the width of every layer's output; InputError if the input does not fit."""
        width = check_int("in_features", in_features)
        widths = self._widths.get(width)
        if widths is None:
            widths = tuple(width := layer.out_features(width) for layer in self._layers)
            self._widths[in_features] = widths
        return widths

    def _widths_for(self, x: FloatArray) -> tuple[int, ...]:
        """Return `widths` for a matrix of inputs; InputError names it `x`."""
        width = x.shape[1]
        widths = self._widths.get(width)
        if widths is None:
            try:
                widths = self.widths(width)
            except InputError as error:
                if error.argument != "in_features":
                    raise
                expected = f"shape (..., {error.expected})"
                raise InputError("x", expected, f"shape {x.shape}") from None
        return widths

    def parameters(self) -> list[Parameter]:
        """Return all parameters, in the order of their layers."""
        return all_parameters(self._layers)

    def train(self) -> None:
        """Switch every layer to training mode."""
        self.training = True
        for layer in self._layers:
            layer.train()

    def eval(self) -> None:
        """Switch every layer to evaluation mode."""
        self.training = False
        for layer in self._layers:
            layer.eval()

    def zero_grad(self) -> None:
        """Set all gradients to zero; needed only before accumulating."""
        self.arena.grads.fill(0)

    def buffers(self) -> dict[str, NDArray[Any]]:
        """Return what belongs to the layers' state beside parameters; see `Layer.buffers`."""
        return all_buffers(self._layers)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return copies of parameters and buffers under PyTorch's names and in its layout."""
        state = {parameter.name: parameter.data.copy() for parameter in self.parameters()}
        return state | {name: array.copy() for name, array in self.buffers().items()}

    def load_state_dict(self, state_dict: Mapping[str, ArrayLike]) -> None:
        """Copy values into parameters and buffers; either all of them or, on an error, none.

        Parameters
        ----------
        state_dict : mapping of str to array_like
            What `state_dict` returns, or the state_dict of the equal network in PyTorch.

        Raises
        ------
        InputError
            If keys are missing or unexpected, or shapes or types do not fit; all are listed.
        """
        check_mapping("state_dict", state_dict)
        targets = {parameter.name: parameter.data for parameter in self.parameters()}
        targets |= self.buffers()
        faults = [f"missing key {name}" for name in targets if name not in state_dict]
        faults += [f"unexpected key {name}" for name in state_dict if name not in targets]
        arrays = {}
        for name, target in targets.items():
            if name in state_dict:
                array = as_array_like(name, state_dict[name], target)
                if array.shape != target.shape:
                    faults.append(f"{name} of shape {array.shape} for {target.shape}")
                arrays[name] = array
        if faults:
            raise InputError("state_dict", f"the keys and shapes of {self!r}", "; ".join(faults))
        for name, array in arrays.items():
            np.copyto(targets[name], array)

    def __call__(self, x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
        """Return ``forward(x, out=out)``."""
        return self.forward(x, out=out)

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers)

    def __getitem__(self, index: int) -> Layer:
        return self._layers[index]

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self._layers))})"


def mlp(
    sizes: Sequence[int], *, rng: np.random.Generator, dtype: DTypeLike = np.float32
) -> Sequential:
    """Build a multi-layer perceptron: Linear and ReLU by turns, Linear at the end.

    Parameters
    ----------
    sizes : sequence of int
        Width of the input, of each hidden layer, and of the output: ``[784, 128, 10]``.
    rng : numpy.random.Generator
        Draws the weights by He initialization (`kaiming_normal_`); biases start at zero.
    dtype : dtype_like, default float32
        float32 or float64.

    Returns
    -------
    Sequential
        It gives logits; softmax belongs to the loss.

    Raises
    ------
    InputError
        If there are fewer than two sizes, one is not a positive integer, or the dtype is neither.
    """
    expected = "at least an input and an output width"
    if isinstance(sizes, str | bytes | Mapping) or not isinstance(sizes, Iterable):
        raise InputError("sizes", expected, describe(sizes))
    sizes = [check_positive_int(f"sizes[{n}]", size) for n, size in enumerate(sizes)]
    if len(sizes) < 2:
        raise InputError("sizes", expected, f"{sizes}")
    check_generator("rng", rng)
    as_float_dtype(dtype)
    layers: list[Layer] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layer = Linear(inputs, outputs, rng=rng, dtype=dtype)
        kaiming_normal_(layer.weight.data, rng=rng)
        if layer.bias is not None:
            layer.bias.data.fill(0)
        layers += [layer, ReLU()]
    return Sequential(*layers[:-1])
