"""The class whose average is nearest."""

import numpy as np

from numpy_impl.arrays import FloatArray, IntArray
from numpy_impl.baselines.classifier import Classifier


class NearestCentroid(Classifier):
    r"""Choose the class whose mean is nearest.

    .. math:: s_k(x) = -\lVert x - m_k \rVert^2,
        \qquad m_k = \frac{1}{n_k} \sum_{y_i = k} x_i

    with :math:`n_k` the number of samples of class k. The boundary between two classes is a
    straight line, or a plane: it halves the line from one mean to the other.

    Attributes
    ----------
    centroids : ndarray of float64, shape (classes, features)
        The means.

    References
    ----------
    https://scikit-learn.org/stable/modules/generated/sklearn.neighbors.NearestCentroid.html
    """

    centroids: FloatArray

    def _fit(self, x: FloatArray, codes: IntArray, classes: int) -> None:
        self.centroids = np.stack(
            [x[codes == code].mean(axis=0, dtype=np.float64) for code in range(classes)]
        )

    def _scores(self, x: FloatArray) -> FloatArray:
        scores = np.empty((len(x), len(self.centroids)))
        for column, centroid in zip(scores.T, self.centroids, strict=True):
            difference = x - centroid
            np.negative(np.einsum("ij,ij->i", difference, difference), out=column)
        return scores
