"""Whether the batch size matters."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from numpy_impl.app.figures import new_figure
from numpy_impl.app.json_data import plain
from numpy_impl.app.text import percent
from numpy_impl.experiments.drawing import COLORS, MARKERS, finish
from numpy_impl.experiments.measures import spread
from numpy_impl.experiments.result import Report, Result, silent
from numpy_impl.experiments.runs import Recipe, Score, score, train, train_steps
from numpy_impl.experiments.samples import Data
from numpy_impl.experiments.tables import Table, numbers, shares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = 3


class Plan(NamedTuple):
    """How much is trained.

    Attributes
    ----------
    sizes : tuple of int
        Samples per step.
    train : int or None
        Training samples; None for all.
    epochs : int
        Where the passes through the data are equal.
    steps : int
        Where the steps are.
    """

    sizes: tuple[int, ...]
    train: int | None
    epochs: int
    steps: int


FULL = Plan((8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096), 20_000, 5, 500)
SMALL = Plan((8, 64), 200, 2, 6)


def run(data: Data, seeds: Sequence[int], plan: Plan = FULL, report: Report = silent) -> Result:
    """Train with batches of several sizes, for equal epochs and for equal steps.

    Parameters
    ----------
    data : Data
    seeds : sequence of int
    plan : Plan
        A size above the number of training samples counts as that number.
    report : callable, optional
        Takes a line per size.
    """
    data = data.first(plan.train)
    epochs: dict[int, list[Score]] = {}
    steps: dict[int, list[Score]] = {}
    for size in plan.sizes:
        recipe = Recipe(batch_size=size)
        networks = [train(recipe, data, seed, plan.epochs).network for seed in seeds]
        epochs[size] = [score(network, data.test) for network in networks]
        networks = [train_steps(recipe, data, seed, plan.steps) for seed in seeds]
        steps[size] = [score(network, data.test) for network in networks]
        report(
            f"batches of {size}: test {percent(epochs[size][0].accuracy)} at "
            f"{plan.epochs} epochs, {percent(steps[size][0].accuracy)} at {plan.steps} steps"
        )
    rows = [
        (
            str(size),
            str(plan.epochs * _steps_per_epoch(data, size)),
            shares([found.accuracy for found in epochs[size]]),
            numbers([found.loss for found in epochs[size]]),
            f"{plan.steps * min(size, data.train.size) / data.train.size:.1f}",
            shares([found.accuracy for found in steps[size]]),
            numbers([found.loss for found in steps[size]]),
        )
        for size in plan.sizes
    ]
    table = Table(
        f"A network of 128 hidden ReLU units, trained with Adam (lr 0.001 for every size) on "
        f"{data.train.size} samples, once for {plan.epochs} epochs and once for {plan.steps} "
        f"steps, judged on {data.test.size} test samples; mean and standard deviation over "
        f"{len(seeds)} seeds.",
        (
            "batch size",
            f"steps in {plan.epochs} epochs",
            f"accuracy after {plan.epochs} epochs",
            "test loss",
            f"epochs in {plan.steps} steps",
            f"accuracy after {plan.steps} steps",
            "test loss then",
        ),
        rows,
    )
    return Result(
        (table,),
        plain(
            {
                "sizes": plan.sizes,
                "epochs": plan.epochs,
                "steps": plan.steps,
                "equal_epochs": [[s._asdict() for s in epochs[size]] for size in plan.sizes],
                "equal_steps": [[s._asdict() for s in steps[size]] for size in plan.sizes],
            }
        ),
    )


def _steps_per_epoch(data: Data, size: int) -> int:
    return -(-data.train.size // size)


def draw(result: Result) -> "Figure":
    """Draw accuracy and loss over the batch size, at equal epochs and at equal steps."""
    figure = new_figure(10, 4)
    found = result.figures
    left, right = figure.subplots(1, 2)
    for kind, label, color, marker in (
        ("equal_epochs", f"after {found['epochs']} epochs", COLORS[0], MARKERS[0]),
        ("equal_steps", f"after {found['steps']} steps", COLORS[1], MARKERS[1]),
    ):
        for axes, measure, factor in ((left, "accuracy", 100), (right, "loss", 1)):
            spreads = [spread([factor * s[measure] for s in seeds]) for seeds in found[kind]]
            axes.errorbar(
                found["sizes"],
                [mean for mean, _ in spreads],
                [deviation or 0 for _, deviation in spreads],
                color=color,
                marker=marker,
                markersize=5,
                capsize=3,
                label=label,
            )
    left.set(title="Test accuracy", ylabel="right answers [%]")
    right.set(title="Test loss", ylabel="mean cross-entropy [nats]")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(found["sizes"], [str(size) for size in found["sizes"]], fontsize=9)
        axes.set_xlabel("samples per batch")
        finish(axes)
    return figure
