"""Why the test accuracy fluctuates."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numpy_impl.app.figures import new_figure
from numpy_impl.app.json_data import plain
from numpy_impl.app.text import percent
from numpy_impl.callbacks import Callback, History
from numpy_impl.errors import InputError
from numpy_impl.experiments.drawing import COLORS, finish
from numpy_impl.experiments.measures import binomial_error, paired_error
from numpy_impl.experiments.result import Report, Result, silent
from numpy_impl.experiments.runs import Recipe, train
from numpy_impl.experiments.samples import Data
from numpy_impl.experiments.tables import Table
from numpy_impl.model import Sequential

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = 10

Right = NDArray[np.bool_]


class Plan(NamedTuple):
    """How much is trained.

    Attributes
    ----------
    epochs : int
    last : int
        The epochs at the end that are looked at, when the accuracy no longer rises much.
    blocks : int
        The test samples are also divided at random into so many small test sets.
    """

    epochs: int
    last: int
    blocks: int


FULL = Plan(epochs=20, last=10, blocks=10)
SMALL = Plan(epochs=4, last=3, blocks=4)


@dataclass
class _Answers(Callback):
    """Notes after each epoch which test samples the network gets right."""

    network: Sequential
    data: Data
    right: list[Right] = field(default_factory=list)

    def on_epoch_end(self, history: History) -> None:  # noqa: ARG002 - it has no single answers
        """Note them."""
        test = self.data.test
        self.right.append(self.network.predict(test.inputs()).argmax(axis=1) == test.labels)


def run(data: Data, seeds: Sequence[int], plan: Plan = FULL, report: Report = silent) -> Result:
    """Train from several seeds, and hold the spread of the test accuracy against its errors.

    Parameters
    ----------
    data : Data
    seeds : sequence of int
        At least two.
    plan : Plan
    report : callable, optional
        Takes a line per training.

    Raises
    ------
    InputError
        For a single seed.
    """
    if len(seeds) < 2:
        raise InputError("--seeds", "at least 2, to see how they differ", f"{len(seeds)}")
    answers: list[list[Right]] = []
    for seed in seeds:
        watching: list[_Answers] = []

        def watch(network: Any, _: Any, found: list[_Answers] = watching) -> list[_Answers]:
            found.append(_Answers(network, data))
            return found

        train(Recipe(), data, seed, plan.epochs, watch)
        answers.append(watching[0].right)
        report(f"seed {seed}: {plan.epochs} epochs, test {percent(answers[-1][-1].mean())}")
    right = np.array(answers)  # (seeds, epochs, samples)
    order = np.random.default_rng(seeds[0]).permutation(data.test.size)
    measured = spreads(right[:, -plan.last :], plan.blocks, order)
    accuracies = right.mean(axis=2)
    return Result(
        (_table(data, len(seeds), plan, measured),),
        plain({**measured._asdict(), "test_accuracy": accuracies.tolist(), "last": plan.last}),
    )


class Spreads(NamedTuple):
    """Standard deviations of accuracies, and the errors that should account for them.

    All are shares, from 0 to 1.

    Attributes
    ----------
    accuracy : float
        Mean over seeds and epochs.
    seeds, seeds_binomial, seeds_paired : float
        Measured between the seeds at the same epoch; expected for independent test sets; expected
        from the samples on which two seeds disagree.
    steps, steps_binomial, steps_paired : float
        The same for the change from one epoch to the next of a training.
    blocks, blocks_binomial : float
        Measured between small test sets for the same network, and expected for these.
    seeds_disagree, steps_disagree : float
        Share of the test samples that just one of two seeds, or of two epochs, gets right.
    """

    accuracy: float
    seeds: float
    seeds_binomial: float
    seeds_paired: float
    steps: float
    steps_binomial: float
    steps_paired: float
    blocks: float
    blocks_binomial: float
    seeds_disagree: float
    steps_disagree: float


def spreads(right: Right, blocks: int, order: NDArray[np.intp]) -> Spreads:
    r"""Measure how accuracies spread.

    Squares of deviations and of errors are averaged, then the root is taken. What is expected of a
    difference of two shares is an error of that difference; of the spread of one it is that divided
    by :math:`\sqrt 2`.

    Parameters
    ----------
    right : ndarray of bool, shape (seeds, epochs, samples)
        Whether the network of a seed is right on a sample after an epoch.
    blocks : int
        Number of the small test sets.
    order : ndarray of int, shape (samples,)
        A random order of the samples, by which they are divided.
    """
    seeds, epochs, samples = right.shape
    shares = right.mean(axis=2)
    between_seeds = [
        (right[a, epoch], right[b, epoch])
        for epoch in range(epochs)
        for a, b in itertools.combinations(range(seeds), 2)
    ]
    between_epochs = [
        (right[seed, epoch], right[seed, epoch + 1])
        for seed in range(seeds)
        for epoch in range(epochs - 1)
    ]
    binomial = _root_mean_square([binomial_error(float(p), samples) for p in shares.flat])
    size = samples // blocks
    parts = right[:, :, order[: size * blocks]].reshape(seeds, epochs, blocks, size).mean(axis=3)
    return Spreads(
        accuracy=float(shares.mean()),
        seeds=float(np.sqrt(shares.var(axis=0, ddof=1).mean())),
        seeds_binomial=binomial,
        seeds_paired=_root_mean_square([paired_error(*pair) for pair in between_seeds]) / 2**0.5,
        steps=_root_mean_square(np.diff(shares, axis=1).ravel().tolist()),
        steps_binomial=2**0.5 * binomial,
        steps_paired=_root_mean_square([paired_error(*pair) for pair in between_epochs]),
        blocks=float(np.sqrt(parts.var(axis=2, ddof=1).mean())),
        blocks_binomial=_root_mean_square([binomial_error(float(p), size) for p in shares.flat]),
        seeds_disagree=float(np.mean([np.mean(a != b) for a, b in between_seeds])),
        steps_disagree=float(np.mean([np.mean(a != b) for a, b in between_epochs])),
    )


def _root_mean_square(values: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _table(data: Data, seeds: int, plan: Plan, found: Spreads) -> Table:
    def row(what: str, measured: float, binomial: float, *rest: float) -> tuple[str, ...]:
        cells = [_percent(value) for value in (measured, binomial, *rest)]
        return (what, *cells, *["-"] * (4 - len(cells)))

    small = data.test.size // plan.blocks
    return Table(
        f"The last {plan.last} of {plan.epochs} epochs of {seeds} trainings, each from a seed of "
        f"its own (128 hidden ReLU units, Adam, lr 0.001, batches of 64, {data.train.size} "
        f"samples), judged on {data.test.size} test samples; mean accuracy "
        f"{percent(found.accuracy)}. Measured is a standard deviation. The binomial error is what "
        f"chance makes of it on fresh test samples. The paired error is what chance makes of the "
        f"samples on which the two networks that are compared disagree, whose share comes last.",
        ("spread", "measured", "binomial error", "paired error", "disagree on"),
        [
            row(
                f"one network on {plan.blocks} random sets of {small} test samples",
                found.blocks,
                found.blocks_binomial,
            ),
            row(
                f"seed to seed, all {data.test.size} test samples",
                found.seeds,
                found.seeds_binomial,
                found.seeds_paired,
                found.seeds_disagree,
            ),
            row(
                "change from one epoch to the next",
                found.steps,
                found.steps_binomial,
                found.steps_paired,
                found.steps_disagree,
            ),
        ],
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3f} %"


def draw(result: Result) -> "Figure":
    """Draw the accuracy of every seed over the epochs, and the spreads beside their errors."""
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    found = result.figures
    accuracies = 100 * np.array(found["test_accuracy"])
    epochs = np.arange(1, accuracies.shape[1] + 1)
    center, error = 100 * found["accuracy"], 100 * found["seeds_binomial"]
    left.axhspan(
        center - 2 * error,
        center + 2 * error,
        color=COLORS[4],
        alpha=0.25,
        label="mean of the last epochs ± 2 binomial errors",
    )
    for number, line in enumerate(accuracies):
        left.plot(
            epochs, line, color=COLORS[0], alpha=0.5, label="one seed" if number == 0 else None
        )
    left.axvline(
        len(epochs) - found["last"] + 0.5,
        color="black",
        linestyle=":",
        label="where the last epochs begin",
    )
    lowest = accuracies[:, -found["last"] :].min()
    left.set(title="Test accuracy of every seed", xlabel="epoch", ylabel="right answers [%]")
    left.set_ylim(bottom=lowest - 6 * error)
    left.xaxis.get_major_locator().set_params(integer=True)
    finish(left)
    names = ("small\ntest sets", "seed to\nseed", "epoch to\nepoch")
    places = np.arange(len(names))
    for shift, suffix, label, color, hatch in (
        (-0.27, "", "measured", COLORS[0], ""),
        (0.0, "_binomial", "binomial error", COLORS[4], "//"),
        (0.27, "_paired", "paired error", COLORS[2], ".."),
    ):
        heights = [100 * found.get(kind + suffix, 0.0) for kind in ("blocks", "seeds", "steps")]
        right.bar(
            places + shift, heights, 0.25, color=color, hatch=hatch, edgecolor="white", label=label
        )
    right.set(title="Spread of the accuracy", ylabel="standard deviation [percentage points]")
    right.set_xticks(places, names)
    finish(right)
    return figure
