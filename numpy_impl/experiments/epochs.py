"""Whether more epochs give a better network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numpy_impl.app.figures import new_figure
from numpy_impl.app.json_data import plain
from numpy_impl.app.text import percent
from numpy_impl.experiments.drawing import COLORS, finish
from numpy_impl.experiments.result import Report, Result, silent
from numpy_impl.experiments.runs import EpochScores, Recipe, Score, train
from numpy_impl.experiments.samples import Data
from numpy_impl.experiments.tables import Table, numbers, shares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = 5


class Plan(NamedTuple):
    """How much is trained.

    Attributes
    ----------
    epochs : int
    shown : tuple of int
        The epochs that the table shows.
    """

    epochs: int
    shown: tuple[int, ...]


FULL = Plan(40, (1, 2, 3, 5, 7, 10, 15, 20, 30, 40))
SMALL = Plan(4, (1, 2, 4))


def run(data: Data, seeds: Sequence[int], plan: Plan = FULL, report: Report = silent) -> Result:
    """Train for many epochs from several seeds, and judge the network after each.

    Parameters
    ----------
    data : Data
    seeds : sequence of int
    plan : Plan
    report : callable, optional
        Takes a line per training.
    """
    train_scores: list[list[Score]] = []
    test_scores: list[list[Score]] = []
    for seed in seeds:
        watching: list[EpochScores] = []

        def watch(network: Any, _: Any, found: list[EpochScores] = watching) -> list[EpochScores]:
            found.append(EpochScores(network, data))
            return found

        train(Recipe(), data, seed, plan.epochs, watch)
        train_scores.append(watching[0].train)
        test_scores.append(watching[0].test)
        report(f"seed {seed}: {plan.epochs} epochs, test {percent(test_scores[-1][-1].accuracy)}")
    best = [int(np.argmin([score.loss for score in run])) for run in test_scores]
    return Result(
        (
            _by_epoch(data, len(seeds), plan, train_scores, test_scores),
            _turning_points(seeds, best, test_scores),
        ),
        plain(
            {
                "epoch": list(range(1, plan.epochs + 1)),
                "train": [[score._asdict() for score in run] for run in train_scores],
                "test": [[score._asdict() for score in run] for run in test_scores],
                "epoch_of_lowest_test_loss": [epoch + 1 for epoch in best],
            }
        ),
    )


def _by_epoch(
    data: Data,
    seeds: int,
    plan: Plan,
    train_scores: list[list[Score]],
    test_scores: list[list[Score]],
) -> Table:
    rows = []
    for epoch in plan.shown:
        on_train = [run[epoch - 1] for run in train_scores]
        on_test = [run[epoch - 1] for run in test_scores]
        rows.append(
            (
                str(epoch),
                numbers([score.loss for score in on_train]),
                numbers([score.loss for score in on_test]),
                shares([score.accuracy for score in on_train]),
                shares([score.accuracy for score in on_test]),
                numbers([score.wrong_loss for score in on_test]),
            )
        )
    return Table(
        f"A network of 128 hidden ReLU units, trained with Adam (lr 0.001, batches of 64) on "
        f"{data.train.size} samples, after some of {plan.epochs} epochs; mean and standard "
        f"deviation over {seeds} seeds. Losses are mean cross-entropies, of up to 10000 training "
        f"samples and of {data.test.size} test samples. The last column is the loss of the wrong "
        f"answers alone.",
        (
            "epoch",
            "train loss",
            "test loss",
            "train accuracy",
            "test accuracy",
            "test loss of the wrong",
        ),
        rows,
    )


def _turning_points(seeds: Sequence[int], best: list[int], test_scores: list[list[Score]]) -> Table:
    rows = [
        (
            str(seed),
            str(epoch + 1),
            f"{run[epoch].loss:.3f}",
            f"{run[-1].loss:.3f}",
            percent(run[epoch].accuracy),
            percent(run[-1].accuracy),
        )
        for seed, epoch, run in zip(seeds, best, test_scores, strict=True)
    ]
    return Table(
        "The same trainings one by one: the epoch of the lowest test loss, and what came of it.",
        (
            "seed",
            "epoch of the lowest test loss",
            "test loss then",
            "test loss at the end",
            "test accuracy then",
            "test accuracy at the end",
        ),
        rows,
    )


def draw(result: Result) -> "Figure":
    """Draw losses and accuracies over the epochs, every seed as a line."""
    figure = new_figure(10, 4)
    figures = result.figures
    left, right = figure.subplots(1, 2)
    for part, color, style in (("train", COLORS[0], "--"), ("test", COLORS[1], "-")):
        for number, scores in enumerate(figures[part]):
            label = part if number == 0 else None
            losses = [score["loss"] for score in scores]
            right_answers = [100 * score["accuracy"] for score in scores]
            left.plot(figures["epoch"], losses, style, color=color, alpha=0.8, label=label)
            right.plot(figures["epoch"], right_answers, style, color=color, alpha=0.8, label=label)
    lowest = figures["epoch_of_lowest_test_loss"]
    left.plot(
        lowest,
        [run[epoch - 1]["loss"] for epoch, run in zip(lowest, figures["test"], strict=True)],
        "o",
        color="black",
        markersize=5,
        label="lowest test loss",
    )
    left.set(title="Loss", ylabel="mean cross-entropy [nats]", xlabel="epoch")
    left.set_ylim(bottom=0)
    right.set(title="Accuracy", ylabel="right answers [%]", xlabel="epoch")
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
        finish(axes)
    return figure
