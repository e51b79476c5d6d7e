"""The command ``predict``: the classes of pictures and arrays in files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from numpy_impl.activations.softmax import log_softmax
from numpy_impl.app.models import read_classifier
from numpy_impl.app.samples import Sample, read_samples
from numpy_impl.app.text import percent, table
from numpy_impl.arrays import FloatArray
from numpy_impl.errors import InputError


class Guess(NamedTuple):
    """A class and its probability, from 0 to 1."""

    label: int
    probability: float


def two_best(logits: FloatArray) -> list[tuple[Guess, Guess]]:
    """Return the most and the second most probable class of every row.

    Parameters
    ----------
    logits : ndarray of shape (samples, classes)
        Of two classes or more. Among equals the smallest class comes first.
    """
    probabilities = np.exp(log_softmax(logits))
    order = np.argsort(-logits, axis=1, kind="stable")[:, :2]
    best = np.take_along_axis(probabilities, order, axis=1)
    return [
        (Guess(first, p), Guess(second, q))
        for (first, second), (p, q) in zip(order.tolist(), best.tolist(), strict=True)
    ]


def run(model: Path, files: Sequence[Path], *, invert: bool = False, as_json: bool = False) -> None:
    """Print the most probable class of every sample, and the runner-up.

    All files are read and checked before anything is printed.

    Parameters
    ----------
    model : Path
        A run folder or the file of a model.
    files, invert
        See `read_samples`.
    as_json : bool, default False
        Print a JSON list of objects instead.

    Raises
    ------
    InputError
        If the model or a file cannot be read, or they do not fit each other.
    MissingExtraError
        If there is a picture and Pillow is not installed.
    """
    saved = read_classifier(model)
    samples, inputs = read_samples(files, saved, invert=invert)
    with np.errstate(over="ignore", invalid="ignore"):
        logits = saved.network.predict(inputs)
    if not np.isfinite(logits).all():
        raise InputError("FILE", "numbers the model can take", "some it overflows on")
    guesses = two_best(logits)
    print(_json(samples, guesses) if as_json else _text(samples, guesses))


def _json(samples: list[Sample], guesses: list[tuple[Guess, Guess]]) -> str:
    return json.dumps(
        [
            {
                "file": str(sample.file),
                "row": sample.row,
                **best._asdict(),
                "runner_up": second._asdict(),
            }
            for sample, (best, second) in zip(samples, guesses, strict=True)
        ],
        indent=2,
    )


def _text(samples: list[Sample], guesses: list[tuple[Guess, Guess]]) -> str:
    rows = [
        (sample, *(text for guess in both for text in (guess.label, percent(guess.probability))))
        for sample, both in zip(samples, guesses, strict=True)
    ]
    header = ("sample", "class", "probability", "runner-up", "probability")
    return table([header, *rows])
