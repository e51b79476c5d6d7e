"""The vote of the training samples that are nearest."""

import numpy as np

from numpy_impl.arrays import FloatArray, IntArray, check_positive_int
from numpy_impl.baselines.classifier import Classifier
from numpy_impl.errors import InputError


class KNearestNeighbors(Classifier):
    r"""Choose the class that is most frequent among the k nearest training samples.

    .. math:: s_c(x) = \frac{1}{k} \sum_{i \in N_k(x)} [y_i = c],
        \qquad \lVert a - b \rVert^2 = \lVert a \rVert^2 - 2\,a \cdot b + \lVert b \rVert^2

    with :math:`N_k(x)` the k training samples of the smallest Euclidean distance. Of classes with
    equally many votes, the one of the smallest label is chosen; of training samples at the same
    distance, those come first that came first in training.

    The second formula makes all distances out of one matrix product. :math:`\lVert a \rVert^2` is
    the same for all training samples b and left out. It is computed in blocks of samples: beside
    the training samples, some tens of MB are enough for any number of them.

    Parameters
    ----------
    n_neighbors : int, default 3
        k.

    Raises
    ------
    InputError
        If `n_neighbors` is not a positive integer; in `fit`, if there are fewer samples.

    Notes
    -----
    Nothing is learnt in `fit`: the training samples are kept, and every prediction looks at all
    of them.

    References
    ----------
    Cover and Hart (1967), Nearest neighbor pattern classification, doi:10.1109/TIT.1967.1053964
    https://scikit-learn.org/stable/modules/generated/sklearn.neighbors.KNeighborsClassifier.html
    """

    def __init__(self, n_neighbors: int = 3) -> None:
        self.n_neighbors = check_positive_int("n_neighbors", n_neighbors)

    def _fit(self, x: FloatArray, codes: IntArray, classes: int) -> None:
        if self.n_neighbors > len(x):
            raise InputError(
                "n_neighbors", f"at most {len(x)}, the training samples", f"{self.n_neighbors}"
            )
        self._codes, self._classes = codes, classes
        # Distances do not depend on the origin, but the rounding errors of squares do: one of the
        # samples is a better origin than a point far from all of them. Differences of integers
        # stay exact, as they would not from the mean.
        self._origin = x[0].copy()
        self._samples: FloatArray = x - self._origin
        self._half_squares = np.einsum("ij,ij->i", self._samples, self._samples) / 2

    def _scores(self, x: FloatArray) -> FloatArray:
        # (|a - b|^2 - |a|^2) / 2, of shape (block, training samples).
        distances = (x - self._origin) @ self._samples.T
        np.subtract(self._half_squares, distances, out=distances)
        votes = self._codes[_nearest(distances, self.n_neighbors)]
        cells = np.arange(len(x))[:, np.newaxis] * self._classes + votes
        counts = np.bincount(cells.ravel(), minlength=len(x) * self._classes)
        shares: FloatArray = counts.reshape(len(x), self._classes) / self.n_neighbors
        return shares

    def _width(self) -> int:
        return max(len(self._codes), len(self._origin))


def _nearest(distances: FloatArray, k: int) -> IntArray:
    """Return the columns of the k smallest entries of every row, and overwrite those entries.

    Of equal ones, the first come first.
    """
    rows = np.arange(len(distances))
    nearest = np.empty((len(distances), k), np.intp)
    # For few neighbours this is much faster than a partition, which takes any of equal entries.
    for column in nearest.T:
        np.argmin(distances, axis=1, out=column)
        distances[rows, column] = np.inf
    return nearest
