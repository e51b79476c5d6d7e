"""Which activation to take, and with which initialization."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numpy_impl.activations import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softsign,
    Tanh,
)
from numpy_impl.app.figures import new_figure
from numpy_impl.app.json_data import plain
from numpy_impl.experiments.drawing import COLORS, MARKERS
from numpy_impl.experiments.measures import Signal, pre_activations
from numpy_impl.experiments.result import Report, Result, silent
from numpy_impl.experiments.runs import Recipe, train
from numpy_impl.experiments.samples import Data
from numpy_impl.experiments.tables import Table, counted, shares, short
from numpy_impl.initializers import normal_
from numpy_impl.layers import Layer, Linear
from numpy_impl.model import Sequential
from numpy_impl.optimizers import SGD

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = 3

ACTIVATIONS: Mapping[str, Callable[[], Layer]] = {
    "ReLU": ReLU,
    "LeakyReLU": LeakyReLU,
    "ELU": ELU,
    "SELU": SELU,
    "GELU": GELU,
    "SiLU": SiLU,
    "Tanh": Tanh,
    "Softsign": Softsign,
    "Sigmoid": Sigmoid,
}

RIGHT, DEFAULT, DOUBLE = "right", "default of Linear", "twice the right"

# One over the slope at 0, by which a small signal passes unchanged: the mean of a sigmoid's outputs
# is the same for all samples, so what keeps their root mean square lets the differences vanish.
_SIGMOID_GAIN = 4.0


class Plan(NamedTuple):
    """How much is trained.

    Attributes
    ----------
    names : tuple of str
        Keys of `ACTIVATIONS`.
    train : int or None
        Training samples; None for all.
    depth, width : int
        Hidden layers, and units in each.
    epochs : int
    """

    names: tuple[str, ...]
    train: int | None
    depth: int
    width: int
    epochs: int


FULL = Plan(tuple(ACTIVATIONS), 20_000, 8, 64, 3)
SMALL = Plan(("ReLU", "Sigmoid"), 200, 4, 8, 1)

_LR = 0.05
# The scales are measured on so many test samples.
_SAMPLE = 1000


def right_gain(activation: Callable[[], Layer]) -> float:
    r"""Return the gain that keeps the size of a signal through a layer and this activation.

    With weights from :math:`N(0, g^2 / n_\text{in})` and inputs :math:`f(z)`, z standard normal,
    the next pre-activation has the variance :math:`g^2 E[f(z)^2]`, which is 1 for
    :math:`g = 1 / \sqrt{E[f(z)^2]}`: for ReLU :math:`\sqrt 2`. The sigmoid's is 4.

    References
    ----------
    He et al. (2015), Delving deep into rectifiers, https://arxiv.org/abs/1502.01852
    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward
    neural networks, https://proceedings.mlr.press/v9/glorot10a.html
    """
    if activation is Sigmoid:
        return _SIGMOID_GAIN
    # The trapezoidal rule, which is exact to rounding for what decays like this at both ends, but
    # for the kink of some functions.
    z = np.linspace(-12, 12, 24_001)
    density = np.exp(-(z**2) / 2)
    squares = activation().infer(z[:, np.newaxis])[:, 0] ** 2
    return math.sqrt(float(density.sum()) / float((density * squares).sum()))


def deep_network(
    activation: Callable[[], Layer], gain: float | None, depth: int, width: int
) -> Callable[[int, int, np.random.Generator], Sequential]:
    """Return what makes a deep network.

    Parameters
    ----------
    activation : callable
        Makes the layers between the Linear ones.
    gain : float or None
        Weights are drawn from N(0, gain^2 / fan_in) and biases are zero; None for what Linear
        draws by itself.
    depth, width : int
        Hidden layers, and units in each.
    """

    def make(features: int, classes: int, rng: np.random.Generator) -> Sequential:
        layers: list[Layer] = []
        for inputs, outputs in itertools.pairwise([features, *[width] * depth, classes]):
            linear = Linear(inputs, outputs, rng=rng)
            if gain is not None:
                normal_(linear.weight.data, 0.0, gain / math.sqrt(inputs), rng=rng)
                assert linear.bias is not None
                linear.bias.data.fill(0)
            layers += [linear, activation()]
        return Sequential(*layers[:-1])

    return make


def run(data: Data, seeds: Sequence[int], plan: Plan = FULL, report: Report = silent) -> Result:
    """Train a deep network with each activation, well and badly initialized.

    Parameters
    ----------
    data : Data
    seeds : sequence of int
    plan : Plan
    report : callable, optional
        Takes a line per activation and initialization.
    """
    data = data.first(plan.train)
    sample = data.test.take(slice(_SAMPLE)).inputs()
    rows: list[tuple[str, ...]] = []
    found: list[dict[str, Any]] = []
    for name in plan.names:
        activation = ACTIVATIONS[name]
        gain = right_gain(activation)
        for kind, used in ((RIGHT, gain), (DEFAULT, None), (DOUBLE, 2 * gain)):
            make = deep_network(activation, used, plan.depth, plan.width)
            recipe = Recipe(network=make, optimizer=lambda parameters: SGD(parameters, lr=_LR))
            first = make(data.train.images.shape[1], data.classes, np.random.default_rng(seeds[0]))
            signals = pre_activations(first, sample)
            runs = [train(recipe, data, seed, plan.epochs, may_diverge=True) for seed in seeds]
            accuracies = [run.history.test_accuracy[-1] for run in runs if not run.diverged]
            rows.append(_row(name, kind, used, signals, accuracies, len(seeds)))
            found.append(
                {
                    "activation": name,
                    "initialization": kind,
                    "gain": used,
                    "scale": [signal.scale for signal in signals],
                    "variation": [signal.variation for signal in signals],
                    "test_accuracy": accuracies,
                    "diverged": len(seeds) - len(accuracies),
                }
            )
            report(f"{name}, {kind}: test {rows[-1][-1]}")
    table = Table(
        f"{plan.depth} hidden layers of {plan.width} units, SGD (lr {_LR:g}, batches of 64), "
        f"{counted(plan.epochs, 'epoch')} of {data.train.size} samples, {data.test.size} test "
        f"samples; mean and standard deviation over {len(seeds)} seeds. Weights have the "
        f"standard deviation gain / sqrt(fan in). The scale is the root mean square of "
        f"the pre-activations of a layer before training; the variation is what is left of it in "
        f"the last layer without the mean of each unit over the samples.",
        (
            "activation",
            "initialization",
            "gain",
            "scale, layer 1",
            f"scale, layer {1 + plan.depth // 2}",
            f"scale, layer {1 + plan.depth}",
            f"variation, layer {1 + plan.depth}",
            "test accuracy",
        ),
        rows,
        words=(0, 1),
    )
    return Result((table,), plain({"runs": found, "epochs": plan.epochs}))


def _row(
    name: str,
    kind: str,
    gain: float | None,
    signals: list[Signal],
    accuracies: list[float],
    seeds: int,
) -> tuple[str, ...]:
    middle = len(signals) // 2
    outcome = [shares(accuracies)] if accuracies else []
    if len(accuracies) < seeds:
        outcome.append(f"{seeds - len(accuracies)} of {seeds} diverged")
    return (
        name,
        kind,
        # U(-1 / sqrt(n), 1 / sqrt(n)) has the variance 1 / (3 n).
        f"{1 / math.sqrt(3) if gain is None else gain:.2f}",
        short(signals[0].scale),
        short(signals[middle].scale),
        short(signals[-1].scale),
        short(signals[-1].variation),
        ", ".join(outcome),
    )


def draw(result: Result) -> "Figure":
    """Draw the variation of the pre-activations over the layers, a panel for each activation."""
    runs = result.figures["runs"]
    names = list(dict.fromkeys(run["activation"] for run in runs))
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = new_figure(3.3 * columns, 0.9 + 2.3 * lines)
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for name, axes in zip(names, panels.flat, strict=False):
        for run, color, marker in zip(
            (run for run in runs if run["activation"] == name), COLORS, MARKERS, strict=False
        ):
            layers = range(1, 1 + len(run["variation"]))
            accuracies = run["test_accuracy"]
            outcome = f"{100 * np.mean(accuracies):.1f} %" if accuracies else "diverged"
            axes.semilogy(
                layers, run["variation"], color=color, marker=marker, markersize=4, label=outcome
            )
        axes.set_title(name)
        axes.set_xticks(list(layers))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="lower left", title="test accuracy", title_fontsize=8)
    figure.supxlabel("Linear layer")
    figure.supylabel("variation of the pre-activations")
    figure.legend(
        panels[0, 0].get_lines(), (RIGHT, DEFAULT, DOUBLE), loc="outside upper center", ncols=3
    )
    return figure
