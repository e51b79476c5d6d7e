"""What a network must beat: four classifiers without hidden layers to train, each a short formula.

>>> import numpy as np
>>> from numpy_impl.baselines import NearestCentroid
>>> from numpy_impl.data import make_moons
>>> rng = np.random.default_rng(0)
>>> x, y = make_moons(200, noise=0.1, rng=rng)
>>> round(float((NearestCentroid().fit(x, y).predict(x) == y).mean()), 2)
0.79
"""

from numpy_impl.baselines.classifier import Classifier
from numpy_impl.baselines.k_nearest_neighbors import KNearestNeighbors
from numpy_impl.baselines.nearest_centroid import NearestCentroid
from numpy_impl.baselines.random_features import RandomFeatures
from numpy_impl.baselines.softmax_regression import SoftmaxRegression

__all__ = [
    "Classifier",
    "KNearestNeighbors",
    "NearestCentroid",
    "RandomFeatures",
    "SoftmaxRegression",
]
