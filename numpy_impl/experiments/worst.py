"""Ways to make a network as bad as possible, and by what each is recognised."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numpy_impl.activations import ReLU, Sigmoid
from numpy_impl.app.figures import new_figure
from numpy_impl.app.json_data import plain
from numpy_impl.app.text import percent
from numpy_impl.callbacks import Callback
from numpy_impl.errors import DivergenceError
from numpy_impl.experiments.activations import deep_network, right_gain
from numpy_impl.experiments.drawing import COLORS
from numpy_impl.experiments.measures import dead_share, gradient_norms
from numpy_impl.experiments.result import Report, Result, silent
from numpy_impl.experiments.runs import Recipe, network_of, train
from numpy_impl.experiments.samples import Data
from numpy_impl.experiments.tables import Table, counted, short
from numpy_impl.initializers import constant_, normal_
from numpy_impl.layers import Identity, Linear
from numpy_impl.losses import CrossEntropyLoss
from numpy_impl.model import Sequential
from numpy_impl.optimizers import SGD, Optimizer
from numpy_impl.parameters import Parameter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = 3

_WIDTH = 128
_LR = 0.1


def _sgd(lr: float, **more: Any) -> Callable[[list[Parameter]], Optimizer]:
    return lambda parameters: SGD(parameters, lr=lr, **more)


def _unchanged(data: Data, _: np.random.Generator) -> Data:
    return data


class Case(NamedTuple):
    """One way to train.

    Attributes
    ----------
    recipe : Recipe
    change : callable
        From the data and a generator to the data that are used instead.
    """

    recipe: Recipe = Recipe(optimizer=_sgd(_LR))
    change: Callable[[Data, np.random.Generator], Data] = _unchanged


def _filled(
    fill: Callable[[Parameter, np.random.Generator], None],
) -> Callable[[int, int, np.random.Generator], Sequential]:
    """Return what makes the usual network, its weights filled anew."""

    def make(features: int, classes: int, rng: np.random.Generator) -> Sequential:
        network = network_of(_WIDTH)(features, classes, rng)
        for parameter in network.parameters():
            if parameter.ndim == 2:
                fill(parameter, rng)
        return network

    return make


def _zero(weight: Parameter, _: np.random.Generator) -> None:
    constant_(weight.data, 0.0)


def _constant(weight: Parameter, _: np.random.Generator) -> None:
    constant_(weight.data, 0.01)


def _inverted(weight: Parameter, rng: np.random.Generator) -> None:
    # Divided by the root of 2 / fan_in where it should be multiplied.
    normal_(weight.data, 0.0, math.sqrt(weight.shape[1] / 2), rng=rng)


def _sorted(data: Data, _: np.random.Generator) -> Data:
    return data._replace(train=data.train.take(np.argsort(data.train.labels, kind="stable")))


def _raw(data: Data, _: np.random.Generator) -> Data:
    return data._replace(train=data.train._replace(scale=1.0), test=data.test._replace(scale=1.0))


def _apart(data: Data, rng: np.random.Generator) -> Data:
    return data._replace(train=data.train._replace(labels=rng.permutation(data.train.labels)))


CASES: Mapping[str, Case] = {
    "nothing wrong": Case(),
    "all weights 0": Case(Recipe(network=_filled(_zero), optimizer=_sgd(_LR))),
    "all weights 0.01": Case(Recipe(network=_filled(_constant), optimizer=_sgd(_LR))),
    "weights divided by sqrt(2 / n)": Case(Recipe(network=_filled(_inverted), optimizer=_sgd(_LR))),
    "8 ReLU layers, weights doubled": Case(
        Recipe(network=deep_network(ReLU, 2 * right_gain(ReLU), 8, 64), optimizer=_sgd(_LR))
    ),
    "8 sigmoid layers": Case(
        Recipe(network=deep_network(Sigmoid, None, 8, 64), optimizer=_sgd(_LR))
    ),
    "no activation": Case(
        Recipe(network=deep_network(Identity, 1.0, 1, _WIDTH), optimizer=_sgd(_LR))
    ),
    "softmax before the loss too": Case(
        Recipe(network=network_of(_WIDTH, softmax=True), optimizer=_sgd(_LR))
    ),
    "pixels from 0 to 255": Case(change=_raw),
    "sorted by class, not shuffled": Case(Recipe(optimizer=_sgd(_LR), shuffle=False), _sorted),
    "labels shuffled apart": Case(change=_apart),
    "gradient summed, not averaged": Case(
        Recipe(optimizer=_sgd(_LR), loss=partial(CrossEntropyLoss, reduction="sum"))
    ),
    "lr 3": Case(Recipe(optimizer=_sgd(3.0))),
    "lr 0.00001": Case(Recipe(optimizer=_sgd(1e-5))),
    "uphill": Case(Recipe(optimizer=_sgd(_LR, maximize=True))),
    "weight decay 1": Case(Recipe(optimizer=_sgd(_LR, weight_decay=1.0))),
}

SOUND = "nothing wrong"


class Plan(NamedTuple):
    """How much is trained.

    Attributes
    ----------
    names : tuple of str
        Keys of `CASES`, `SOUND` first.
    train : int or None
        Training samples; None for all.
    epochs : int
    """

    names: tuple[str, ...]
    train: int | None
    epochs: int


FULL = Plan(tuple(CASES), None, 2)
SMALL = Plan((SOUND, "all weights 0", "8 ReLU layers, weights doubled", "uphill"), 200, 2)

# The last loss is the mean of so many steps.
_LAST_STEPS = 50
# The picture shows so many means of consecutive steps.
_POINTS = 80


class Measured(NamedTuple):
    """What is seen of a training; None where there is nothing to see.

    Attributes
    ----------
    first_loss, highest_loss : float or None
        Of single steps.
    last_loss : float or None
        Mean of the last 50 steps; None after divergence.
    first_gradient, last_gradient : float or None
        Norm of the gradient of the first and of the last weight, in the first step.
    dead : float or None
        Share of the hidden units that give the same output for every test sample.
    alike : float or None
        Share of the units of the first layer that another one has the weights of.
    one_answer : float or None
        Share of the answers that are the most frequent one.
    accuracy : float or None
        Share of right answers on the test samples.
    """

    first_loss: float | None
    highest_loss: float | None
    last_loss: float | None
    first_gradient: float | None
    last_gradient: float | None
    dead: float | None
    alike: float | None
    one_answer: float | None
    accuracy: float | None


@dataclass
class _Steps(Callback):
    """Notes the loss of every step, and the norms of the gradients of the first."""

    network: Sequential
    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:  # noqa: ARG002
        """Note them; the gradients are still those of the step."""
        self.losses.append(loss)
        if not self.norms:
            self.norms = gradient_norms(self.network)


def measure(network: Sequential, losses: list[float], norms: list[float], data: Data) -> Measured:
    """Look at a training that has not diverged, and at its network.

    Parameters
    ----------
    network : Sequential
        As the training left it.
    losses : list of float
        Of every step.
    norms : list of float
        As `gradient_norms`, of the first step.
    data : Data
        The test samples are used.
    """
    inputs = data.test.inputs()
    answers = network.predict(inputs).argmax(axis=1)
    return _begun(losses, norms)._replace(
        last_loss=float(np.mean(losses[-_LAST_STEPS:])),
        dead=dead_share(network, inputs),
        alike=alike_share(network),
        one_answer=float(np.bincount(answers).max() / len(answers)),
        accuracy=float(np.mean(answers == data.test.labels)),
    )


def _begun(losses: list[float], norms: list[float]) -> Measured:
    """Return what is known of a training that has diverged."""
    first, highest = (losses[0], max(losses)) if losses else (None, None)
    gradients = (norms[0], norms[-1]) if norms else (None, None)
    return Measured(
        first_loss=first,
        highest_loss=highest,
        last_loss=None,
        first_gradient=gradients[0],
        last_gradient=gradients[1],
        dead=None,
        alike=None,
        one_answer=None,
        accuracy=None,
    )


def alike_share(network: Sequential) -> float:
    """Return the share of the units of the first layer whose weights another unit has too."""
    weight = next(layer.weight.data for layer in network if isinstance(layer, Linear))
    _, counts = np.unique(weight, axis=0, return_counts=True)
    return float(counts[counts > 1].sum() / len(weight))


def symptoms(found: Measured, sound: float | None, classes: int) -> list[str]:
    r"""Say by what a training is recognised as bad; with the limits that are in the code.

    Parameters
    ----------
    found : Measured
    sound : float or None
        Accuracy of the training with nothing wrong.
    classes : int
        A network that knows nothing has the loss :math:`\ln C`.
    """
    known_nothing = math.log(classes)
    name = f"ln {classes}"
    signs = []
    if found.first_loss is not None:
        ratio = found.first_loss / known_nothing
        if abs(ratio - 1) < 1e-4:
            signs.append(f"first loss {name} to four digits")
        elif ratio > 1.5:
            signs.append(f"first loss {short(ratio)} times {name}")
        if found.highest_loss is not None and found.highest_loss > 2 * found.first_loss:
            signs.append(f"loss jumps to {short(found.highest_loss)}")
    if found.first_gradient is not None and found.last_gradient is not None:
        if found.first_gradient <= 1e-4 * found.last_gradient:
            signs.append("no gradient in the first layer")
        elif found.first_gradient > 100:
            signs.append("large gradients")
    if found.alike is not None and found.alike > 0.5:
        signs.append("hidden units alike")
    if found.last_loss is not None and abs(found.last_loss / known_nothing - 1) < 0.02:
        signs.append(f"loss ends at {name}")
    if found.dead is not None and found.dead > 0.5:
        signs.append(f"{100 * found.dead:.0f} % of the hidden units dead")
    if found.one_answer is not None and found.one_answer > 0.5:
        signs.append(f"{100 * found.one_answer:.0f} % of the answers the same")
    if found.accuracy is not None:
        if found.accuracy < 1.5 / classes:
            signs.append("accuracy at chance")
        elif found.last_loss is not None and found.accuracy > 0.5 and found.last_loss > 1:
            signs.append(f"loss {short(found.last_loss)} in spite of the accuracy")
        if not signs and sound is not None and found.accuracy < sound - 0.01:
            signs.append(f"nothing but {100 * (sound - found.accuracy):.1f} points of accuracy")
    return signs


def run(data: Data, seeds: Sequence[int], plan: Plan = FULL, report: Report = silent) -> Result:
    """Train in each of the bad ways, and look at what is seen of it.

    Parameters
    ----------
    data : Data
    seeds : sequence of int
    plan : Plan
    report : callable, optional
        Takes a line per way.
    """
    data = data.first(plan.train)
    rows: list[tuple[str, ...]] = []
    found: list[dict[str, Any]] = []
    sound: float | None = None
    for name in plan.names:
        looks, curves, ends = [], [], []
        for seed in seeds:
            look, losses, diverged = _look(CASES[name], data, seed, plan.epochs)
            looks.append(look)
            curves.append(losses)
            if diverged is not None:
                ends.append(f"{diverged.quantity} {diverged.value} {diverged.where}")
        middle = median(looks)
        if name == SOUND:
            sound = middle.accuracy
        signs = [f"diverges: {ends[0]}"] if ends else []
        signs += symptoms(middle, sound, data.classes)
        rows.append(_row(name, middle, signs))
        found.append(
            {
                "case": name,
                "loss": _means(curves[0]),
                "steps": len(curves[0]),
                "median": middle._asdict(),
                "accuracy": [look.accuracy for look in looks],
                "diverged": len(ends),
                "symptoms": signs,
            }
        )
        report(f"{name}: {', '.join(signs) or 'no symptom'}")
    table = Table(
        f"A network of {_WIDTH} hidden ReLU units with the initialization of He, trained by SGD "
        f"(lr {_LR:g}, batches of 64) for {counted(plan.epochs, 'epoch')} on {data.train.size} "
        f"samples and judged on {data.test.size} test samples, changed in one thing "
        f"each; medians over {len(seeds)} seeds. A network that knows nothing has a loss of "
        f"ln {data.classes} = {math.log(data.classes):.4f}. Gradient norms are those of the first "
        f"and of the last weight matrix in the first step. A unit is dead if it gives the same "
        f"output for every test sample.",
        (
            "what is wrong",
            "first loss",
            "last loss",
            "gradient, first layer",
            "gradient, last layer",
            "dead units",
            "test accuracy",
            "recognised by",
        ),
        rows,
        words=(0, 7),
    )
    return Result((table,), plain({"classes": data.classes, "cases": found}))


def _look(
    case: Case, data: Data, seed: int, epochs: int
) -> tuple[Measured, list[float], DivergenceError | None]:
    data = case.change(data, np.random.default_rng(seed))
    watching: list[_Steps] = []

    def watch(network: Sequential, _: Optimizer) -> list[_Steps]:
        watching.append(_Steps(network))
        return watching

    outcome = train(case.recipe, data, seed, epochs, watch, may_diverge=True)
    seen = watching[0]
    if outcome.diverged:
        return _begun(seen.losses, seen.norms), seen.losses, outcome.diverged
    return measure(outcome.network, seen.losses, seen.norms, data), seen.losses, None


def median(looks: Sequence[Measured]) -> Measured:
    """Return the median of each figure over those trainings that have it."""
    columns = [
        [value for value in column if value is not None] for column in zip(*looks, strict=True)
    ]
    return Measured(*(float(np.median(column)) if column else None for column in columns))


def _means(losses: list[float]) -> list[float]:
    """Return at most so many means of consecutive steps as the picture shows."""
    parts = np.array_split(np.array(losses), min(_POINTS, max(len(losses), 1)))
    return [float(f"{part.mean():.4g}") for part in parts if part.size]


def _row(name: str, found: Measured, signs: list[str]) -> tuple[str, ...]:
    return (
        name,
        short(found.first_loss, 4),
        short(found.last_loss, 4),
        short(found.first_gradient),
        short(found.last_gradient),
        "-" if found.dead is None else f"{100 * found.dead:.0f} %",
        percent(found.accuracy),
        "; ".join(signs) or "-",
    )


def draw(result: Result) -> "Figure":
    """Draw the loss over the steps, a panel for each way, against that of knowing nothing."""
    cases = result.figures["cases"]
    columns = min(4, len(cases))
    lines = -(-len(cases) // columns)
    figure = new_figure(2.5 * columns, 0.8 + 1.7 * lines)
    panels = figure.subplots(lines, columns, squeeze=False)
    for axes in panels.flat[len(cases) :]:
        axes.set_axis_off()
    nothing = math.log(result.figures["classes"])
    for case, axes in zip(cases, panels.flat, strict=False):
        points = len(case["loss"])
        parts = np.array_split(np.arange(1, 1 + case["steps"]), max(points, 1))
        steps = [part.mean() for part in parts if part.size]
        (line,) = axes.semilogy(steps, case["loss"], color=COLORS[0], label="loss")
        level = axes.axhline(nothing, color=COLORS[1], linestyle="--")
        # Whole decades, of which at least one is shown.
        shown = [*case["loss"], nothing]
        axes.set_ylim(
            10.0 ** math.floor(math.log10(min(shown))), 10.0 ** math.ceil(math.log10(max(shown)))
        )
        accuracy = case["median"]["accuracy"]
        outcome = "diverged" if accuracy is None else f"test {percent(accuracy)}"
        axes.set_title(f"{case['case']}\n{outcome}", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.minorticks_off()
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=4)
        axes.grid(alpha=0.3)
    figure.supxlabel("step")
    figure.supylabel("train loss [nats]")
    figure.legend(
        (line, level),
        ("loss, mean of consecutive steps", f"ln {result.figures['classes']}: knowing nothing"),
        loc="outside upper center",
        ncols=2,
    )
    return figure
