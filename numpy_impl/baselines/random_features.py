"""A hidden layer that is drawn and not trained."""

import math

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    IntArray,
    as_float_array,
    check_features,
    check_number,
    check_positive_int,
    describe,
)
from numpy_impl.baselines.classifier import Classifier, blocks
from numpy_impl.elementwise import quiet
from numpy_impl.errors import InputError


class RandomFeatures(Classifier):
    r"""Draw a hidden layer of rectified units, and fit its outputs by ridge regression.

    .. math:: s(x) = B^T h(x) + c, \qquad h(x) = \max(0,\; V (x - m) / r + d)

    V and d are drawn from the standard normal distribution; m is the mean of the training samples
    and r the root mean square of their distance from it, so that the units of the features do not
    matter. B and c minimize

    .. math:: \sum_i \lVert s(x_i) - t_i \rVert^2 + \alpha \lVert B \rVert^2

    with :math:`t_i` the one-hot row of the label. That is a system of linear equations: with H the
    matrix of rows :math:`(h(x_i), 1)` and I' the identity without its last one,

    .. math:: (H^T H + \alpha I')\, (B; c) = H^T T

    It is the network with the first layer left as it was drawn, and the last in closed form: no
    gradient, no learning rate, no epochs.

    Parameters
    ----------
    n_components : int, default 2000
        Number of units.
    alpha : float, default 1
        Weight of the penalty, above 0.
    rng : numpy.random.Generator
        Draws V and d, anew in every `fit`.

    Raises
    ------
    InputError
        If `n_components` is not a positive integer, `alpha` is not above 0, or `rng` is no
        generator.

    References
    ----------
    Rahimi and Recht (2007), Random features for large-scale kernel machines
    Huang, Zhu and Siew (2006), Extreme learning machine: theory and applications,
    doi:10.1016/j.neucom.2005.12.126
    """

    def __init__(
        self, n_components: int = 2000, alpha: float = 1.0, *, rng: np.random.Generator
    ) -> None:
        self.n_components = check_positive_int("n_components", n_components)
        self.alpha = check_number("alpha", alpha, exclude_low=True)
        if not isinstance(rng, np.random.Generator):
            raise InputError("rng", "a numpy.random.Generator", describe(rng))
        self._rng = rng

    def hidden(self, x: FloatArray) -> FloatArray:
        """Return h(x) with a last column of ones, of shape (samples, n_components + 1).

        Parameters
        ----------
        x : ndarray of shape (samples, features)
            Converted to the type of the training samples.

        Raises
        ------
        InputError
            If there are not as many features as in training.
        RuntimeError
            If there was no `fit` before.
        """
        if not hasattr(self, "_weight"):
            raise RuntimeError("RandomFeatures: call fit first")
        x = as_float_array("x", x, self._weight.dtype)
        check_features("x", x, len(self._mean))
        if x.ndim != 2:
            raise InputError("x", "shape (samples, features)", describe(x))
        with quiet():
            return self._hidden(x)

    def _hidden(self, x: FloatArray) -> FloatArray:
        units = np.empty((len(x), self.n_components + 1), x.dtype)
        np.matmul(x - self._mean, self._weight.T, out=units[:, :-1])
        units[:, :-1] += self._bias
        np.maximum(units, 0, out=units)
        units[:, -1] = 1
        return units

    def _fit(self, x: FloatArray, codes: IntArray, classes: int) -> None:
        self._draw(x)
        size = self.n_components + 1
        # Sums over blocks in float64: the penalty must not drown in the rounding of the sums.
        gram, moments = np.zeros((size, size)), np.zeros((size, classes))
        targets = np.eye(classes, dtype=x.dtype)
        done = 0
        for block in blocks(x, max(size, x.shape[1])):
            units = self._hidden(block)
            gram += units.T @ units
            moments += units.T @ targets[codes[done : done + len(block)]]
            done += len(block)
        np.einsum("ii->i", gram)[:-1] += self.alpha
        self._coefficients: FloatArray = np.linalg.solve(gram, moments).astype(x.dtype)

    def _draw(self, x: FloatArray) -> None:
        mean = x.mean(axis=0, dtype=np.float64).astype(x.dtype)
        squares = sum(float(np.square(block - mean).sum()) for block in blocks(x, x.shape[1]))
        # Samples that are all equal have no spread.
        spread = math.sqrt(squares / len(x)) or 1.0
        shape = (self.n_components, x.shape[1])
        self._mean = mean
        self._weight: FloatArray = (self._rng.standard_normal(shape) / spread).astype(x.dtype)
        self._bias: FloatArray = self._rng.standard_normal(self.n_components).astype(x.dtype)

    def _scores(self, x: FloatArray) -> FloatArray:
        scores: FloatArray = self._hidden(x) @ self._coefficients
        return scores

    def _width(self) -> int:
        return max(self.n_components + 1, len(self._mean))
