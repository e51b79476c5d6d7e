"""Which optimizer to take."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numpy_impl.app.figures import new_figure
from numpy_impl.app.json_data import plain
from numpy_impl.app.text import percent
from numpy_impl.callbacks import Callback
from numpy_impl.experiments.drawing import COLORS, MARKERS, finish
from numpy_impl.experiments.measures import spread
from numpy_impl.experiments.result import Report, Result, silent
from numpy_impl.experiments.runs import Recipe, Run, train
from numpy_impl.experiments.samples import Data
from numpy_impl.experiments.tables import Table, counted, shares
from numpy_impl.model import Sequential
from numpy_impl.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    Muon,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
)
from numpy_impl.parameters import Parameter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = 3

Make = Callable[[list[Parameter], float], Optimizer]


def _muon(parameters: list[Parameter], lr: float) -> Optimizer:
    """Return Muon for the matrices; `_Biases` sees to the rest."""
    return Muon([parameter for parameter in parameters if parameter.ndim == 2], lr=lr)


class _Biases(Callback):
    """Takes Adam's step for the biases, which Muon is not made for, after each step of Muon."""

    def __init__(self, network: Sequential) -> None:
        self._adam = Adam([parameter for parameter in network.parameters() if parameter.ndim < 2])

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:  # noqa: ARG002
        """Take the step, with the gradients that are still there."""
        self._adam.step()


class Choice(NamedTuple):
    """An optimizer.

    Attributes
    ----------
    make : callable
        From parameters and a learning rate to the optimizer.
    lr : float
        Where the search for its learning rate begins.
    """

    make: Make
    lr: float


OPTIMIZERS: Mapping[str, Choice] = {
    "SGD": Choice(lambda p, lr: SGD(p, lr=lr), 0.1),
    "SGD, momentum 0.9": Choice(lambda p, lr: SGD(p, lr=lr, momentum=0.9), 0.03),
    "SGD, Nesterov 0.9": Choice(lambda p, lr: SGD(p, lr=lr, momentum=0.9, nesterov=True), 0.03),
    "Adagrad": Choice(lambda p, lr: Adagrad(p, lr=lr), 0.01),
    "Adadelta": Choice(lambda p, lr: Adadelta(p, lr=lr), 1.0),
    "RMSprop": Choice(lambda p, lr: RMSprop(p, lr=lr), 0.001),
    "Adam": Choice(lambda p, lr: Adam(p, lr=lr), 0.001),
    "Adamax": Choice(lambda p, lr: Adamax(p, lr=lr), 0.003),
    "AdamW": Choice(lambda p, lr: AdamW(p, lr=lr), 0.001),
    "NAdam": Choice(lambda p, lr: NAdam(p, lr=lr), 0.001),
    "RAdam": Choice(lambda p, lr: RAdam(p, lr=lr), 0.001),
    "Lion": Choice(lambda p, lr: Lion(p, lr=lr), 0.0003),
    "Muon, Adam for biases": Choice(_muon, 0.01),
}

# Learning rates are 1 and 3 times a power of ten.
_STEPS = (1, 3)


class Plan(NamedTuple):
    """How much is trained.

    Attributes
    ----------
    names : tuple of str
        Keys of `OPTIMIZERS`.
    train : int or None
        Training samples; None for all.
    held_out : float
        The share of them that the learning rates are chosen on.
    epochs : int
        As many for a learning rate to be chosen as for the result: a short training likes larger
        ones.
    """

    names: tuple[str, ...]
    train: int | None
    held_out: float
    epochs: int


FULL = Plan(tuple(OPTIMIZERS), 20_000, 0.2, 5)
SMALL = Plan(("SGD", "Adam", "Muon, Adam for biases"), 200, 0.2, 2)


def learning_rate(position: int) -> float:
    """Return a rate of the grid ..., 0.01, 0.03, 0.1, 0.3, 1, ...; 1 has the position 0."""
    decade, step = divmod(position, len(_STEPS))
    return float(f"{_STEPS[step]}e{decade}")


def best_position(start: int, judge: Callable[[int], float]) -> tuple[int, dict[int, float]]:
    """Search a grid for the highest value, from a position in both directions.

    The positions looked at grow by one at an end for as long as the best is there.

    Parameters
    ----------
    start : int
        The first position; its neighbours are looked at too.
    judge : callable
        From a position to the value there; minus infinity for a failure.

    Returns
    -------
    position : int
        Of the highest value.
    values : dict
        All values by position.
    """
    values = {position: judge(position) for position in range(start - 1, start + 2)}
    while True:
        best = max(values, key=lambda position: values[position])
        ends = {best - 1, best + 1} - values.keys()
        if not ends or not math.isfinite(values[best]):
            return best, dict(sorted(values.items()))
        values |= {position: judge(position) for position in ends}


