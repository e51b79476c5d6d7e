r"""Normalization: over the batch, or over the features of each sample.

All of them take a group of numbers to mean 0 and variance 1 (RMSNorm: to mean square 1) and then
scale and shift them. They are computed in float64, whatever the type, and rounded once: the
difference from a mean loses what the numbers have in common with it.

With :math:`\hat x = (x - \mu)\,s`, :math:`s = 1/\sqrt{\sigma^2 + \epsilon}` and G the derivative of
the loss with respect to :math:`\hat x`, over a group of n numbers

.. math:: \frac{\partial L}{\partial x}
    = s \Bigl(G - \frac1n \sum G - \hat x \,\frac1n \sum G \hat x\Bigr)

The middle term comes from the mean, so RMSNorm is without it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    as_float_array,
    as_float_dtype,
    check_bool,
    check_number,
    check_positive_int,
    describe,
)
from numpy_impl.errors import InputError
from numpy_impl.layers.layer import Layer
from numpy_impl.parameters import Parameter, make_parameters

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray


class Moments(NamedTuple):
    """What a group of numbers is normalized by.

    Attributes
    ----------
    mean : ndarray
        Zero for RMSNorm.
    spread : ndarray
        The biased variance; for RMSNorm the mean square.
    scale : ndarray
        1 / sqrt(spread + eps).
    """

    mean: FloatArray
    spread: FloatArray
    scale: FloatArray


def moments(x: FloatArray, axis: int, eps: float) -> Moments:
    """Return mean, variance and scale along an axis, which is kept."""
    mean = x.mean(axis=axis, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=axis, keepdims=True)
    return Moments(mean, variance, 1 / np.sqrt(variance + eps))


def root_mean_square(x: FloatArray, axis: int, eps: float) -> Moments:
    """Return zero, the mean of x^2 and the scale along an axis, which is kept."""
    square = (x**2).mean(axis=axis, keepdims=True)
    return Moments(np.zeros_like(square), square, 1 / np.sqrt(square + eps))


def normalize(x: FloatArray, by: Moments) -> FloatArray:
    """Return (x - mean) scale."""
    normal: FloatArray = (x - by.mean) * by.scale
    return normal


def normalize_backward(
    grad_output: FloatArray, normal: FloatArray, by: Moments, axis: int, *, centered: bool = True
) -> FloatArray:
    """Return the derivative of `normalize` by x's own moments along an axis, applied to a gradient.

    Parameters
    ----------
    grad_output : ndarray
        G, of the shape of x.
    normal : ndarray
        What `normalize` gave for x.
    by : Moments
        Those of x.
    axis : int
    centered : bool, default True
        Whether the moments are `moments`, not `root_mean_square`.
    """
    grad = grad_output - normal * (grad_output * normal).mean(axis=axis, keepdims=True)
    if centered:
        grad -= grad_output.mean(axis=axis, keepdims=True)
    scaled: FloatArray = grad * by.scale
    return scaled


class _Normalized(NamedTuple):
    """What a layer remembers of a batch."""

    x: FloatArray
    by: Moments


def _affine_shapes(shape: tuple[int, ...], weight: bool, bias: bool) -> dict[str, tuple[int, ...]]:
    names = {"weight": weight, "bias": bias}
    return {name: shape for name, wanted in names.items() if wanted}


class _Affine:
    """The weight and bias behind a normalization, either of which may be missing."""

    def __init__(self, shapes: dict[str, tuple[int, ...]], dtype: np.dtype[Any]) -> None:
        parameters = {p.name: p for p in make_parameters(shapes, dtype)} if shapes else {}
        self.weight = parameters.get("weight")
        self.bias = parameters.get("bias")
        if self.weight is not None:
            self.weight.data.fill(1)

    def parameters(self) -> list[Parameter]:
        """Return those that are there."""
        return [p for p in (self.weight, self.bias) if p is not None]

    def apply(self, rows: FloatArray) -> FloatArray:
        """Scale and shift in place."""
        if self.weight is not None:
            rows *= self.weight.data.reshape(-1)
        if self.bias is not None:
            rows += self.bias.data.reshape(-1)
        return rows

    def backward(self, grad: FloatArray, normal: FloatArray, *, accumulate: bool) -> FloatArray:
        """Write the parameters' gradients; return that of the normalized rows."""
        if self.bias is not None:
            _write_grad(self.bias, grad.sum(axis=0), accumulate)
        if self.weight is None:
            return grad
        _write_grad(self.weight, (grad * normal).sum(axis=0), accumulate)
        scaled: FloatArray = grad * self.weight.data.reshape(-1)
        return scaled


