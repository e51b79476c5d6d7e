"""What all baselines share: checks, labels of any integers, and blocks that bound the memory."""

import math
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from numpy_impl.arrays import (
    FloatArray,
    IntArray,
    as_array,
    as_float_array,
    check_features,
    describe,
)
from numpy_impl.errors import InputError

# Entries of the largest array that is made on the way, where the data allow it: 32 MB in float64.
_BLOCK = 1 << 22


class Classifier:
    """A rule from vectors to labels: learnt by `fit`, applied by `predict`.

    Labels may be any integers. The numbers are computed in the type of the training samples,
    float32 or float64.

    Attributes
    ----------
    labels : ndarray of int, shape (classes,)
        The labels that occurred in training, in increasing order.
    """

    labels: IntArray
    _features: int
    _dtype: np.dtype[Any]

    def fit(self, x: ArrayLike, y: ArrayLike) -> Self:
        """Learn from samples, and forget what was learnt before.

        Parameters
        ----------
        x : array_like of shape (samples, features)
            Floating-point numbers.
        y : array_like of int, shape (samples,)
            Their labels.

        Returns
        -------
        Classifier
            Itself.

        Raises
        ------
        InputError
            If types or shapes do not fit, lengths differ, there is no sample, or a number is not
            finite or so large that squared distances would overflow.
        """
        samples = _read_samples(x, None)
        targets = as_array("y", y, f"integer labels of shape {samples.shape[:1]}")
        if targets.dtype.kind not in "iu" or targets.shape != samples.shape[:1]:
            raise InputError("y", f"integer labels of shape {samples.shape[:1]}", describe(targets))
        labels, codes = np.unique(targets, return_inverse=True)
        self._fit(samples, codes, len(labels))
        self.labels = labels
        self._features, self._dtype = samples.shape[1], samples.dtype
        return self

    def predict(self, x: ArrayLike) -> IntArray:
        """Return the label of the highest score for each sample, the smallest where several are.

        Parameters
        ----------
        x : array_like of shape (samples, features)

        Returns
        -------
        ndarray of int, shape (samples,)

        Raises
        ------
        InputError, RuntimeError
            As `scores`.
        """
        places = self.scores(x).argmax(axis=1)
        predicted: IntArray = self.labels[places]
        return predicted

    def scores(self, x: ArrayLike) -> FloatArray:
        """Return how much speaks for each label; what it is, the class says.

        Parameters
        ----------
        x : array_like of shape (samples, features)

        Returns
        -------
        ndarray of shape (samples, classes)
            One column for each of `labels`.

        Raises
        ------
        InputError
            As `fit`, and if there are not as many features as in training.
        RuntimeError
            If there was no `fit` before.
        """
        if not hasattr(self, "labels"):
            raise RuntimeError(f"{type(self).__name__}: call fit first")
        samples = _read_samples(x, self._dtype)
        check_features("x", samples, self._features)
        return np.concatenate([self._scores(block) for block in blocks(samples, self._width())])

    def _fit(self, x: FloatArray, codes: IntArray, classes: int) -> None:
        """Learn from samples and the places of their labels among all labels."""
        raise NotImplementedError

    def _scores(self, x: FloatArray) -> FloatArray:
        """Return the scores of a block of samples."""
        raise NotImplementedError

    def _width(self) -> int:
        """Return how many numbers a sample needs on the way to its scores."""
        return self._features


def blocks(x: FloatArray, width: int) -> Iterator[FloatArray]:
    """Cut samples into blocks, of as many as may need `width` numbers each, at least one."""
    rows = max(1, _BLOCK // width)
    for start in range(0, len(x), rows):
        yield x[start : start + rows]


def _read_samples(x: ArrayLike, dtype: np.dtype[Any] | None) -> FloatArray:
    samples = as_float_array("x", x, dtype)
    if samples.ndim != 2 or samples.size == 0:
        raise InputError("x", "one or more samples of shape (samples, features)", describe(samples))
    # Two samples differ by at most twice this in every feature.
    limit = math.sqrt(float(np.finfo(samples.dtype).max) / (8 * samples.shape[1]))
    low, high = float(samples.min()), float(samples.max())
    if not (-limit <= low and high <= limit):
        extreme = low if not -limit <= low else high
        raise InputError("x", f"finite numbers from -{limit:.1e} to {limit:.1e}", f"{extreme}")
    return samples
