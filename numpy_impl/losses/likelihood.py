"""Negative log-likelihoods, and the divergence of distributions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    IntArray,
    as_float_array,
    check_bool,
    check_int,
    check_number,
    check_shape,
    describe,
    prepare_out,
)
from numpy_impl.errors import InputError
from numpy_impl.losses.batch import (
    Entries,
    Samples,
    classes_of,
    labelled,
    read_scores,
    shape_of_losses,
)
from numpy_impl.losses.loss import REDUCTIONS, Loss
from numpy_impl.losses.targets import class_weights, optional_weights, read_labels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def negative_log_likelihood(input: FloatArray, target: IntArray) -> FloatArray:
    r"""Return :math:`-x_{n t_n}`, sample by sample.

    Parameters
    ----------
    input : ndarray of shape (samples, classes)
        x, logarithms of probabilities.
    target : ndarray of int, of shape (samples,)
        t, the labels.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html
    """
    losses: FloatArray = -input[np.arange(len(input)), target]
    return losses


def negative_log_likelihood_derivative(input: FloatArray, target: IntArray) -> FloatArray:
    """Return the derivative of `negative_log_likelihood`: -1 at the label and else 0."""
    grad = np.zeros_like(input)
    grad[np.arange(len(input)), target] = -1.0
    return grad


class NLLLoss(Loss):
    """The negative log-likelihood of labels, from logarithms of probabilities.

    The formula is `negative_log_likelihood`; each sample's loss is multiplied by the weight of its
    class.

    Parameters
    ----------
    weight : array_like of shape (classes,), optional
        Weights of the classes.
    ignore_index : int, default -100
        A label whose samples have no loss and do not count in the mean.
    reduction : {"none", "mean", "sum"}, default "mean"
        What becomes of the losses of the samples. The mean divides by the sum of the weights of
        the samples that count; if there are none it is NaN.

    Raises
    ------
    InputError
        For other arguments.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html
    """

    arguments = ("weight", "ignore_index", "reduction")

    def __init__(
        self, weight: ArrayLike | None = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.weight = optional_weights("weight", weight)
        self.ignore_index = check_int("ignore_index", ignore_index)

    def forward(self, input: ArrayLike, target: ArrayLike) -> float | FloatArray:
        """Return the loss of a batch.

        Parameters
        ----------
        input : array_like of shape (classes,), (batch, classes) or (batch, classes, ...)
            Logarithms of probabilities, float32 or float64.
        target : array_like of int, of the same shape without the classes
            Labels.

        Returns
        -------
        float or ndarray
            The mean or the sum, added up in float64; or the losses of all samples.

        Raises
        ------
        InputError
            If shapes or types do not fit, or a label lies outside the classes.
        """
        return super().forward(input, target)

    def function(self, input: FloatArray, target: IntArray) -> FloatArray:
        """Return `negative_log_likelihood`."""
        return negative_log_likelihood(input, target)

    def derivative(self, input: FloatArray, target: IntArray) -> FloatArray:
        """Return `negative_log_likelihood_derivative`."""
        return negative_log_likelihood_derivative(input, target)

    def _read(self, input: ArrayLike, target: ArrayLike) -> Samples:
        scores = read_scores("input", input)
        weight = class_weights(self.weight, classes_of(scores), scores.dtype)
        labels, counted = read_labels(
            "target", target, shape_of_losses(scores), classes_of(scores), self.ignore_index
        )
        return labelled(scores, labels, counted, weight)


def poisson_nll(
    input: FloatArray,
    target: FloatArray,
    *,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
) -> FloatArray:
    r"""Return the negative log-likelihood of counts t that are Poisson's, entry by entry.

    .. math:: e^x - t x \quad\text{(log_input)}, \qquad x - t \log(x + \epsilon) \quad\text{else}

    With `full`, Stirling's approximation of :math:`\log t!` is added where t > 1:

    .. math:: t \log t - t + \tfrac12 \log(2 \pi t)

    Parameters
    ----------
    input, target : ndarray
        x, the expected count or its logarithm, and t, of one shape.
    log_input, full : bool
        See above.
    eps : float, default 1e-8
        Keeps the logarithm of an expected count of 0 finite.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.PoissonNLLLoss.html
    """
    along = np.exp(input) if log_input else input
    logarithm = input if log_input else np.log(input + eps)
    losses = along - target * logarithm
    if full:
        # Up to 1 there is nothing to add; 1 stands in for what has no logarithm.
        large = np.where(target <= 1, 1.0, target)
        stirling = large * np.log(large) - large + 0.5 * np.log(2 * np.pi * large)
        losses = losses + np.where(target <= 1, 0.0, stirling)
    return losses


def poisson_nll_derivative(
    input: FloatArray, target: FloatArray, *, log_input: bool = True, eps: float = 1e-8
) -> FloatArray:
    """Return the derivative of `poisson_nll` with respect to x.

    That is exp(x) - t if x is a logarithm, and else 1 - t / (x + eps).
    """
    return np.exp(input) - target if log_input else 1 - target / (input + eps)


class PoissonNLLLoss(Loss):
    """The negative log-likelihood of counts that are Poisson's.

    The formula is `poisson_nll`.

    Parameters
    ----------
    log_input : bool, default True
        Whether the input is the logarithm of the expected count.
    full : bool, default False
        Whether to add what depends on the target alone.
    eps : float, default 1e-8
        Added to the expected count before its logarithm is taken; at least 0.
    reduction : {"none", "mean", "sum"}, default "mean"
        See `Loss`.

    Raises
    ------
    InputError
        For other arguments.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.PoissonNLLLoss.html
    """

    arguments = ("log_input", "full", "eps", "reduction")

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.log_input = check_bool("log_input", log_input)
        self.full = check_bool("full", full)
        self.eps = check_number("eps", eps)

    def function(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `poisson_nll`."""
        return poisson_nll(input, target, log_input=self.log_input, full=self.full, eps=self.eps)

    def derivative(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `poisson_nll_derivative`."""
        return poisson_nll_derivative(input, target, log_input=self.log_input, eps=self.eps)


def gaussian_nll(
    input: FloatArray,
    target: FloatArray,
    var: FloatArray,
    *,
    full: bool = False,
    eps: float = 1e-6,
) -> FloatArray:
    r"""Return the negative log-likelihood of numbers t that are Gaussian, entry by entry.

    .. math:: \tfrac12 \Bigl(\log v + \frac{(x - t)^2}{v}\Bigr), \qquad
              v = \max(\text{var}, \epsilon)

    With `full`, the constant :math:`\tfrac12 \log 2 \pi` is added.

    Parameters
    ----------
    input, target, var : ndarray
        x, the expected number, t, and the variance, of one shape.
    full : bool
        See above.
    eps : float, default 1e-6
        The smallest variance.

    References
    ----------
    Nix and Weigend (1994), Estimating the mean and variance of the target probability distribution,
    https://doi.org/10.1109/ICNN.1994.374138
    https://docs.pytorch.org/docs/stable/generated/torch.nn.GaussianNLLLoss.html
    """
    var = np.maximum(var, eps)
    losses = 0.5 * (np.log(var) + (input - target) ** 2 / var)
    return losses + 0.5 * math.log(2 * math.pi) if full else losses


def gaussian_nll_derivative(
    input: FloatArray, target: FloatArray, var: FloatArray, *, eps: float = 1e-6
) -> FloatArray:
    """Return the derivative of `gaussian_nll` with respect to x, (x - t) / v."""
    return (input - target) / np.maximum(var, eps)


def gaussian_nll_derivative_var(
    input: FloatArray, target: FloatArray, var: FloatArray, *, eps: float = 1e-6
) -> FloatArray:
    r"""Return the derivative of `gaussian_nll` with respect to the variance.

    .. math:: \frac{1}{2 v} - \frac{(x - t)^2}{2 v^2}

    It is that with respect to v, also where var is below eps: PyTorch's choice, by which a
    variance that is too small can grow again.
    """
    var = np.maximum(var, eps)
    return 0.5 * (1 - (input - target) ** 2 / var) / var


class GaussianNLLLoss(Loss):
    """The negative log-likelihood of numbers that are Gaussian, of any mean and variance.

    The formula is `gaussian_nll`. It takes the variances as a third argument, and `backward`
    returns two derivatives.

    Parameters
    ----------
    full : bool, default False
        Whether to add the constant.
    eps : float, default 1e-6
        The smallest variance; at least 0.
    reduction : {"none", "mean", "sum"}, default "mean"
        See `Loss`.

    Raises
    ------
    InputError
        For other arguments.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.GaussianNLLLoss.html
    """

    arguments = ("full", "eps", "reduction")

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full = check_bool("full", full)
        self.eps = check_number("eps", eps)
        # Of the variances as they came with the batch that is remembered.
        self._var_shape: tuple[int, ...] = ()

    def function(self, input: FloatArray, target: FloatArray, var: FloatArray) -> FloatArray:
        """Return `gaussian_nll`."""
        return gaussian_nll(input, target, var, full=self.full, eps=self.eps)

    def derivative(self, input: FloatArray, target: FloatArray, var: FloatArray) -> FloatArray:
        """Return `gaussian_nll_derivative`."""
        return gaussian_nll_derivative(input, target, var, eps=self.eps)

    def derivative_var(self, input: FloatArray, target: FloatArray, var: FloatArray) -> FloatArray:
        """Return `gaussian_nll_derivative_var`."""
        return gaussian_nll_derivative_var(input, target, var, eps=self.eps)

    def forward(  # type: ignore[override]  # a third argument
        self, input: ArrayLike, target: ArrayLike, var: ArrayLike
    ) -> float | FloatArray:
        """Return the loss of a batch.

        Parameters
        ----------
        input : array_like
            Expected numbers, float32 or float64, of any shape.
        target : array_like
            The numbers, of the same shape; converted to the type of `input`.
        var : array_like
            Variances, not negative, of the same shape; or with 1 in the place of one of its sizes,
            or without its last axis, or a single number. Converted likewise.

        Returns
        -------
        float or ndarray
            The mean (NaN for an empty input) or the sum, added up in float64; or, without a
            reduction, the losses of all entries.

        Raises
        ------
        InputError
            If shapes or types do not fit, or a variance is negative.
        """
        predicted = as_float_array("input", input)
        wanted = as_float_array("target", target, predicted.dtype)
        check_shape("target", wanted, predicted.shape)
        variance = as_float_array("var", var, predicted.dtype)
        if (variance < 0).any():
            raise InputError("var", "numbers that are not negative", f"{variance.min()}")
        spread = _spread(variance, predicted.shape)
        self._var_shape = variance.shape
        self._cache = Entries(predicted, wanted, spread)
        return self._reduced()

    def __call__(  # type: ignore[override]  # a third argument
        self, input: ArrayLike, target: ArrayLike, var: ArrayLike
    ) -> float | FloatArray:
        """Return ``forward(input, target, var)``."""
        return self.forward(input, target, var)

    def backward(  # type: ignore[override]  # two derivatives
        self,
        grad_output: ArrayLike | None = None,
        *,
        out: tuple[FloatArray, FloatArray] | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Return the derivatives of the last `forward` with respect to its input and to `var`.

        Parameters
        ----------
        grad_output : array_like, optional
            See `Loss.backward`.
        out : tuple of two ndarrays, optional
            Where to write them, of the shapes of `input` and `var`. Without it the results are new
            arrays.

        Returns
        -------
        grad_input : ndarray
            Of the shape of `input`.
        grad_var : ndarray
            Of the shape of `var`: sums, where one variance stood for several entries.

        Raises
        ------
        InputError
            If `grad_output` or `out` does not fit.
        RuntimeError
            If there was no `forward` before.
        """
        batch: Entries = self._remembered()
        upstream = self._upstream(grad_output)
        if out is not None and (not isinstance(out, tuple | list | np.ndarray) or len(out) != 2):
            raise InputError("out", "a tuple of two arrays", describe(out))
        out_input, out_var = (None, None) if out is None else out
        if out_input is not None and out_var is not None and np.may_share_memory(*out):  # type: ignore[misc]
            raise InputError("out", "memory of its own", "two arrays that overlap")
        dtype = batch.arrays[0].dtype
        grad_var = prepare_out(out_var, self._var_shape, dtype, upstream, *batch.arrays)
        grad_input = batch.gradient(self.derivative, upstream, out_input)
        every = np.empty(batch.shape)
        batch.write(self.derivative_var, upstream, every)
        with np.errstate(over="ignore", invalid="ignore"):
            grad_var[...] = _gathered(every, self._var_shape)
        return grad_input, grad_var


def _spread(var: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return variances as if there were one for every entry."""
    others = [size for size, wanted in zip(var.shape, shape, strict=False) if size != wanted]
    if var.shape == shape or var.ndim == 0 or (var.ndim == len(shape) and others == [1]):
        return np.broadcast_to(var, shape)
    if var.shape == shape[:-1]:
        return np.broadcast_to(var[..., np.newaxis], shape)
    raise InputError("var", f"shape {shape}, with a 1 in it, or {shape[:-1]}", f"shape {var.shape}")


def _gathered(every: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return a gradient of what `_spread` gave as one of what it was given."""
    if shape == every.shape[:-1] and every.ndim:
        return np.asarray(every.sum(axis=-1))
    axes = tuple(a for a in range(every.ndim) if not shape or shape[a] != every.shape[a])
    return np.asarray(every.sum(axis=axes, keepdims=bool(shape)))


def kl_divergence(input: FloatArray, target: FloatArray, *, log_target: bool = False) -> FloatArray:
    r"""Return the terms of the Kullback-Leibler divergence, entry by entry.

    .. math:: t \, (\log t - x), \quad\text{with log_target}\quad e^t (t - x)

    The term of t = 0 is 0 if x is finite.

    Parameters
    ----------
    input, target : ndarray
        x, the logarithm of the estimated probability, and t, the true probability or, with
        `log_target`, its logarithm; of one shape.
    log_target : bool, default False
        See above.

    References
    ----------
    Kullback and Leibler (1951), On information and sufficiency,
    https://doi.org/10.1214/aoms/1177729694
    https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html
    """
    if log_target:
        return np.exp(target) * (target - input)
    # The logarithm of 1 stands in for that of 0.
    return target * np.log(np.where(target == 0, 1.0, target)) - target * input


def kl_divergence_derivative(
    input: FloatArray,  # noqa: ARG001 - the divergence is linear in it
    target: FloatArray,
    *,
    log_target: bool = False,
) -> FloatArray:
    """Return the derivative of `kl_divergence` with respect to x: -t, or -exp(t)."""
    return -np.exp(target) if log_target else -target


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence of estimated from true probabilities.

    The formula is `kl_divergence`. The divergence of distributions is the sum over their entries,
    so its mean over a batch is "batchmean"; "mean" divides by the number of entries, which is
    PyTorch's default.

    Parameters
    ----------
    reduction : {"none", "mean", "sum", "batchmean"}, default "mean"
        See `Loss`; "batchmean" is the sum over the size of the first axis.
    log_target : bool, default False
        Whether targets are logarithms of probabilities.

    Raises
    ------
    InputError
        For other arguments.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html
    """

    arguments = ("reduction", "log_target")
    reductions = (*REDUCTIONS, "batchmean")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = check_bool("log_target", log_target)

    def function(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `kl_divergence`."""
        return kl_divergence(input, target, log_target=self.log_target)

    def derivative(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `kl_divergence_derivative`."""
        return kl_divergence_derivative(input, target, log_target=self.log_target)

    def _count(self, batch: Entries | Samples) -> float:
        if self.reduction == "batchmean":
            return batch.shape[0] if batch.shape else 1
        return super()._count(batch)