def _write_grad(parameter: Parameter, grad: FloatArray, accumulate: bool) -> None:
    grad = grad.reshape(parameter.shape)
    parameter.grad = parameter.grad + grad if accumulate else grad


class BatchNorm1d(Layer):
    r"""Batch normalization: every feature to mean 0 and variance 1 over the batch.

    .. math:: y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \, \gamma + \beta

    In training mode with the mean and the biased variance of the batch, in evaluation mode with
    their running averages. The formulas are `moments`, `normalize` and `normalize_backward`.

    Parameters
    ----------
    num_features : int
        Features C of an input of shape (N, C) or (N, C, L).
    eps : float, default 1e-5
        Added to the variance, at least 0; above 0 wherever the batch's own variance is taken.
    momentum : float or None, default 0.1
        Weight of the newest batch in the running averages; with None they are the means of all
        batches so far.
    affine : bool, default True
        Whether there are :math:`\gamma` and :math:`\beta`.
    track_running_stats : bool, default True
        Whether there are running averages. Without, evaluation takes the batch's own, too.
    bias : bool, default True
        Without it there is no :math:`\beta`.
    dtype : dtype_like, default float32
        float32 or float64.

    Attributes
    ----------
    weight, bias : Parameter of shape (num_features,), or None
        :math:`\gamma`, at first one, and :math:`\beta`, at first zero.
    running_mean, running_var : ndarray of shape (num_features,), or None
        Averages of the means and of the unbiased variances, at first zero and one.
    num_batches_tracked : ndarray of int64, without axes, or None
        How many batches they are of.

    Raises
    ------
    InputError
        If an argument is not as above. In `forward`, for another shape, a batch with a single
        value per feature in training mode, or an eps of 0 with the batch's own variance.

    References
    ----------
    Ioffe and Szegedy (2015), Batch normalization, https://arxiv.org/abs/1502.03167
    https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html
    """

    arguments = ("num_features", "eps", "momentum", "affine", "track_running_stats", "bias")

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        self.num_features = self.in_features = check_positive_int("num_features", num_features)
        self.eps = check_number("eps", eps)
        self.momentum = (
            None if momentum is None else check_number("momentum", momentum, low=-np.inf)
        )
        self.affine = check_bool("affine", affine)
        self.track_running_stats = check_bool("track_running_stats", track_running_stats)
        self.dtype = as_float_dtype(dtype)
        shape = (self.num_features,)
        shapes = _affine_shapes(shape, self.affine, self.affine and check_bool("bias", bias))
        self._affine = _Affine(shapes, self.dtype)
        tracked = self.track_running_stats
        self.running_mean = np.zeros(shape, self.dtype) if tracked else None
        self.running_var = np.ones(shape, self.dtype) if tracked else None
        self.num_batches_tracked = np.zeros((), np.int64) if tracked else None

    @property
    def weight(self) -> Parameter | None:
        """The scale."""
        return self._affine.weight

    @property
    def bias(self) -> Parameter | None:
        """The shift."""
        return self._affine.bias

    def infer_into(self, x: FloatArray, y: FloatArray) -> None:
        """Normalize by the running averages, or by the batch's own; see `Layer.infer_into`."""
        rows = self._as_rows(x)
        if self.running_mean is None or self.running_var is None:
            by = self._moments_of(rows)
        else:
            mean, variance = (
                self.running_mean.astype(np.float64),
                self.running_var.astype(np.float64),
            )
            by = Moments(mean, variance, 1 / np.sqrt(variance + self.eps))
        self._write(y, normalize(rows, by))

    def forward_into(self, x: FloatArray, y: FloatArray) -> None:
        """Normalize by the batch, and remember it; see `Layer.forward_into`."""
        count = x.size // self.num_features
        if count == 1:
            raise InputError("x", "more than one value per feature to train on", describe(x))
        rows = self._as_rows(x)
        by = self._moments_of(rows)
        self._write(y, normalize(rows, by))
        self._cache = _Normalized(x, by)
        self._track(by, count)

    def backward_into(
        self, grad_output: FloatArray, grad_input: FloatArray | None, *, accumulate: bool = False
    ) -> None:
        """Write the gradients; see `Layer.backward_into`."""
        x, by = self._cache
        normal = normalize(self._as_rows(x), by)
        grad = self._affine.backward(self._as_rows(grad_output), normal, accumulate=accumulate)
        if grad_input is not None and len(normal):
            target = self._channels_last(grad_input)
            np.copyto(target, normalize_backward(grad, normal, by, axis=0).reshape(target.shape))

    def _moments_of(self, rows: FloatArray) -> Moments:
        if self.eps == 0:
            raise InputError("eps", "a number above 0 to normalize by the batch with", "0.0")
        if not len(rows):
            return Moments(*np.zeros((3, 1, self.num_features)))
        return moments(rows, 0, self.eps)

    def _write(self, y: FloatArray, normal: FloatArray) -> None:
        target = self._channels_last(y)
        np.copyto(target, self._affine.apply(normal).reshape(target.shape), casting="same_kind")

    def _track(self, by: Moments, count: int) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        if not count:
            return
        rate = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        unbiased = by.spread * (count / (count - 1))
        for average, new in ((self.running_mean, by.mean), (self.running_var, unbiased)):
            with np.errstate(over="ignore"):  # of numbers near the largest, as in PyTorch
                average[:] = (1 - rate) * average.astype(np.float64) + rate * new[0]

    def _channels_last(self, array: FloatArray) -> FloatArray:
        """Return (N, C) as it is, and (N, C, L) as a view of shape (N, L, C)."""
        return array if array.ndim == 2 else array.transpose(0, 2, 1)

    def _as_rows(self, array: FloatArray) -> FloatArray:
        """Return an array in float64 with a feature in every column."""
        return self._channels_last(array).astype(np.float64).reshape(-1, self.num_features)

    @classmethod
    def state_shapes(
        cls,
        num_features: int,
        eps: float = 1e-5,  # noqa: ARG003
        momentum: float | None = 0.1,  # noqa: ARG003
        affine: bool = True,
        track_running_stats: bool = True,
        bias: bool = True,
    ) -> dict[str, tuple[int, ...]]:
        """Return the shapes of parameters and running averages."""
        shape = (num_features,)
        shapes = _affine_shapes(shape, affine, affine and bias)
        if track_running_stats:
            shapes |= {"running_mean": shape, "running_var": shape, "num_batches_tracked": ()}
        return shapes

    def parameters(self) -> list[Parameter]:
        """Return [weight, bias], or those of them that there are."""
        return self._affine.parameters()

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {name: getattr(self, name) for name in self.arguments}
        return {**own, "bias": self.bias is not None}

    def buffers(self) -> dict[str, NDArray[Any]]:
        """Return the running averages and the number of batches."""
        names = ("running_mean", "running_var", "num_batches_tracked")
        return {name: getattr(self, name) for name in names if self.track_running_stats}

    def _as_input(self, x: ArrayLike) -> FloatArray:
        array = as_float_array("x", x, self.dtype)
        features = self.num_features
        if array.ndim not in (2, 3) or array.shape[1] != features:
            raise InputError("x", f"shape (N, {features}) or (N, {features}, L)", describe(array))
        return array

    def _kept(self) -> tuple[FloatArray, np.dtype[Any]]:
        return self._cache.x, self.dtype


