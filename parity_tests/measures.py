"""How far a result is from the truth, in a unit that means something.

An absolute or relative tolerance on float32 results is either blind or wrong: where large terms
cancel, a correct sum has a huge relative error. The honest unit is the rounding error that the
operation cannot avoid, eps times its *condition*: the same expression with every term's absolute
value, |x| |W|^T for a matrix product. A correct product of any size is off by less than about one
such unit per term, and mostly far less.

Float64 results are held to a derived bound in that unit. Float32 results are compared with the
same case computed in float64 by PyTorch, and NumPy's error is judged by the error that PyTorch
makes in float32 against the same truth.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]


def scaled_error(actual: Array, truth: Array, condition: Array, dtype: DTypeLike) -> float:
    """Return the largest |actual - truth| / (eps condition) over the entries.

    Parameters
    ----------
    actual, truth : ndarray
        Of one shape; anything else counts as infinitely far.
    condition : ndarray
        Of the same shape, at least |truth|: the sum of the terms' magnitudes.
    dtype : dtype_like
        Whose eps.

    Returns
    -------
    float
        0 where both agree exactly, infinities and NaN included; infinity where one is NaN or
        infinite and the other is not, or where they differ and the condition is zero.
    """
    actual = np.asarray(actual, dtype=np.float64)
    truth = np.asarray(truth, dtype=np.float64)
    if actual.shape != truth.shape:
        return float("inf")
    same = (actual == truth) | (np.isnan(actual) & np.isnan(truth))
    finite = np.isfinite(actual) & np.isfinite(truth)
    if not (same | finite).all():
        return float("inf")
    compared = finite & ~same
    if not compared.any():
        return 0.0
    unit = np.finfo(dtype).eps * np.broadcast_to(condition, truth.shape)[compared]
    with np.errstate(divide="ignore"):
        return float((np.abs(actual[compared] - truth[compared]) / unit).max())


@dataclass(frozen=True)
class Comparison:
    """One tensor against the truth.

    Attributes
    ----------
    tensor : str
        Name of the tensor.
    ours : float
        NumPy's scaled error.
    theirs : float or None
        PyTorch's in the same precision; None where PyTorch is the truth.
    limit : float
        The largest error of ours that passes.
    """

    tensor: str
    ours: float
    theirs: float | None
    limit: float

    @property
    def passed(self) -> bool:
        """Whether our error is within the limit."""
        return self.ours <= self.limit

    def __str__(self) -> str:
        theirs = "" if self.theirs is None else f", PyTorch {self.theirs:.3g}"
        mark = "ok" if self.passed else "OVER"
        return f"{mark:4}  {self.tensor}: NumPy {self.ours:.3g}{theirs}, limit {self.limit:.3g}"


def compare_float64(
    tensor: str, ours: Array, truth: Array, condition: Array, terms: int
) -> Comparison:
    """Hold a float64 result to the bound of two correct computations of the same sum.

    A sum of n rounded products, in any order, is within n eps of the exact one relative to its
    condition (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). Ours and
    PyTorch's may each use that up, hence 2 n; and each rounds its result.

    Parameters
    ----------
    terms : int
        n, the length of the longest sum on the way.
    """
    error = scaled_error(ours, truth, condition, np.float64)
    return Comparison(tensor, error, None, 2.0 * terms + 2.0)


def compare_float32(
    tensor: str, ours: Array, theirs: Array, truth: Array, condition: Array
) -> Comparison:
    """Judge a float32 result by PyTorch's error: at most twice that, and one unit.

    The unit keeps PyTorch's lucky exact results from being asked of everybody; it is what a
    single rounding of the largest term costs.
    """
    our_error = scaled_error(ours, truth, condition, np.float32)
    their_error = scaled_error(theirs, truth, condition, np.float32)
    return Comparison(tensor, our_error, their_error, 2.0 * their_error + 1.0)


def require(comparisons: Iterable[Comparison]) -> None:
    """Raise AssertionError unless all comparisons passed; the message lists every tensor."""
    comparisons = list(comparisons)
    assert comparisons, "nothing was compared"
    if not all(comparison.passed for comparison in comparisons):
        lines = "\n".join(f"  {comparison}" for comparison in comparisons)
        raise AssertionError(f"errors in units of eps times the condition:\n{lines}")
