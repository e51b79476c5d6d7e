"""The command ``evaluate``: how good a saved model is, class by class."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from numpy_impl.app.models import Classifier, read_classifier
from numpy_impl.app.progress import download_progress
from numpy_impl.app.seeding import generators
from numpy_impl.app.text import percent, table
from numpy_impl.arrays import FloatArray, IntArray
from numpy_impl.data import Dataset, load
from numpy_impl.data.loader import DataLoader
from numpy_impl.errors import InputError
from numpy_impl.metrics import as_labels, confusion_matrix
from numpy_impl.model import Sequential

# Samples at a time where nothing is learnt: large enough to be fast, small enough not to count.
BATCH_SIZE = 1024


class Scores(NamedTuple):
    """What a network makes of a data set.

    Attributes
    ----------
    logits : ndarray of shape (samples, classes)
    labels : ndarray of shape (samples,)
        The true classes.
    """

    logits: FloatArray
    labels: IntArray

    @property
    def predicted(self) -> IntArray:
        """The classes of the largest logits, of shape (samples,)."""
        return as_labels("logits", self.logits)


def score(network: Sequential, loader: DataLoader) -> Scores:
    """Return the logits of all samples of a loader, in its order.

    Where they are too large for their type they become infinite or NaN without a warning.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        pairs = [(network.predict(inputs), as_labels("y", y)) for inputs, y in loader]
    logits, labels = zip(*pairs, strict=True)
    return Scores(np.concatenate(logits), np.concatenate(labels))


class ClassReport(NamedTuple):
    """How well one class is recognized.

    Attributes
    ----------
    label : int
    precision : float or None
        Share of right ones among the samples taken for this class; None if there are none.
    recall : float or None
        Share of this class's samples that are taken for it; None if there are none.
    samples : int
        Number of this class's samples.
    """

    label: int
    precision: float | None
    recall: float | None
    samples: int


def class_reports(confusion: NDArray[np.int64]) -> list[ClassReport]:
    """Return the precision and recall of every class.

    Parameters
    ----------
    confusion : ndarray of shape (classes, classes)
        Numbers of samples by true class (rows) and predicted class (columns).
    """
    taken, actual = confusion.sum(axis=0).tolist(), confusion.sum(axis=1).tolist()
    return [
        ClassReport(label, _share(right, taken[label]), _share(right, actual[label]), actual[label])
        for label, right in enumerate(confusion.diagonal().tolist())
    ]


def run(
    model: Path,
    *,
    dataset: str | None = None,
    folder: Path | None = None,
    download: bool = True,
    as_json: bool = False,
    report: Callable[[str], None] | None = None,
) -> None:
    """Print accuracy, precision and recall by class, and the confusion matrix.

    Parameters
    ----------
    model : Path
        A run folder or the file of a model.
    dataset : str, optional
        Name of the data set whose test samples are used; by default that of the training.
    folder, download, report
        As for `numpy_impl.data.load`.
    as_json : bool, default False
        Print one JSON object instead.

    Raises
    ------
    InputError
        If the model or the data cannot be read, or do not fit each other.
    """
    saved = read_classifier(model)
    name = dataset or saved.dataset
    if name is None:
        raise InputError("--dataset", "a name, as the model notes none", "nothing")
    data = load(
        name,
        folder=folder,
        rng=generators(saved.seed).data,
        download=download,
        report=report,
        progress=download_progress(),
    )
    _check_fit(saved, data)
    # Data without pixels are never scaled.
    scale = None if data.scale is None else saved.scale or data.scale
    loader = DataLoader(
        data.test_images,
        data.test_labels,
        batch_size=BATCH_SIZE,
        scale=scale,
        dtype=saved.network.dtype,
    )
    scores = score(saved.network, loader)
    confusion = confusion_matrix(scores.predicted, scores.labels, saved.classes)
    print(_json(data, confusion) if as_json else _text(data, confusion))


def _check_fit(saved: Classifier, data: Dataset) -> None:
    for what, wanted, there in (
        ("features", saved.features, data.features),
        ("classes", saved.classes, data.classes),
    ):
        if wanted != there:
            raise InputError(
                "--dataset", f"data of {wanted} {what}, as the model's", f"{there} in {data.name}"
            )


def _accuracy(confusion: NDArray[np.int64]) -> float:
    return float(confusion.trace() / confusion.sum())


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _json(data: Dataset, confusion: NDArray[np.int64]) -> str:
    return json.dumps(
        {
            "dataset": data.name,
            "source": data.source,
            "samples": int(confusion.sum()),
            "accuracy": _accuracy(confusion),
            "classes": [report._asdict() for report in class_reports(confusion)],
            "confusion": confusion.tolist(),
        },
        indent=2,
    )


def _text(data: Dataset, confusion: NDArray[np.int64]) -> str:
    classes = [
        (report.label, percent(report.precision), percent(report.recall), report.samples)
        for report in class_reports(confusion)
    ]
    right, samples = int(confusion.trace()), int(confusion.sum())
    labels = range(len(confusion))
    return "\n\n".join(
        (
            data.source,
            f"test accuracy  {percent(_accuracy(confusion))}  ({right} of {samples})",
            table([("class", "precision", "recall", "samples"), *classes]),
            "samples by true class (rows) and predicted class (columns)\n"
            + table([("", *labels), *zip(labels, *confusion.T.tolist(), strict=True)]),
        )
    )
