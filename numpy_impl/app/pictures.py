"""Pictures of a training, as PNG files in memory; drawn without a display or global state."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from numpy_impl.activations.softmax import log_softmax
from numpy_impl.app.evaluate import Scores
from numpy_impl.app.figures import new_figure, png
from numpy_impl.app.models import picture_side
from numpy_impl.app.run_folder import BOUNDARY, CONFUSION, CURVES, MISTAKES
from numpy_impl.app.text import percent
from numpy_impl.callbacks import History
from numpy_impl.data import Dataset
from numpy_impl.metrics import accuracy, confusion_matrix
from numpy_impl.model import Sequential

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import QuadContourSet
    from matplotlib.figure import Figure

_GRID_ROWS, _GRID_COLUMNS = 4, 6
# Points of the map of a decision, along each axis.
_MAP_POINTS = 300


def draw(network: Sequential, data: Dataset, scores: Scores, history: History) -> dict[str, bytes]:
    """Return the pictures of a training by file name, in PNG format.

    Always the curves and the confusion matrix; for pictures the worst mistakes, for points in
    the plane the decision boundary.

    Parameters
    ----------
    network : Sequential
        After training.
    data : Dataset
        What it was trained and tested on.
    scores : Scores
        Of the test samples.
    history : History
        At least one epoch.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    figures = {
        CURVES: curves(history),
        CONFUSION: confusion(scores, data.classes),
    }
    if data.scale is not None and picture_side(data.features) is not None:
        figures[MISTAKES] = mistakes(data.test_images, scores)
    elif (data.features, data.classes) == (2, 2):
        figures[BOUNDARY] = boundary(network, data.test_images, scores)
    return {name: png(figure) for name, figure in figures.items()}


def curves(history: History) -> "Figure":
    """Draw the loss and the accuracies over the epochs."""
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    left.plot(history.epoch, history.train_loss, "o-", color="C0", markersize=4, label="train")
    left.set(title="Loss", ylabel="mean cross-entropy")
    left.set_ylim(bottom=0)
    for label, shares, color in (
        ("train", history.train_accuracy, "C0"),
        ("test", history.test_accuracy, "C1"),
    ):
        percent = [100 * share for share in shares]
        right.plot(history.epoch, percent, "o-", color=color, markersize=4, label=label)
    right.set(title="Accuracy", ylabel="right answers [%]")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def confusion(scores: Scores, classes: int) -> "Figure":
    """Draw the confusion matrix: numbers of samples, coloured by their share of the true class."""
    counts = confusion_matrix(scores.predicted, scores.labels, classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(4.5, 0.6 * classes + 1.5)
    figure = new_figure(side + 1, side)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=9)
    axes.set(
        title=f"Confusion matrix, test accuracy {_accuracy(scores)}",
        xlabel="predicted class",
        ylabel="true class",
        xticks=range(classes),
        yticks=range(classes),
    )
    figure.colorbar(image, label="share of the true class", shrink=0.8)
    return figure


def mistakes(images: NDArray[np.generic], scores: Scores) -> "Figure":
    """Draw the wrongly classified pictures of the highest loss, the worst first.

    Parameters
    ----------
    images : ndarray of shape (samples, side * side)
        The test pictures.
    scores : Scores
        Of these.
    """
    log_p = log_softmax(scores.logits)
    wrong = np.flatnonzero(scores.predicted != scores.labels)
    losses = -log_p[wrong, scores.labels[wrong]]
    worst = wrong[np.argsort(-losses, kind="stable")][: _GRID_ROWS * _GRID_COLUMNS]
    rows = -(-len(worst) // _GRID_COLUMNS)
    figure = new_figure(1.7 * _GRID_COLUMNS, 0.8 + 2.1 * max(rows, 1))
    figure.suptitle(
        f"The worst {len(worst)} of {len(wrong)} mistakes on {len(images)} test pictures"
        if len(wrong)
        else f"No mistakes on {len(images)} test pictures"
    )
    side = picture_side(images.shape[1])
    assert side is not None
    for position, sample in enumerate(worst, start=1):
        axes = figure.add_subplot(rows, _GRID_COLUMNS, position)
        axes.imshow(images[sample].reshape(side, side), cmap="gray", interpolation="nearest")
        guess = scores.predicted[sample]
        axes.set_title(
            f"true {scores.labels[sample]}, said {guess}\n"
            f"with {percent(np.exp(log_p[sample, guess]))}",
            fontsize=9,
        )
        axes.set_axis_off()
    return figure


def boundary(network: Sequential, points: NDArray[np.generic], scores: Scores) -> "Figure":
    """Draw test points in the plane, and the probability of class 1 over it; for two classes.

    Parameters
    ----------
    network : Sequential
        Of two inputs.
    points : ndarray of shape (samples, 2)
        The test samples.
    scores : Scores
        Of these.
    """
    figure = new_figure(7.5, 6)
    axes = figure.subplots()
    field = draw_boundary(axes, network, points, scores)
    wrong = points[scores.predicted != scores.labels]
    axes.scatter(
        wrong[:, 0], wrong[:, 1], s=90, facecolors="none", edgecolors="black", label="mistake"
    )
    axes.set(
        title=f"Decision boundary, test accuracy {_accuracy(scores)}",
        xlabel="first feature",
        ylabel="second feature",
    )
    figure.colorbar(field, label="probability of class 1")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def draw_boundary(
    axes: "Axes",
    network: Sequential,
    points: NDArray[np.generic],
    scores: Scores,
    *,
    size: float = 26,
) -> "QuadContourSet":
    """Draw points, and the probability of class 1 with the line of one half, into a plot.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    network, points, scores
        As for `boundary`.
    size : float, default 26
        Area of a point's mark, in square points of 1/72 inch.

    Returns
    -------
    matplotlib.contour.QuadContourSet
        The coloured field, for a colour bar.
    """
    margin = 0.1 * np.ptp(points, axis=0)
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    x, y = (np.linspace(low[axis], high[axis], _MAP_POINTS, dtype=network.dtype) for axis in (0, 1))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    probability = np.exp(log_softmax(network.predict(grid)))[:, 1]
    field = axes.contourf(
        x,
        y,
        probability.reshape(_MAP_POINTS, _MAP_POINTS),
        levels=np.linspace(0, 1, 11),
        cmap="coolwarm",
        alpha=0.6,
    )
    # Older versions of matplotlib warn of a line that is nowhere.
    if probability.min() < 0.5 < probability.max():
        axes.contour(field, levels=[0.5], colors="black", linewidths=1.5)
    for label, (color, marker) in enumerate((("navy", "o"), ("darkred", "^"))):
        here = points[scores.labels == label]
        axes.scatter(
            here[:, 0],
            here[:, 1],
            s=size,
            marker=marker,
            color=color,
            edgecolors="white",
            linewidths=0.5,
            label=f"class {label}",
        )
    return field


def _accuracy(scores: Scores) -> str:
    return percent(accuracy(scores.logits, scores.labels))
