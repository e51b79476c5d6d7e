"""Which loss to take."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numpy_impl.app.figures import new_figure
from numpy_impl.app.json_data import plain
from numpy_impl.arrays import FloatArray, IntArray
from numpy_impl.experiments.drawing import COLORS, MARKERS, finish
from numpy_impl.experiments.measures import confidence, spread
from numpy_impl.experiments.result import Report, Result, silent
from numpy_impl.experiments.runs import Recipe, network_of, train
from numpy_impl.experiments.samples import Data
from numpy_impl.experiments.tables import Table, shares
from numpy_impl.losses import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    FocalLoss,
    Loss,
    MSELoss,
    MultiMarginLoss,
    SoftMarginLoss,
)
from numpy_impl.model import Sequential

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = 3

_WIDTH = 128


def one_hot(labels: IntArray, classes: int) -> FloatArray:
    """Return 1 at the label and 0 elsewhere, float32 of shape (samples, classes)."""
    return np.eye(classes, dtype=np.float32)[labels]


def signs(labels: IntArray, classes: int) -> FloatArray:
    """Return 1 at the label and -1 elsewhere, float32 of shape (samples, classes)."""
    return 2 * one_hot(labels, classes) - 1


class Choice(NamedTuple):
    """A loss, and what goes with it.

    Attributes
    ----------
    make : callable
        Makes the loss.
    targets : callable or None
        As of a `Recipe`.
    softmax : bool
        Whether the network ends with softmax; the others end with Linear.
    probabilities : bool
        Whether softmax of the last Linear layer is what the loss takes for probabilities.
    """

    make: Callable[[], Loss]
    targets: Callable[[IntArray, int], FloatArray] | None = None
    softmax: bool = False
    probabilities: bool = True


LOSSES = {
    "cross-entropy": Choice(CrossEntropyLoss),
    "cross-entropy, label smoothing 0.1": Choice(lambda: CrossEntropyLoss(label_smoothing=0.1)),
    "focal, gamma 2": Choice(lambda: FocalLoss(gamma=2.0)),
    "squared error of softmax": Choice(MSELoss, one_hot, softmax=True),
    "squared error of scores": Choice(MSELoss, one_hot, probabilities=False),
    "multi margin": Choice(MultiMarginLoss, probabilities=False),
    "multi margin, squared": Choice(lambda: MultiMarginLoss(p=2), probabilities=False),
    "binary cross-entropy per class": Choice(BCEWithLogitsLoss, one_hot, probabilities=False),
    "soft margin per class": Choice(SoftMarginLoss, signs, probabilities=False),
}


class Plan(NamedTuple):
    """How much is trained.

    Attributes
    ----------
    names : tuple of str
        Keys of `LOSSES`.
    epochs : int
    """

    names: tuple[str, ...]
    epochs: int


FULL = Plan(tuple(LOSSES), 5)
SMALL = Plan(("cross-entropy", "squared error of softmax", "multi margin"), 2)


def run(data: Data, seeds: Sequence[int], plan: Plan = FULL, report: Report = silent) -> Result:
    """Train the same network with each loss.

    Parameters
    ----------
    data : Data
    seeds : sequence of int
    plan : Plan
    report : callable, optional
        Takes a line per loss.
    """
    rows: list[tuple[str, ...]] = []
    found: list[dict[str, Any]] = []
    inputs = data.test.inputs()
    for name in plan.names:
        choice = LOSSES[name]
        recipe = Recipe(
            network=network_of(_WIDTH, softmax=choice.softmax),
            loss=choice.make,
            targets=choice.targets,
        )
        runs = [train(recipe, data, seed, plan.epochs) for seed in seeds]
        accuracies = [run.history.test_accuracy for run in runs]
        confidences = [
            _confidence(run.network, inputs, choice) for run in runs if choice.probabilities
        ]
        last = [line[-1] for line in accuracies]
        rows.append(
            (
                name,
                shares([line[0] for line in accuracies]),
                shares(last),
                shares(confidences) if confidences else "-",
                f"{100 * (spread(confidences).mean - spread(last).mean):+.2f} %"
                if confidences
                else "-",
            )
        )
        found.append({"loss": name, "test_accuracy": accuracies, "confidence": confidences})
        report(f"{name}: test {rows[-1][2]}")
    table = Table(
        f"A network of {_WIDTH} hidden ReLU units, trained with Adam (lr 0.001, batches of 64) on "
        f"{data.train.size} samples and judged on {data.test.size} test samples; mean and "
        f"standard deviation over {len(seeds)} seeds. The confidence is the mean of the largest "
        f"probability; a dash stands where the loss gives no softmax probabilities.",
        (
            "loss",
            "accuracy after 1 epoch",
            f"accuracy after {plan.epochs} epochs",
            "confidence",
            "confidence - accuracy",
        ),
        rows,
    )
    return Result((table,), plain({"runs": found, "epochs": plan.epochs}))


def _confidence(network: Sequential, inputs: FloatArray, choice: Choice) -> float:
    if choice.softmax:
        return float(network.predict(inputs).max(axis=1).astype(np.float64).mean())
    return confidence(network.predict(inputs))


def draw(result: Result) -> "Figure":
    """Draw the accuracies of all losses, and the confidence of those that have one."""
    runs = result.figures["runs"]
    figure = new_figure(9, 1.6 + 0.36 * len(runs))
    axes = figure.subplots()
    series = (
        ("accuracy after 1 epoch", [[line[0] for line in run["test_accuracy"]] for run in runs]),
        (
            f"accuracy after {result.figures['epochs']} epochs",
            [[line[-1] for line in run["test_accuracy"]] for run in runs],
        ),
        ("confidence", [run["confidence"] for run in runs]),
    )
    for number, ((label, values), color, marker) in enumerate(
        zip(series, COLORS, MARKERS, strict=False)
    ):
        # One below the other, where they would cover each other.
        places = [place + 0.2 * (number - 1) for place, shares in enumerate(values) if shares]
        spreads = [spread([100 * share for share in shares]) for shares in values if shares]
        axes.errorbar(
            [mean for mean, _ in spreads],
            places,
            xerr=[deviation or 0 for _, deviation in spreads],
            fmt=marker,
            color=color,
            capsize=3,
            label=label,
        )
    axes.set_yticks(range(len(runs)), [run["loss"] for run in runs])
    axes.invert_yaxis()
    axes.set_xlabel("right answers on the test samples, and confidence [%]")
    finish(axes, legend=False)
    figure.legend(loc="outside upper center", ncols=3)
    return figure