def _as_shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(normalized_shape, int | np.integer):
        normalized_shape = (int(normalized_shape),)
    # An array without axes cannot be iterated over, whatever its class says.
    if not isinstance(normalized_shape, Iterable) or getattr(normalized_shape, "ndim", 1) == 0:
        raise InputError("normalized_shape", "a width or a shape", describe(normalized_shape))
    sizes = tuple(normalized_shape)
    if not sizes:
        raise InputError("normalized_shape", "a width or a shape", describe(normalized_shape))
    return tuple(check_positive_int("normalized_shape", size) for size in sizes)


def _check_last_axes(x: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    if x.shape[-len(shape) :] != shape or x.ndim < len(shape):
        expected = ", ".join(map(str, shape))
        raise InputError("x", f"shape (..., {expected})", f"shape {x.shape}")
    return x


class LayerNorm(Layer):
    r"""Layer normalization: the features of every sample to mean 0 and variance 1.

    .. math:: y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \, \gamma + \beta

    with the mean and the biased variance over the last axes. The formulas are `moments`,
    `normalize` and `normalize_backward`.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        Sizes of the last axes, over which it normalizes.
    eps : float, default 1e-5
        Added to the variance, at least 0.
    elementwise_affine : bool, default True
        Whether there are :math:`\gamma` and :math:`\beta`.
    bias : bool, default True
        Without it there is no :math:`\beta`.
    dtype : dtype_like, default float32
        float32 or float64.

    Attributes
    ----------
    weight, bias : Parameter of shape normalized_shape, or None
        :math:`\gamma`, at first one, and :math:`\beta`, at first zero.

    Raises
    ------
    InputError
        If an argument is not as above. In `forward`, if the last axes have other sizes.

    References
    ----------
    Ba, Kiros and Hinton (2016), Layer normalization, https://arxiv.org/abs/1607.06450
    https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html
    """

    arguments = ("normalized_shape", "eps", "elementwise_affine", "bias")

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.in_features = self.normalized_shape[-1]
        self.rowwise = len(self.normalized_shape) == 1
        self.eps = check_number("eps", eps)
        self.elementwise_affine = check_bool("elementwise_affine", elementwise_affine)
        self.dtype = as_float_dtype(dtype)
        shapes = self.state_shapes(
            self.normalized_shape, self.eps, self.elementwise_affine, check_bool("bias", bias)
        )
        self._affine = _Affine(shapes, self.dtype)

    @property
    def weight(self) -> Parameter | None:
        """The scale."""
        return self._affine.weight

    @property
    def bias(self) -> Parameter | None:
        """The shift."""
        return self._affine.bias

    def infer_into(self, x: FloatArray, y: FloatArray) -> None:
        """Normalize every sample; see `Layer.infer_into`."""
        rows = _as_rows(x, self.normalized_shape)
        _write_rows(y, self._affine.apply(normalize(rows, moments(rows, 1, self.eps))))

    def backward_into(
        self, grad_output: FloatArray, grad_input: FloatArray | None, *, accumulate: bool = False
    ) -> None:
        """Write the gradients; see `Layer.backward_into`."""
        rows, grad = (
            _as_rows(array, self.normalized_shape) for array in (self._cache, grad_output)
        )
        by = moments(rows, 1, self.eps)
        normal = normalize(rows, by)
        grad = self._affine.backward(grad, normal, accumulate=accumulate)
        if grad_input is not None:
            _write_rows(grad_input, normalize_backward(grad, normal, by, axis=1))

    @classmethod
    def state_shapes(
        cls,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,  # noqa: ARG003 - it takes what the constructor takes
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> dict[str, tuple[int, ...]]:
        """Return the shapes of weight and bias."""
        shape = _as_shape(normalized_shape)
        return _affine_shapes(shape, elementwise_affine, elementwise_affine and bias)

    def parameters(self) -> list[Parameter]:
        """Return [weight, bias], or those of them that there are."""
        return self._affine.parameters()

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "normalized_shape": list(self.normalized_shape),
            "eps": self.eps,
            "elementwise_affine": self.elementwise_affine,
            "bias": self.bias is not None,
        }

    def _as_input(self, x: ArrayLike) -> FloatArray:
        return _check_last_axes(as_float_array("x", x, self.dtype), self.normalized_shape)


class RMSNorm(Layer):
    r"""Root mean square normalization: the features of every sample to mean square 1.

    .. math:: y = \frac{x}{\sqrt{\overline{x^2} + \epsilon}} \, \gamma

    with the mean over the last axes. The formulas are `root_mean_square`, `normalize` and
    `normalize_backward`.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        Sizes of the last axes, over which it normalizes.
    eps : float, optional
        Added to the mean square, at least 0. By default the machine epsilon of the dtype.
    elementwise_affine : bool, default True
        Whether there is a :math:`\gamma`.
    dtype : dtype_like, default float32
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape normalized_shape, or None
        :math:`\gamma`, at first one.

    Raises
    ------
    InputError
        If an argument is not as above. In `forward`, if the last axes have other sizes.

    References
    ----------
    Zhang and Sennrich (2019), Root mean square layer normalization,
    https://arxiv.org/abs/1910.07467
    https://docs.pytorch.org/docs/stable/generated/torch.nn.RMSNorm.html
    """

    arguments = ("normalized_shape", "eps", "elementwise_affine")

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.in_features = self.normalized_shape[-1]
        self.rowwise = len(self.normalized_shape) == 1
        self.eps = None if eps is None else check_number("eps", eps)
        self.elementwise_affine = check_bool("elementwise_affine", elementwise_affine)
        self.dtype = as_float_dtype(dtype)
        shapes = self.state_shapes(self.normalized_shape, self.eps, self.elementwise_affine)
        self._affine = _Affine(shapes, self.dtype)

    @property
    def weight(self) -> Parameter | None:
        """The scale."""
        return self._affine.weight

    def infer_into(self, x: FloatArray, y: FloatArray) -> None:
        """Normalize every sample; see `Layer.infer_into`."""
        rows = _as_rows(x, self.normalized_shape)
        _write_rows(y, self._affine.apply(normalize(rows, self._by(rows))))

    def backward_into(
        self, grad_output: FloatArray, grad_input: FloatArray | None, *, accumulate: bool = False
    ) -> None:
        """Write the gradients; see `Layer.backward_into`."""
        rows, grad = (
            _as_rows(array, self.normalized_shape) for array in (self._cache, grad_output)
        )
        by = self._by(rows)
        normal = normalize(rows, by)
        grad = self._affine.backward(grad, normal, accumulate=accumulate)
        if grad_input is not None:
            _write_rows(grad_input, normalize_backward(grad, normal, by, axis=1, centered=False))

    def _by(self, rows: FloatArray) -> Moments:
        eps = float(np.finfo(self.dtype).eps) if self.eps is None else self.eps
        return root_mean_square(rows, 1, eps)

    @classmethod
    def state_shapes(
        cls,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,  # noqa: ARG003 - it takes what the constructor takes
        elementwise_affine: bool = True,
    ) -> dict[str, tuple[int, ...]]:
        """Return the shape of the weight."""
        return _affine_shapes(_as_shape(normalized_shape), elementwise_affine, False)

    def parameters(self) -> list[Parameter]:
        """Return [weight], or none if not affine."""
        return self._affine.parameters()

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().config(), "normalized_shape": list(self.normalized_shape)}

    def _as_input(self, x: ArrayLike) -> FloatArray:
        return _check_last_axes(as_float_array("x", x, self.dtype), self.normalized_shape)


def _as_rows(array: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return an array in float64 with what is normalized together in every row."""
    return array.astype(np.float64).reshape(-1, math.prod(shape))


def _write_rows(target: FloatArray, rows: FloatArray) -> None:
    np.copyto(target, rows.reshape(target.shape), casting="same_kind")
