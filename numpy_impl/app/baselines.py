"""The command ``baselines``: the network beside what it must beat, on the same data."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numpy_impl.app.figures import new_figure, png
from numpy_impl.app.json_data import json_bytes
from numpy_impl.app.progress import download_progress
from numpy_impl.app.run_folder import RunFolder
from numpy_impl.app.seeding import Generators, generators
from numpy_impl.app.text import percent, table
from numpy_impl.app.train import DEFAULT_EPOCHS, Settings, prepare
from numpy_impl.arrays import FloatArray, IntArray
from numpy_impl.baselines import (
    Classifier,
    KNearestNeighbors,
    NearestCentroid,
    RandomFeatures,
    SoftmaxRegression,
)
from numpy_impl.data import Dataset, load
from numpy_impl.errors import MissingExtraError
from numpy_impl.metrics import accuracy, as_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE = "baselines.png"
RESULTS = "baselines.json"

_NEIGHBORS = 3
_COMPONENTS = 2_000

Predict = Callable[[FloatArray], IntArray]


class Contender(NamedTuple):
    """A name, and a function that learns from the training samples and returns the prediction."""

    name: str
    fit: Callable[[], Predict]


class Result(NamedTuple):
    """How a contender did.

    Attributes
    ----------
    name : str
    test_accuracy : float
        Share of right answers on all test samples, from 0 to 1.
    fit_seconds, predict_seconds : float
        Wall time of learning, and of the answers to all test samples.
    """

    name: str
    test_accuracy: float
    fit_seconds: float
    predict_seconds: float


def run(
    dataset: str,
    *,
    folder: Path | None = None,
    download: bool = True,
    seed: int = 0,
    as_json: bool = False,
    output: Path | None = None,
    report: Callable[[str], None] | None = None,
) -> None:
    """Let all contenders learn and answer, and print a table.

    Parameters
    ----------
    dataset, folder, download
        As for `numpy_impl.data.load`.
    seed : int
        As for ``train``: the network is the one that it trains by default.
    as_json : bool, default False
        Print one JSON object instead.
    output : Path, optional
        Folder for the results as JSON and as a picture; replaced if they are there.
    report : callable, optional
        Takes a line before each contender, and on the way to the data.

    Raises
    ------
    InputError
        If the data cannot be read, or the folder cannot be written to.
    DivergenceError
        If a loss is NaN or infinite.
    OSError
        If a file cannot be written.
    """
    if output is None:
        _print(_measure(dataset, folder, download, seed, report), as_json)
        return
    with RunFolder(output, overwrite=True, names=(PICTURE, RESULTS)) as results:
        measured = _measure(dataset, folder, download, seed, report)
        results.write(RESULTS, json_bytes(measured.to_dict()))
        try:
            results.write(PICTURE, png(picture(measured.results)))
        except MissingExtraError as error:
            if report is not None:
                report(f"no picture: {error}")
        paths = results.commit()
    _print(measured, as_json)
    if not as_json:
        print("\n".join(f"wrote {path}" for path in paths), flush=True)


class Measured(NamedTuple):
    """The results of all contenders, and on which data they were."""

    data: Dataset
    seed: int
    results: list[Result]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it but the data themselves, for JSON."""
        return {
            "dataset": self.data.name,
            "source": self.data.source,
            "train_samples": len(self.data.train_images),
            "test_samples": len(self.data.test_images),
            "seed": self.seed,
            "results": [result._asdict() for result in self.results],
        }


def picture(results: list[Result]) -> "Figure":
    """Draw the errors and the times of all contenders, from top to bottom.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    figure = new_figure(8.5, 0.6 + 0.5 * len(results))
    left, right = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(results))
    errors = [100 * (1 - result.test_accuracy) for result in results]
    bars = left.barh(places, errors, color="C3")
    left.bar_label(bars, fmt="%.2f", padding=3)
    left.margins(x=0.2)
    left.set(yticks=places, yticklabels=[result.name for result in results])
    left.set_xlabel("wrong answers on test samples [%]")
    left.invert_yaxis()
    # Where an axis is logarithmic, the length of a bar means nothing.
    for label, marker in (("fit", "o"), ("predict", "s")):
        seconds = [getattr(result, f"{label}_seconds") for result in results]
        right.plot(seconds, places, marker, label=label)
    right.grid(alpha=0.3)
    right.set_xscale("log")
    right.set_xlabel("time [s]")
    right.legend()
    return figure


def _measure(
    dataset: str,
    folder: Path | None,
    download: bool,
    seed: int,
    report: Callable[[str], None] | None,
) -> Measured:
    random = generators(seed)
    data = load(
        dataset,
        folder=folder,
        rng=random.data,
        download=download,
        report=report,
        progress=download_progress(),
    )
    test = data.inputs(data.test_images)
    results = []
    for contender in _contenders(data, random):
        if report is not None:
            report(f"{contender.name} ...")
        start = time.perf_counter()
        predict = contender.fit()
        fitted = time.perf_counter()
        predicted = predict(test)
        end = time.perf_counter()
        share = accuracy(predicted, data.test_labels)
        results.append(Result(contender.name, share, fitted - start, end - fitted))
    return Measured(data, seed, results)


def _contenders(data: Dataset, random: Generators) -> Iterator[Contender]:
    """Give one contender after the other, so that none is kept longer than it is needed."""
    train = data.inputs(data.train_images)

    def learner(baseline: Classifier) -> Callable[[], Predict]:
        return lambda: baseline.fit(train, data.train_labels).predict

    # Drawing from a generator of their own leaves the network's weights those of `train`.
    [features] = random.weights.spawn(1)
    yield Contender("nearest centroid", learner(NearestCentroid()))
    yield Contender(f"{_NEIGHBORS} nearest neighbors", learner(KNearestNeighbors(_NEIGHBORS)))
    yield Contender("softmax regression", learner(SoftmaxRegression()))
    yield Contender(
        f"{_COMPONENTS} random features", learner(RandomFeatures(_COMPONENTS, rng=features))
    )
    settings = Settings()
    widths = (data.features, *settings.hidden, data.classes)
    yield Contender(
        f"network {'-'.join(map(str, widths))}", partial(_fit_network, settings, data, random)
    )


def _fit_network(settings: Settings, data: Dataset, random: Generators) -> Predict:
    trainer, batches = prepare(settings, data, random)
    with trainer.session(batches) as train_epoch:
        for _ in range(DEFAULT_EPOCHS[data.name]):
            train_epoch()
    return lambda x: as_labels("logits", trainer.model.predict(x))


def _print(measured: Measured, as_json: bool) -> None:
    if as_json:
        print(json.dumps(measured.to_dict(), indent=2), flush=True)
        return
    data = measured.data
    rows = [
        (name, percent(share), f"{fit:.2f} s", f"{predict:.2f} s")
        for name, share, fit, predict in measured.results
    ]
    print(
        f"{data.source}\n{len(data.train_images)} training samples, {len(data.test_images)} test "
        f"samples, seed {measured.seed}\n\n"
        + table([("", "test accuracy", "fit", "predict"), *rows]),
        flush=True,
    )
