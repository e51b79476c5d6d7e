"""scikit-learn's MLPClassifier."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from benchmarks.work import LR, SCALE, Work


def classifier_of(work: Work) -> MLPClassifier:
    """Return a classifier with the first parameters."""
    classifier = MLPClassifier(
        work.sizes[1:-1],
        alpha=0,
        learning_rate_init=LR,
        batch_size=1,
        shuffle=False,
        max_iter=1,
    )
    # Only a fit makes the parameters; what it does to them is overwritten.
    classifier.partial_fit(work.inputs(1), work.labels[:1], classes=np.arange(work.sizes[-1]))
    for ours, theirs in zip(work.weights, classifier.coefs_, strict=True):
        theirs[...] = ours.T
    for bias in classifier.intercepts_:
        bias.fill(0)
    # It holds the moments of that fit.
    del classifier._optimizer
    return classifier


def make(work: Work) -> Callable[[NDArray[Any]], float]:
    """Return the epoch; see `benchmarks.contenders`."""
    inputs = work.pixels.astype(np.float32) * np.float32(SCALE)
    classifier = classifier_of(work)

    def epoch(order: NDArray[Any]) -> float:
        classifier.batch_size = min(work.batch_size, len(order))
        classifier.partial_fit(inputs[order], work.labels[order])
        return float(classifier.loss_)

    return epoch


def make_predict(work: Work) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return the inference; see `benchmarks.contenders`."""
    predict: Callable[[NDArray[Any]], NDArray[Any]] = classifier_of(work).predict_proba
    return predict