def run(data: Data, seeds: Sequence[int], plan: Plan = FULL, report: Report = silent) -> Result:
    """Choose a learning rate for each optimizer on held-out training samples, then train.

    Parameters
    ----------
    data : Data
        Its test samples are for the result alone.
    seeds : sequence of int
        The first one is that of the search as well.
    plan : Plan
    report : callable, optional
        Takes a line per optimizer.
    """
    data = data.first(plan.train)
    search = data.hold_out(plan.held_out, np.random.default_rng(seeds[0]))
    rows: list[tuple[str, ...]] = []
    found: list[dict[str, Any]] = []
    for name in plan.names:
        choice = OPTIMIZERS[name]

        def judge(position: int, make: Make = choice.make) -> float:
            tried = _train(make, learning_rate(position), search, seeds[0], plan.epochs)
            return -math.inf if tried.diverged else tried.history.test_accuracy[-1]

        best, values = best_position(_position(choice.lr), judge)
        lr = learning_rate(best)
        runs = [_train(choice.make, lr, data, seed, plan.epochs) for seed in seeds]
        finished = [run.history for run in runs if not run.diverged]
        accuracies = [history.test_accuracy for history in finished]
        tried = {f"{learning_rate(position):g}": value for position, value in values.items()}
        rows.append(
            (
                name,
                f"{lr:g}",
                ", ".join(tried),
                percent(values[best]),
                shares([line[0] for line in accuracies]) if finished else "diverged",
                shares([line[-1] for line in accuracies]) if finished else "diverged",
                f"{np.mean([history.train_loss[-1] for history in finished]):.4f}"
                if finished
                else "-",
            )
        )
        found.append(
            {
                "optimizer": name,
                "lr": lr,
                "validation_accuracy": tried,
                "test_accuracy": accuracies,
                "train_loss": [history.train_loss for history in finished],
            }
        )
        report(f"{name}: lr {lr:g}, test {rows[-1][5]}")
    table = Table(
        f"A network of 128 hidden ReLU units, cross-entropy, batches of 64, a constant learning "
        f"rate. The rate was chosen, for each optimizer, by the accuracy after "
        f"{counted(plan.epochs, 'epoch')} on {search.test.size} samples held out of "
        f"{data.train.size} training samples, from one seed; the grid went on for as long as the "
        f"best was at its end. Then as many epochs on all {data.train.size}, judged on "
        f"{data.test.size} test samples; mean and standard deviation over {len(seeds)} seeds.",
        (
            "optimizer",
            "lr",
            "tried",
            "held-out accuracy",
            "test accuracy after 1 epoch",
            f"after {plan.epochs} epochs",
            "train loss of the last epoch",
        ),
        rows,
        words=(0, 2),
    )
    return Result((table,), plain({"runs": found, "epochs": plan.epochs}))


def _train(make: Make, lr: float, data: Data, seed: int, epochs: int) -> Run:
    def watch(network: Sequential, optimizer: Optimizer) -> list[Callback]:
        return [_Biases(network)] if isinstance(optimizer, Muon) else []

    recipe = Recipe(optimizer=lambda parameters: make(parameters, lr))
    return train(recipe, data, seed, epochs, watch, may_diverge=True)


def _position(lr: float) -> int:
    return next(
        position for position in itertools.count(-20) if math.isclose(learning_rate(position), lr)
    )


def draw(result: Result) -> "Figure":
    """Draw the train loss over the epochs, and the test accuracies at the end."""
    runs = result.figures["runs"]
    epochs = range(1, 1 + result.figures["epochs"])
    figure = new_figure(10.5, 5)
    left, right = figure.subplots(1, 2)
    styles = itertools.product(("-", "--", ":"), zip(COLORS, MARKERS, strict=True))
    for place, (run, (line, (color, marker))) in enumerate(zip(runs, styles, strict=False)):
        if not run["train_loss"]:
            continue
        look = {"color": color, "marker": marker, "markersize": 5}
        mean = np.mean(run["train_loss"], axis=0)
        left.semilogy(epochs, mean, linestyle=line, label=run["optimizer"], **look)
        last = spread([100 * accuracies[-1] for accuracies in run["test_accuracy"]])
        right.errorbar(last.mean, place, xerr=last.deviation or 0, capsize=3, **look)
    left.set(title="Train loss", xlabel="epoch", ylabel="mean cross-entropy of the epoch [nats]")
    left.xaxis.get_major_locator().set_params(integer=True)
    # On one decade the ticks would be too few.
    left.yaxis.get_major_locator().set_params(subs=(1, 2, 5))
    left.yaxis.set_major_formatter("{x:g}")
    left.yaxis.set_minor_formatter("")
    left.grid(alpha=0.3)
    names = [f"{run['optimizer']}, lr {run['lr']:g}" for run in runs]
    right.set_yticks(range(len(runs)), names)
    right.invert_yaxis()
    right.set(title=f"Test accuracy after {epochs[-1]} epochs", xlabel="right answers [%]")
    finish(right, legend=False)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure
